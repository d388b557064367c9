//! The extents of a commit log that are ready to be written, and how many there may be.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::config::CommitLogConfig;
use super::extent::{Extent, SUFFIX};
use super::{Retired, page_align};
use crate::log::disk::Disk;
use crate::log::{Space, StorageError};

/// Where damaged extents are kept.
pub(crate) const DAMAGED_DIRECTORY: &str = "damaged";
/// Damaged extents that are kept.
const DAMAGED_KEPT_MAX: usize = 16;

/// The extents that hold nothing that is needed. Shared by who writes and who recycles.
#[derive(Debug)]
pub struct Extents {
    disk: Disk,
    space: Arc<Space>,
    directory: PathBuf,
    config: CommitLogConfig,
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    /// The one that was recycled first is used first: what is on disk then is always the newest
    /// part of the log.
    spares: VecDeque<Extent>,
    next_index: u64,
    /// What was taken and did not come back.
    used: Used,
}

impl Pool {
    /// Takes an extent, and returns the oldest one where there are more than is worth keeping.
    fn keep(&mut self, extent: Extent, config: &CommitLogConfig) -> Option<Extent> {
        self.spares.push_back(extent);
        let spares = u64::try_from(self.spares.len()).unwrap_or(u64::MAX);
        let is_enough = spares.saturating_mul(config.extent_bytes) <= config.full_bytes_max;
        (!is_enough).then(|| self.spares.pop_front()).flatten()
    }
}

/// So many extents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    count: u64,
    bytes: u64,
}

/// What there is of a commit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitLogFacts {
    /// Extents that hold something that may be needed.
    pub used_extents: u64,
    /// Bytes of these.
    pub used_bytes: u64,
    /// Extents that are ready to be written.
    pub free_extents: u64,
    /// Bytes of these.
    pub free_bytes: u64,
    /// Bytes at which the flush waits until segments are synced.
    pub bytes_max: u64,
}

impl Extents {
    pub(super) fn new(
        disk: &Disk,
        space: &Arc<Space>,
        directory: PathBuf,
        config: CommitLogConfig,
        next_index: u64,
    ) -> Self {
        let config = CommitLogConfig {
            extent_bytes: page_align(config.extent_bytes),
            ..config
        };
        Self {
            disk: disk.clone(),
            space: Arc::clone(space),
            directory,
            config,
            pool: Mutex::new(Pool {
                spares: VecDeque::new(),
                next_index,
                used: Used::default(),
            }),
        }
    }

    /// Where they are.
    pub(in crate::log) const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The room there.
    pub(in crate::log) fn space(&self) -> &Space {
        &self.space
    }

    /// The size of the log.
    #[must_use]
    pub const fn config(&self) -> &CommitLogConfig {
        &self.config
    }

    /// How many there are.
    #[must_use]
    pub fn facts(&self) -> CommitLogFacts {
        let pool = self.pool.lock();
        let free = pool.spares.iter().map(|extent| extent.size);
        CommitLogFacts {
            used_extents: pool.used.count,
            used_bytes: pool.used.bytes,
            free_extents: u64::try_from(pool.spares.len()).unwrap_or(u64::MAX),
            free_bytes: free.sum(),
            bytes_max: self.config.full_bytes_max,
        }
    }

    /// An extent of at least `needed` bytes. On a full disk waits for one that is recycled, or for room.
    pub(super) fn take(&self, needed: u64) -> Result<Extent, StorageError> {
        let taken = self.space.when_there_is_room(|| {
            if needed <= self.config.extent_bytes
                && let Some(spare) = self.pool.lock().spares.pop_front()
            {
                return Ok(spare);
            }
            self.create(page_align(needed).max(self.config.extent_bytes))
        })?;
        let used = &mut self.pool.lock().used;
        used.count = used.count.saturating_add(1);
        used.bytes = used.bytes.saturating_add(taken.size);
        Ok(taken)
    }

    /// Makes an extent ahead of time where there is none to spare.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(in crate::log) fn prepare(&self) -> Result<(), StorageError> {
        if !self.pool.lock().spares.is_empty() {
            return Ok(());
        }
        match self.create(self.config.extent_bytes) {
            // Nobody needs it yet.
            Err(error) if error.is_full() => Ok(()),
            created => {
                self.pool.lock().spares.push_back(created?);
                Ok(())
            }
        }
    }

    /// Takes back extents that nothing needs any more. Those beyond what is worth keeping, or of
    /// another size, are removed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(in crate::log) fn recycle(&self, retired: Vec<Retired>) -> Result<(), StorageError> {
        let extents: Vec<_> = retired.into_iter().map(|retired| retired.extent).collect();
        let mut pool = self.pool.lock();
        for extent in &extents {
            pool.used.count = pool.used.count.saturating_sub(1);
            pool.used.bytes = pool.used.bytes.saturating_sub(extent.size);
        }
        drop(pool);
        self.keep(extents)
    }

    pub(super) fn keep(&self, extents: Vec<Extent>) -> Result<(), StorageError> {
        for extent in extents {
            let surplus = match extent.size == self.config.extent_bytes {
                true => self.pool.lock().keep(extent, &self.config),
                false => Some(extent),
            };
            if let Some(extent) = surplus {
                self.disk.remove_file(&extent.path)?;
            }
        }
        Ok(())
    }

    /// Keeps extents that are damaged, so that somebody may look at them; the oldest go where there are
    /// too many.
    pub(super) fn put_aside(
        &self,
        generation: u32,
        damaged: Vec<Extent>,
    ) -> Result<(), StorageError> {
        if damaged.is_empty() {
            return Ok(());
        }
        let directory = self.directory.join(DAMAGED_DIRECTORY);
        self.disk.create_dir(&directory)?;
        self.disk.sync_dir(&self.directory)?;
        for extent in damaged {
            let name = extent.path.file_name().unwrap_or_default();
            let name = format!("{generation:010}-{}", name.to_string_lossy());
            self.disk.rename(&extent.path, &directory.join(name))?;
        }
        self.disk.sync_dir(&directory)?;
        self.disk.sync_dir(&self.directory)?;
        let mut kept = self.disk.list(&directory)?;
        kept.retain(|name| name.ends_with(SUFFIX));
        kept.sort_unstable();
        let old = kept.len().saturating_sub(DAMAGED_KEPT_MAX);
        let mut old = kept.iter().take(old);
        old.try_for_each(|name| self.disk.remove_file(&directory.join(name)))
    }

    fn create(&self, size: u64) -> Result<Extent, StorageError> {
        let mut pool = self.pool.lock();
        let index = pool.next_index;
        pool.next_index = index.saturating_add(1);
        drop(pool);
        let extent = Extent::create(&self.disk, &self.directory, index, size)?;
        self.disk.sync_dir(&self.directory)?;
        Ok(extent)
    }
}
