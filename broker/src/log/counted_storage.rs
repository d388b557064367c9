//! A disk that counts what is asked of it, to prove what is not.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::faulty_storage::FaultyStorage;
use super::storage::{Free, OpenMode, Storage, StorageFile, Volume};

/// The disk. Clones share their counts.
#[derive(Clone, Debug)]
pub(crate) struct CountedStorage {
    storage: FaultyStorage,
    uses: Arc<Mutex<Uses>>,
    hold: Arc<Mutex<Option<Hold>>>,
}

/// Has who does something wait until somebody else has done something.
#[derive(Debug)]
pub(crate) struct Hold {
    /// What is done.
    pub(crate) at: HeldAt,
    /// How often it is done before.
    pub(crate) after: usize,
    /// Hears that it waits.
    pub(crate) held: Sender<()>,
    /// Tells that it may go on.
    pub(crate) release: Receiver<()>,
}

/// Where somebody can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldAt {
    /// A sync of the directory of a partition.
    SyncOfPartition,
    /// The allocation of a file.
    Allocation,
    /// The removal of a file.
    Removal,
    /// A file takes another name.
    Rename,
}

/// How long somebody is held at most: who cannot do anything meanwhile fails.
const HOLD_MAX: Duration = Duration::from_secs(2);

/// What was asked of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// Files opened.
    pub(crate) opens: usize,
    /// Bytes read of segments.
    pub(crate) segment_bytes: usize,
    /// Times that what the system has in memory was given up.
    pub(crate) drops: usize,
    /// Files synced.
    pub(crate) file_syncs: usize,
    /// Directories synced.
    pub(crate) directory_syncs: usize,
    /// Syncs of everything.
    pub(crate) volume_syncs: usize,
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn StorageFile>,
    uses: Arc<Mutex<Uses>>,
    hold: Arc<Mutex<Option<Hold>>>,
    is_segment: bool,
}

#[derive(Debug)]
struct CountedVolume {
    volume: Box<dyn Volume>,
    uses: Arc<Mutex<Uses>>,
}

impl CountedStorage {
    pub(crate) fn new(storage: FaultyStorage) -> Self {
        Self {
            storage,
            uses: Arc::default(),
            hold: Arc::default(),
        }
    }

    /// Holds somebody, once.
    pub(crate) fn hold(&self, hold: Hold) {
        *self.hold.lock() = Some(hold);
    }

    /// What was asked since the last call.
    pub(crate) fn take_uses(&self) -> Uses {
        std::mem::take(&mut self.uses.lock())
    }
}

fn wait_if_held(hold: &Mutex<Option<Hold>>, at: HeldAt) {
    let is_now = |hold: &mut Hold| {
        let is_there = hold.at == at;
        let is_now = is_there && hold.after == 0;
        hold.after -= usize::from(is_there && !is_now);
        is_now
    };
    let held = hold.lock().take_if(is_now);
    if let Some(hold) = held {
        hold.held.send(()).unwrap();
        hold.release.recv_timeout(HOLD_MAX).unwrap();
    }
}

impl Storage for CountedStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        self.uses.lock().opens += 1;
        Ok(Arc::new(CountedFile {
            file: self.storage.open(path, mode)?,
            uses: Arc::clone(&self.uses),
            hold: Arc::clone(&self.hold),
            is_segment: path.extension().is_some_and(|extension| extension == "log"),
        }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.storage.list(directory)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        self.storage.create_dir(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        wait_if_held(&self.hold, HeldAt::Rename);
        self.storage.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        wait_if_held(&self.hold, HeldAt::Removal);
        self.storage.remove_file(path)
    }

    fn remove_dir(&self, directory: &Path) -> io::Result<()> {
        self.storage.remove_dir(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.uses.lock().directory_syncs += 1;
        if directory.parent().is_some_and(|it| it.ends_with("topics")) {
            wait_if_held(&self.hold, HeldAt::SyncOfPartition);
        }
        self.storage.sync_dir(directory)
    }

    fn sync_all(&self, directory: &Path) -> io::Result<()> {
        self.storage.sync_all(directory)
    }

    fn volume(&self, directory: &Path) -> io::Result<Option<Box<dyn Volume>>> {
        let Some(volume) = self.storage.volume(directory)? else {
            return Ok(None);
        };
        let uses = Arc::clone(&self.uses);
        Ok(Some(Box::new(CountedVolume { volume, uses })))
    }

    fn free(&self, directory: &Path) -> io::Result<Free> {
        self.storage.free(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>> {
        self.storage.lock(path)
    }
}

impl Volume for CountedVolume {
    fn sync(&self) -> io::Result<()> {
        self.uses.lock().volume_syncs += 1;
        self.volume.sync()
    }
}

impl StorageFile for CountedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn modified(&self) -> io::Result<i64> {
        self.file.modified()
    }

    fn set_modified(&self, at: i64) -> io::Result<()> {
        self.file.set_modified(at)
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        let bytes = self.file.read_at(position, length)?;
        if self.is_segment {
            self.uses.lock().segment_bytes += bytes.len();
        }
        Ok(bytes)
    }

    fn write_at(&self, position: u64, chunks: &[&[u8]]) -> io::Result<()> {
        self.file.write_at(position, chunks)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        wait_if_held(&self.hold, HeldAt::Allocation);
        self.file.allocate(size)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }

    fn drop_cache(&self, position: u64) -> io::Result<()> {
        self.uses.lock().drops += 1;
        self.file.drop_cache(position)
    }

    fn sync(&self) -> io::Result<()> {
        self.uses.lock().file_syncs += 1;
        self.file.sync()
    }
}
