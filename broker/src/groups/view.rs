//! What others may know of a group.

use std::sync::Arc;

use bytes::Bytes;

use super::group::Group;
use super::state::{GroupState, State};
use crate::model::{GroupId, InstanceId, MemberId};

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its name.
    pub group: GroupId,
    /// Kind of group; empty if it only holds offsets.
    pub protocol_type: Arc<str>,
    /// Its state.
    pub state: GroupState,
}

/// A group in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its state.
    pub state: GroupState,
    /// Kind of group; empty if it only holds offsets.
    pub protocol_type: Arc<str>,
    /// The way of assigning of a stable group; empty otherwise.
    pub protocol: Arc<str>,
    /// The members, by id.
    pub members: Vec<MemberDescription>,
}

/// A member of a described group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub member: MemberId,
    /// Its instance id, if it is static.
    pub instance: Option<InstanceId>,
    /// The client id it gave.
    pub client_id: Arc<str>,
    /// Where it is.
    pub client_host: Arc<str>,
    /// What it told the leader, in a stable group; empty otherwise.
    pub metadata: Bytes,
    /// What it got.
    pub assignment: Bytes,
}

impl Group {
    pub(crate) fn listing(&self) -> Listing {
        Listing {
            group: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            state: self.state.kind(),
        }
    }

    pub(crate) fn description(&self) -> Description {
        let protocol = match &self.state {
            State::Stable { protocol, .. } => Some(protocol),
            State::Empty { .. }
            | State::PreparingRebalance { .. }
            | State::CompletingRebalance { .. } => None,
        };
        let describe = |member: &super::member::Member| MemberDescription {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            metadata: protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol)),
            assignment: member.assignment.clone(),
        };
        Description {
            state: self.state.kind(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.map(Arc::clone).unwrap_or_default(),
            members: self.roster.iter().map(describe).collect(),
        }
    }
}
