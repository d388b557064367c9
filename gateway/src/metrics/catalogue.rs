//! Every metric the gateway can show on `/metrics`.

use std::fmt::Write as _;

use super::exposition::Family;
use super::{collector, http, lag, process, rest, scrape};

/// The families, by what they are about.
const CHAPTERS: [(&str, &[Family]); 6] = [
    ("Groups, topics and brokers", lag::FAMILIES),
    ("Monitor", collector::FAMILIES),
    ("REST", rest::FAMILIES),
    ("HTTP", http::FAMILIES),
    ("Program", scrape::FAMILIES),
    ("Process", process::FAMILIES),
];

/// How the page of all metrics starts.
const INTRODUCTION: &str = "\
# Metrics

Generated from the declarations in `gateway/src/metrics/` and `broker/src/telemetry/`. Do not edit: run
`SLUICE_REGENERATE=1 cargo test -p sluice --test generated`.

All are on `GET /metrics`. Counters exist from the start at 0, or from the first use of their label
values. A value that is not known is absent, never 0.
";

/// Every family the gateway declares.
pub fn all() -> impl Iterator<Item = &'static Family> {
    CHAPTERS.iter().flat_map(|(_, families)| families.iter())
}

/// The page of all metrics, `docs/metrics.md`, as it is committed; `broker` are those the bundled broker
/// declares.
#[must_use]
pub fn reference(broker: &[Family]) -> String {
    let mut out = INTRODUCTION.to_owned();
    let bundled = ("Bundled broker (absent in front of a cluster)", broker);
    for (title, families) in CHAPTERS.into_iter().chain([bundled]) {
        // Writing to a string cannot fail.
        write!(
            out,
            "\n## {title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n"
        )
        .unwrap_or_default();
        for Family {
            name,
            kind,
            labels,
            help,
        } in families
        {
            let (kind, labels) = (kind.as_str(), labels.join(", "));
            writeln!(out, "| `{name}` | {kind} | {labels} | {help} |").unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Kind;
    use super::*;

    #[test]
    fn names_follow_prometheus_conventions_and_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for metric in all() {
            assert!(
                names.insert(metric.name),
                "{} is declared twice",
                metric.name
            );
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            assert!(!metric.help.contains(['\\', '\n', '|']), "{}", metric.name);
            assert_eq!(
                metric.kind == Kind::Counter,
                metric.name.ends_with("_total"),
                "{} must end in _total if and only if it is a counter",
                metric.name
            );
            assert!(metric.name.starts_with("sluice_") || metric.name.starts_with("process_"));
        }
    }
}
