//! Faults put into the overview, one at a time, are found.

use serde_json::json;

use super::super::dashboard;
use super::*;

/// What the linter finds in the overview after `value` was put at `pointer`.
fn after(pointer: &str, value: Value) -> Vec<String> {
    let mut changed = dashboard::json("overview");
    let place = changed.pointer_mut(pointer);
    *place.unwrap_or_else(|| panic!("no {pointer}")) = value;
    let changed = serde_json::from_value(changed).expect("still a dashboard");
    findings(&changed, &Catalogue::of_repository())
}

#[test]
fn each_fault_of_a_dashboard_is_found() {
    // Panel 1 is the first after the row; panel 10 is a table.
    for (pointer, value, finding) in [
        ("/editable", json!(true), "editable must be false"),
        ("/schemaVersion", json!(38), "schemaVersion"),
        ("/uid", json!("x"), "its uid"),
        ("/tags", json!([]), "tag sluice"),
        ("/links", json!([]), "links to no other"),
        (
            "/templating/list/0/label",
            json!("x"),
            "must be Data Source",
        ),
        ("/templating/list/1/name", json!("x"), "must begin with"),
        ("/templating/list/1/refresh", json!(1), "refresh must be 2"),
        ("/templating/list/1/multi", json!(false), "multi must be"),
        ("/templating/list/1/allValue", json!(".*"), "allValue"),
        (
            "/templating/list/1/datasource/uid",
            json!("p"),
            "$datasource",
        ),
        ("/templating/list/1/query/query", json!("x"), "label_values"),
        (
            "/templating/list/1/query/query",
            json!("label_values(sluice_x, job)"),
            "sluice_x does not exist",
        ),
        (
            "/templating/list/1/query/query",
            json!("label_values(sluice_build_info, topic)"),
            "has a label topic",
        ),
        ("/panels/1/id", json!(1), "taken twice"),
        ("/panels/1/gridPos/x", json!(23), "outside of the grid"),
        ("/panels/1/gridPos/x", json!(2), "lies over another"),
        ("/panels/1/type", json!("graph"), "type is unknown"),
        ("/panels/1/title", json!(""), "no title"),
        ("/panels/1/description", json!(""), "no description"),
        ("/panels/1/targets", json!([]), "asks nothing"),
        ("/panels/1/datasource/uid", json!("p"), "$datasource"),
        ("/panels/1/fieldConfig/defaults/unit", json!("sec"), "unit"),
        (
            "/panels/1/fieldConfig/defaults/thresholds",
            Value::Null,
            "no thresholds",
        ),
        (
            "/panels/1/fieldConfig/defaults/thresholds/steps/2/value",
            json!(10),
            "null and rise",
        ),
        ("/panels/2/targets/1/refId", json!("A"), "refId A is taken"),
        ("/panels/1/targets/0/instant", json!(false), "an instant"),
        ("/panels/1/targets/0/legendFormat", json!(""), "no legend"),
    ] {
        let found = after(pointer, value);
        assert!(
            found.iter().any(|found| found.contains(finding)),
            "{pointer}: {finding} is not in {found:?}"
        );
    }
}

#[test]
fn each_fault_of_an_expression_is_found() {
    const S: &str = r#"job=~"$job",instance=~"$instance""#;
    for (expression, finding) in [
        ("sum(sluice_group_lag{J}", "opened and not closed"),
        (
            "sum(sluice_group_lags{J})",
            "sluice_group_lags does not exist",
        ),
        ("sluice_group_lag{instance=~\"$instance\"}", "lacks job"),
        (
            "sluice_group_lag{job=~\"$job\",instance=\"$instance\"}",
            "lacks instance",
        ),
        (
            "rate(sluice_http_requests_total{J}[5m])",
            "$__rate_interval",
        ),
        ("sum(sluice_http_requests_total{J})", "not under rate"),
        ("rate(sluice_group_lag{J}[$__rate_interval])", "the gauge"),
        ("sluice_group_lag{J} or vector(0)", "faked"),
    ] {
        let expression = expression.replace('J', S);
        let found = after("/panels/1/targets/0/expr", json!(expression));
        assert!(
            found.iter().any(|found| found.contains(finding)),
            "{expression}: {finding} is not in {found:?}"
        );
    }
}
