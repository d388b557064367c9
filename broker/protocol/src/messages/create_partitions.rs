//! `CreatePartitions` (37): adds partitions to topics (KIP-195).
//!
//! * 3 can throttle (KIP-599).

use crate::ErrorCode;

api!(CreatePartitions, versions: 0..=3, flexible: 2,
    request: CreatePartitionsRequest, response: CreatePartitionsResponse);

wire! {
    /// Adds partitions to topics.
    pub struct CreatePartitionsRequest {
        /// The topics to extend.
        topics: Vec<CreatePartitionsTopic>,
        /// Milliseconds the broker may take.
        timeout_ms: i32,
        /// Whether to check only, and change nothing.
        validate_only: bool,
    }

    /// A topic to extend.
    pub struct CreatePartitionsTopic {
        /// Name of the topic.
        name: String,
        /// Count of partitions to have then.
        count: i32,
        /// Brokers per new partition; null to let the broker choose.
        assignments: Option<Vec<CreatePartitionsAssignment>>,
    }

    /// The brokers of one new partition.
    pub struct CreatePartitionsAssignment {
        /// Brokers to hold the replicas; the first one leads.
        broker_ids: Vec<i32>,
    }

    /// Which topics are extended.
    pub struct CreatePartitionsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per topic.
        results: Vec<CreatePartitionsTopicResult>,
    }

    /// The answer for one topic.
    pub struct CreatePartitionsTopicResult {
        /// Name of the topic.
        name: String,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
    }
}
