//! The configuration of a topic: what is set, what holds, and how it is described.
//!
//! A [`TopicConfig`] is valid from birth: it is made of the broker's defaults and the topic's own
//! settings, every value checked, and it holds the settings that the log and the append path obey
//! in their own types. It never changes; altering makes another one. Only that of a topic from before the
//! broker's defaults changed may have settings that contradict each other.

mod alteration;
mod entry;
mod key;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_protocol::record_batch::{Compression, TimestampType};

use crate::limits::{CONFIG_VALUE_BYTES_MAX, TOPIC_CONFIG_BYTES_MAX};
use crate::log::Durability;
use crate::log::compaction::CompactionPolicy;
use crate::log::{LogConfig, Retention};
use crate::model::TopicName;

pub use alteration::{Alteration, ConfigChange, ConfigOperation};
pub use entry::{ConfigEntry, ConfigSource, ConfigSynonym};
pub use key::{ConfigKey, ConfigType, Effect, KEYS};
use value::{Value, tidy};

/// The key of when a batch is acknowledged.
const DURABILITY: &str = "sluice.durability";
/// Its value for a topic of the broker's own.
const GROUP: &str = "group";

/// Texts by the name of their key; the keys are those of [`KEYS`].
pub type Settings = BTreeMap<String, String>;

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicConfig {
    /// No topic has such a setting.
    #[error("unknown topic config name: {key}")]
    UnknownKey {
        /// The key asked for.
        key: String,
    },
    /// The value does not obey the rule of its key.
    #[error("invalid value {value:?} for {key}: {reason}")]
    InvalidValue {
        /// The key.
        key: &'static str,
        /// The value refused.
        value: String,
        /// What would be valid.
        reason: String,
    },
    /// Append or subtract on a key whose value is not a list.
    #[error("{key} is not a list, so nothing can be appended to it or subtracted from it")]
    NotAList {
        /// The key.
        key: &'static str,
    },
    /// A set, append or subtract without a value.
    #[error("a value is needed for {key}")]
    MissingValue {
        /// The key.
        key: String,
    },
    /// The same key twice in one alteration.
    #[error("{key} is named more than once")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A value longer than any that Kafka takes.
    #[error("the value of {key} has {size} bytes, and may have {CONFIG_VALUE_BYTES_MAX} at most")]
    ValueTooLong {
        /// The key.
        key: String,
        /// Bytes of the value.
        size: usize,
    },
    /// All values together are longer than those of a topic may be.
    #[error(
        "the configs of the topic have {size} bytes together, and may have {TOPIC_CONFIG_BYTES_MAX} at most"
    )]
    TooLong {
        /// Bytes of keys and values.
        size: usize,
    },
    /// The smallest compaction lag exceeds the largest.
    #[error("min.compaction.lag.ms ({min}) exceeds max.compaction.lag.ms ({max})")]
    CompactionLags {
        /// `min.compaction.lag.ms`.
        min: i64,
        /// `max.compaction.lag.ms`.
        max: i64,
    },
    /// The broker's own topic is to be less durable.
    #[error(
        "sluice.durability of an internal topic is always `group`: committed offsets are acknowledged when \
         they are on the disk"
    )]
    InternalDurability,
}

/// Whose records a topic holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Clients'.
    User,
    /// The broker's own, such as committed offsets.
    Broker,
}

/// Whether old data goes by segment, by key, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Keep the latest record of each key.
    pub compact: bool,
    /// Drop old segments.
    pub delete: bool,
}

/// What is done to the codec of a produced batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchCompression {
    /// Nothing: the producer's choice is stored.
    Producer,
    /// Batches of another codec are compressed again.
    Fixed(Compression),
}

/// The valid configuration of one topic.
#[derive(Clone, Debug)]
pub struct TopicConfig {
    broker: Arc<Settings>,
    own: Settings,
    owner: Owner,
    contradiction: Option<InvalidTopicConfig>,
    /// What the log obeys.
    pub log: LogConfig,
    /// `cleanup.policy`.
    pub cleanup: CleanupPolicy,
    /// `compression.type`.
    pub compression: BatchCompression,
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i64,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
}

impl TopicConfig {
    /// The configuration of the topic `name`, with its `own` settings over those of the broker. An internal
    /// topic is of durability `group`, whatever those say: a commit is acknowledged as kept.
    ///
    /// # Errors
    /// As [`TopicConfig::new`].
    pub fn of(
        name: &TopicName,
        broker: Arc<Settings>,
        own: Settings,
    ) -> Result<Self, InvalidTopicConfig> {
        Self::found(name, broker, own)?.consistent()
    }

    /// As [`TopicConfig::of`], of a topic that exists. Those of the broker may have changed since it was made, so
    /// that it may have a [`TopicConfig::contradiction`]; it is served all the same, as by Kafka.
    ///
    /// # Errors
    /// The first setting, by name, that is unknown or invalid.
    pub fn found(
        name: &TopicName,
        broker: Arc<Settings>,
        own: Settings,
    ) -> Result<Self, InvalidTopicConfig> {
        match name.is_internal() {
            true => Self::of_broker(broker, own),
            false => Self::parsed(broker, own),
        }
    }

    fn of_broker(broker: Arc<Settings>, mut own: Settings) -> Result<Self, InvalidTopicConfig> {
        own.insert(DURABILITY.to_owned(), GROUP.to_owned());
        let owner = Owner::Broker;
        Self::parsed(broker, own).map(|config| Self { owner, ..config })
    }

    /// The configuration with the topic's `own` settings over those of the broker.
    ///
    /// # Errors
    /// The first setting, by name, that is unknown or invalid, or two that contradict each other.
    pub fn new(broker: Arc<Settings>, own: Settings) -> Result<Self, InvalidTopicConfig> {
        Self::parsed(broker, own)?.consistent()
    }

    fn parsed(broker: Arc<Settings>, own: Settings) -> Result<Self, InvalidTopicConfig> {
        for name in broker.keys().chain(own.keys()) {
            if ConfigKey::named(name).is_none() {
                return Err(InvalidTopicConfig::UnknownKey { key: name.clone() });
            }
        }
        let values = Values::checked(&broker, &own)?;
        let policy = values.list("cleanup.policy");
        let cleanup = CleanupPolicy {
            compact: policy.iter().any(|name| name == "compact"),
            delete: policy.iter().any(|name| name == "delete"),
        };
        Ok(Self {
            log: values.log_config(cleanup),
            cleanup,
            compression: values.compression(),
            max_message_bytes: values.unsigned("max.message.bytes"),
            min_insync_replicas: values.number("min.insync.replicas"),
            timestamp_type: match values.text("message.timestamp.type") {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: values.number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: values.number("message.timestamp.after.max.ms"),
            contradiction: values.contradiction(),
            broker,
            own: tidied(own),
            owner: Owner::User,
        })
    }

    fn consistent(self) -> Result<Self, InvalidTopicConfig> {
        match self.contradiction {
            Some(contradiction) => Err(contradiction),
            None => Ok(self),
        }
    }

    /// Settings that contradict each other, which no topic is created with or altered to.
    #[must_use]
    pub const fn contradiction(&self) -> Option<&InvalidTopicConfig> {
        self.contradiction.as_ref()
    }

    /// Bytes of what is set for this topic itself.
    #[must_use]
    pub fn own_bytes(&self) -> usize {
        bytes_of(&self.own)
    }

    /// What is set for this topic itself.
    #[must_use]
    pub const fn own(&self) -> &Settings {
        &self.own
    }

    /// Every key with the value that holds and where it comes from, sorted by name.
    #[must_use]
    pub fn describe(&self) -> Vec<ConfigEntry> {
        KEYS.iter()
            .map(|key| ConfigEntry::of(key, &self.own, &self.broker))
            .collect()
    }

    /// The configuration after `alteration`.
    ///
    /// # Errors
    /// [`InvalidTopicConfig`] of the alteration or of what would result from it.
    pub fn altered(&self, alteration: &Alteration) -> Result<Self, InvalidTopicConfig> {
        let own = alteration.apply(&self.own, &self.broker)?;
        check_sizes(&own, &self.own)?;
        let broker = Arc::clone(&self.broker);
        match self.owner {
            Owner::User => Self::new(broker, own),
            Owner::Broker if own.get(DURABILITY).is_none_or(|value| value == GROUP) => {
                Self::of_broker(broker, own)?.consistent()
            }
            Owner::Broker => Err(InvalidTopicConfig::InternalDurability),
        }
    }
}

/// Valid settings as they are kept: what was sent may be blanks for the most part, each of which is six bytes in an
/// event.
fn tidied(settings: Settings) -> Settings {
    let tidied = |(name, text): (String, String)| match ConfigKey::named(&name) {
        Some(key) => (name, tidy(key, &text)),
        None => (name, text),
    };
    settings.into_iter().map(tidied).collect()
}

/// Checks the sizes of the values that are not `known`, and of all together unless they were larger: those of a
/// log from when there was no limit stay.
///
/// # Errors
/// [`InvalidTopicConfig::ValueTooLong`] and [`InvalidTopicConfig::TooLong`].
pub fn check_sizes(settings: &Settings, known: &Settings) -> Result<(), InvalidTopicConfig> {
    for (key, value) in settings {
        if known.get(key) != Some(value) {
            check_size(key, value)?;
        }
    }
    let size = bytes_of(settings);
    match size <= TOPIC_CONFIG_BYTES_MAX.max(bytes_of(known)) {
        true => Ok(()),
        false => Err(InvalidTopicConfig::TooLong { size }),
    }
}

/// Bytes of keys and values.
fn bytes_of(settings: &Settings) -> usize {
    settings
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

fn check_size(key: &str, value: &str) -> Result<(), InvalidTopicConfig> {
    if value.len() <= CONFIG_VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(InvalidTopicConfig::ValueTooLong {
        key: key.to_owned(),
        size: value.len(),
    })
}

/// The value of every key, checked.
struct Values(BTreeMap<&'static str, Value>);

impl Values {
    fn checked(broker: &Settings, own: &Settings) -> Result<Self, InvalidTopicConfig> {
        let mut values = BTreeMap::new();
        for key in KEYS {
            let set = own.get(key.name).or_else(|| broker.get(key.name));
            let text = set.map_or(key.default, String::as_str);
            let value =
                Value::parse(key, text).map_err(|reason| InvalidTopicConfig::InvalidValue {
                    key: key.name,
                    value: text.to_owned(),
                    reason,
                })?;
            values.insert(key.name, value);
        }
        Ok(Self(values))
    }

    fn number(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    fn unsigned<T: TryFrom<i64> + Default>(&self, name: &str) -> T {
        T::try_from(self.number(name)).unwrap_or_default()
    }

    fn fraction(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(Value::Fraction(fraction)) => *fraction,
            _ => 0.0,
        }
    }

    fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn list(&self, name: &str) -> &[String] {
        match self.0.get(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// A record is not compacted before the smallest lag, whatever the largest is.
    fn contradiction(&self) -> Option<InvalidTopicConfig> {
        let min = self.number("min.compaction.lag.ms");
        let max = self.number("max.compaction.lag.ms");
        (min > max).then_some(InvalidTopicConfig::CompactionLags { min, max })
    }

    fn log_config(&self, cleanup: CleanupPolicy) -> LogConfig {
        let retention = Retention {
            ms: Some(self.number("retention.ms")).filter(|ms| *ms >= 0),
            bytes: u64::try_from(self.number("retention.bytes")).ok(),
        };
        let compaction = cleanup.compact.then(|| self.compaction_policy());
        // An active segment is never compacted, so that it must end in time (KIP-354).
        let segment_ms = compaction.map_or(i64::MAX, |policy| policy.max_lag_ms);
        LogConfig {
            segment_bytes: self.unsigned("segment.bytes"),
            segment_ms: self.number("segment.ms").min(segment_ms),
            index_interval_bytes: self.unsigned("index.interval.bytes"),
            index_bytes_max: self.unsigned("segment.index.bytes"),
            file_delete_delay: Duration::from_millis(self.unsigned("file.delete.delay.ms")),
            durability: match self.text(DURABILITY) {
                "os" => Durability::Os,
                "interval" => Durability::Interval,
                _ => Durability::Group,
            },
            retention: match cleanup.delete {
                true => retention,
                false => Retention::default(),
            },
            compaction,
        }
    }

    fn compaction_policy(&self) -> CompactionPolicy {
        CompactionPolicy {
            min_dirty_ratio: self.fraction("min.cleanable.dirty.ratio"),
            min_lag_ms: self.number("min.compaction.lag.ms"),
            max_lag_ms: self.number("max.compaction.lag.ms"),
            delete_retention_ms: self.number("delete.retention.ms"),
            index_bytes_max: self.unsigned("segment.index.bytes"),
        }
    }

    fn compression(&self) -> BatchCompression {
        match self.text("compression.type") {
            "uncompressed" => BatchCompression::Fixed(Compression::None),
            "gzip" => BatchCompression::Fixed(Compression::Gzip),
            "snappy" => BatchCompression::Fixed(Compression::Snappy),
            "lz4" => BatchCompression::Fixed(Compression::Lz4),
            "zstd" => BatchCompression::Fixed(Compression::Zstd),
            _ => BatchCompression::Producer,
        }
    }
}
