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
`BLESS=1 cargo test -p sluice --test generated`.

All are on `GET /metrics`. Counters exist from the start at 0, or from the first use of their label
values. A value that is not known is absent, never 0.
";

/// The title of the chapter whose families the bundled broker declares.
const BROKER: &str = "Bundled broker (absent in front of a cluster)";

/// Every family, by chapter.
fn chapters() -> impl Iterator<Item = (&'static str, Vec<Row>)> {
    let own = CHAPTERS
        .iter()
        .map(|(title, families)| (*title, families.iter().map(Row::of_family).collect()));
    let broker = sluice_broker::METRICS.iter().map(Row::of_broker).collect();
    own.chain([(BROKER, broker)])
}

/// What the family of that name means, if there is one.
#[must_use]
pub fn meaning(name: &str) -> Option<&'static str> {
    let mut rows = chapters().flat_map(|(_, rows)| rows);
    rows.find(|row| row.name == name).map(|row| row.help)
}

/// A family as a row of a table.
struct Row {
    name: &'static str,
    kind: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
}

impl Row {
    const fn of_family(family: &Family) -> Self {
        Self {
            name: family.name,
            kind: family.kind.as_str(),
            labels: family.labels,
            help: family.help,
        }
    }

    const fn of_broker(metric: &sluice_broker::Metric) -> Self {
        Self {
            name: metric.name,
            kind: metric.kind,
            labels: metric.labels,
            help: metric.help,
        }
    }
}

/// The page of all metrics, `docs/metrics.md`, as it is committed.
#[must_use]
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    for (title, rows) in chapters() {
        // Writing to a string cannot fail.
        write!(
            out,
            "\n## {title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n"
        )
        .unwrap_or_default();
        for row in rows {
            let (name, kind, help) = (row.name, row.kind, row.help);
            let labels = row.labels.join(", ");
            writeln!(out, "| `{name}` | {kind} | {labels} | {help} |").unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prometheus_conventions_and_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for metric in chapters().flat_map(|(_, rows)| rows) {
            assert!(
                names.insert(metric.name),
                "{} is declared twice",
                metric.name
            );
            assert!(metric.help.ends_with('.'), "{}", metric.name);
            assert!(!metric.help.contains(['\\', '\n', '|']), "{}", metric.name);
            assert_eq!(
                metric.kind == "counter",
                metric.name.ends_with("_total"),
                "{} must end in _total if and only if it is a counter",
                metric.name
            );
            assert!(metric.name.starts_with("sluice_") || metric.name.starts_with("process_"));
        }
    }
}
