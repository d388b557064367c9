//! What the threads that work for a data directory tell of it.

use std::time::Duration;

use crate::log::{CommitLogFacts, SpaceFacts, StorageError};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Observation {
    /// A group of appends became durable.
    Flushed {
        /// How long it took.
        elapsed: Duration,
    },
    /// What only the commit log kept is in the segments, durably.
    Checkpointed {
        /// How long it took.
        elapsed: Duration,
    },
    /// What would make the start after a crash quick could not be saved of a log.
    SavingFailed {
        /// What failed.
        reason: StorageError,
    },
    /// Somebody looked, as happens every second.
    Looked {
        /// How much room there is.
        space: Result<SpaceFacts, StorageError>,
        /// What there is of the commit log.
        commit_log: CommitLogFacts,
        /// Bytes of batches written since the last checkpoint.
        pending_bytes: u64,
    },
}
