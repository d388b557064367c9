//! What has to be done to a data directory from time to time, and at its end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use super::registry::Registry;
use super::{Partition, Topics};
use crate::log::{Dropped, OpenError, StorageError};

/// Files on their way out, each with the time from which it may go.
#[derive(Debug, Default)]
pub(super) struct Graveyard {
    files: Vec<(Instant, Vec<PathBuf>)>,
    /// Directories of deleted topics; those that an earlier process deleted may go at once.
    directories: HashMap<PathBuf, Instant>,
}

impl Graveyard {
    /// Has `files` removed at `due`.
    pub(super) fn add(&mut self, due: Instant, files: Vec<PathBuf>) {
        if !files.is_empty() {
            self.files.push((due, files));
        }
    }

    /// Keeps the `directory` of a deleted topic until `due`.
    pub(super) fn keep(&mut self, directory: PathBuf, due: Instant) {
        self.directories.insert(directory, due);
    }

    /// Whether anything may go at `now`.
    fn is_due(&self, now: Instant) -> bool {
        let files = self.files.iter().map(|(due, _)| due);
        files
            .chain(self.directories.values())
            .any(|due| *due <= now)
    }
}

/// What could not be done.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<StorageError>);

impl Failures {
    fn note(&mut self, outcome: Result<(), StorageError>) {
        self.0.extend(outcome.err());
    }
}

impl Topics {
    /// Drops the segments that are due, removes the files of those dropped and of deleted topics,
    /// and saves what makes the next start quick. To be called every few seconds or minutes. Blocks on
    /// the disk. What fails keeps nothing else waiting.
    ///
    /// # Errors
    /// All failures. What was not done is tried again by the next call.
    pub fn retention_check(&self) -> Result<(), Vec<StorageError>> {
        let _upkeep = self.0.saver.upkeep.lock();
        if let Some(failure) = self.0.queue.failure() {
            return Err(vec![failure]);
        }
        // Behind the mark of a clean stop nothing may change.
        if self.0.queue.is_closed() {
            return Ok(());
        }
        // First what makes room: the rest may wait for it. What fails is tried again below.
        self.0.remove_dead(&mut Failures::default());
        let mut failures = Failures::default();
        // Nothing goes that is not durable; one checkpoint sees to it for all.
        self.0.checkpoint.run().map_err(|failure| vec![failure])?;
        for topic in self.list() {
            for partition in topic.partitions().iter() {
                self.0.tend(partition, &mut failures);
            }
        }
        failures.note(self.0.checkpoint.run());
        failures.note(self.0.metadata.compact(&self.0.checkpoint));
        self.0.remove_dead(&mut failures);
        match failures.0.is_empty() {
            true => Ok(()),
            false => Err(failures.0),
        }
    }

    /// Whether the time of files that were dropped, or of a topic that was deleted, has come.
    #[must_use]
    pub fn is_removal_due(&self) -> bool {
        let now = self.0.clock.now();
        self.0.graveyard.lock().is_due(now)
    }

    /// Removes what is [due](Self::is_removal_due), unless a [check](Self::retention_check) is at it.
    /// Blocks on the disk. What fails is tried again, and told, by the next check.
    pub fn remove_due(&self) {
        if let Some(_upkeep) = self.0.saver.upkeep.try_lock() {
            self.0.remove_dead(&mut Failures::default());
        }
    }

    /// Flushes what is queued, ends the flush thread and marks the directory as cleanly closed.
    /// Blocks on the disk. Appends fail from here on.
    ///
    /// # Errors
    /// [`StorageError`]; the next start then recovers as after a crash.
    pub fn close(&self) -> Result<(), StorageError> {
        self.0.stop_flushing();
        let _upkeep = self.0.saver.upkeep.lock();
        let _compaction = self.0.compaction.lock();
        if let Some(failure) = self.0.queue.failure() {
            return Err(failure);
        }
        self.0.checkpoint.run()?;
        for topic in self.list() {
            for partition in topic.partitions().iter() {
                save_new_producers(partition)?;
                partition.log.leave()?;
            }
        }
        self.0.metadata.leave()?;
        self.0.directory.mark_clean()
    }
}

impl Registry {
    /// Starts a thread that ends when the queue and the checkpoint are closed.
    pub(super) fn run(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), OpenError> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(work).map_err(OpenError::Threads)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Ends the threads that flush and sync, when what is queued is flushed.
    pub(super) fn stop_flushing(&self) {
        self.queue.close();
        self.checkpoint.close();
        self.space.close();
        self.metadata.end_watch();
        for thread in self.threads.lock().drain(..) {
            // Where one that flushes panicked the queue has failed, which says so. Where the one that replaces the metadata
            // log did, nobody waits for it, and the check of retention replaces that as well.
            drop(thread.join());
        }
    }

    /// Has what an earlier process left of deleted topics removed at the first look. Where that cannot be listed, the
    /// first check says so.
    pub(super) fn find_graves(&mut self) {
        let now = self.clock.now();
        let found = self.log_context.list(&self.directory.deleted());
        let graves = found.into_iter().flatten().map(|grave| (grave, now));
        self.graveyard.get_mut().directories.extend(graves);
    }

    fn tend(&self, partition: &Partition, failures: &mut Failures) {
        // Of those that nobody writes to as well: they count among all.
        partition.expire_producers();
        failures.note(self.retain(partition));
        partition.log.write_damaged();
        failures.note(partition.log.write_indexes());
        failures.note(save_new_producers(partition));
    }

    /// Drops the segments that are due.
    fn retain(&self, partition: &Partition) -> Result<(), StorageError> {
        let now = self.clock.wall().0;
        if partition.log.is_retention_due(now)?
            && let Some(saved) = save_producers(partition, true)?
        {
            let saved = saved.min(self.checkpoint.point(partition.log.key()));
            let dropped = partition.log.retain(now, saved, &self.checkpoint)?;
            if let Some(Dropped { files, delay }) = dropped {
                let due = self.clock.now() + delay;
                self.graveyard.lock().add(due, files);
            }
        }
        Ok(())
    }

    /// Removes what is on its way out and whose time has come.
    fn remove_dead(&self, failures: &mut Failures) {
        self.remove_dropped(failures);
        self.remove_deleted(failures);
    }

    /// Removes the files that were dropped and whose time has come, and all of them where their room is
    /// needed: a read that has one open goes on, and one that finds it gone looks again what there is.
    pub(super) fn remove_dropped(&self, failures: &mut Failures) {
        let now = self.clock.now();
        let is_full = self.space.refusal().is_some();
        let mut graveyard = self.graveyard.lock();
        let (due, later) = std::mem::take(&mut graveyard.files)
            .into_iter()
            .partition(|(due, _)| is_full || *due <= now);
        graveyard.files = later;
        drop(graveyard);
        let mut left = Vec::new();
        for file in due.into_iter().flat_map(|(_, files)| files) {
            let removed = self.log_context.remove_file(&file);
            if removed.is_err() {
                left.push(file);
            }
            failures.note(removed);
        }
        if !left.is_empty() {
            self.graveyard.lock().files.push((now, left));
        }
    }

    /// Removes the directories of deleted topics whose time has come, and all of them where their room is
    /// needed.
    fn remove_deleted(&self, failures: &mut Failures) {
        let now = self.clock.now();
        let is_full = self.space.refusal().is_some();
        let mut graveyard = self.graveyard.lock();
        let kept = &mut graveyard.directories;
        kept.retain(|_, due| !is_full && *due > now);
        let kept = kept.clone();
        drop(graveyard);
        match self.log_context.list(&self.directory.deleted()) {
            Ok(graves) => {
                for grave in graves.iter().filter(|grave| !kept.contains_key(*grave)) {
                    failures.note(self.log_context.remove_dir(grave));
                }
            }
            Err(error) => failures.0.push(error),
        }
    }
}

impl Drop for Registry {
    /// Nobody may write to the directory once another process can have it.
    fn drop(&mut self) {
        self.stop_flushing();
    }
}

/// Saves the producers, and returns the offset; `None` where somebody else tends the log, for whom nobody waits:
/// he may wait for room on a full disk.
pub(super) fn save_producers(
    partition: &Partition,
    is_durable: bool,
) -> Result<Option<i64>, StorageError> {
    let tending = partition.log.try_to_tend();
    let saved = tending.map(|tending| partition.save_producers(&tending, is_durable));
    saved.transpose()
}

/// Saves the producers unless that was done since the last batch.
fn save_new_producers(partition: &Partition) -> Result<(), StorageError> {
    let (_, durable_end) = partition.log.bounds();
    match partition.saved_offset() == durable_end {
        true => Ok(()),
        false => save_producers(partition, false).map(drop),
    }
}
