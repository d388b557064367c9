//! Names of groups and members, from the wire to the domain.

use super::error::RequestError;
use crate::groups::Caller;
use crate::model::{GroupId, InstanceId, MemberId};

/// The group of this name; the empty name is legal where offsets are concerned.
///
/// # Errors
/// [`RequestError::GroupName`].
pub(crate) fn group_id(group: &str) -> Result<GroupId, RequestError> {
    GroupId::parse(group).map_err(|_invalid| RequestError::GroupName)
}

/// The group of this name, in which somebody can be a member.
///
/// # Errors
/// [`RequestError::GroupName`], for the empty name too.
pub(crate) fn group_of_members(group: &str) -> Result<GroupId, RequestError> {
    match group_id(group)? {
        id if id.is_empty() => Err(RequestError::GroupName),
        id => Ok(id),
    }
}

/// The member of this id; `None` for the empty one, which says "not yet a member".
///
/// # Errors
/// [`RequestError::MemberName`].
pub(crate) fn member_id(member: &str) -> Result<Option<MemberId>, RequestError> {
    match member {
        "" => Ok(None),
        member => MemberId::parse(member)
            .map(Some)
            .map_err(|_invalid| RequestError::MemberName),
    }
}

/// The instance of this id, of a static member.
///
/// # Errors
/// [`RequestError::Invalid`].
pub(crate) fn instance_id(instance: Option<&str>) -> Result<Option<InstanceId>, RequestError> {
    let parse = |instance| {
        InstanceId::parse(instance)
            .map_err(|error| RequestError::invalid(format!("the instance id is invalid: {error}")))
    };
    instance.map(parse).transpose()
}

/// A member that must have an id.
///
/// # Errors
/// [`RequestError::MemberName`] without one.
pub(crate) fn caller(member: &str, instance: Option<&str>) -> Result<Caller, RequestError> {
    Ok(Caller {
        member: member_id(member)?.ok_or(RequestError::MemberName)?,
        instance: instance_id(instance)?,
    })
}
