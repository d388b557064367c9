//! How many requests may do at once what costs much memory or waits for the disk. Each kind has turns of
//! its own: who waits for one never delays what is of another kind.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;

/// The turns of all kinds.
#[derive(Debug)]
pub(crate) struct Turns {
    /// To decompress a batch that is appended.
    pub(crate) unpacking: Turn,
    /// To look a record up by its time, which reads and may decompress a batch.
    pub(crate) look_ups: Turn,
    /// To read records that are not in memory.
    pub(crate) cold_reads: Turn,
}

/// The turns of one kind.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Semaphore>);

impl Turns {
    pub(crate) fn new() -> Self {
        let turn = |count| Turn(Arc::new(Semaphore::new(count)));
        Self {
            unpacking: turn(limits::BATCHES_UNPACKED_MAX),
            look_ups: turn(limits::LOOK_UPS_MAX),
            cold_reads: turn(limits::COLD_READS_MAX),
        }
    }
}

impl Turn {
    /// Waits for a turn, which lasts until what is returned is dropped.
    pub(crate) async fn taken(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
