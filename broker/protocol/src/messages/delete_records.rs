//! `DeleteRecords` (21): deletes the oldest records of partitions (KIP-107).
//!
//! * 2 is flexible; otherwise the versions are alike.

use crate::ErrorCode;

api!(DeleteRecords, versions: 0..=2, flexible: 2,
    request: DeleteRecordsRequest, response: DeleteRecordsResponse);

wire! {
    /// Deletes the oldest records of partitions.
    pub struct DeleteRecordsRequest {
        /// How far to delete, by topic.
        topics: Vec<DeleteRecordsTopic>,
        /// Milliseconds the broker may take.
        timeout_ms: i32,
    }

    /// How far to delete in one topic.
    pub struct DeleteRecordsTopic {
        /// Name of the topic.
        name: String,
        /// How far to delete, by partition.
        partitions: Vec<DeleteRecordsPartition>,
    }

    /// How far to delete in one partition.
    pub struct DeleteRecordsPartition {
        /// Number of the partition.
        partition_index: i32,
        /// First offset to keep; -1 for the high watermark.
        offset: i64,
    }

    /// What is deleted.
    pub struct DeleteRecordsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per topic.
        topics: Vec<DeleteRecordsTopicResult>,
    }

    /// The answer for one topic.
    pub struct DeleteRecordsTopicResult {
        /// Name of the topic.
        name: String,
        /// One answer per partition.
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// The answer for one partition.
    pub struct DeleteRecordsPartitionResult {
        /// Number of the partition.
        partition_index: i32,
        /// First offset kept now.
        low_watermark: i64,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
