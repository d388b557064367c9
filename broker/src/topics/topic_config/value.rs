//! Checking one value against the rule of its key, with Kafka's leniency: values are trimmed,
//! booleans may be written in any case, lists may be empty.

use super::key::{ConfigKey, ConfigType, Rule};

/// A value, checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Boolean,
    Number(i64),
    Fraction(f64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// Checks `text` as a value of `key`.
    ///
    /// # Errors
    /// What the value should have been, to end the sentence "invalid value x for key: ...".
    pub(super) fn parse(key: &ConfigKey, text: &str) -> Result<Self, String> {
        let text = text.trim();
        match key.rule {
            Rule::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" | "false" => Ok(Self::Boolean),
                _ => Err("true or false is expected".to_owned()),
            },
            Rule::Number(min, max) => number(text, min, max).map(Self::Number),
            Rule::NumberOrUnset(min, max) => match text {
                "-1" => Ok(Self::Number(-1)),
                _ => number(text, min, max).map(Self::Number),
            },
            Rule::Fraction => match text.parse::<f64>() {
                Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(Self::Fraction(fraction)),
                Ok(_) | Err(_) => Err("a number from 0 to 1 is expected".to_owned()),
            },
            Rule::OneOf(names) if names.contains(&text) => Ok(Self::Text(text.to_owned())),
            Rule::OneOf(names) => Err(format!("one of {} is expected", names.join(", "))),
            Rule::SomeOf(names) => {
                let items = split_list(text);
                match items.iter().all(|item| names.contains(&item.as_str())) {
                    true => Ok(Self::List(items)),
                    false => Err(format!("a list of {} is expected", names.join(", "))),
                }
            }
            Rule::ReplicaPairs => {
                let items = split_list(text);
                match text == "*" || items.iter().all(|item| is_replica_pair(item)) {
                    true => Ok(Self::List(items)),
                    false => Err("\"*\" or a list such as 0:1,1:1 is expected".to_owned()),
                }
            }
        }
    }
}

/// A valid value of `key` without the blanks that mean nothing, as Kafka describes it.
pub(super) fn tidy(key: &ConfigKey, text: &str) -> String {
    match key.config_type == ConfigType::List {
        true => split_list(text).join(","),
        false => text.trim().to_owned(),
    }
}

/// The items of a list, as Kafka reads them.
pub(super) fn split_list(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn number(text: &str, min: i64, max: i64) -> Result<i64, String> {
    match text.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) => Err(format!("a number from {min} to {max} is expected")),
        Err(_) => Err("a whole number is expected".to_owned()),
    }
}

fn is_replica_pair(text: &str) -> bool {
    text.split_once(':').is_some_and(|(partition, broker)| {
        partition.parse::<i32>().is_ok() && broker.parse::<i32>().is_ok()
    })
}
