//! Which crate and which module may use which: ARCHITECTURE.md's table, enforced.

use super::File;
use super::paths;

/// What the modules of one crate may use.
struct Crate {
    /// Where its modules are.
    source: &'static str,
    rules: &'static [Rule],
    /// Modules that put the others together, and may name any of them.
    free: &'static str,
}

/// What one top-level module may use.
struct Rule {
    module: &'static str,
    /// The other top-level modules of its crate it may name, separated by spaces.
    may: &'static str,
    /// Paths it may not name, though its crate depends on theirs.
    never: &'static [&'static str],
}

const fn rule(module: &'static str, may: &'static str, never: &'static [&'static str]) -> Rule {
    Rule { module, may, never }
}

const MESSAGES: &str = "sluice_protocol::messages";
const PROTOCOL: &str = "sluice_protocol";
const CLIENT: &str = "sluice_client";
const BROKER: &str = "sluice_broker";
const ACTIX: &str = "actix_web";

/// Domain of the broker: it never sees wire messages.
const DOMAIN: &[&str] = &[MESSAGES];

/// What the REST verbs mean: without HTTP.
const MEANING: &[&str] = &[ACTIX, BROKER];

/// What HTTP offers: it reaches Kafka through the meaning alone.
const SURFACE: &[&str] = &[CLIENT, BROKER, PROTOCOL];

const CRATES: [Crate; 2] = [
    Crate {
        source: "broker/src/",
        rules: &[
            rule("model", "clock", DOMAIN),
            rule("clock", "model", DOMAIN),
            rule("limits", "model", DOMAIN),
            rule("budget", "", DOMAIN),
            rule("phase", "", DOMAIN),
            rule("config", "groups topics model limits", DOMAIN),
            rule("telemetry", "model clock", DOMAIN),
            rule("log", "model clock limits telemetry", DOMAIN),
            rule("topics", "log model clock limits telemetry", DOMAIN),
            rule("groups", "topics log model clock limits telemetry", DOMAIN),
            rule(
                "transactions",
                "groups topics log model clock limits telemetry",
                DOMAIN,
            ),
            rule("offline", "transactions topics log limits", DOMAIN),
            rule(
                "handlers",
                "transactions groups topics log telemetry config phase budget limits clock model",
                &[],
            ),
            rule(
                "net",
                "handlers telemetry config phase budget limits clock model",
                DOMAIN,
            ),
        ],
        free: "lib broker",
    },
    Crate {
        source: "gateway/src/",
        rules: &[
            rule("produce", "config embedded metrics", MEANING),
            rule("consume", "config embedded metrics", MEANING),
            rule("admin", "config embedded metrics", MEANING),
            rule("monitor", "cluster config metrics", MEANING),
            // The catalogue lists the broker's own metrics too.
            rule("metrics", "monitor", &[CLIENT]),
            rule("embedded", "", SURFACE),
            rule("config", "", &[CLIENT, BROKER]),
            rule("data_dir", "", &[CLIENT, BROKER]),
            rule("lifecycle", "", &[CLIENT, BROKER]),
            rule("error", "produce consume admin monitor embedded", &[BROKER]),
            rule("cluster", "", &[ACTIX, BROKER]),
            rule("extract", "config embedded error metrics", SURFACE),
            rule("middleware", "config error extract metrics", SURFACE),
            rule(
                "api",
                "admin app config consume embedded error extract metrics monitor produce",
                SURFACE,
            ),
            rule("ui", "app config error extract metrics monitor", SURFACE),
            rule("openapi", "routes", SURFACE),
        ],
        free: "lib main app routes cli",
    },
];

/// Faults of modules that use what their layer may not.
#[must_use]
pub fn module_direction(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for Crate {
        source,
        rules,
        free,
    } in &CRATES
    {
        for file in files
            .iter()
            .filter(|file| file.is_rust() && !file.is_test())
        {
            let Some(inside) = file.path.strip_prefix(source) else {
                continue;
            };
            let module = module_path(inside);
            let Some(name) = module.first() else { continue };
            match rules.iter().find(|rule| rule.module == *name) {
                Some(rule) => faults.extend(faults_of(file, &module, rule)),
                None if free.split(' ').any(|free| free == *name) => {}
                None => faults.push(format!(
                    "{}: no rule says what `{name}` may use: add it to tests/src/tidy/direction.rs and \
                     ARCHITECTURE.md",
                    file.path
                )),
            }
        }
    }
    faults
}

/// `log/segment.rs` is `log::segment`, `log/mod.rs` is `log`.
fn module_path(inside: &str) -> Vec<&str> {
    let mut module: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if module.last() == Some(&"mod") {
        module.pop();
    }
    module
}

fn faults_of(file: &File, module: &[&str], rule: &Rule) -> Vec<String> {
    let mut faults = Vec::new();
    for named in paths::named(file.without_tests(), module) {
        let place = format!("{}:{}", file.path, named.line);
        let path = &named.path;
        if let Some(never) = rule.never.iter().find(|never| begins_with(path, never)) {
            faults.push(format!(
                "{place}: `{}` must not know `{never}`; let a layer that may translate",
                rule.module
            ));
        }
        let Some(of_ours) = path.strip_prefix("crate::") else {
            continue;
        };
        let other = of_ours.split("::").next().unwrap_or_default();
        if other != rule.module && !rule.may.split(' ').any(|may| may == other) {
            faults.push(format!(
                "{place}: `{}` must not use `{path}`: it may use `{}`; turn the dependency round or \
                 move the code (ARCHITECTURE.md, tests/src/tidy/direction.rs)",
                rule.module, rule.may
            ));
        }
    }
    faults
}

fn begins_with(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The crates of ours each crate may depend on, outside its tests.
const MANIFESTS: [(&str, &[&str]); 4] = [
    ("broker/protocol/Cargo.toml", &[]),
    ("gateway/client/Cargo.toml", &["sluice-protocol"]),
    ("broker/Cargo.toml", &["sluice-protocol"]),
    (
        "gateway/Cargo.toml",
        &["sluice-protocol", "sluice-client", "sluice-broker"],
    ),
];

/// What the pure codec must do without: whatever reads, writes or waits.
const IMPURE: [&str; 4] = ["tokio", "socket2", "rustix", "tracing"];

/// Faults of manifests that depend on what their crate may not.
///
/// # Panics
/// If a manifest is not TOML, which cargo would have refused before.
#[must_use]
pub fn crate_direction(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, may) in MANIFESTS {
        let Some(file) = files.iter().find(|file| file.path == path) else {
            faults.push(format!(
                "{path} is missing: tests/src/tidy/direction.rs lists it"
            ));
            continue;
        };
        let manifest: toml::Table = file.text.parse().expect("cargo reads the manifest as TOML");
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for name in dependencies.into_iter().flat_map(toml::Table::keys) {
            let ours = name == "sluice" || name.starts_with("sluice-");
            if ours && !may.contains(&name.as_str()) {
                faults.push(format!(
                    "{path}: must not depend on {name}: it may use {may:?}"
                ));
            }
            if may.is_empty() && IMPURE.contains(&name.as_str()) {
                faults.push(format!(
                    "{path}: the codec is pure, it must do without {name}"
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        module_direction(&[file(path, text)]).len()
    }

    #[test]
    fn a_coordinator_that_knows_messages_is_a_fault() {
        let text = "use sluice_protocol::{record, messages::JoinGroupRequest};";
        assert_eq!(faults("broker/src/groups/coordinator.rs", text), 1);
        assert_eq!(faults("broker/src/handlers/join_group.rs", text), 0);
    }

    #[test]
    fn a_module_without_a_rule_is_a_fault() {
        assert_eq!(faults("broker/src/drawer/mod.rs", ""), 1);
        assert_eq!(faults("broker/src/lib.rs", ""), 0);
    }

    #[test]
    fn the_log_does_not_look_up() {
        assert_eq!(
            faults("broker/src/log/segment.rs", "use crate::topics::Partition;"),
            1
        );
        assert_eq!(
            faults("broker/src/log/segment.rs", "use super::super::topics;"),
            1
        );
        assert_eq!(
            faults("broker/src/log/segment.rs", "use crate::model::Offset;"),
            0
        );
        assert_eq!(
            faults("broker/src/topics/partition.rs", "use crate::log::Log;"),
            0
        );
    }

    #[test]
    fn resources_reach_kafka_through_the_domain_alone() {
        assert_eq!(
            faults("gateway/src/api/v2/topics.rs", "use sluice_client::Client;"),
            1
        );
        assert_eq!(
            faults("gateway/src/produce/mod.rs", "use sluice_client::Client;"),
            0
        );
        assert_eq!(
            faults("gateway/src/produce/mod.rs", "use actix_web::web;"),
            1
        );
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let text = "#[cfg(test)]\nmod tests {\n    use crate::topics::Partition;\n}\n";
        assert_eq!(faults("broker/src/log/segment.rs", text), 0);
        assert_eq!(
            faults("broker/src/log/tests.rs", "use crate::topics::Partition;"),
            0
        );
    }

    #[test]
    fn crates_depend_one_way() {
        let manifests = |client: &str| {
            [
                file(
                    "broker/protocol/Cargo.toml",
                    "[dependencies]\nbytes = '1'\n",
                ),
                file("gateway/client/Cargo.toml", client),
                file(
                    "broker/Cargo.toml",
                    "[dependencies]\nsluice-protocol.workspace = true\n",
                ),
                file("gateway/Cargo.toml", ""),
            ]
        };
        let good = manifests("[dev-dependencies]\nsluice-broker.workspace = true\n");
        assert_eq!(crate_direction(&good), Vec::<String>::new());
        let bad = manifests("[dependencies]\nsluice-broker.workspace = true\n");
        assert_eq!(crate_direction(&bad).len(), 1);
    }

    #[test]
    fn the_codec_is_pure() {
        let mut files = vec![file(
            "broker/protocol/Cargo.toml",
            "[dependencies]\ntokio = '1'\n",
        )];
        for path in [
            "gateway/client/Cargo.toml",
            "broker/Cargo.toml",
            "gateway/Cargo.toml",
        ] {
            files.push(file(path, ""));
        }
        assert_eq!(crate_direction(&files).len(), 1);
    }
}
