//! `DescribeCluster` 0-2: the one broker, and the id of the cluster (KIP-700).
//!
//! * 1 can ask for controllers (KIP-919): a broker's endpoint does not answer for them. 2 can ask for
//!   fenced brokers (KIP-1073), of which there are none.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use super::authorized;
use super::call::Call;
use super::error::RequestError;

/// The type of an endpoint that is a broker's.
const BROKERS: i8 = 1;

/// Describes the cluster.
pub(crate) fn handle(call: &Call, request: DescribeClusterRequest) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        let asked = request.endpoint_type;
        let (error_code, error_message) = call.explain(RequestError::EndpointType { asked });
        return DescribeClusterResponse {
            error_code,
            error_message,
            ..DescribeClusterResponse::default()
        };
    }
    let node_id = call.services.config.node_id;
    DescribeClusterResponse {
        error_code: ErrorCode::None,
        cluster_id: call.services.topics.cluster_id().to_owned(),
        controller_id: node_id,
        brokers: vec![DescribeClusterBroker {
            broker_id: node_id,
            host: call.peer.endpoint.host.clone(),
            port: call.peer.endpoint.port.into(),
            ..DescribeClusterBroker::default()
        }],
        cluster_authorized_operations: authorized::if_asked(
            request.include_cluster_authorized_operations,
            authorized::CLUSTER,
        ),
        ..DescribeClusterResponse::default()
    }
}
