//! `OffsetDelete` (47): deletes committed offsets of a group (KIP-496). Never flexible.

use crate::ErrorCode;

api!(OffsetDelete, versions: 0..=0, flexible: i16::MAX,
    request: OffsetDeleteRequest, response: OffsetDeleteResponse);

wire! {
    /// Deletes offsets of a group.
    pub struct OffsetDeleteRequest {
        /// Name of the group.
        group_id: String,
        /// Topics whose offsets to delete.
        topics: Vec<OffsetDeleteRequestTopic>,
    }

    /// Partitions of one topic.
    pub struct OffsetDeleteRequestTopic {
        /// Name of the topic.
        name: String,
        /// Partitions whose offsets to delete.
        partitions: Vec<OffsetDeleteRequestPartition>,
    }

    /// One partition.
    pub struct OffsetDeleteRequestPartition {
        /// Number of the partition.
        partition_index: i32,
    }

    /// Which offsets are deleted.
    pub struct OffsetDeleteResponse {
        /// What went wrong with the group, if anything.
        error_code: ErrorCode,
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per topic.
        topics: Vec<OffsetDeleteResponseTopic>,
    }

    /// The answer for one topic.
    pub struct OffsetDeleteResponseTopic {
        /// Name of the topic.
        name: String,
        /// One answer per partition.
        partitions: Vec<OffsetDeleteResponsePartition>,
    }

    /// The answer for one partition.
    pub struct OffsetDeleteResponsePartition {
        /// Number of the partition.
        partition_index: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
