//! `OffsetFetch` (9): how far a group has consumed.
//!
//! * 2 can ask for all partitions; 5 has leader epochs (KIP-320);
//! * 7 can wait for transactions (KIP-447); 8 asks for many groups at once (KIP-709);
//! * 9 serves the new group protocol (KIP-848); 10 replaces names with topic ids.
//!
//! Topics of the one group (until 7) and of many have the same form, so they share it.

use crate::{ErrorCode, Uuid};

api!(OffsetFetch, versions: 1..=10, flexible: 6,
    request: OffsetFetchRequest, response: OffsetFetchResponse);

wire! {
    /// Asks for the positions of a group, or of several from version 8 on.
    pub struct OffsetFetchRequest {
        /// Name of the group.
        group_id: String [..=7],
        /// Topics asked for; null for all.
        topics: Option<Vec<OffsetFetchRequestTopic>> [..=7; null 2..] = Some(Vec::new()),
        /// Groups asked for (KIP-709).
        groups: Vec<OffsetFetchRequestGroup> [8..],
        /// Whether to refuse offsets that a transaction may still change (KIP-447).
        require_stable: bool [7..],
    }

    /// Partitions of one topic.
    pub struct OffsetFetchRequestTopic {
        /// Name of the topic.
        name: String [..=9],
        /// Id of the topic.
        topic_id: Uuid [10..],
        /// Numbers of the partitions.
        partition_indexes: Vec<i32>,
    }

    /// One group, and what is asked of it.
    pub struct OffsetFetchRequestGroup {
        /// Name of the group.
        group_id: String,
        /// Id of the member, checked if not null (KIP-848).
        member_id: Option<String> [9..],
        /// Epoch of the member, checked if not negative.
        member_epoch: i32 [9..] = -1,
        /// Topics asked for; null for all.
        topics: Option<Vec<OffsetFetchRequestTopic>>,
    }

    /// Positions: of one group in `topics`, or of several in `groups`.
    pub struct OffsetFetchResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [3..],
        /// The offsets of the one group, by topic.
        topics: Vec<OffsetFetchResponseTopic> [..=7],
        /// What went wrong with the one group, if anything.
        error_code: ErrorCode [2..=7],
        /// One answer per group.
        groups: Vec<OffsetFetchResponseGroup> [8..],
    }

    /// Positions in one topic.
    pub struct OffsetFetchResponseTopic {
        /// Name of the topic.
        name: String [..=9],
        /// Id of the topic.
        topic_id: Uuid [10..],
        /// The offsets, by partition.
        partitions: Vec<OffsetFetchResponsePartition>,
    }

    /// The position in one partition.
    pub struct OffsetFetchResponsePartition {
        /// Number of the partition.
        partition_index: i32,
        /// Next offset to consume; -1 for none.
        committed_offset: i64,
        /// Leader epoch of the last consumed record; -1 for unknown.
        committed_leader_epoch: i32 [5..] = -1,
        /// Note the client left with the offset, or null.
        metadata: Option<String>,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }

    /// Positions of one group.
    pub struct OffsetFetchResponseGroup {
        /// Name of the group.
        group_id: String,
        /// The offsets, by topic.
        topics: Vec<OffsetFetchResponseTopic>,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
