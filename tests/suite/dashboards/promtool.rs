//! What Prometheus's own parser and rule tester say.

use sluice_e2e::prometheus::promtool;
use sluice_e2e::{repository, tool};

use super::dashboard::{Dashboard, NAMES, expanded};
use super::promql;

async fn in_dashboards(args: &[&str]) -> tool::Output {
    promtool(&repository::root().join("dashboards"), args, "").await
}

#[tokio::test]
async fn promtool_finds_the_rules_and_the_configuration_right() {
    let lint = ["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"];
    in_dashboards(&lint).await.ok();
    in_dashboards(&["check", "config", "prometheus.yml"])
        .await
        .ok();
}

#[tokio::test]
async fn promtool_sees_alerts_fire_and_stay_silent_as_they_should() {
    in_dashboards(&["test", "rules", "alerts.test.yml"])
        .await
        .ok();
}

#[tokio::test]
async fn promtool_parses_every_expression_of_a_dashboard() {
    let dashboards = NAMES.map(Dashboard::named);
    let mut expressions = Vec::new();
    for dashboard in &dashboards {
        let targets = dashboard.charts().flat_map(|panel| &panel.targets);
        expressions.extend(targets.map(|target| target.expr.as_str()));
        let selectors = dashboard.queried().map(|(_, query)| {
            let read = promql::read_label_values(query);
            read.unwrap_or_else(|error| panic!("{error}")).0
        });
        expressions.extend(selectors);
    }
    check(&expressions).await.ok();
}

#[tokio::test]
async fn promtool_refuses_what_is_no_promql() {
    for expression in ["rate(sluice_group_lag)", "sum(a[5m])", "sum((a)"] {
        let said = check(&[expression]).await.failed();
        assert!(said.contains("could not parse expression"), "{said}");
    }
}

/// Lets promtool read `expressions` as recording rules.
async fn check(expressions: &[&str]) -> tool::Output {
    let rules = expressions.iter().enumerate().map(|(number, expression)| {
        let expression = expanded(expression, 5, |_| ".+").replace('\'', "''");
        format!("  - {{record: expression_{number}, expr: '{expression}'}}\n")
    });
    let rules: String = rules.collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, format!("groups:\n- name: all\n  rules:\n{rules}")).expect("write");
    promtool(
        folder.path(),
        &["check", "rules", "--lint=none", "rules.yml"],
        "",
    )
    .await
}
