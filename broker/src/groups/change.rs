//! What a group keeps in `__consumer_offsets`: one change a record.
//!
//! [`super::record`] knows the bytes. Applied in the order of the log, changes give the group back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::request::CommittedOffset;
use crate::model::{Generation, InstanceId, MemberId, PartitionId, TimestampMs, TopicName};

/// One record of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The group is like this now.
    Group(GroupMetadata),
    /// The group is no more.
    GroupRemoved,
    /// An offset is committed.
    Offset {
        topic: TopicName,
        partition: PartitionId,
        committed: CommittedOffset,
    },
    /// An offset is no more.
    OffsetRemoved {
        topic: TopicName,
        partition: PartitionId,
    },
}

/// A group between two rebalances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupMetadata {
    /// Kind of group; empty if nobody ever joined.
    pub(crate) protocol_type: Arc<str>,
    /// The last completed generation.
    pub(crate) generation: Generation,
    /// Since when the group is like this; unknown from old brokers.
    pub(crate) since: Option<TimestampMs>,
    /// The members and what binds them; `None` for an empty group.
    pub(crate) membership: Option<Membership>,
}

/// The members of a stable group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The way of assigning.
    pub(crate) protocol: Arc<str>,
    /// Who assigns.
    pub(crate) leader: MemberId,
    /// All of them; not empty.
    pub(crate) members: Vec<StoredMember>,
}

/// A member of a stable group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredMember {
    pub(crate) id: MemberId,
    pub(crate) instance: Option<InstanceId>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) session_timeout: Duration,
    /// What it says under the group's protocol.
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}
