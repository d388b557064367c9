//! Where a group is in its life. Each state owns what only it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::event::{Ticket, Waiter};
use crate::model::{MemberId, TimestampMs};

/// The state of a group. The members stay through all of them, so they live beside it.
#[derive(Debug)]
pub(crate) enum State {
    /// Nobody is in it, or it holds the offsets of consumers that are no members.
    Empty {
        /// When the last member left, if ever there was one.
        since: Option<TimestampMs>,
    },
    /// Members join; each join is parked.
    PreparingRebalance {
        /// What the rebalance waits for.
        barrier: Barrier,
        /// Who has joined, all of them members.
        joins: BTreeMap<MemberId, Waiter>,
    },
    /// All have joined; the leader's assignment is awaited, and then its durability.
    CompletingRebalance {
        /// The way of assigning.
        protocol: Arc<str>,
        /// Members that wait for their assignment.
        syncs: BTreeMap<MemberId, Waiter>,
        /// Members that have not asked for their assignment yet.
        unsynced: BTreeSet<MemberId>,
        /// The write of the leader's assignment.
        assigning: Option<Ticket>,
    },
    /// Members have their assignments, or fetch them.
    Stable {
        /// The way of assigning.
        protocol: Arc<str>,
        /// Members that have not asked for their assignment yet.
        unsynced: BTreeSet<MemberId>,
    },
}

/// What a rebalance waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// Nothing: the group was empty, and its first member need not wait for a second.
    Open,
    /// The group was empty: a little, and again while members keep arriving, but not beyond.
    Arrivals {
        /// When it ends at the latest.
        until: Instant,
        /// Whether somebody arrived since the deadline was set.
        grown: bool,
    },
    /// All members and those promised a place, or the rebalance timeout.
    Rejoin,
}

impl State {
    /// Its name.
    pub(crate) const fn kind(&self) -> GroupState {
        match self {
            Self::Empty { .. } => GroupState::Empty,
            Self::PreparingRebalance { .. } => GroupState::PreparingRebalance,
            Self::CompletingRebalance { .. } => GroupState::CompletingRebalance,
            Self::Stable { .. } => GroupState::Stable,
        }
    }

    /// Who has not asked for its assignment yet, where that matters.
    pub(crate) const fn unsynced(&mut self) -> Option<&mut BTreeSet<MemberId>> {
        match self {
            Self::CompletingRebalance { unsynced, .. } | Self::Stable { unsynced, .. } => {
                Some(unsynced)
            }
            Self::Empty { .. } | Self::PreparingRebalance { .. } => None,
        }
    }

    /// The protocol in force.
    pub(crate) const fn protocol(&self) -> Option<&Arc<str>> {
        match self {
            Self::CompletingRebalance { protocol, .. } | Self::Stable { protocol, .. } => {
                Some(protocol)
            }
            Self::Empty { .. } | Self::PreparingRebalance { .. } => None,
        }
    }
}

/// The state of a group, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// No members.
    Empty,
    /// Members join.
    PreparingRebalance,
    /// The leader assigns.
    CompletingRebalance,
    /// Members work.
    Stable,
}

impl GroupState {
    /// Kafka's name. A group that does not exist is described as `Dead`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl std::fmt::Display for GroupState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
