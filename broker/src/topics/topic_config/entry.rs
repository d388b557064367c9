//! A key as `DescribeConfigs` shows it.

use super::Settings;
use super::key::ConfigKey;

/// Where a value comes from, the most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigSource {
    /// Set for this topic.
    Topic,
    /// Set for the whole broker.
    StaticBroker,
    /// Kafka's default.
    Default,
}

/// A place a value could come from, with the value it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name of the setting in that place.
    pub name: &'static str,
    /// Its value there.
    pub value: String,
    /// The place.
    pub source: ConfigSource,
}

/// A key with the value that holds.
#[derive(Clone, Debug)]
pub struct ConfigEntry {
    /// Name, type, default and documentation.
    pub key: &'static ConfigKey,
    /// The value that holds.
    pub value: String,
    /// Where it comes from.
    pub source: ConfigSource,
    /// Every place that has a value, the one that wins first.
    pub synonyms: Vec<ConfigSynonym>,
}

impl ConfigEntry {
    /// No topic setting is read-only.
    pub const READ_ONLY: bool = false;
    /// No topic setting is secret.
    pub const SENSITIVE: bool = false;

    pub(super) fn of(key: &'static ConfigKey, own: &Settings, broker: &Settings) -> Self {
        let broker_name = key.broker_name.unwrap_or(key.name);
        let synonym = |name, value: &str, source| ConfigSynonym {
            name,
            value: value.to_owned(),
            source,
        };
        let own = own
            .get(key.name)
            .map(|value| synonym(key.name, value, ConfigSource::Topic));
        let broker = broker
            .get(key.name)
            .map(|value| synonym(broker_name, value, ConfigSource::StaticBroker));
        let default = synonym(broker_name, key.default, ConfigSource::Default);
        let winner = own.as_ref().or(broker.as_ref()).unwrap_or(&default).clone();
        Self {
            key,
            value: winner.value,
            source: winner.source,
            synonyms: own.into_iter().chain(broker).chain([default]).collect(),
        }
    }
}
