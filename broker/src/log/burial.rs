//! Deleting logs: any number of them in one flush, made durable by two syncs.
//!
//! A directory is moved out of the way by a rename. Thousands of them lie in the same place, so that
//! one sync of where they were and one of where they went make all of it durable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::StorageError;
use super::damage::DamagedRanges;
use super::disk::Disk;
use super::partition_log::PartitionLog;
use super::tail::Tail;

/// The logs that one flush closes for good.
#[derive(Debug, Default)]
pub(super) struct Burial {
    /// Where names came and went.
    changed: BTreeSet<PathBuf>,
}

impl Burial {
    /// Makes durable that the logs are gone.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(super) fn finish(self, disk: &Disk) -> Result<(), StorageError> {
        let mut directories = self.changed.iter();
        directories.try_for_each(|directory| disk.sync_dir(directory))
    }
}

impl PartitionLog {
    /// Whether the log is gone, or about to be.
    pub(crate) fn is_closed(&self) -> bool {
        self.view.lock().is_closed
    }

    /// Closes the log for good and moves its directory to `grave`, from where it can be removed; durably
    /// once `burial` is finished.
    pub(super) fn bury(&self, grave: &Path, burial: &mut Burial) -> Result<(), StorageError> {
        // Who tends the log, and waits for room, has nothing to wait for any more.
        self.view.lock().is_closed = true;
        let _tending = self.tend();
        let mut writer = self.writer.lock();
        // Nobody may write into a directory of this name that is another log's.
        let _damaged_file = self.damaged_file.lock();
        writer.is_closed = true;
        let mut view = self.view.lock();
        view.tail = Tail::default();
        self.change_damaged(&mut view, |damaged| *damaged = DamagedRanges::default());
        drop(view);
        (self.on_change)();
        if !writer.has_directory {
            return Ok(());
        }
        let disk = &self.context.disk;
        let graveyard = grave.parent().unwrap_or(grave);
        self.context.space.when_there_is_room(|| {
            disk.create_dir(graveyard)?;
            disk.rename(&self.directory, grave)
        })?;
        let home = self.directory.parent().unwrap_or(&self.directory);
        for changed in [graveyard, home] {
            if !burial.changed.contains(changed) {
                burial.changed.insert(changed.to_owned());
            }
        }
        Ok(())
    }
}
