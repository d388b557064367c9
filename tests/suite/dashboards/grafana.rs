//! What Grafana asks Prometheus when it shows a dashboard.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_e2e::prometheus::Prometheus;

use super::dashboard::{Dashboard, Target, expanded};
use super::promql;

/// Seconds between two scrapes of the test's Prometheus.
const SCRAPE_SECONDS: u32 = 1;

/// Seconds a panel reaches back.
const RANGE_SECONDS: f64 = 120.0;

/// What a viewer chose for each variable, as the regular expression that Grafana puts in its place.
#[derive(Debug, Default)]
pub(super) struct Choice(BTreeMap<String, String>);

impl Choice {
    /// *All*, as every variable starts.
    pub(super) fn all() -> Self {
        Self::default()
    }

    /// Each value that is offered, chosen by name.
    ///
    /// # Errors
    /// A variable that has no value to offer.
    pub(super) async fn of_every_value(
        dashboard: &Dashboard,
        prometheus: &Prometheus,
    ) -> Result<Self, String> {
        let mut choice = Self::default();
        for (variable, query) in dashboard.queried() {
            let values = label_values(
                prometheus,
                &choice.expand(promql::read_label_values(query)?.0),
                query,
            )
            .await?;
            if values.is_empty() {
                return Err(format!("the variable {} has no values", variable.name));
            }
            let escaped: Vec<String> = values.iter().map(|value| escaped(value)).collect();
            choice
                .0
                .insert(variable.name.clone(), format!("({})", escaped.join("|")));
        }
        Ok(choice)
    }

    fn expand(&self, expression: &str) -> String {
        expanded(expression, SCRAPE_SECONDS, |name| {
            self.0.get(name).map_or(".+", String::as_str)
        })
    }
}

/// What `label_values` offers of `selector`.
async fn label_values(
    prometheus: &Prometheus,
    selector: &str,
    query: &str,
) -> Result<Vec<String>, String> {
    let (_, label) = promql::read_label_values(query)?;
    let series = prometheus
        .ask("/api/v1/series", &[("match[]", selector)])
        .await;
    let series = series.as_array().into_iter().flatten();
    let values = series.filter_map(|labels| labels[label].as_str().map(str::to_owned));
    let distinct: std::collections::BTreeSet<String> = values.collect();
    Ok(distinct.into_iter().collect())
}

/// `value` as a regular expression in a `PromQL` text that matches it alone.
fn escaped(value: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$".contains(c);
    let escape = |c: char| {
        if special(c) {
            format!("\\\\{c}")
        } else {
            c.to_string()
        }
    };
    value.chars().map(escape).collect()
}

/// How many numbers a target shows. What is not a number is drawn by nobody and does not count.
pub(super) async fn numbers(prometheus: &Prometheus, target: &Target, choice: &Choice) -> usize {
    let expression = choice.expand(&target.expr);
    let data = if target.instant {
        prometheus
            .ask("/api/v1/query", &[("query", &expression)])
            .await
    } else {
        let end = now(prometheus).await;
        let (start, end) = ((end - RANGE_SECONDS).to_string(), end.to_string());
        let fields = [
            ("query", &*expression),
            ("start", &start),
            ("end", &end),
            ("step", "1"),
        ];
        prometheus.ask("/api/v1/query_range", &fields).await
    };
    let series = data["result"].as_array().into_iter().flatten();
    series.map(numbers_of).sum()
}

/// The time by the clock of Prometheus, in seconds.
async fn now(prometheus: &Prometheus) -> f64 {
    let time = prometheus
        .ask("/api/v1/query", &[("query", "time()")])
        .await;
    let seconds = time["result"][1]
        .as_str()
        .and_then(|text| text.parse().ok());
    seconds.unwrap_or_else(|| panic!("no time: {time}"))
}

fn numbers_of(series: &Value) -> usize {
    let one = std::iter::once(&series["value"]);
    let many = series["values"].as_array().into_iter().flatten();
    let texts = one.chain(many).filter_map(|sample| sample[1].as_str());
    texts.filter(|text| *text != "NaN").count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_counted_and_what_is_none_is_not() {
        assert_eq!(numbers_of(&json!({"value": [1, "0"]})), 1);
        assert_eq!(numbers_of(&json!({"value": [1, "NaN"]})), 0);
        let values = json!({"values": [[1, "NaN"], [2, "3.5"], [3, "+Inf"]]});
        assert_eq!(numbers_of(&values), 2);
    }

    #[test]
    fn a_chosen_value_is_matched_as_it_is() {
        assert_eq!(escaped("127.0.0.1:80"), r"127\\.0\\.0\\.1:80");
        assert_eq!(escaped("a-b_c"), "a-b_c");
    }
}
