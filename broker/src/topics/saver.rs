//! Saving what makes a start after a crash quick, while records come in.
//!
//! After each checkpoint the logs that have grown by much save what is new of their indexes and their
//! producers. A start then looks through the headers of what came since: without it, through those of a
//! whole segment, which may be 1 GiB. What is saved is derived; where that fails, time is lost and
//! nothing else.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::Partition;
use super::observation::Observation;
use super::registry::Catalog;
use super::upkeep::save_producers;
use crate::log::{Checkpoint, StorageError};

/// Saves logs that have grown.
#[derive(Debug)]
pub(super) struct Saver {
    pub(super) catalog: Arc<RwLock<Catalog>>,
    pub(super) checkpoint: Arc<Checkpoint>,
    /// Held while files are tended or left: by one at a time.
    pub(super) upkeep: Mutex<()>,
    /// By how many bytes.
    pub(super) grown_bytes: u64,
}

impl Saver {
    /// Saves the logs that have grown, and has `observe` hear what failed: it is tried again when the log has
    /// grown more. Blocks on the disk.
    pub(super) fn save_grown(&self, observe: impl Fn(Observation)) {
        // Who tends the files now saves them too.
        let Some(_upkeep) = self.upkeep.try_lock() else {
            return;
        };
        for partition in self.grown() {
            if let Err(reason) = self.save(&partition) {
                observe(Observation::SavingFailed { reason });
            }
        }
    }

    fn grown(&self) -> Vec<Arc<Partition>> {
        let catalog = self.catalog.read();
        let mut grown = Vec::new();
        for topic in catalog.topics() {
            let partitions = topic.partitions();
            let has_grown = |one: &&Arc<Partition>| one.log.has_grown(self.grown_bytes);
            grown.extend(partitions.iter().filter(has_grown).cloned());
        }
        grown
    }

    fn save(&self, partition: &Partition) -> Result<(), StorageError> {
        if partition.is_deleted() {
            return Ok(());
        }
        partition.log.save(&self.checkpoint)?;
        save_producers(partition, false).map(drop)
    }
}
