//! What `/metrics` shows, against what is declared.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Catalogue, Kind};

/// The families of a scrape: the type in its `# TYPE` line, and every label of its series.
pub(super) fn families(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').expect("a name and a type");
            name.clone_into(&mut current);
            families.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') && !line.is_empty() {
            let family = families.get_mut(&current);
            let (_, labels) = family.unwrap_or_else(|| panic!("no # TYPE before {line}"));
            assert!(line.starts_with(&current), "{line} is not of {current}");
            labels.extend(labels_of(line));
        }
    }
    families
}

/// The names of the labels of a series.
fn labels_of(line: &str) -> Vec<String> {
    let Some((_, rest)) = line.split_once('{') else {
        return Vec::new();
    };
    // Values are quoted, with backslashes before quotes in them, so every second part is one.
    let plain = rest.replace("\\\\", "").replace("\\\"", "");
    let names = plain.split('"').step_by(2);
    let names = names.filter_map(|part| part.trim_start_matches([',', ' ']).strip_suffix('='));
    names.map(str::to_owned).collect()
}

/// What in a scrape is not as it is declared.
pub(super) fn findings(text: &str, catalogue: &Catalogue) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, (kind, labels)) in families(text) {
        let Some(family) = catalogue.families.get(&name) else {
            findings.push(format!("{name} is not declared"));
            continue;
        };
        let declared = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        if kind != declared {
            findings.push(format!("{name} is a {kind}, declared as {declared}"));
        }
        let mut wanted: BTreeSet<String> = family.labels.iter().cloned().collect();
        wanted.extend((family.kind == Kind::Histogram).then(|| "le".to_owned()));
        if labels != wanted {
            findings.push(format!(
                "{name} has the labels {labels:?}, declared {wanted:?}"
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_a_type_and_labels() {
        let text = "# HELP a x\n# TYPE a gauge\na{x=\"1\",y=\"{z=\\\"}\"} 1\na{x=\"1\",y=\"\"} 2\n\
                    # TYPE b histogram\nb_bucket{le=\"+Inf\"} 1\nb_sum 1\n";
        let families = families(text);
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(families["a"], ("gauge".to_owned(), labels(&["x", "y"])));
        assert_eq!(families["b"], ("histogram".to_owned(), labels(&["le"])));
    }

    #[test]
    fn what_differs_from_its_declaration_is_found() {
        let catalogue = Catalogue::of_repository();
        for (text, finding) in [
            ("# TYPE x gauge\nx 1\n", "x is not declared"),
            (
                "# TYPE sluice_build_info counter\nsluice_build_info{version=\"1\"} 1\n",
                "declared as gauge",
            ),
            (
                "# TYPE sluice_build_info gauge\nsluice_build_info{v=\"1\"} 1\n",
                "has the labels",
            ),
        ] {
            let found = findings(text, &catalogue);
            assert!(
                found.iter().any(|found| found.contains(finding)),
                "{found:?}"
            );
        }
        let right = "# TYPE sluice_build_info gauge\nsluice_build_info{version=\"1\"} 1\n";
        assert_eq!(findings(right, &catalogue), [""; 0]);
    }
}
