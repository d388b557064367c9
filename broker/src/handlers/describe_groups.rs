//! `DescribeGroups` 0-6: state and members of groups.
//!
//! * A group that does not exist is `Dead` without an error until 5, and a `GROUP_ID_NOT_FOUND` in 6
//!   (KIP-1043). 3 tells the operations allowed, on request (KIP-430); 4 has static members.

use sluice_protocol::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

use super::authorized;
use super::call::{Call, is_first};
use super::error::RequestError;
use super::member::group_of_members;
use crate::groups::{Description, MemberDescription};

/// The first version in which a missing group is an error.
const MISSING_FROM: i16 = 6;

/// Describes groups, each by itself.
pub(crate) fn handle(call: &Call, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let is_asked = request.include_authorized_operations;
    let authorized_operations = authorized::if_asked(is_asked, authorized::GROUP);
    let is_first = is_first(&request.groups, String::as_str);
    let groups = request.groups.into_iter().zip(is_first);
    let groups = groups.filter(|(_, is_first)| *is_first);
    let groups = groups.map(|(group, _)| DescribedGroup {
        authorized_operations,
        ..describe(call, group)
    });
    DescribeGroupsResponse {
        groups: groups.collect(),
        ..DescribeGroupsResponse::default()
    }
}

fn describe(call: &Call, group: String) -> DescribedGroup {
    let found = group_of_members(&group).map(|id| call.services.groups.describe(&id));
    let error = match found {
        Ok(Some(description)) => match call.take_room(size(&description)) {
            Ok(()) => return described(group, description),
            Err(error) => Some(error),
        },
        Ok(None) if call.version < MISSING_FROM => None,
        Ok(None) => Some(RequestError::UnknownGroup),
        Err(error) => Some(error),
    };
    let dead = DescribedGroup {
        group_id: group,
        group_state: "Dead".to_owned(),
        ..DescribedGroup::default()
    };
    let Some(error) = error else {
        return dead;
    };
    let (error_code, error_message) = call.explain(error);
    DescribedGroup {
        error_code,
        error_message,
        ..dead
    }
}

/// Bytes that a group takes of an answer, about.
fn size(description: &Description) -> usize {
    let member = |member: &MemberDescription| {
        size_of::<DescribedGroupMember>() + member.metadata.len() + member.assignment.len()
    };
    size_of::<DescribedGroup>() + description.members.iter().map(member).sum::<usize>()
}

fn described(group_id: String, description: Description) -> DescribedGroup {
    DescribedGroup {
        group_id,
        group_state: description.state.to_string(),
        protocol_type: description.protocol_type.to_string(),
        protocol_data: description.protocol.to_string(),
        members: description.members.into_iter().map(member).collect(),
        ..DescribedGroup::default()
    }
}

fn member(member: MemberDescription) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.member.to_string(),
        group_instance_id: member.instance.map(|instance| instance.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}
