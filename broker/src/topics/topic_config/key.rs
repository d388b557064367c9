//! What there is to configure about a topic: every key that Apache Kafka 4.3 knows.
//!
//! Keys that cannot have an effect on one node are accepted and stored all the same, because tools
//! set them as a matter of course. Defaults and bounds are Kafka's.

/// The type of a value, as `DescribeConfigs` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A fraction.
    Double,
    /// Texts separated by commas.
    List,
}

/// What the broker does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The log obeys it.
    Obeyed,
    /// Stored and described, without an effect on this node.
    Stored,
}

/// Which values a key may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    Boolean,
    /// A whole number within the bounds.
    Number(i64, i64),
    /// As `Number`, or -1.
    NumberOrUnset(i64, i64),
    /// A number from 0 to 1.
    Fraction,
    OneOf(&'static [&'static str]),
    /// Any of these, each at most once.
    SomeOf(&'static [&'static str]),
    /// `*`, or pairs such as `0:1`.
    ReplicaPairs,
}

/// A key, with everything that is known about it beforehand.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// The topic-level name.
    pub name: &'static str,
    /// The type of its value.
    pub config_type: ConfigType,
    /// Kafka's default.
    pub default: &'static str,
    /// Name of the broker setting that supplies the default, if there is one.
    pub broker_name: Option<&'static str>,
    /// What it means.
    pub documentation: &'static str,
    /// Whether the broker obeys it.
    pub effect: Effect,
    pub(crate) rule: Rule,
}

impl ConfigKey {
    /// The key of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let index = KEYS.binary_search_by(|key| key.name.cmp(name)).ok()?;
        KEYS.get(index)
    }
}

const I32_MAX: i64 = 2_147_483_647;

macro_rules! keys {
    ($($name:literal: $type:ident = $default:literal, $rule:expr, $effect:ident, $broker:expr, $doc:literal;)*) => {
        &[$(ConfigKey {
            name: $name,
            config_type: ConfigType::$type,
            default: $default,
            broker_name: $broker,
            documentation: $doc,
            effect: Effect::$effect,
            rule: $rule,
        }),*]
    };
}

/// All keys, sorted by name.
pub const KEYS: &[ConfigKey] = keys! {
    "cleanup.policy": List = "delete", Rule::SomeOf(&["compact", "delete"]), Obeyed, Some("log.cleanup.policy"),
        "What happens to old data: `delete` drops whole segments by age and size, `compact` keeps the latest record of each key. Both may be given.";
    "compression.gzip.level": Int = "-1", Rule::NumberOrUnset(1, 9), Stored, Some("compression.gzip.level"),
        "Level for batches that the broker itself compresses with gzip; -1 is the codec's own default.";
    "compression.lz4.level": Int = "9", Rule::Number(1, 17), Stored, Some("compression.lz4.level"),
        "Level for batches that the broker itself compresses with LZ4.";
    "compression.type": String = "producer", Rule::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Obeyed, Some("compression.type"),
        "Codec of the stored batches; `producer` keeps what the producer sent.";
    "compression.zstd.level": Int = "3", Rule::Number(-131_072, 22), Stored, Some("compression.zstd.level"),
        "Level for batches that the broker itself compresses with Zstandard.";
    "delete.retention.ms": Long = "86400000", Rule::Number(0, i64::MAX), Obeyed, Some("log.cleaner.delete.retention.ms"),
        "How long a deletion marker stays readable in a compacted topic, in milliseconds.";
    "file.delete.delay.ms": Long = "60000", Rule::Number(0, i64::MAX), Obeyed, Some("log.segment.delete.delay.ms"),
        "How long the file of a dropped segment stays on disk, for reads that have begun, in milliseconds.";
    "flush.messages": Long = "9223372036854775807", Rule::Number(1, i64::MAX), Stored, Some("log.flush.interval.messages"),
        "Records between two flushes. Without effect: `sluice.durability` says when a batch is flushed.";
    "flush.ms": Long = "9223372036854775807", Rule::Number(0, i64::MAX), Stored, Some("log.flush.interval.ms"),
        "Time between two flushes. Without effect: `sluice.durability` says when a batch is flushed.";
    "follower.replication.throttled.replicas": List = "", Rule::ReplicaPairs, Stored, None,
        "Replicas whose incoming replication is throttled, as partition:broker pairs or `*`. Without effect on one node.";
    "index.interval.bytes": Int = "4096", Rule::Number(0, I32_MAX), Obeyed, Some("log.index.interval.bytes"),
        "Bytes of log between two entries of the offset index.";
    "leader.replication.throttled.replicas": List = "", Rule::ReplicaPairs, Stored, None,
        "Replicas whose outgoing replication is throttled, as partition:broker pairs or `*`. Without effect on one node.";
    "local.retention.bytes": Long = "-2", Rule::Number(-2, i64::MAX), Stored, Some("log.local.retention.bytes"),
        "Size kept locally where a topic is tiered; -2 follows `retention.bytes`. Without effect: nothing is tiered.";
    "local.retention.ms": Long = "-2", Rule::Number(-2, i64::MAX), Stored, Some("log.local.retention.ms"),
        "Age kept locally where a topic is tiered; -2 follows `retention.ms`. Without effect: nothing is tiered.";
    "max.compaction.lag.ms": Long = "9223372036854775807", Rule::Number(1, i64::MAX), Obeyed, Some("log.cleaner.max.compaction.lag.ms"),
        "Age at which a record becomes due for compaction whatever the share of old data, in milliseconds.";
    "max.message.bytes": Int = "1048588", Rule::Number(0, I32_MAX), Obeyed, Some("message.max.bytes"),
        "Largest batch accepted, as stored (compressed, with its 12 bytes of offset and length).";
    "message.timestamp.after.max.ms": Long = "3600000", Rule::Number(0, i64::MAX), Obeyed, Some("log.message.timestamp.after.max.ms"),
        "How far ahead of the broker's clock a producer's timestamp may be, in milliseconds.";
    "message.timestamp.before.max.ms": Long = "9223372036854775807", Rule::Number(0, i64::MAX), Obeyed, Some("log.message.timestamp.before.max.ms"),
        "How far behind the broker's clock a producer's timestamp may be, in milliseconds.";
    "message.timestamp.type": String = "CreateTime", Rule::OneOf(&["CreateTime", "LogAppendTime"]), Obeyed, Some("log.message.timestamp.type"),
        "Whose clock stamps the records: the producer's or the broker's.";
    "min.cleanable.dirty.ratio": Double = "0.5", Rule::Fraction, Obeyed, Some("log.cleaner.min.cleanable.ratio"),
        "Share of a log not yet compacted from which on compaction is worth its cost.";
    "min.compaction.lag.ms": Long = "0", Rule::Number(0, i64::MAX), Obeyed, Some("log.cleaner.min.compaction.lag.ms"),
        "Age below which a record is never compacted away, in milliseconds.";
    "min.insync.replicas": Int = "1", Rule::Number(1, I32_MAX), Obeyed, Some("min.insync.replicas"),
        "Replicas that must have a batch before `acks=all` is answered. One node has one: with more, such produces are refused.";
    "preallocate": Boolean = "false", Rule::Boolean, Stored, Some("log.preallocate"),
        "Whether segment files get their full size at creation. Without effect: measured, it gains nothing here.";
    "remote.log.copy.disable": Boolean = "false", Rule::Boolean, Stored, None,
        "Whether a tiered topic stops copying. Without effect: nothing is tiered.";
    "remote.log.delete.on.disable": Boolean = "false", Rule::Boolean, Stored, None,
        "Whether tiered data goes when tiering ends. Without effect: nothing is tiered.";
    "remote.storage.enable": Boolean = "false", Rule::Boolean, Stored, None,
        "Whether the topic is tiered to remote storage. Without effect: nothing is tiered.";
    "retention.bytes": Long = "-1", Rule::Number(i64::MIN, i64::MAX), Obeyed, Some("log.retention.bytes"),
        "Size of a partition from which on its oldest segments are dropped; negative for no limit.";
    "retention.ms": Long = "604800000", Rule::Number(-1, i64::MAX), Obeyed, Some("log.retention.ms"),
        "Age from which on segments are dropped, in milliseconds; -1 for no limit.";
    "segment.bytes": Int = "1073741824", Rule::Number(1_048_576, I32_MAX), Obeyed, Some("log.segment.bytes"),
        "Size at which a new segment is begun. Retention works on whole segments.";
    "segment.index.bytes": Int = "10485760", Rule::Number(4, I32_MAX), Obeyed, Some("log.index.size.max.bytes"),
        "Size of an index at which a new segment is begun (4096 at least), and largest offset index of a segment that compaction makes of several. Not allocated beforehand.";
    "segment.jitter.ms": Long = "0", Rule::Number(0, i64::MAX), Stored, Some("log.roll.jitter.ms"),
        "Largest random amount by which `segment.ms` is shortened. Without effect.";
    "segment.ms": Long = "604800000", Rule::Number(1, i64::MAX), Obeyed, Some("log.roll.ms"),
        "Age of a segment at which a new one is begun, in milliseconds.";
    "sluice.durability": String = "group", Rule::OneOf(&["group", "interval", "os"]), Obeyed, Some("sluice.durability"),
        "When a batch is acknowledged: `group` when it is on the disk; `os` when the operating system has it, so that a power cut may take it; `interval` as `os`, but brought to the disk every `broker.durability_interval`, or as often as the disk can.";
    "unclean.leader.election.enable": Boolean = "false", Rule::Boolean, Stored, Some("unclean.leader.election.enable"),
        "Whether a replica that lags may lead. Without effect on one node.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_found_by_name() {
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for key in KEYS {
            assert_eq!(ConfigKey::named(key.name).unwrap().name, key.name);
        }
        assert!(ConfigKey::named("no.such.key").is_none());
    }
}
