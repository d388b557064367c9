//! `ListOffsets` (2): the offset of the first record at or after a time, and the ends of a log.
//!
//! * 2 may count committed records only; 4 tells and checks leader epochs (KIP-320);
//! * 7 to 9 and 11 add special times: -3 (KIP-734), -4 (KIP-405), -5 (KIP-1005), -6 (KIP-1023);
//! * 10 bounds the wait for tiered storage (KIP-1075).

use crate::ErrorCode;

api!(ListOffsets, versions: 1..=11, flexible: 6,
    request: ListOffsetsRequest, response: ListOffsetsResponse);

wire! {
    /// Asks for offsets by time.
    pub struct ListOffsetsRequest {
        /// Id of the asking broker; -1 for a client.
        replica_id: i32,
        /// 0 reads all records, 1 committed ones only.
        isolation_level: i8 [2..],
        /// The topics asked for.
        topics: Vec<ListOffsetsTopic>,
        /// Milliseconds to wait for a tiered look-up (KIP-1075).
        timeout_ms: i32 [10..],
    }

    /// Partitions of one topic.
    pub struct ListOffsetsTopic {
        /// Name of the topic.
        name: String,
        /// Partitions of the topic.
        partitions: Vec<ListOffsetsPartition>,
    }

    /// The time asked for in one partition.
    pub struct ListOffsetsPartition {
        /// Number of the partition.
        partition_index: i32,
        /// Leader epoch the client believes in, checked if not -1 (KIP-320).
        current_leader_epoch: i32 [4..] = -1,
        /// Milliseconds since 1970, or: -1 end, -2 start, -3 record with the largest timestamp,
        /// -4 local start, -5 last tiered offset, -6 earliest not yet tiered.
        timestamp: i64,
    }

    /// The offsets found.
    pub struct ListOffsetsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [2..],
        /// One answer per topic.
        topics: Vec<ListOffsetsTopicResponse>,
    }

    /// The answer for one topic.
    pub struct ListOffsetsTopicResponse {
        /// Name of the topic.
        name: String,
        /// One answer per partition.
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// The answer for one partition.
    pub struct ListOffsetsPartitionResponse {
        /// Number of the partition.
        partition_index: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Timestamp of the record found; -1 for none.
        timestamp: i64 = -1,
        /// The offset found; -1 for none.
        offset: i64 = -1,
        /// Epoch of the leader; -1 for unknown.
        leader_epoch: i32 [4..] = -1,
    }
}
