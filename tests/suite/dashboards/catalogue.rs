//! The metrics that exist, as `docs/metrics.md` has them, and whether an expression asks for what is there, and rightly.
//!
//! That page is generated from the declarations in the code; a test of the gateway keeps it current, and the live test compares
//! it with what a running program shows.

use std::collections::BTreeMap;

use sluice_e2e::repository;

use super::promql::{self, Selector};

/// Labels that Prometheus adds to what it scrapes.
const SCRAPED: [&str; 2] = ["job", "instance"];

/// The kind of number a family holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A family of series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) kind: Kind,
    pub(super) labels: Vec<String>,
    pub(super) meaning: String,
}

/// Every family, by name.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) families: BTreeMap<String, Family>,
}

impl Catalogue {
    /// That of the repository, and what Prometheus itself tells of a target.
    pub(super) fn of_repository() -> Self {
        let page = std::fs::read_to_string(repository::root().join("docs/metrics.md"))
            .expect("docs/metrics.md can be read");
        let mut catalogue = Self::read(&page).unwrap_or_else(|error| panic!("{error}"));
        let up = Family {
            kind: Kind::Gauge,
            labels: Vec::new(),
            meaning: "1 where the last scrape succeeded.".to_owned(),
        };
        catalogue.families.insert("up".to_owned(), up);
        catalogue
    }

    /// Reads the tables of a page: name, type, labels, meaning.
    fn read(page: &str) -> Result<Self, String> {
        let mut families = BTreeMap::new();
        for line in page.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let &[name, kind, labels, meaning] = cells.as_slice() else {
                return Err(format!("not four cells: {line}"));
            };
            let kind = match kind {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                _ => return Err(format!("an unknown type: {line}")),
            };
            let labels = labels.split(',').map(str::trim);
            let labels = labels.filter(|label| !label.is_empty());
            let family = Family {
                kind,
                labels: labels.map(str::to_owned).collect(),
                meaning: meaning.to_owned(),
            };
            families.insert(name.trim_matches('`').to_owned(), family);
        }
        Ok(Self { families })
    }

    /// The family a series of that name belongs to, whether the series only grows, and whether it has buckets.
    pub(super) fn find(&self, series: &str) -> Option<(&Family, bool, bool)> {
        if let Some(family) = self.families.get(series) {
            return (family.kind != Kind::Histogram).then(|| {
                let is_counter = family.kind == Kind::Counter;
                (family, is_counter, false)
            });
        }
        ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            let family = self.families.get(series.strip_suffix(suffix)?)?;
            (family.kind == Kind::Histogram).then_some((family, true, *suffix == "_bucket"))
        })
    }

    /// What is wrong with `expression`: metrics or labels that do not exist, counters read as they are, gauges read as counters.
    pub(super) fn findings(&self, expression: &str) -> Vec<String> {
        let read = match promql::read(expression) {
            Ok(read) => read,
            Err(error) => return vec![error],
        };
        if read.selectors.is_empty() {
            return vec![format!("no metric in {expression}")];
        }
        let mut findings = Vec::new();
        let mut labels: Vec<String> = SCRAPED.map(str::to_owned).into();
        for selector in &read.selectors {
            match self.find(&selector.metric) {
                None => findings.push(format!("{} does not exist", selector.metric)),
                Some((family, is_counter, has_buckets)) => {
                    labels.extend(family.labels.iter().cloned());
                    labels.extend(has_buckets.then(|| "le".to_owned()));
                    findings.extend(self::labels(selector, family, has_buckets));
                    findings.extend(call(selector, is_counter));
                }
            }
        }
        let grouping = read.grouping.iter();
        let unknown = grouping.filter(|label| !labels.contains(label));
        findings
            .extend(unknown.map(|label| format!("nothing in {expression} has a label {label}")));
        findings
    }
}

/// Conditions on labels the family does not have.
fn labels(selector: &Selector, family: &Family, has_buckets: bool) -> Vec<String> {
    let labels = selector.matchers.iter().map(|(label, ..)| label);
    let unknown = labels.filter(|label| {
        let is_bucket = has_buckets && *label == "le";
        !(is_bucket || family.labels.contains(label) || SCRAPED.contains(&label.as_str()))
    });
    unknown
        .map(|label| format!("{} has no label {label}", selector.metric))
        .collect()
}

/// A call that does not suit the kind of number.
fn call(selector: &Selector, is_counter: bool) -> Option<String> {
    let function = selector.function.as_deref().unwrap_or_default();
    let is_rate = ["rate", "irate", "increase"].contains(&function);
    let metric = &selector.metric;
    match (is_counter, is_rate) {
        (true, false) => Some(format!(
            "the counter {metric} is not under rate or increase"
        )),
        (false, true) => Some(format!("the gauge {metric} is under {function}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| name | type | labels | meaning |\n|---|---|---|---|\n\
        | `lag` | gauge | cluster, group | Records. |\n\
        | `requests_total` | counter | code | Requests. |\n\
        | `took_seconds` | histogram |  | Time. |\n";

    #[test]
    fn the_tables_of_the_page_are_the_catalogue() {
        let catalogue = Catalogue::read(PAGE).expect("a page of metrics");
        assert_eq!(catalogue.families.len(), 3);
        assert_eq!(catalogue.families["lag"].labels, ["cluster", "group"]);
        assert!(catalogue.find("took_seconds").is_none(), "not a series");
        assert!(Catalogue::read("| `x` | gauge | a |").is_err());
        assert!(Catalogue::read("| `x` | guage | a | b |").is_err());
    }

    #[test]
    fn what_exists_may_be_asked_for() {
        let catalogue = Catalogue::read(PAGE).expect("a page of metrics");
        for expression in [
            "max by (cluster) (lag{job=\"a\",group=~\"b\"})",
            "sum by (code, instance) (rate(requests_total{code=\"500\"}[5m]))",
            "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket{le!=\"1\"}[5m])))",
            "rate(took_seconds_sum[1m]) / rate(took_seconds_count[1m])",
            "deriv(lag[10m])",
        ] {
            assert_eq!(
                catalogue.findings(expression),
                [""; 0],
                "finds fault with {expression}"
            );
        }
    }

    #[test]
    fn what_does_not_exist_or_is_asked_for_wrongly_is_found() {
        let catalogue = Catalogue::read(PAGE).expect("a page of metrics");
        for (expression, finding) in [
            ("lagg", "lagg does not exist"),
            ("lag_bucket", "lag_bucket does not exist"),
            ("lag{topic=\"x\"}", "lag has no label topic"),
            ("lag{le=\"1\"}", "lag has no label le"),
            ("sum by (topic) (lag)", "has a label topic"),
            ("sum(lag", "a parenthesis opened and not closed"),
            (
                "requests_total{code=\"500\"} > 10",
                "the counter requests_total is not",
            ),
            ("sum(requests_total)", "the counter requests_total is not"),
            ("rate(sum(requests_total)[5m])", "unexpected ["),
            ("rate(lag[5m])", "the gauge lag is under rate"),
            ("took_seconds_sum", "the counter took_seconds_sum is not"),
            ("vector(0)", "no metric"),
        ] {
            let findings = catalogue.findings(expression);
            assert!(
                findings.iter().any(|found| found.contains(finding)),
                "{expression}: {findings:?}"
            );
        }
    }
}
