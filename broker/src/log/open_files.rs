//! How many segment files are open, bounded.
//!
//! A [`SegmentFile`] opens when it is used and stays open until others need its place: the least
//! recently used go first, approximately (the clock algorithm). Whoever holds a [`DiskFile`] keeps
//! it open while working, so the bound may be passed by as many as are in use at once.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::StorageError;
use super::storage::{Disk, DiskFile, OpenMode};

/// Segments open at once, at most.
const OPEN_MAX: usize = 8192;

/// How many segment files may be open: half of what the system allows the process, since
/// connections need the rest.
#[must_use]
pub fn open_files_limit() -> usize {
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let allowed = allowed.map_or(OPEN_MAX, |allowed| {
        usize::try_from(allowed).unwrap_or(OPEN_MAX)
    });
    (allowed / 2).min(OPEN_MAX)
}

/// The files that are open.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    disk: Disk,
    open_max: usize,
    ring: Mutex<VecDeque<Weak<SegmentFile>>>,
}

/// A file that is open while it is used.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    path: ArcSwap<PathBuf>,
    mode: OpenMode,
    open: Mutex<Option<DiskFile>>,
    is_used: AtomicBool,
}

impl SegmentFile {
    pub(crate) fn new(path: PathBuf, mode: OpenMode) -> Arc<Self> {
        Arc::new(Self {
            path: ArcSwap::from_pointee(path),
            mode,
            open: Mutex::new(None),
            is_used: AtomicBool::new(false),
        })
    }

    pub(crate) fn path(&self) -> Arc<PathBuf> {
        self.path.load_full()
    }

    /// Gives the file another name. Whoever opens it later finds it there.
    pub(crate) fn rename(&self, to: &Path, disk: &Disk) -> Result<(), StorageError> {
        let _nobody_opens = self.open.lock();
        disk.rename(&self.path(), to)?;
        self.path.store(Arc::new(to.to_owned()));
        Ok(())
    }
}

impl OpenFiles {
    /// At most `open_max` files of `disk`.
    pub(crate) const fn new(disk: Disk, open_max: usize) -> Self {
        Self {
            disk,
            open_max,
            ring: Mutex::new(VecDeque::new()),
        }
    }

    /// The file, opened if it is not.
    pub(crate) fn get(&self, file: &Arc<SegmentFile>) -> Result<DiskFile, StorageError> {
        file.is_used.store(true, Ordering::Relaxed);
        let mut open = file.open.lock();
        if let Some(open) = &*open {
            return Ok(open.clone());
        }
        let opened = self.disk.open(&file.path(), file.mode)?;
        *open = Some(opened.clone());
        drop(open);
        self.admit(file);
        Ok(opened)
    }

    /// Puts an opened file into the ring and closes what has to go for it.
    fn admit(&self, file: &Arc<SegmentFile>) {
        let mut ring = self.ring.lock();
        ring.push_back(Arc::downgrade(file));
        // A file that was used since it was last looked at gets a second chance; after one turn
        // none has any left.
        let mut chances = ring.len();
        while ring.len() > self.open_max {
            let Some(oldest) = ring.pop_front() else {
                break;
            };
            let Some(oldest_file) = oldest.upgrade() else {
                continue;
            };
            if oldest_file.is_used.swap(false, Ordering::Relaxed) && chances > 0 {
                chances -= 1;
                ring.push_back(oldest);
                continue;
            }
            let Some(mut open) = oldest_file.open.try_lock() else {
                ring.push_back(oldest);
                break;
            };
            *open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileSystem;
    use super::*;

    fn open_count(files: &[Arc<SegmentFile>]) -> usize {
        files
            .iter()
            .filter(|file| file.open.lock().is_some())
            .count()
    }

    #[test]
    fn no_more_files_stay_open_than_allowed_and_the_busy_one_does() {
        let directory = tempfile::tempdir().unwrap();
        let open_files = OpenFiles::new(Disk::new(FileSystem), 4);
        let files: Vec<_> = (0..20)
            .map(|number| {
                SegmentFile::new(directory.path().join(number.to_string()), OpenMode::Create)
            })
            .collect();
        for file in &files {
            open_files.get(file).unwrap();
            open_files.get(&files[0]).unwrap();
            assert!(open_count(&files) <= 4);
        }
        assert!(files[0].open.lock().is_some());
        for file in &files {
            open_files.get(file).unwrap().write_at(0, &[b"x"]).unwrap();
        }
    }
}
