//! `JoinGroup` 0-9: enters a group of the classic protocol, and waits for the rebalance.
//!
//! * 0 has no rebalance timeout: the session timeout takes its place. From 4 on a new member is given
//!   its id with `MEMBER_ID_REQUIRED` and joins again (KIP-394); before, it joins at once.
//! * 5 has static members (KIP-345); 7 tells type and name of the protocol, null upon an error
//!   (KIP-559); 9 can spare a leader the assignment (KIP-814).
//!
//! Nothing more is read from the connection while a join is parked, as in Kafka.

use std::time::Duration;

use sluice_protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};

use super::call::Call;
use super::error::Refusal;
use super::member::{group_of_members, instance_id, member_id};
use crate::groups::{JoinError, JoinRequest, Joined, JoinedMember, Protocol};

/// The first version with a rebalance timeout of its own.
const REBALANCE_TIMEOUT_FROM: i16 = 1;
/// The first version that joins twice.
const KNOWN_MEMBER_FROM: i16 = 4;
/// The first version whose leader understands that it need not assign.
const SKIP_FROM: i16 = 9;

/// Joins.
pub(crate) async fn handle(call: &Call, request: JoinGroupRequest) -> JoinGroupResponse {
    let member_id = request.member_id.clone();
    match join(call, request).await {
        Ok(Ok(joined)) => response(joined),
        Ok(Err(error)) => {
            let member_id = if let JoinError::MemberIdRequired { member } = &error {
                member.to_string()
            } else {
                member_id
            };
            refused(call, member_id, error)
        }
        Err(refusal) => refused(call, member_id, refusal),
    }
}

async fn join(
    call: &Call,
    request: JoinGroupRequest,
) -> Result<Result<Joined, JoinError>, Refusal> {
    let group = group_of_members(&request.group_id)?;
    let session_timeout = millis(request.session_timeout_ms);
    let rebalance_timeout = match call.version >= REBALANCE_TIMEOUT_FROM {
        true => millis(request.rebalance_timeout_ms),
        false => session_timeout,
    };
    let join = JoinRequest {
        member: member_id(&request.member_id)?,
        instance: instance_id(request.group_instance_id.as_deref())?,
        client_id: call.client_id.as_str().into(),
        client_host: call.client_host().into(),
        session_timeout,
        rebalance_timeout,
        protocol_type: request.protocol_type.into(),
        protocols: request.protocols.into_iter().map(protocol).collect(),
        requires_known_member: call.version >= KNOWN_MEMBER_FROM,
        can_skip_assignment: call.version >= SKIP_FROM,
    };
    Ok(call.services.groups.join(&group, join).await)
}

fn protocol(protocol: JoinGroupRequestProtocol) -> Protocol {
    Protocol {
        name: protocol.name.into(),
        metadata: protocol.metadata,
    }
}

fn response(joined: Joined) -> JoinGroupResponse {
    let member = |member: JoinedMember| JoinGroupResponseMember {
        member_id: member.member.to_string(),
        group_instance_id: member.instance.map(|instance| instance.to_string()),
        metadata: member.metadata,
    };
    JoinGroupResponse {
        generation_id: joined.generation.0,
        protocol_type: Some(joined.protocol_type.to_string()),
        protocol_name: Some(joined.protocol.to_string()),
        leader: joined.leader.to_string(),
        skip_assignment: joined.skip_assignment,
        member_id: joined.member.to_string(),
        members: joined.members.into_iter().map(member).collect(),
        ..JoinGroupResponse::default()
    }
}

fn refused(call: &Call, member_id: String, error: impl Into<Refusal>) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: call.refuse(error),
        member_id,
        ..JoinGroupResponse::default()
    }
}

/// A time of the wire; a negative one is none at all.
fn millis(millis: i32) -> Duration {
    Duration::from_millis(millis.try_into().unwrap_or(0))
}
