//! `Produce` (0): appends record batches to partitions.
//!
//! * 7 allows zstd (KIP-110); 8 names the refused records (KIP-467);
//! * 10 names the new leader (KIP-951); 12 adds partitions to a transaction by itself (KIP-890);
//! * 13 replaces names with topic ids (KIP-516).
//!
//! Records pass through undecoded, as slices of the frame. With `acks` 0 there is no response.

use bytes::Bytes;

use crate::{ErrorCode, Uuid};
use super::leadership::{LeaderIdAndEpoch, NodeEndpoint};

api!(Produce, versions: 3..=13, flexible: 9,
    request: ProduceRequest, response: ProduceResponse);

wire! {
    /// Appends records.
    pub struct ProduceRequest {
        /// Name of the transactional producer, or null.
        transactional_id: Option<String>,
        /// Replicas to wait for: 0 none and no answer, 1 the leader, -1 all in sync.
        acks: i16,
        /// Milliseconds to wait for the replicas.
        timeout_ms: i32,
        /// The records, by topic.
        topic_data: Vec<TopicProduceData>,
    }

    /// Records for one topic.
    pub struct TopicProduceData {
        /// Name of the topic.
        name: String [..=12],
        /// Id of the topic.
        topic_id: Uuid [13..],
        /// The records, by partition.
        partition_data: Vec<PartitionProduceData>,
    }

    /// Records for one partition.
    pub struct PartitionProduceData {
        /// Number of the partition.
        index: i32,
        /// One record batch, as a slice of the frame.
        records: Option<Bytes>,
    }

    /// Where the records went, or why not.
    pub struct ProduceResponse {
        /// One answer per topic.
        responses: Vec<TopicProduceResponse>,
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// Addresses of the leaders that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint> [10..; tag 0],
    }

    /// The answer for one topic.
    pub struct TopicProduceResponse {
        /// Name of the topic.
        name: String [..=12],
        /// Id of the topic.
        topic_id: Uuid [13..],
        /// One answer per partition.
        partition_responses: Vec<PartitionProduceResponse>,
    }

    /// The answer for one partition.
    pub struct PartitionProduceResponse {
        /// Number of the partition.
        index: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Offset of the first record.
        base_offset: i64,
        /// Time the broker gave the records; -1 where their own stands.
        log_append_time_ms: i64 = -1,
        /// First offset kept; -1 for unknown.
        log_start_offset: i64 [5..] = -1,
        /// The records for which the batch was refused (KIP-467).
        record_errors: Vec<BatchIndexAndErrorMessage> [8..],
        /// The error in words, or null.
        error_message: Option<String> [8..],
        /// The leader now, if the client asked another one (KIP-951).
        current_leader: LeaderIdAndEpoch [10..; tag 0],
    }

    /// A record for which its batch was refused.
    pub struct BatchIndexAndErrorMessage {
        /// Index of the record in the batch.
        batch_index: i32,
        /// What is wrong with the record, or null.
        batch_index_error_message: Option<String>,
    }
}
