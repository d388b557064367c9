//! What an operator may set for groups.

use std::time::Duration;

use sluice_protocol::record_batch::Compression;

/// Times and limits of the coordinator. The defaults are Kafka's where Kafka has the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Shortest session a member may ask for (`group.min.session.timeout.ms`, 6 s).
    pub session_timeout_min: Duration,
    /// Longest session a member may ask for (`group.max.session.timeout.ms`, 30 min).
    pub session_timeout_max: Duration,
    /// How long the first rebalance of an empty group waits for further members
    /// (`group.initial.rebalance.delay.ms`). 0 unlike Kafka's 3 s: nothing waits for a fixed time.
    pub initial_rebalance_delay: Duration,
    /// How long a new member may be parked in its first join (5 min, fixed in Kafka). Bounds what
    /// clients leave behind that gave up waiting.
    pub new_member_join_timeout: Duration,
    /// Groups, at most (100,000).
    pub groups_max: usize,
    /// Members of one group, at most (`group.max.size`, 20,000; unlimited in Kafka).
    pub members_per_group_max: usize,
    /// Bytes of metadata and assignments of the members of one group, at most (32 MiB).
    pub member_bytes_per_group_max: usize,
    /// Partitions one group may have committed offsets for, at most (1,000,000).
    pub offsets_per_group_max: usize,
    /// Bytes all groups and their offsets may take in memory, at most (512 MiB). Beyond, nobody
    /// new joins and nothing new is committed; what is there works on.
    pub memory_max: usize,
    /// Bytes of the note a client may add to an offset (`offset.metadata.max.bytes`, 4096).
    pub offset_metadata_max: usize,
    /// How long offsets outlive the last member, or their commit where there never was one
    /// (`offsets.retention.minutes`, 7 days).
    pub offsets_retention: Duration,
    /// How often expired offsets are looked for (`offsets.retention.check.interval.ms`, 10 min).
    pub offsets_retention_check_interval: Duration,
    /// Partitions `__consumer_offsets` is created with (`offsets.topic.num.partitions`, 50).
    pub offsets_topic_partitions: i32,
    /// How records in `__consumer_offsets` are compressed (`offsets.topic.compression.codec`, not).
    pub offsets_topic_compression: Compression,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(30 * 60),
            initial_rebalance_delay: Duration::ZERO,
            new_member_join_timeout: Duration::from_secs(5 * 60),
            groups_max: 100_000,
            members_per_group_max: 20_000,
            member_bytes_per_group_max: 32 << 20,
            offsets_per_group_max: 1_000_000,
            memory_max: 512 << 20,
            offset_metadata_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check_interval: Duration::from_secs(10 * 60),
            offsets_topic_partitions: 50,
            offsets_topic_compression: Compression::None,
        }
    }
}
