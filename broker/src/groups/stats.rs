//! Counts for the operator, read whenever somebody looks.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::event::Occurrence;

/// What the groups did and are, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupStats {
    /// Groups there are.
    pub groups: usize,
    /// Bytes they take in memory, roughly.
    pub memory_bytes: usize,
    /// Rebalances begun since the start.
    pub rebalances_started: u64,
    /// Rebalances that ended in a generation with members, since the start.
    pub rebalances_completed: u64,
    /// Members removed for their silence, since the start.
    pub members_expired: u64,
    /// Offsets removed for their age, since the start.
    pub offsets_expired: u64,
    /// Records of `__consumer_offsets` that the start passed over.
    pub unknown_records: u64,
}

/// Where the counts are kept.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    memory_bytes: AtomicUsize,
    rebalances_started: AtomicU64,
    rebalances_completed: AtomicU64,
    members_expired: AtomicU64,
    offsets_expired: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, occurrence: Occurrence) {
        let (counter, by) = match occurrence {
            Occurrence::RebalanceStarted => (&self.rebalances_started, 1),
            Occurrence::RebalanceCompleted => (&self.rebalances_completed, 1),
            Occurrence::MemberExpired => (&self.members_expired, 1),
            Occurrence::OffsetsExpired { count } => (&self.offsets_expired, count),
        };
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// A group that took `before` bytes takes `after` now.
    pub(crate) fn resize(&self, before: usize, after: usize) {
        self.memory_bytes.fetch_add(after, Ordering::Relaxed);
        self.memory_bytes.fetch_sub(before, Ordering::Relaxed);
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, groups: usize, unknown_records: u64) -> GroupStats {
        GroupStats {
            groups,
            memory_bytes: self.memory_bytes(),
            rebalances_started: self.rebalances_started.load(Ordering::Relaxed),
            rebalances_completed: self.rebalances_completed.load(Ordering::Relaxed),
            members_expired: self.members_expired.load(Ordering::Relaxed),
            offsets_expired: self.offsets_expired.load(Ordering::Relaxed),
            unknown_records,
        }
    }
}
