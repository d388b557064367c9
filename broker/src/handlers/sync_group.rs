//! `SyncGroup` 0-5: spreads the leader's assignment, and waits for it.
//!
//! * The assignment is durable before anybody has it. 3 has static members (KIP-345); 5 checks and
//!   tells type and name of the protocol (KIP-559).

use sluice_protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::call::Call;
use super::error::Refusal;
use super::member::{caller, group_of_members, member_id};
use crate::groups::{SyncRequest, Synced};
use crate::model::Generation;

/// Hands in the assignments, where the leader asks, and gets the member's own.
pub(crate) async fn handle(call: &Call, request: SyncGroupRequest) -> SyncGroupResponse {
    match sync(call, request).await {
        Ok(synced) => SyncGroupResponse {
            protocol_type: Some(synced.protocol_type.to_string()),
            protocol_name: Some(synced.protocol.to_string()),
            assignment: synced.assignment,
            ..SyncGroupResponse::default()
        },
        Err(error) => SyncGroupResponse {
            error_code: call.refuse(error),
            ..SyncGroupResponse::default()
        },
    }
}

async fn sync(call: &Call, request: SyncGroupRequest) -> Result<Synced, Refusal> {
    let group = group_of_members(&request.group_id)?;
    let mut assignments = Vec::with_capacity(request.assignments.len());
    for assigned in request.assignments {
        // Nobody has the empty id, so nobody is forgotten with it.
        if let Some(member) = member_id(&assigned.member_id)? {
            assignments.push((member, assigned.assignment));
        }
    }
    let sync = SyncRequest {
        caller: caller(&request.member_id, request.group_instance_id.as_deref())?,
        generation: Generation(request.generation_id),
        protocol_type: request.protocol_type.map(Into::into),
        protocol: request.protocol_name.map(Into::into),
        assignments,
    };
    Ok(call.services.groups.sync(&group, sync).await?)
}
