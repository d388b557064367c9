//! Dashboards and alerts ask for what exists, and rightly; on a running program each of their expressions finds something.

mod catalogue;
mod dashboard;
mod grafana;
mod lint;
mod live;
mod promql;
mod promtool;
mod rules;
mod scrape;
mod traffic;
mod triggers;

use std::collections::BTreeSet;

use sluice_e2e::repository;

use catalogue::{Catalogue, Kind};
use dashboard::{Dashboard, NAMES};

#[test]
fn dashboards_are_as_grafana_and_its_linter_want_them() {
    let catalogue = Catalogue::of_repository();
    let findings = NAMES.iter().flat_map(|name| {
        let found = lint::findings(&Dashboard::named(name), &catalogue);
        found
            .into_iter()
            .map(move |found| format!("{name}: {found}"))
    });
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn dashboards_have_links_of_their_own_and_are_provisioned() {
    let uids: Vec<String> = NAMES.map(|name| Dashboard::named(name).uid).into();
    assert_eq!(uids.iter().collect::<BTreeSet<_>>().len(), uids.len());
    let overview = rules::text("overview.json");
    assert!(overview.contains("\"/d/sluice-groups/sluice-consumer-lag?var-group="));
    let compose = rules::text("compose.yml");
    for name in NAMES {
        let mount = format!("./{name}.json:/var/lib/grafana/dashboards/{name}.json:ro");
        assert!(compose.contains(&mount), "compose.yml lacks {mount}");
    }
}

#[test]
fn alerts_ask_for_metrics_that_exist() {
    let catalogue = Catalogue::of_repository();
    for rule in rules::of_repository() {
        let findings = catalogue.findings(&rule.expr);
        assert!(findings.is_empty(), "{}: {findings:?}", rule.alert);
    }
}

#[test]
fn every_alert_has_a_severity_a_runbook_and_tests_of_both_outcomes() {
    let operations = std::fs::read_to_string(repository::root().join("docs/operations.md"))
        .expect("docs/operations.md can be read");
    let anchors: BTreeSet<String> = operations
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.replace(' ', "-"))
        .collect();
    let tests = rules::text("alerts.test.yml");
    let rules = rules::of_repository();
    assert!(rules.len() >= 12, "{} alerts were read", rules.len());
    for rule in rules {
        let alert = &rule.alert;
        assert!(
            ["critical", "warning", "info"].contains(&rule.severity.as_str()),
            "{alert} has severity {:?}",
            rule.severity
        );
        let anchor = rule.runbook.strip_prefix("docs/operations.md#");
        assert!(
            anchor.is_some_and(|anchor| anchors.contains(anchor)),
            "{alert}: docs/operations.md has no heading for {:?}",
            rule.runbook
        );
        assert!(
            operations.contains(&format!("{alert}`"))
                || operations.contains(&format!("### {alert}\n")),
            "docs/operations.md does not name {alert}"
        );
        let firing = format!("- alertname: {alert}\n");
        let silent = format!("- {{alertname: {alert}, ");
        assert!(tests.contains(&firing), "no test in which {alert} fires");
        assert!(
            tests.contains(&silent),
            "no test in which {alert} is silent"
        );
    }
}

#[test]
fn every_metric_is_explained_and_named_as_prometheus_wants() {
    let mut catalogue = Catalogue::of_repository();
    catalogue.families.remove("up");
    for (name, family) in catalogue.families {
        let meaning = family.meaning;
        assert!(
            meaning.len() > 1 && meaning.ends_with('.'),
            "{name}: {meaning:?}"
        );
        assert!(
            name.starts_with("sluice_") || name.starts_with("process_"),
            "{name}"
        );
        assert_eq!(
            family.kind == Kind::Counter,
            name.ends_with("_total"),
            "{name} ends in _total if and only if it is a counter"
        );
    }
}
