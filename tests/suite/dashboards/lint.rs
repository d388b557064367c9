//! What Grafana's dashboard-linter asks of a dashboard, and a little more.
//!
//! Its rules as of 2026: templated data source, job and instance; panels with title, description and unit; expressions that
//! select by job and instance and take `$__rate_interval`; not editable. Beyond them: schema 39, unique ids, panels that do not
//! overlap, and expressions that suit the [catalogue](super::catalogue), since the linter passes over a labelled raw counter.

use std::collections::BTreeSet;

use serde_json::Value;

use super::catalogue::Catalogue;
use super::dashboard::{Dashboard, Datasource, Panel, Target, Variable, expanded};
use super::promql;

/// Units of Grafana that we use; a typing error would be shown as text behind each number.
const UNITS: [&str; 9] = [
    "none",
    "short",
    "s",
    "bytes",
    "Bps",
    "percentunit",
    "mps",
    "reqps",
    "ops",
];
const KINDS: [&str; 5] = ["row", "stat", "timeseries", "bargauge", "table"];
const COLUMNS: u32 = 24;

/// Every fault of a dashboard, each with its place.
pub(super) fn findings(dashboard: &Dashboard, catalogue: &Catalogue) -> Vec<String> {
    let mut findings = whole(dashboard);
    findings.extend(places(dashboard));
    for variable in &dashboard.templating.list {
        let found = self::variable(variable, catalogue);
        findings.extend(found.map(|found| format!("variable {}: {found}", variable.name)));
    }
    for panel in dashboard.charts() {
        let found = self::panel(panel)
            .into_iter()
            .chain(targets(panel, catalogue));
        findings.extend(found.map(|found| format!("panel {}: {found}", panel.title)));
    }
    findings
}

fn whole(dashboard: &Dashboard) -> Vec<String> {
    let names: Vec<&str> = dashboard
        .templating
        .list
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    faults(&[
        (dashboard.editable, "editable must be false"),
        (dashboard.schema_version != 39, "schemaVersion must be 39"),
        (dashboard.title.is_empty(), "it has no title"),
        (dashboard.description.is_empty(), "it has no description"),
        (
            !dashboard.uid.starts_with("sluice-"),
            "its uid must start with sluice-",
        ),
        (dashboard.refresh.is_empty(), "it does not refresh"),
        (
            !dashboard.tags.iter().any(|tag| tag == "sluice"),
            "it lacks the tag sluice",
        ),
        (dashboard.links.is_empty(), "it links to no other dashboard"),
        (
            !names.starts_with(&["datasource", "job", "instance", "cluster"]),
            "its variables must begin with datasource, job, instance, cluster",
        ),
    ])
}

/// Ids that are taken twice, panels outside of the grid, panels over others.
fn places(dashboard: &Dashboard) -> Vec<String> {
    let mut findings = Vec::new();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in &dashboard.panels {
        let place = panel.place;
        if !ids.insert(panel.id) {
            findings.push(format!("the id {} is taken twice", panel.id));
        }
        if place.w == 0 || place.h == 0 || place.x + place.w > COLUMNS {
            findings.push(format!("panel {} is outside of the grid", panel.title));
        }
        let cells = (place.x..place.x + place.w)
            .flat_map(|x| (place.y..place.y + place.h).map(move |y| (x, y)));
        if cells.filter(|cell| !taken.insert(*cell)).count() > 0 {
            findings.push(format!("panel {} lies over another", panel.title));
        }
        let is_row = panel.kind == "row";
        if is_row && (panel.title.is_empty() || !panel.panels.is_empty()) {
            findings.push("a row needs a title, and its panels after it".to_owned());
        }
    }
    findings
}

fn variable(variable: &Variable, catalogue: &Catalogue) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    if variable.name == "datasource" {
        found.extend(faults(&[
            (variable.kind != "datasource", "its type must be datasource"),
            (
                variable.label != "Data Source",
                "its label must be Data Source",
            ),
            (
                variable.query != "prometheus",
                "its query must be prometheus",
            ),
        ]));
        return found.into_iter();
    }
    found.extend(faults(&[
        (variable.kind != "query", "its type must be query"),
        (
            variable.label != variable.name,
            "its label must be its name",
        ),
        (variable.refresh != 2, "refresh must be 2, on time change"),
        (!variable.multi, "multi must be true"),
        (
            variable.all_value.as_deref() != Some(".+"),
            "allValue must be .+",
        ),
        (
            !is_templated(variable.datasource.as_ref()),
            "it must use $datasource",
        ),
    ]));
    let query = variable.query["query"].as_str().unwrap_or_default();
    match promql::read_label_values(query) {
        Err(error) => found.push(error),
        Ok((selector, label)) => {
            let asked = format!("count by ({label}) ({})", expanded(selector, 5, |_| ".+"));
            found.extend(catalogue.findings(&asked));
        }
    }
    found.into_iter()
}

fn panel(panel: &Panel) -> Vec<String> {
    let unit = panel.fields["defaults"]["unit"].as_str().unwrap_or("");
    let mut found = faults(&[
        (!KINDS.contains(&panel.kind.as_str()), "its type is unknown"),
        (panel.title.is_empty(), "it has no title"),
        (panel.description.is_empty(), "it has no description"),
        (panel.targets.is_empty(), "it asks nothing"),
        (!UNITS.contains(&unit), "its unit is unknown"),
        (
            !is_templated(panel.datasource.as_ref()),
            "it must use $datasource",
        ),
    ]);
    let defaults = &panel.fields["defaults"]["thresholds"];
    let overridden = panel.fields["overrides"].as_array().into_iter().flatten();
    let properties =
        overridden.flat_map(|field| field["properties"].as_array().into_iter().flatten());
    let mut thresholds = vec![defaults];
    for property in properties {
        if property["id"] == "thresholds" {
            thresholds.push(&property["value"]);
        }
        if property["id"] == "unit" && !UNITS.iter().any(|unit| property["value"] == **unit) {
            found.push("the unit of a column is unknown".to_owned());
        }
    }
    let needs_thresholds = ["stat", "bargauge"].contains(&panel.kind.as_str());
    if needs_thresholds && defaults.is_null() {
        found.push("it has no thresholds".to_owned());
    }
    let given = thresholds
        .into_iter()
        .filter(|thresholds| !thresholds.is_null());
    if given.into_iter().any(|thresholds| !do_rise(thresholds)) {
        found.push("thresholds must start with null and rise".to_owned());
    }
    found
}

/// Whether thresholds begin at null, which stands for minus infinity, and rise from there.
fn do_rise(thresholds: &Value) -> bool {
    let steps: Vec<&Value> = thresholds["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| &step["value"])
        .collect();
    let numbers: Vec<f64> = steps.iter().skip(1).filter_map(|it| it.as_f64()).collect();
    steps.first().is_some_and(|first| first.is_null())
        && numbers.len() + 1 == steps.len()
        && numbers.is_sorted()
}

fn targets(panel: &Panel, catalogue: &Catalogue) -> Vec<String> {
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    for target in &panel.targets {
        if !ids.insert(&target.id) {
            found.push(format!("the refId {} is taken twice", target.id));
        }
        if target.instant == (panel.kind == "timeseries") {
            found.push("a time series asks for a range, all else for an instant".to_owned());
        }
        found.extend(self::target(target, catalogue));
    }
    found
}

fn target(target: &Target, catalogue: &Catalogue) -> Vec<String> {
    let mut found = faults(&[
        (
            !is_templated(target.datasource.as_ref()),
            "a target must use $datasource",
        ),
        (target.legend.is_empty(), "a target has no legend"),
        (
            target.expr.contains("vector("),
            "a number is faked with vector()",
        ),
    ]);
    found.extend(catalogue.findings(&expanded(&target.expr, 5, |_| ".+")));
    let Ok(read) = promql::read(&target.expr) else {
        return found;
    };
    for selector in &read.selectors {
        for label in ["job", "instance"] {
            let wanted = (label.to_owned(), "=~".to_owned(), format!("${label}"));
            if !selector.matchers.contains(&wanted) {
                found.push(format!("{} lacks {label}=~\"${label}\"", selector.metric));
            }
        }
        let function = selector.function.as_deref().unwrap_or_default();
        let is_rate = ["rate", "irate", "increase"].contains(&function);
        if is_rate && selector.range.as_deref() != Some("$__rate_interval") {
            found.push(format!("{} must take $__rate_interval", selector.metric));
        }
    }
    found
}

fn is_templated(datasource: Option<&Datasource>) -> bool {
    datasource.is_some_and(|datasource| {
        datasource.kind == "prometheus"
            && ["$datasource", "${datasource}"].contains(&datasource.uid.as_str())
    })
}

fn faults(checks: &[(bool, &str)]) -> Vec<String> {
    let failed = checks.iter().filter(|(is_fault, _)| *is_fault);
    failed.map(|(_, text)| (*text).to_owned()).collect()
}

#[cfg(test)]
mod tests;
