//! `DescribeTopicPartitions` (75): topics and partitions, in pages (KIP-966).

use crate::{ErrorCode, Uuid};

api!(DescribeTopicPartitions, versions: 0..=0, flexible: 0,
    request: DescribeTopicPartitionsRequest, response: DescribeTopicPartitionsResponse);

wire! {
    /// Asks for topics, page by page.
    pub struct DescribeTopicPartitionsRequest {
        /// Topics asked for; empty for all.
        topics: Vec<TopicRequest>,
        /// Partitions in the answer, at most.
        response_partition_limit: i32 = 2_000,
        /// Where to continue, from the previous answer; null to start.
        cursor: Option<Cursor>,
    }

    /// A topic asked for.
    pub struct TopicRequest {
        /// Name of the topic.
        name: String,
    }

    /// Where a page ends and the next one starts.
    pub struct Cursor {
        /// Topic to continue with.
        topic_name: String,
        /// Partition of it to continue with.
        partition_index: i32,
    }

    /// One page of partitions.
    pub struct DescribeTopicPartitionsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// What is known of each topic, in the order of the names.
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        /// Where to continue; null at the end.
        next_cursor: Option<Cursor>,
    }

    /// A topic and its partitions on this page.
    pub struct DescribeTopicPartitionsResponseTopic {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Name of the topic.
        name: Option<String>,
        /// Id of the topic.
        topic_id: Uuid,
        /// Whether the broker itself keeps its state in it.
        is_internal: bool,
        /// Partitions of the topic.
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        /// Bits of the operations the client may do; `i32::MIN` if not asked for.
        topic_authorized_operations: i32 = i32::MIN,
    }

    /// A partition and its replicas.
    pub struct DescribeTopicPartitionsResponsePartition {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Number of the partition.
        partition_index: i32,
        /// Broker that leads; -1 for none.
        leader_id: i32,
        /// Epoch of the leader; -1 for unknown.
        leader_epoch: i32 = -1,
        /// Brokers with a replica.
        replica_nodes: Vec<i32>,
        /// Brokers whose replica is in sync.
        isr_nodes: Vec<i32>,
        /// Brokers out of sync that may yet lead without loss, or null (KIP-966).
        eligible_leader_replicas: Option<Vec<i32>>,
        /// The last such brokers known, or null.
        last_known_elr: Option<Vec<i32>>,
        /// Brokers whose replica is offline.
        offline_replicas: Vec<i32>,
    }
}
