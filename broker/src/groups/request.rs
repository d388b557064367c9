//! What handlers ask of groups, and what they get.
//!
//! The bytes of protocols and assignments are opaque: groups hand them on unchanged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::{NotMember, PartitionCommitError, SubscribedToTopic};
use crate::model::{
    Generation, InstanceId, LeaderEpoch, MemberId, Offset, PartitionId, TimestampMs, TopicName,
};

/// Who asks, as a member sees itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its id.
    pub member: MemberId,
    /// Its instance id, if it is a static member.
    pub instance: Option<InstanceId>,
}

/// One way of assigning that a member supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Name of the assignor.
    pub name: Arc<str>,
    /// What the member tells the leader.
    pub metadata: Bytes,
}

/// What a `JoinGroup` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// The id given before; `None` where the request's is empty.
    pub member: Option<MemberId>,
    /// The instance id of a static member.
    pub instance: Option<InstanceId>,
    /// The client id of the request's header.
    pub client_id: Arc<str>,
    /// Where the client is: `/` and its address, as Kafka has it.
    pub client_host: Arc<str>,
    /// How long the member may be silent.
    pub session_timeout: Duration,
    /// How long a rebalance waits for the member; its session timeout in version 0.
    pub rebalance_timeout: Duration,
    /// Kind of group, `consumer` for consumers.
    pub protocol_type: Arc<str>,
    /// Ways of assigning, best first.
    pub protocols: Vec<Protocol>,
    /// Whether a new dynamic member must join again under its id (version 4 and later).
    pub requires_known_member: bool,
    /// Whether a leader understands that it need not assign (version 9 and later).
    pub can_skip_assignment: bool,
}

/// The answer to a join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The member's id from now on.
    pub member: MemberId,
    /// The generation it joined.
    pub generation: Generation,
    /// Kind of group.
    pub protocol_type: Arc<str>,
    /// The way of assigning chosen by vote.
    pub protocol: Arc<str>,
    /// Who assigns.
    pub leader: MemberId,
    /// All members, for the leader; nobody for the others.
    pub members: Vec<JoinedMember>,
    /// Whether the leader may leave the assignment as it is (KIP-814).
    pub skip_assignment: bool,
}

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member: MemberId,
    /// Its instance id, if it is static.
    pub instance: Option<InstanceId>,
    /// What it says under the chosen protocol.
    pub metadata: Bytes,
}

/// What a `SyncGroup` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// Who asks.
    pub caller: Caller,
    /// The generation it joined.
    pub generation: Generation,
    /// The kind of group it believes in; not checked if absent.
    pub protocol_type: Option<Arc<str>>,
    /// The way of assigning it believes in; not checked if absent.
    pub protocol: Option<Arc<str>>,
    /// What each member gets, from the leader.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// The answer to a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Kind of group.
    pub protocol_type: Arc<str>,
    /// The way of assigning.
    pub protocol: Arc<str>,
    /// What the member got; empty if the leader forgot it.
    pub assignment: Bytes,
}

/// What a `Heartbeat` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// Who is alive.
    pub caller: Caller,
    /// The generation it joined.
    pub generation: Generation,
}

/// Who leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaver {
    /// A member, by itself.
    Member(Caller),
    /// A static member, by an administrator who knows its instance id alone.
    Instance(InstanceId),
    /// Nobody: neither id nor instance id were given.
    Nobody,
}

/// What became of each leaver, in the order of the request.
pub type Left = Vec<Result<(), NotMember>>;

/// What an `OffsetCommit` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRequest {
    /// The member's id; `None` where the request's is empty.
    pub member: Option<MemberId>,
    /// Its instance id, if it is a static member.
    pub instance: Option<InstanceId>,
    /// The generation it belongs to; `None` below 0, from those that are no members.
    pub generation: Option<Generation>,
    /// How long the offsets are kept, where the request says so (versions 2 to 4).
    pub retention: Option<Duration>,
    /// What to commit. Topics and partitions are known to exist.
    pub offsets: Vec<OffsetToCommit>,
}

/// One offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionId,
    /// Next offset to consume.
    pub offset: Offset,
    /// Leader epoch of the last record consumed, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// A note of the client.
    pub metadata: Box<str>,
}

/// What became of each offset, in the order of the request.
pub type Committed = Vec<Result<(), PartitionCommitError>>;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Next offset to consume.
    pub offset: Offset,
    /// Leader epoch of the last record consumed, if known.
    pub leader_epoch: Option<LeaderEpoch>,
    /// A note of the client.
    pub metadata: Box<str>,
    /// When it was committed.
    pub committed_at: TimestampMs,
    /// When it expires, where the client said so.
    pub expires_at: Option<TimestampMs>,
}

/// Which offsets of a group to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetsQuery {
    /// All there are.
    All,
    /// Those of some partitions. The names may be anybody's guess, so they are not checked.
    Of(Vec<(Arc<str>, Vec<PartitionId>)>),
}

/// The offsets of one topic: those asked for, in that order, or all there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// The topic.
    pub topic: Arc<str>,
    /// Each partition, and `None` where nothing is committed (offset -1 on the wire).
    pub partitions: Vec<(PartitionId, Option<CommittedOffset>)>,
}

/// What became of each offset to delete, in the order of the request.
pub type DeletedOffsets = Vec<Result<(), SubscribedToTopic>>;
