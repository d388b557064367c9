//! What the threads that work for a data directory tell of it.

use std::time::Duration;

use crate::log::{SpaceFacts, StorageError};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Observation {
    /// A group of appends became durable.
    Flushed {
        /// How long it took.
        elapsed: Duration,
    },
    /// Somebody looked how much room there is.
    Looked(Result<SpaceFacts, StorageError>),
}
