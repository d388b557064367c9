//! `LeaveGroup` 0-5: takes members out of a group.
//!
//! * Until 2 one member leaves by itself, and its error is the response's. From 3 on many leave, each
//!   with its own, by member id or, for administrators, by instance id alone (KIP-345).

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};

use super::call::Call;
use super::error::{Refusal, RequestError};
use super::member::{group_of_members, instance_id, member_id};
use crate::groups::{Caller, Leaver, Left};

/// The first version in which many leave.
const MANY_FROM: i16 = 3;

/// Takes the members out.
pub(crate) async fn handle(call: &Call, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let identities = match call.version >= MANY_FROM {
        true => request.members,
        false => vec![MemberIdentity {
            member_id: request.member_id,
            ..MemberIdentity::default()
        }],
    };
    let left = match leave(call, &request.group_id, &identities).await {
        Ok(left) => left,
        Err(error) => {
            return LeaveGroupResponse {
                error_code: call.refuse(error),
                ..LeaveGroupResponse::default()
            };
        }
    };
    let members = identities.into_iter().zip(left).map(|(identity, left)| {
        let error_code = match left {
            Ok(()) => ErrorCode::None,
            Err(error) => call.refuse(error),
        };
        MemberResponse {
            member_id: identity.member_id,
            group_instance_id: identity.group_instance_id,
            error_code,
        }
    });
    let members = members.collect::<Vec<_>>();
    let error_code = match members.first() {
        Some(member) if call.version < MANY_FROM => member.error_code,
        Some(_) | None => ErrorCode::None,
    };
    LeaveGroupResponse {
        error_code,
        members,
        ..LeaveGroupResponse::default()
    }
}

async fn leave(call: &Call, group: &str, identities: &[MemberIdentity]) -> Result<Left, Refusal> {
    let group = group_of_members(group)?;
    let leavers = identities.iter().map(leaver).collect::<Result<_, _>>()?;
    Ok(call.services.groups.leave(&group, leavers).await?)
}

fn leaver(identity: &MemberIdentity) -> Result<Leaver, RequestError> {
    let member = member_id(&identity.member_id)?;
    let instance = instance_id(identity.group_instance_id.as_deref())?;
    Ok(match (member, instance) {
        (Some(member), instance) => Leaver::Member(Caller { member, instance }),
        (None, Some(instance)) => Leaver::Instance(instance),
        (None, None) => Leaver::Nobody,
    })
}
