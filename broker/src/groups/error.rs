//! What can go wrong, one enum for each operation.
//!
//! The handlers alone turn these into Kafka's codes; the doc of a variant names the code where it
//! is not plain.

use std::time::Duration;

use crate::model::{Generation, GroupId, InstanceId, MemberId, TopicName};

/// The coordinator cannot work now; `COORDINATOR_NOT_AVAILABLE`, so clients try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The broker is stopping.
    #[error("the broker is stopping")]
    Stopping,
    /// `__consumer_offsets` could not be created or written; the log has said why.
    #[error("the offsets topic cannot be written")]
    Storage,
}

/// A limit of the coordinator is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// There are as many groups as may be.
    #[error("there are {max} groups already; delete some, or raise broker.groups_max")]
    Groups {
        /// The limit.
        max: usize,
    },
    /// The group has as many members as may be.
    #[error(
        "the group has {max} members, the most there may be; let further ones use another group"
    )]
    Members {
        /// The limit.
        max: usize,
    },
    /// The members' metadata and assignments take as much memory as they may.
    #[error(
        "metadata and assignments of the group would take {bytes} bytes where {max} are allowed; \
         have fewer members, or topics, in it"
    )]
    MemberBytes {
        /// Bytes they would take.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The group has offsets for as many partitions as it may.
    #[error(
        "the group has offsets for {max} partitions, the most there may be; delete those that it \
         needs no more, or use another group"
    )]
    Offsets {
        /// The limit.
        max: usize,
    },
    /// All groups together take as much memory as they may.
    #[error(
        "groups take {max} bytes, their limit; delete groups or offsets, or raise broker.group_memory_max"
    )]
    Memory {
        /// The limit.
        max: usize,
    },
}

/// The member is not the one the request says, or not in the group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMember {
    /// Nobody in the group has this id or instance id; `UNKNOWN_MEMBER_ID`.
    #[error("the group has no such member")]
    Unknown,
    /// Another process joined with the same instance id since; `FENCED_INSTANCE_ID`.
    #[error("instance {instance} belongs to member {owner} now")]
    Fenced {
        /// The instance id.
        instance: InstanceId,
        /// Who has it now.
        owner: MemberId,
    },
}

/// Why a join is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// A group one joins must have a name; `INVALID_GROUP_ID`.
    #[error("the group needs a name")]
    InvalidGroupId,
    /// The session timeout is out of bounds.
    #[error("a session timeout of {asked:?} is not within {min:?} and {max:?}")]
    InvalidSessionTimeout {
        /// What the member asked for.
        asked: Duration,
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// The member must join again under this id; `MEMBER_ID_REQUIRED` with the id (KIP-394).
    #[error("join again as {member}")]
    MemberIdRequired {
        /// The id given.
        member: MemberId,
    },
    /// The request's identity is not a member's.
    #[error(transparent)]
    NotMember(#[from] NotMember),
    /// No protocol of the member is supported by all others; `INCONSISTENT_GROUP_PROTOCOL`.
    #[error("the member shares no protocol with the other members")]
    InconsistentProtocol,
    /// `GROUP_MAX_SIZE_REACHED`.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// The same member sent another join after this one, or the group went on without it;
    /// `REBALANCE_IN_PROGRESS`.
    #[error("the join came too early; join again")]
    Superseded,
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a member gets no assignment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// A group of members must have a name; `INVALID_GROUP_ID`.
    #[error("the group needs a name")]
    InvalidGroupId,
    /// The request's identity is not a member's.
    #[error(transparent)]
    NotMember(#[from] NotMember),
    /// See [`IllegalGeneration`].
    #[error(transparent)]
    IllegalGeneration(#[from] IllegalGeneration),
    /// The member speaks of another protocol than the group's; `INCONSISTENT_GROUP_PROTOCOL`.
    #[error("the group does not use the protocol the member names")]
    InconsistentProtocol,
    /// The member has to join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// The assignments are too large; `GROUP_MAX_SIZE_REACHED`.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The request belongs to another generation of the group; `ILLEGAL_GENERATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request names generation {asked} where the group is at {current}")]
pub struct IllegalGeneration {
    /// The generation of the request.
    pub asked: Generation,
    /// The generation of the group.
    pub current: Generation,
}

/// Why a heartbeat does not count, or what else the member must do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeartbeatError {
    /// A group of members must have a name; `INVALID_GROUP_ID`.
    #[error("the group needs a name")]
    InvalidGroupId,
    /// The request's identity is not a member's.
    #[error(transparent)]
    NotMember(#[from] NotMember),
    /// See [`IllegalGeneration`].
    #[error(transparent)]
    IllegalGeneration(#[from] IllegalGeneration),
    /// The heartbeat counts, and the member has to join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why nobody could leave; what stands against a single member is [`NotMember`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaveError {
    /// A group of members must have a name; `INVALID_GROUP_ID`.
    #[error("the group needs a name")]
    InvalidGroupId,
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why no offset of a request was committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The request's identity is not a member's.
    #[error(transparent)]
    NotMember(#[from] NotMember),
    /// See [`IllegalGeneration`].
    #[error(transparent)]
    IllegalGeneration(#[from] IllegalGeneration),
    /// The member has joined, but not got its assignment yet.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// `GROUP_MAX_SIZE_REACHED` has no place here; `POLICY_VIOLATION` says it to a person.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why the offset of one partition was not committed while its neighbours were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitionCommitError {
    /// The note is too long; `OFFSET_METADATA_TOO_LARGE`.
    #[error("the metadata has {bytes} bytes where {max} are allowed")]
    MetadataTooLarge {
        /// Bytes of the note.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// There are offsets for as many partitions as may be; `POLICY_VIOLATION`.
    #[error(transparent)]
    LimitReached(#[from] LimitReached),
}

/// Why no offset of a request was deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteOffsetsError {
    /// A group whose offsets are deleted must have a name; `INVALID_GROUP_ID`.
    #[error("the group needs a name")]
    InvalidGroupId,
    /// `GROUP_ID_NOT_FOUND`.
    #[error("there is no group {group}")]
    GroupNotFound {
        /// The group asked for.
        group: GroupId,
    },
    /// The group has members, and only consumers say which topics they are subscribed to;
    /// `NON_EMPTY_GROUP`.
    #[error("group {group} has members that are not consumers")]
    NotEmpty {
        /// The group asked for.
        group: GroupId,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The offset stays because a member is subscribed to the topic; `GROUP_SUBSCRIBED_TO_TOPIC`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a member of the group is subscribed to {topic}")]
pub struct SubscribedToTopic {
    /// The topic.
    pub topic: TopicName,
}

/// Why a group was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteGroupError {
    /// `GROUP_ID_NOT_FOUND`.
    #[error("there is no group {group}")]
    GroupNotFound {
        /// The group asked for.
        group: GroupId,
    },
    /// `NON_EMPTY_GROUP`.
    #[error("group {group} has members")]
    NotEmpty {
        /// The group asked for.
        group: GroupId,
    },
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
