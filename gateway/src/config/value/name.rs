//! Names, and lists of names with values.

use std::collections::BTreeMap;

use super::Value;

/// Configs of topics, by Kafka's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDefaults(pub BTreeMap<String, String>);

impl Value for TopicDefaults {
    const KIND: &'static str = "key=value,...";

    /// A part without `=` belongs to the value before it, since some values are lists.
    fn parse(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            match (part.split_once('='), pairs.last_mut()) {
                (Some((key, value)), _) if !key.trim().is_empty() => {
                    pairs.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                (None, Some((_, value))) => {
                    value.push(',');
                    value.push_str(part.trim());
                }
                (Some(_), _) | (None, None) => {
                    return Err(
                        "must be key=value; several have commas between them, such as \
                                retention.ms=86400000,cleanup.policy=compact,delete"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(Self(pairs.into_iter().collect()))
    }

    fn show(&self) -> String {
        self.0
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(",")
    }
}

/// The value of the label `cluster`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(String);

impl ClusterName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for ClusterName {
    const KIND: &'static str = "name";

    fn parse(text: &str) -> Result<Self, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (1..=100).contains(&text.len()) && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 100 letters, digits, dots, dashes or underscores".to_owned())
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// What is logged: levels, by module where wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// The directives, which are valid.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Filter {
    const KIND: &'static str = "levels";

    fn parse(text: &str) -> Result<Self, String> {
        let advice = "must be error, warn, info, debug or trace, or levels by module such as info,sluice=debug";
        match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) if !text.trim().is_empty() => Ok(Self(text.to_owned())),
            Ok(_) => Err(advice.to_owned()),
            Err(error) => Err(format!("{advice} ({error})")),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}
