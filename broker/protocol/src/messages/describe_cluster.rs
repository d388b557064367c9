//! `DescribeCluster` (60): the brokers and the id of the cluster (KIP-700).
//!
//! * 1 can ask for controllers (KIP-919); 2 can ask for fenced brokers (KIP-1073).

use crate::ErrorCode;

api!(DescribeCluster, versions: 0..=2, flexible: 0,
    request: DescribeClusterRequest, response: DescribeClusterResponse);

wire! {
    /// Asks for the brokers, or the controllers.
    pub struct DescribeClusterRequest {
        /// Whether to tell what the client may do on the cluster.
        include_cluster_authorized_operations: bool,
        /// 1 for brokers, 2 for controllers (KIP-919).
        endpoint_type: i8 [1..] = 1,
        /// Whether to list brokers that are registered but not serving (KIP-1073).
        include_fenced_brokers: bool [2..],
    }

    /// The brokers, or the controllers.
    pub struct DescribeClusterResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
        /// 1 for brokers, 2 for controllers (KIP-919).
        endpoint_type: i8 [1..] = 1,
        /// Id of the cluster.
        cluster_id: String,
        /// Broker that takes administrative requests; -1 for none.
        controller_id: i32 = -1,
        /// The brokers, or controllers.
        brokers: Vec<DescribeClusterBroker>,
        /// Bits of the operations the client may do on the cluster; `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 = i32::MIN,
    }

    /// A broker, and where the client reaches it.
    pub struct DescribeClusterBroker {
        /// Id of the broker.
        broker_id: i32,
        /// Host it listens on.
        host: String,
        /// Port it listens on.
        port: i32,
        /// Rack of the broker, or null.
        rack: Option<String>,
        /// Whether it is registered but not serving.
        is_fenced: bool [2..],
    }
}
