//! `Metadata` (3): brokers, topics, partitions and their leaders.
//!
//! * 1 tells null (all topics) from empty (none); 4 can forbid creation;
//! * 7 has leader epochs (KIP-320); 8 tells what the client may do (KIP-430);
//! * 10 has topic ids, and 12 asks by them (KIP-516);
//! * 13 can send the client back to its bootstrap servers (KIP-1102).

use crate::{ErrorCode, Uuid};

api!(Metadata, versions: 0..=13, flexible: 9,
    request: MetadataRequest, response: MetadataResponse);

wire! {
    /// Asks for brokers, topics and leaders.
    pub struct MetadataRequest {
        /// Topics asked for; null for all, and in version 0 the empty list for all.
        topics: Option<Vec<MetadataRequestTopic>> [..; null 1..],
        /// Whether a missing topic may be created.
        allow_auto_topic_creation: bool [4..] = true,
        /// Whether to tell what the client may do on the cluster.
        include_cluster_authorized_operations: bool [8..=10],
        /// Whether to tell what the client may do on each topic.
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic, by name or id.
    pub struct MetadataRequestTopic {
        /// Id of the topic; zero where `name` names it.
        topic_id: Uuid [10..],
        /// Name of the topic; null where `topic_id` names it.
        name: Option<String> [..; null 10..],
    }

    /// The cluster as the broker sees it.
    pub struct MetadataResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [3..],
        /// The brokers that are alive.
        brokers: Vec<MetadataResponseBroker>,
        /// Id of the cluster, or null.
        cluster_id: Option<String> [2..],
        /// Broker that takes administrative requests; -1 for none.
        controller_id: i32 [1..] = -1,
        /// What is known of each topic.
        topics: Vec<MetadataResponseTopic>,
        /// Bits of the operations the client may do on the cluster; `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        /// `RebootstrapRequired` sends the client back to its bootstrap servers (KIP-1102).
        error_code: ErrorCode [13..],
    }

    /// A broker, and where the client reaches it.
    pub struct MetadataResponseBroker {
        /// Id of the broker.
        node_id: i32,
        /// Host it listens on.
        host: String,
        /// Port it listens on.
        port: i32,
        /// Rack of the broker, or null.
        rack: Option<String> [1..],
    }

    /// A topic and its partitions.
    pub struct MetadataResponseTopic {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Name of the topic; null where its id is unknown.
        name: Option<String> [..; null 12..],
        /// Id of the topic.
        topic_id: Uuid [10..],
        /// Whether the broker itself keeps its state in it.
        is_internal: bool [1..],
        /// Partitions of the topic.
        partitions: Vec<MetadataResponsePartition>,
        /// Bits of the operations the client may do; `i32::MIN` if not asked for.
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// A partition and its replicas.
    pub struct MetadataResponsePartition {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Number of the partition.
        partition_index: i32,
        /// Broker that leads; -1 for none.
        leader_id: i32,
        /// Epoch of the leader; -1 for unknown.
        leader_epoch: i32 [7..] = -1,
        /// Brokers with a replica.
        replica_nodes: Vec<i32>,
        /// Brokers whose replica is in sync.
        isr_nodes: Vec<i32>,
        /// Brokers whose replica is offline.
        offline_replicas: Vec<i32> [5..],
    }
}
