//! What has to be done to a data directory from time to time, and at its end.

use std::path::PathBuf;
use std::time::Instant;

use super::registry::Registry;
use super::{Partition, Topics};
use crate::log::{Dropped, StorageError};

/// Files on their way out.
#[derive(Debug, Default)]
pub(super) struct Graveyard(Vec<(Instant, Vec<PathBuf>)>);

impl Topics {
    /// Drops the segments that are due, removes the files of those dropped and of deleted topics,
    /// and saves what makes the next start quick. To be called every few seconds or minutes. Blocks on
    /// the disk. One partition's failure does not keep the others waiting.
    ///
    /// # Errors
    /// The first failure. What was not done is tried again by the next call.
    pub fn retention_check(&self) -> Result<(), StorageError> {
        let _upkeep = self.0.upkeep.lock();
        let mut outcome = Ok(());
        for topic in self.list() {
            for partition in topic.partitions().iter() {
                let tended = self.0.tend(partition);
                outcome = outcome.and(tended);
            }
        }
        outcome
            .and_then(|()| self.0.checkpoint.lock().write())
            .and_then(|()| self.0.metadata.compact())
            .and_then(|()| self.0.remove_dropped())
            .and_then(|()| self.0.remove_deleted())
    }

    /// Flushes what is queued, ends the flush thread and marks the directory as cleanly closed.
    /// Blocks on the disk. Appends fail from here on.
    ///
    /// # Errors
    /// [`StorageError`]; the next start then recovers as after a crash.
    pub fn close(&self) -> Result<(), StorageError> {
        self.0.stop_flushing();
        let _upkeep = self.0.upkeep.lock();
        if let Some(failure) = self.0.queue.failure() {
            return Err(failure);
        }
        for topic in self.list() {
            for partition in topic.partitions().iter() {
                save_producers(partition)?;
                partition.log.leave()?;
            }
        }
        self.0.metadata.leave()?;
        self.0.directory.mark_clean()
    }
}

impl Registry {
    /// Ends the thread that flushes, when it has flushed what is queued.
    fn stop_flushing(&self) {
        self.queue.close();
        if let Some(flusher) = self.flusher.lock().take() {
            // If it panicked, the queue has failed, which says so.
            drop(flusher.join());
        }
    }

    fn tend(&self, partition: &Partition) -> Result<(), StorageError> {
        let now = self.clock.wall().0;
        if partition.log.is_retention_due(now)? {
            let saved = partition.save_producers(true)?;
            if let Some(Dropped { files, delay }) = partition.log.retain(now, saved)? {
                let due = self.clock.now() + delay;
                self.graveyard.lock().0.push((due, files));
            }
        }
        partition.log.write_indexes()?;
        save_producers(partition)
    }

    fn remove_dropped(&self) -> Result<(), StorageError> {
        let now = self.clock.now();
        let mut graveyard = self.graveyard.lock();
        let (due, later) = std::mem::take(&mut graveyard.0)
            .into_iter()
            .partition(|(due, _)| *due <= now);
        graveyard.0 = later;
        drop(graveyard);
        let files = due.into_iter().flat_map(|(_, files)| files);
        for file in files {
            self.log_context.remove_file(&file)?;
        }
        Ok(())
    }

    fn remove_deleted(&self) -> Result<(), StorageError> {
        self.log_context.remove_all_in(&self.directory.deleted())
    }
}

impl Drop for Registry {
    /// Nobody may write to the directory once another process can have it.
    fn drop(&mut self) {
        self.stop_flushing();
    }
}

/// Saves the producers unless that was done since the last batch.
fn save_producers(partition: &Partition) -> Result<(), StorageError> {
    let (_, durable_end) = partition.log.bounds();
    match partition.saved_offset() == durable_end {
        true => Ok(()),
        false => partition.save_producers(false).map(drop),
    }
}
