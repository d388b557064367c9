//! Saving what makes a start quick: what is new of the active segment's indexes.
//!
//! After a crash a start looks through the headers of what came since, and of nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::StorageError;
use super::checkpoint::{Checkpoint, Unsynced};
use super::partition_log::PartitionLog;
use super::recovery_points::{PointPlace, RecoveryPoint};
use super::saved_index::SavedIndex;
use super::segment::{ActiveSegment, OFFSET_INDEX, TIME_INDEX};

/// Bytes of a full segment of which the index is saved soon.
const SEALED_BYTES_MIN: u64 = 1024 * 1024;

/// What was written since a log was saved.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    bytes: AtomicU64,
    is_sealed: AtomicBool,
}

impl Unsaved {
    /// Takes note of bytes written.
    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes note of a segment that is full.
    pub(super) fn seal(&self, size: u64) {
        if size >= SEALED_BYTES_MIN {
            self.is_sealed.store(true, Ordering::Relaxed);
        }
    }
}

impl PartitionLog {
    /// Whether `bytes` were written since it was saved, or a large segment is full.
    #[must_use]
    pub fn has_grown(&self, bytes: u64) -> bool {
        let Unsaved {
            bytes: unsaved,
            is_sealed,
        } = &self.unsaved;
        unsaved.load(Ordering::Relaxed) >= bytes || is_sealed.load(Ordering::Relaxed)
    }

    /// Saves the indexes as far as they are in memory, to be synced by the next checkpoint; the next time
    /// where somebody else tends the log now.
    ///
    /// # Errors
    /// [`StorageError`]; the next start may take longer then.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), StorageError> {
        let Some(tending) = self.try_to_tend() else {
            return Ok(());
        };
        self.unsaved.bytes.store(0, Ordering::Relaxed);
        self.unsaved.is_sealed.store(false, Ordering::Relaxed);
        self.write_sealed_indexes(&tending)?;
        self.write_active_index(|unsynced| checkpoint.note(unsynced))
    }

    /// Leaves the log so that the next start need not read the last segment: writes its indexes, and what is
    /// known of damage. The caller makes everything durable before it says that the stop was clean. On a full
    /// disk there are no indexes then, and the next start reads the headers.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn leave(&self) -> Result<(), StorageError> {
        let tending = self.tend();
        self.write_damaged();
        let space = &self.context.space;
        match space.when_there_is_room(|| self.write_sealed_indexes(&tending)) {
            Err(error) if error.is_full() => {}
            written => written?,
        }
        if let Some(active) = &mut self.view.lock().active {
            active.index.seal();
        }
        match space.when_there_is_room(|| self.write_active_index(drop)) {
            Err(error) if error.is_full() => self.remove_active_index(),
            written => written,
        }
    }

    /// Removes what may be an index in part, of which all would be taken after a clean stop.
    fn remove_active_index(&self) -> Result<(), StorageError> {
        let active = self
            .view
            .lock()
            .active
            .as_ref()
            .map(|active| active.file.path());
        let Some(log) = active else {
            return Ok(());
        };
        for suffix in [OFFSET_INDEX, TIME_INDEX] {
            self.context.disk.remove_file(&log.with_extension(suffix))?;
        }
        Ok(())
    }

    /// Where what was written ends.
    pub(super) fn written_end(&self) -> RecoveryPoint {
        let writer = self.writer.lock();
        let view = self.view.lock();
        let place = writer.active.as_ref().map(|active| PointPlace {
            segment: active.base_offset,
            position: active.size,
            saved: saved_of(view.active.as_ref(), active.base_offset),
        });
        RecoveryPoint {
            offset: writer.next_offset,
            place,
        }
    }

    /// Writes what is new of the active segment's indexes. `note` hears what is to be synced before any
    /// recovery point says that it is saved.
    fn write_active_index(&self, note: impl FnOnce(Unsynced)) -> Result<(), StorageError> {
        let view = self.view.lock();
        let Some(active) = &view.active else {
            return Ok(());
        };
        let (base, saved) = (active.base_offset, active.saved);
        let rest = saved.rest_of(&active.index);
        let log = active.file.path();
        drop(view);
        if rest.offsets.is_empty() && rest.times.is_empty() {
            return Ok(());
        }
        let saved = saved.append(&rest, &self.context.disk, &log)?;
        let mut unsynced = Unsynced::default();
        let files = [OFFSET_INDEX, TIME_INDEX].map(|suffix| log.with_extension(suffix));
        unsynced.dirty.files.extend(files);
        unsynced.dirty.directories.insert(self.directory.clone());
        note(unsynced);
        let mut view = self.view.lock();
        let active = view.active.as_mut();
        if let Some(active) = active.filter(|active| active.base_offset == base) {
            active.saved = saved;
        }
        Ok(())
    }
}

/// What is saved of the indexes of the segment that begins at `base`, which readers may not see yet.
fn saved_of(active: Option<&ActiveSegment>, base: i64) -> SavedIndex {
    let active = active.filter(|active| active.base_offset == base);
    active.map(|active| active.saved).unwrap_or_default()
}
