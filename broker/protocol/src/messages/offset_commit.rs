//! `OffsetCommit` (8): stores how far a group has consumed.
//!
//! * 5 drops the retention time (KIP-211); 6 has leader epochs (KIP-320);
//! * 7 has static members (KIP-345); 9 serves the new group protocol (KIP-848);
//! * 10 replaces names with topic ids.

use crate::{ErrorCode, Uuid};

api!(OffsetCommit, versions: 2..=10, flexible: 8,
    request: OffsetCommitRequest, response: OffsetCommitResponse);

wire! {
    /// Stores the positions of a group.
    pub struct OffsetCommitRequest {
        /// Name of the group.
        group_id: String,
        /// Generation, or member epoch (KIP-848), the member belongs to; -1 for none.
        generation_id_or_member_epoch: i32 = -1,
        /// Id of the member; empty where offsets are committed from outside.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [7..],
        /// Milliseconds to keep the offsets; -1 for the default of the broker.
        retention_time_ms: i64 [..=4] = -1,
        /// The offsets, by topic.
        topics: Vec<OffsetCommitRequestTopic>,
    }

    /// Positions in one topic.
    pub struct OffsetCommitRequestTopic {
        /// Name of the topic.
        name: String [..=9],
        /// Id of the topic.
        topic_id: Uuid [10..],
        /// The offsets, by partition.
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// The position in one partition.
    pub struct OffsetCommitRequestPartition {
        /// Number of the partition.
        partition_index: i32,
        /// Next offset to consume; -1 for none.
        committed_offset: i64,
        /// Leader epoch of the last consumed record; -1 for unknown.
        committed_leader_epoch: i32 [6..] = -1,
        /// Note of the client, or null.
        committed_metadata: Option<String>,
    }

    /// Which positions are stored.
    pub struct OffsetCommitResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [3..],
        /// One answer per topic.
        topics: Vec<OffsetCommitResponseTopic>,
    }

    /// The answer for one topic.
    pub struct OffsetCommitResponseTopic {
        /// Name of the topic.
        name: String [..=9],
        /// Id of the topic.
        topic_id: Uuid [10..],
        /// One answer per partition.
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// The answer for one partition.
    pub struct OffsetCommitResponsePartition {
        /// Number of the partition.
        partition_index: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
