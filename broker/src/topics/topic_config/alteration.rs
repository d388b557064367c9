//! Changes to a topic's own settings: `IncrementalAlterConfigs` and the older `AlterConfigs`.

use std::collections::{BTreeSet, HashSet};

use super::key::{ConfigKey, ConfigType};
use super::value::split_list;
use super::{InvalidTopicConfig, Settings, check_size};

/// A change to the settings of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// These settings and no others (`AlterConfigs`).
    Replace(Settings),
    /// One key after the other, none twice (`IncrementalAlterConfigs`).
    Change(Vec<ConfigChange>),
}

/// What is done to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key.
    pub key: String,
    /// What is done.
    pub operation: ConfigOperation,
    /// The value, where the operation needs one.
    pub value: Option<String>,
}

/// The four operations of KIP-339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Gives the key a value.
    Set,
    /// Takes the key back to the broker's value.
    Delete,
    /// Adds items to a list.
    Append,
    /// Takes items off a list.
    Subtract,
}

impl Alteration {
    pub(super) fn apply(
        &self,
        own: &Settings,
        broker: &Settings,
    ) -> Result<Settings, InvalidTopicConfig> {
        let changes = match self {
            Self::Replace(settings) => return Ok(settings.clone()),
            Self::Change(changes) => changes,
        };
        let mut altered = own.clone();
        let mut seen = BTreeSet::new();
        for change in changes {
            if !seen.insert(&change.key) {
                let key = change.key.clone();
                return Err(InvalidTopicConfig::DuplicateKey { key });
            }
            change.apply(&mut altered, broker)?;
        }
        Ok(altered)
    }
}

impl ConfigChange {
    fn apply(&self, own: &mut Settings, broker: &Settings) -> Result<(), InvalidTopicConfig> {
        let missing = || InvalidTopicConfig::MissingValue {
            key: self.key.clone(),
        };
        let unknown = || InvalidTopicConfig::UnknownKey {
            key: self.key.clone(),
        };
        let value = match self.operation {
            ConfigOperation::Delete => None,
            // Told before an unknown key, as by Kafka.
            ConfigOperation::Set | ConfigOperation::Append | ConfigOperation::Subtract => {
                Some(self.value.as_ref().ok_or_else(missing)?)
            }
        };
        let key = ConfigKey::named(&self.key).ok_or_else(unknown)?;
        let Some(value) = value else {
            own.remove(key.name);
            return Ok(());
        };
        check_size(key.name, value)?;
        if self.operation == ConfigOperation::Set {
            own.insert(key.name.to_owned(), value.clone());
            return Ok(());
        }
        if key.config_type != ConfigType::List {
            return Err(InvalidTopicConfig::NotAList { key: key.name });
        }
        let current = own.get(key.name).or_else(|| broker.get(key.name));
        let mut items = split_list(current.map_or(key.default, String::as_str));
        let named = split_list(value);
        // A value holds thousands of items, and so may what is named.
        let is_named: HashSet<_> = named.iter().collect();
        items.retain(|item| !is_named.contains(item));
        if self.operation == ConfigOperation::Append {
            items.extend(named);
        }
        own.insert(key.name.to_owned(), items.join(","));
        Ok(())
    }
}
