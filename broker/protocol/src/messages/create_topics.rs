//! `CreateTopics` (19): creates topics.
//!
//! * 4 knows defaults (KIP-464); 5 answers with the configs (KIP-525); 6 can throttle (KIP-599);
//! * 7 answers with the topic id (KIP-516).

use crate::{ErrorCode, Uuid};

api!(CreateTopics, versions: 2..=7, flexible: 5,
    request: CreateTopicsRequest, response: CreateTopicsResponse);

wire! {
    /// Creates topics.
    pub struct CreateTopicsRequest {
        /// The topics to create.
        topics: Vec<CreatableTopic>,
        /// Milliseconds the broker may take.
        timeout_ms: i32 = 60_000,
        /// Whether to check only, and change nothing.
        validate_only: bool,
    }

    /// A topic to create.
    pub struct CreatableTopic {
        /// Name of the topic.
        name: String,
        /// Count of partitions; -1 for the default or with `assignments` (KIP-464).
        num_partitions: i32,
        /// Replicas per partition; -1 for the default or with `assignments`.
        replication_factor: i16,
        /// Brokers per partition; empty to let the broker choose.
        assignments: Vec<CreatableReplicaAssignment>,
        /// Configs that differ from the defaults.
        configs: Vec<CreatableTopicConfig>,
    }

    /// The brokers of one partition.
    pub struct CreatableReplicaAssignment {
        /// Number of the partition.
        partition_index: i32,
        /// Brokers to hold the replicas; the first one leads.
        broker_ids: Vec<i32>,
    }

    /// A config of a topic to create.
    pub struct CreatableTopicConfig {
        /// Name of the config.
        name: String,
        /// Value of the config, or null.
        value: Option<String>,
    }

    /// Which topics are created.
    pub struct CreateTopicsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per topic.
        topics: Vec<CreatableTopicResult>,
    }

    /// The answer for one topic.
    pub struct CreatableTopicResult {
        /// Name of the topic.
        name: String,
        /// Id of the topic.
        topic_id: Uuid [7..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
        /// Why the configs are left out, if they are.
        topic_config_error_code: ErrorCode [5..; tag 0],
        /// Count of partitions; -1 on an error.
        num_partitions: i32 [5..] = -1,
        /// Replicas per partition; -1 on an error.
        replication_factor: i16 [5..] = -1,
        /// All configs of the topic (KIP-525), or null.
        configs: Option<Vec<CreatableTopicConfigs>> [5..],
    }

    /// A config of a created topic.
    pub struct CreatableTopicConfigs {
        /// Name of the config.
        name: String,
        /// Value of the config, or null.
        value: Option<String>,
        /// Whether it cannot be changed.
        read_only: bool,
        /// Where the value comes from, as in `DescribeConfigs`; -1 for unknown.
        config_source: i8 = -1,
        /// Whether the value is a secret, and left out.
        is_sensitive: bool,
    }
}
