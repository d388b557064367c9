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
use super::disk::{Disk, DiskFile};
use super::storage::OpenMode;

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

    /// The file, where it is open and nobody is about to change that. Never waits for the disk.
    pub(crate) fn get_open(&self, file: &SegmentFile) -> Option<DiskFile> {
        file.is_used.store(true, Ordering::Relaxed);
        file.open.try_lock()?.clone()
    }

    /// The file, opened if it is not.
    pub(crate) fn get(&self, file: &Arc<SegmentFile>) -> Result<DiskFile, StorageError> {
        file.is_used.store(true, Ordering::Relaxed);
        loop {
            if let Some(open) = &*file.open.lock() {
                return Ok(open.clone());
            }
            // Without the lock: the one who writes this file must not wait until a reader's disk answers.
            let path = file.path();
            let opened = self.open(&path, file.mode);
            let mut open = file.open.lock();
            if let Some(open) = &*open {
                return Ok(open.clone());
            }
            // What was found under a name that is no longer the file's may be another file.
            if !Arc::ptr_eq(&path, &file.path()) {
                continue;
            }
            let opened = opened?;
            *open = Some(opened.clone());
            drop(open);
            self.admit(file);
            return Ok(opened);
        }
    }

    fn open(&self, path: &Path, mode: OpenMode) -> Result<DiskFile, StorageError> {
        match self.disk.open(path, mode) {
            // The process, or the system, has no more: those that nobody uses now are the ones to go.
            Err(error) if is_exhausted(&error) => {
                self.close_idle();
                self.disk.open(path, mode)
            }
            opened => opened,
        }
    }

    /// Closes every file that is not about to be used.
    fn close_idle(&self) {
        self.ring.lock().retain(|file| {
            let Some(file) = file.upgrade() else {
                return false;
            };
            match file.open.try_lock() {
                Some(mut open) => *open = None,
                None => return true,
            }
            false
        });
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

/// Whether a file could not be opened because too many are.
fn is_exhausted(error: &StorageError) -> bool {
    let cause = rustix::io::Errno::from_io_error(&error.cause);
    matches!(
        cause,
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::io;

    use super::super::FileSystem;
    use super::super::storage::{Free, Storage, StorageFile};
    use super::*;

    /// A file system that has no descriptor for a file of this name, once.
    #[derive(Debug)]
    struct Exhausted(&'static str, AtomicBool);

    impl Storage for Exhausted {
        fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
            if path.ends_with(self.0) && !self.1.swap(true, Ordering::Relaxed) {
                return Err(rustix::io::Errno::MFILE.into());
            }
            FileSystem.open(path, mode)
        }

        fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
            FileSystem.list(directory)
        }

        fn create_dir(&self, directory: &Path) -> io::Result<()> {
            FileSystem.create_dir(directory)
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            FileSystem.rename(from, to)
        }

        fn remove_file(&self, path: &Path) -> io::Result<()> {
            FileSystem.remove_file(path)
        }

        fn remove_dir(&self, directory: &Path) -> io::Result<()> {
            FileSystem.remove_dir(directory)
        }

        fn sync_dir(&self, directory: &Path) -> io::Result<()> {
            FileSystem.sync_dir(directory)
        }

        fn sync_all(&self, directory: &Path) -> io::Result<()> {
            FileSystem.sync_all(directory)
        }

        fn free(&self, directory: &Path) -> io::Result<Free> {
            FileSystem.free(directory)
        }

        fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>> {
            FileSystem.lock(path)
        }
    }

    #[test]
    fn without_a_descriptor_left_idle_files_make_room() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::new(Exhausted("last", AtomicBool::new(false)));
        let open_files = OpenFiles::new(disk, 100);
        let file = |name| SegmentFile::new(directory.path().join(name), OpenMode::Create);
        let files = [file("first"), file("second"), file("last")];
        for file in &files {
            open_files.get(file).unwrap();
        }
        assert_eq!(open_count(&files), 1);
        open_files.get(&files[0]).unwrap();
        assert_eq!(open_count(&files), 2);
    }

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

    #[test]
    fn a_file_that_got_another_name_is_found_by_whoever_opens_it_later() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::new(FileSystem);
        let open_files = OpenFiles::new(disk.clone(), 0);
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        let file = SegmentFile::new(old.clone(), OpenMode::Create);
        open_files.get(&file).unwrap().write_at(0, &[b"x"]).unwrap();
        file.rename(&new, &disk).unwrap();
        std::fs::write(&old, "another").unwrap();
        let other = SegmentFile::new(directory.path().join("other"), OpenMode::Create);
        open_files.get(&other).unwrap();
        assert_eq!(open_count(&[Arc::clone(&file)]), 0);
        assert_eq!(open_files.get(&file).unwrap().size().unwrap(), 1);
    }
}
