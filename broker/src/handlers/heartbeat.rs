//! `Heartbeat` 0-4: keeps a member of a group alive, and tells it of rebalances.
//!
//! * 3 has static members (KIP-345).

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::call::Call;
use super::error::Refusal;
use super::member::{caller, group_of_members};
use crate::groups;
use crate::model::Generation;

/// Keeps the member alive.
pub(crate) async fn handle(call: &Call, request: HeartbeatRequest) -> HeartbeatResponse {
    let error_code = match beat(call, request).await {
        Ok(()) => ErrorCode::None,
        Err(error) => call.refuse(error),
    };
    HeartbeatResponse {
        error_code,
        ..HeartbeatResponse::default()
    }
}

async fn beat(call: &Call, request: HeartbeatRequest) -> Result<(), Refusal> {
    let group = group_of_members(&request.group_id)?;
    let beat = groups::HeartbeatRequest {
        caller: caller(&request.member_id, request.group_instance_id.as_deref())?,
        generation: Generation(request.generation_id),
    };
    Ok(call.services.groups.heartbeat(&group, beat).await?)
}
