//! What happens to a group, and what follows from it.
//!
//! [`super::group::Group::step`] turns an [`Event`] into [`Effect`]s and does nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::change::Change;
use super::error::{
    CommitError, DeleteGroupError, DeleteOffsetsError, HeartbeatError, JoinError, SyncError,
};
use super::request::{
    CommitRequest, Committed, DeletedOffsets, HeartbeatRequest, JoinRequest, Joined, Leaver, Left,
    SyncRequest, Synced,
};
use crate::clock::Clock;
use crate::model::{MemberId, PartitionId, TimestampMs, TopicName};

/// The time of an event, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) instant: Instant,
    /// For what is stored.
    pub(crate) wall: TimestampMs,
}

impl Now {
    pub(crate) fn read(clock: &Clock) -> Self {
        Self {
            instant: clock.now(),
            wall: clock.wall(),
        }
    }

    /// The moment `later`; no timeout of a request is long enough to overflow.
    pub(crate) fn after(self, later: Duration) -> Instant {
        self.instant.checked_add(later).unwrap_or(self.instant)
    }
}

/// Somebody who waits for a [`Reply`]; the shell knows who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Waiter(pub(crate) u64);

/// A write of a group; later writes have larger tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// What happens to a group.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Somebody wants something, and gets exactly one [`Reply`] of the same kind, now or later.
    /// The group may grow by `room` bytes for it.
    Asked {
        waiter: Waiter,
        request: Request,
        room: usize,
    },
    /// A write is durable, and so is every write before it.
    Durable(Ticket),
    /// A write has failed, and whether it is in the log is not known.
    WriteFailed(Ticket),
    /// A deadline may have passed.
    Tick,
    /// It is time to look for expired offsets.
    Sweep,
    /// These topics are no more.
    TopicsDeleted(Arc<[TopicName]>),
    /// The broker is stopping; what is being written still becomes durable.
    Stop,
}

/// What somebody wants of a group.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// `fresh` becomes the member's id if it needs a new one.
    Join {
        fresh: MemberId,
        request: JoinRequest,
    },
    Sync(SyncRequest),
    Heartbeat(HeartbeatRequest),
    Leave(Vec<Leaver>),
    Commit(CommitRequest),
    DeleteOffsets(Vec<(TopicName, PartitionId)>),
    Delete,
}

impl Request {
    /// Whether the group comes into being with it.
    pub(crate) const fn founds_group(&self) -> bool {
        match self {
            Self::Join { request, .. } => request.member.is_none(),
            Self::Commit(request) => request.generation.is_none(),
            Self::Sync(_)
            | Self::Heartbeat(_)
            | Self::Leave(_)
            | Self::DeleteOffsets(_)
            | Self::Delete => false,
        }
    }
}

/// The answer to a [`Request`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Join(Result<Joined, JoinError>),
    Sync(Result<Synced, SyncError>),
    Heartbeat(Result<(), HeartbeatError>),
    Leave(Left),
    Commit(Result<Committed, CommitError>),
    DeleteOffsets(Result<DeletedOffsets, DeleteOffsetsError>),
    Delete(Result<(), DeleteGroupError>),
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Answer somebody.
    Reply(Waiter, Reply),
    /// Append these changes, and tell with [`Event::Durable`] or [`Event::WriteFailed`].
    Write {
        ticket: Ticket,
        changes: Arc<[Change]>,
    },
    /// Count it.
    Count(Occurrence),
}

/// Something an operator wants counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurrence {
    /// All members have to join again.
    RebalanceStarted,
    /// A generation with members was completed.
    RebalanceCompleted,
    /// A member was silent for too long, or did not join or sync in time.
    MemberExpired,
    /// Offsets expired.
    OffsetsExpired { count: u64 },
}
