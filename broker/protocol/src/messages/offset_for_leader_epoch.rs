//! `OffsetForLeaderEpoch` (23): where the records of a leader epoch end (KIP-101).
//!
//! * 3 tells whether a replica or a client asks.

use crate::ErrorCode;

api!(OffsetForLeaderEpoch, versions: 2..=4, flexible: 4,
    request: OffsetForLeaderEpochRequest, response: OffsetForLeaderEpochResponse);

wire! {
    /// Asks where leader epochs end.
    pub struct OffsetForLeaderEpochRequest {
        /// Id of the asking broker; -1 for a client, -2 for unknown.
        replica_id: i32 [3..] = -2,
        /// The topics asked for.
        topics: Vec<OffsetForLeaderTopic>,
    }

    /// Epochs asked for in one topic.
    pub struct OffsetForLeaderTopic {
        /// Name of the topic.
        topic: String,
        /// Partitions of the topic.
        partitions: Vec<OffsetForLeaderPartition>,
    }

    /// The epoch asked for in one partition.
    pub struct OffsetForLeaderPartition {
        /// Number of the partition.
        partition: i32,
        /// Leader epoch the client believes in, checked if not -1 (KIP-320).
        current_leader_epoch: i32 = -1,
        /// Epoch whose end is asked for.
        leader_epoch: i32,
    }

    /// Where the epochs end.
    pub struct OffsetForLeaderEpochResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per topic.
        topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// The answer for one topic.
    pub struct OffsetForLeaderTopicResult {
        /// Name of the topic.
        topic: String,
        /// One answer per partition.
        partitions: Vec<EpochEndOffset>,
    }

    /// The answer for one partition.
    pub struct EpochEndOffset {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Number of the partition.
        partition: i32,
        /// The greatest epoch that is not above the one asked for; -1 for none.
        leader_epoch: i32 = -1,
        /// Offset behind the last record of the epoch; -1 for unknown.
        end_offset: i64 = -1,
    }
}
