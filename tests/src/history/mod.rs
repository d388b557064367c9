//! What clients asked of one topic and what they were told, and whether one log can have told it all.
//!
//! A [`History`] is a list of [`Operation`]s: who, from when to when, what, and with which outcome: done, refused, or
//! nobody knows. [`anomalies`] is a pure function over it. It knows neither clients nor faults; where nothing contradicts, it is
//! silent. What it looks for is listed in [`Anomaly`]; each has a history made by hand in the tests.
//!
//! * `records`: what was written, read and acknowledged; `commits`: offsets of a group.

mod commits;
mod records;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Which record it is: its producer, and its number among what that producer wrote to the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Who wrote it.
    pub producer: i64,
    /// Counts upwards.
    pub number: i64,
}

/// How something ended for the one who asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Done.
    Ok(T),
    /// Refused: it has not happened and will not.
    Fail,
    /// Nobody knows: it may have happened, or happen yet.
    Info,
}

/// What was asked, and the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A record was written.
    Produce {
        /// Where to.
        partition: i32,
        /// Which.
        mark: Mark,
        /// Its offset, unless the broker only said that it had it already.
        outcome: Outcome<Option<i64>>,
    },
    /// A reader begins at an offset; where it was before does not matter any more.
    Assign {
        /// What it reads.
        partition: i32,
        /// Its position.
        offset: i64,
    },
    /// A reader was given records.
    Poll {
        /// Of this partition.
        partition: i32,
        /// From this offset on.
        from: i64,
        /// The records with their offsets, in the order they were given.
        records: Vec<(i64, Mark)>,
        /// The high watermark that came with them.
        end: i64,
    },
    /// A group's offset was committed.
    Commit {
        /// For this partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// What the group was told.
        outcome: Outcome<()>,
    },
    /// Somebody asked what the group has committed.
    Committed {
        /// For this partition.
        partition: i32,
        /// The offset.
        offset: Option<i64>,
    },
}

/// Something a client did. Times count the beginnings and ends of all operations of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who; nobody does two things at a time.
    pub client: usize,
    /// When it was asked.
    pub began: u64,
    /// When the answer was there, or the client gave up.
    pub ended: u64,
    /// What it was.
    pub event: Event,
}

/// Which records a topic keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All.
    Everything,
    /// At least the last of each producer's numbers with the same remainder by this, which are records of one key.
    LatestOf(i64),
}

/// What no log that keeps its word can have told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A record was acknowledged and never read, though readers came past it.
    Lost(i32, Mark),
    /// A record was acknowledged and never read, and nobody came so far.
    Unread(i32, Mark),
    /// A record was acknowledged or read at this offset, and later it was not there for a reader who came by.
    Vanished(i32, i64, Mark),
    /// A reader jumped over this offset.
    Skipped(i32, i64),
    /// A record is at two offsets.
    Duplicate(i32, Mark, i64, i64),
    /// Two records are at this offset.
    TwoValues(i32, i64, Mark, Mark),
    /// A producer's record stands before one it wrote earlier.
    Reordered(i32, Mark, Mark),
    /// A reader was given an offset it had passed, or asked from another than where it was.
    Backwards(i32, i64, i64),
    /// A high watermark is lower than one somebody saw or was promised before.
    Stale(i32, i64, i64),
    /// A record was read that nobody wrote, or that was refused.
    Phantom(i32, i64, Mark),
    /// A group has, or has no more, this offset, which contradicts what it was told.
    CommitLost(i32, Option<i64>),
}

/// Everything that is wrong with a history.
#[must_use]
pub fn anomalies(operations: &[Operation], kept: Kept) -> Vec<Anomaly> {
    let mut found = records::anomalies(operations, kept);
    found.extend(commits::anomalies(operations));
    found.sort();
    found.dedup();
    found
}

/// Numbers of a history, to be printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records acknowledged.
    pub acknowledged: usize,
    /// Records of which nobody knows, or that were refused.
    pub unacknowledged: usize,
    /// Records read, each as often as it was.
    pub read: usize,
    /// Commits acknowledged.
    pub committed: usize,
}

/// A list of operations that many clients add to. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    clock: AtomicU64,
    operations: Mutex<Vec<Operation>>,
}

impl History {
    /// The next moment.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Notes what `client` asked at `began` and knows now.
    pub fn note(&self, client: usize, began: u64, events: impl IntoIterator<Item = Event>) {
        let ended = self.now();
        let noted = events.into_iter().map(|event| Operation {
            client,
            began,
            ended,
            event,
        });
        let mut operations = self.0.operations.lock();
        let operations = operations.as_mut().map_err(|error| error.get_mut());
        operations.unwrap_or_else(|poisoned| poisoned).extend(noted);
    }

    /// What was noted so far.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        let operations = self.0.operations.lock();
        operations.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many operations were asked for after one moment and granted before another.
    #[must_use]
    pub fn granted_between(&self, from: u64, to: u64) -> usize {
        let operations = self.operations();
        let between = operations
            .iter()
            .filter(|operation| operation.began > from && operation.ended < to);
        between
            .filter(|operation| match &operation.event {
                Event::Produce { outcome, .. } => matches!(outcome, Outcome::Ok(_)),
                Event::Commit { outcome, .. } => matches!(outcome, Outcome::Ok(())),
                Event::Assign { .. } | Event::Poll { .. } | Event::Committed { .. } => false,
            })
            .count()
    }

    /// Finds nothing wrong with it.
    ///
    /// # Panics
    /// If something is, with the first of it.
    #[must_use]
    pub fn judge(&self, kept: Kept) -> Summary {
        let operations = self.operations();
        let found = anomalies(&operations, kept);
        let first: Vec<&Anomaly> = found.iter().take(10).collect();
        assert!(found.is_empty(), "{} anomalies: {first:#?}", found.len());
        summary(&operations)
    }
}

fn summary(operations: &[Operation]) -> Summary {
    let mut sum = Summary::default();
    for operation in operations {
        match &operation.event {
            Event::Produce {
                outcome: Outcome::Ok(_),
                ..
            } => sum.acknowledged += 1,
            Event::Produce { .. } => sum.unacknowledged += 1,
            Event::Poll { records, .. } => sum.read += records.len(),
            Event::Commit {
                outcome: Outcome::Ok(()),
                ..
            } => sum.committed += 1,
            Event::Commit { .. } | Event::Assign { .. } | Event::Committed { .. } => {}
        }
    }
    sum
}
