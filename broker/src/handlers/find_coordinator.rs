//! `FindCoordinator` 0-6: who coordinates a group: always this broker.
//!
//! * Until 3 one key is asked for, from 4 on many, each answered by itself (KIP-699).
//! * Transactional producers have no coordinator, since there are no transactions: an
//!   `UNSUPPORTED_VERSION`, which clients do not retry. Share groups (6) are an `INVALID_REQUEST`.

use sluice_protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

use super::call::Call;
use super::error::RequestError;

/// The first version that asks for many keys.
const MANY_FROM: i16 = 4;
/// Kafka's numbers for kinds of coordinators.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Names the coordinator.
pub(crate) fn handle(call: &Call, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let key_type = request.key_type;
    if call.version >= MANY_FROM {
        let keys = request.coordinator_keys.into_iter();
        return FindCoordinatorResponse {
            coordinators: keys.map(|key| coordinator(call, key_type, key)).collect(),
            ..FindCoordinatorResponse::default()
        };
    }
    let found = coordinator(call, key_type, request.key);
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..FindCoordinatorResponse::default()
    }
}

fn coordinator(call: &Call, key_type: i8, key: String) -> Coordinator {
    let refusal = match key_type {
        GROUP => {
            return Coordinator {
                key,
                node_id: call.services.config.node_id,
                host: call.peer.endpoint.host.clone(),
                port: call.peer.endpoint.port.into(),
                ..Coordinator::default()
            };
        }
        TRANSACTION => RequestError::Transactions,
        asked => RequestError::CoordinatorType { asked },
    };
    let (error_code, error_message) = call.explain(refusal);
    Coordinator {
        key,
        node_id: -1,
        port: -1,
        error_code,
        error_message,
        ..Coordinator::default()
    }
}
