//! The alert rules, read from `dashboards/alerts.yml` as far as a test without a YAML parser can: one key a line, long expressions
//! folded. The live test compares them with what Prometheus read.

use sluice_e2e::repository;

/// One alert.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) alert: String,
    pub(super) expr: String,
    pub(super) severity: String,
    pub(super) runbook: String,
}

/// The rules of the repository.
pub(super) fn of_repository() -> Vec<Rule> {
    read(&text("alerts.yml"))
}

/// A file of `dashboards/`.
pub(super) fn text(name: &str) -> String {
    let path = repository::root().join("dashboards").join(name);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((key, value)) = line.trim_start().split_once(": ") else {
            continue;
        };
        let value = value.trim();
        if key == "- alert" {
            rules.push(Rule {
                alert: value.to_owned(),
                ..Rule::default()
            });
            continue;
        }
        let Some(rule) = rules.last_mut() else {
            continue;
        };
        match key {
            "expr" if value == ">-" => {
                let depth = depth(line);
                let mut folded = Vec::new();
                while let Some(more) = lines.next_if(|next| self::depth(next) > depth) {
                    folded.push(more.trim());
                }
                rule.expr = folded.join(" ");
            }
            "expr" => rule.expr = value.to_owned(),
            "labels" => {
                let severity = value.strip_prefix("{severity: ");
                rule.severity = severity
                    .unwrap_or_default()
                    .trim_end_matches('}')
                    .to_owned();
            }
            "runbook_url" => rule.runbook = value.to_owned(),
            _ => {}
        }
    }
    rules
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_folded_expressions_are_read() {
        let text = "groups:\n  - name: x\n    rules:\n      # Why: so.\n      - alert: A\n        expr: up == 0\n        \
                    labels: {severity: info}\n        annotations:\n          runbook_url: d.md#a\n\n      - alert: B\n        \
                    expr: >-\n          up\n            == 1\n        for: 1m\n";
        let rule = |alert: &str, expr: &str, severity: &str, runbook: &str| Rule {
            alert: alert.to_owned(),
            expr: expr.to_owned(),
            severity: severity.to_owned(),
            runbook: runbook.to_owned(),
        };
        assert_eq!(
            read(text),
            [
                rule("A", "up == 0", "info", "d.md#a"),
                rule("B", "up == 1", "", "")
            ]
        );
    }
}
