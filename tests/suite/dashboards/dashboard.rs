//! A dashboard as Grafana reads it (schema 39), as far as it matters to what is shown.

use serde::Deserialize;
use serde_json::Value;
use sluice_e2e::repository;

/// The dashboards, by the names of their files.
pub(super) const NAMES: [&str; 2] = ["overview", "consumer-lag"];

#[derive(Debug, Deserialize)]
pub(super) struct Dashboard {
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) editable: bool,
    #[serde(rename = "schemaVersion")]
    pub(super) schema_version: u32,
    pub(super) refresh: String,
    pub(super) links: Vec<Value>,
    pub(super) templating: Templating,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Templating {
    pub(super) list: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) label: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Text for a data source, an object with `query` for a query.
    pub(super) query: Value,
    pub(super) refresh: u8,
    pub(super) multi: bool,
    #[serde(rename = "allValue")]
    pub(super) all_value: Option<String>,
    pub(super) datasource: Option<Datasource>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Datasource {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) uid: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Panel {
    pub(super) id: u32,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(rename = "gridPos")]
    pub(super) place: Place,
    pub(super) datasource: Option<Datasource>,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
    #[serde(rename = "fieldConfig", default)]
    pub(super) fields: Value,
    #[serde(default)]
    pub(super) panels: Vec<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    #[serde(rename = "refId")]
    pub(super) id: String,
    pub(super) datasource: Option<Datasource>,
    pub(super) expr: String,
    #[serde(rename = "legendFormat")]
    pub(super) legend: String,
    #[serde(default)]
    pub(super) instant: bool,
}

impl Dashboard {
    /// The dashboard of that name in the repository.
    pub(super) fn named(name: &str) -> Self {
        serde_json::from_value(json(name)).unwrap_or_else(|error| panic!("{name}.json: {error}"))
    }

    /// Panels that show something, rows left out.
    pub(super) fn charts(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().filter(|panel| panel.kind != "row")
    }

    /// Variables that are filled from metrics, with the selector and the label they ask for.
    pub(super) fn queried(&self) -> impl Iterator<Item = (&Variable, &str)> {
        let variables = self.templating.list.iter();
        variables.filter_map(|variable| Some((variable, variable.query["query"].as_str()?)))
    }
}

/// The JSON of the dashboard of that name in the repository.
pub(super) fn json(name: &str) -> Value {
    let path = repository::root().join(format!("dashboards/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.json: {error}"))
}

/// `expression` as Grafana sends it, with every variable set to `value` of its name and scraped every `scrape_seconds`.
pub(super) fn expanded<'a>(
    expression: &str,
    scrape_seconds: u32,
    value: impl Fn(&str) -> &'a str,
) -> String {
    let mut text = expression
        .replace("$__rate_interval", &format!("{}s", 4 * scrape_seconds))
        .replace("$__range", "1h");
    for name in ["job", "instance", "cluster", "group", "topic"] {
        text = text.replace(&format!("\"${name}\""), &format!("\"{}\"", value(name)));
    }
    assert!(!text.contains('$'), "an unknown variable in {text}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded_as_grafana_does() {
        let all = |name: &str| if name == "job" { "a|b" } else { ".+" };
        assert_eq!(
            expanded(
                r#"rate(x{job=~"$job",topic=~"$topic"}[$__rate_interval])"#,
                5,
                all
            ),
            r#"rate(x{job=~"a|b",topic=~".+"}[20s])"#
        );
    }

    #[test]
    #[should_panic(expected = "an unknown variable in x{a=\"$b\"}")]
    fn a_variable_that_is_not_expanded_is_not_passed_over() {
        drop(expanded("x{a=\"$b\"}", 1, |_| ".+"));
    }
}
