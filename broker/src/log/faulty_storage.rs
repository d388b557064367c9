//! A disk in memory that does what real ones may: forgets what was not synced, tears writes, fails.
//!
//! A power cut keeps of each write that was not synced nothing, all, or some of its sectors; of the
//! changes of names that were not synced it keeps a prefix, or any of them. A failed sync loses what it should have
//! kept for good, though it can still be read until the cut (as Linux does). Everything random comes
//! from one seed.

mod inode;
mod names;

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::storage::{OpenMode, Storage, StorageFile, Volume};
use inode::{Change, Inode};
use names::{NameChange, Names, Node};

/// The disk. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct FaultyStorage(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    rng: fastrand::Rng,
    /// Grows with every end of a process; handles of an earlier one are dead.
    process: u64,
    inodes: HashMap<u64, Inode>,
    names: Names,
    durable_names: Names,
    unsynced_names: Vec<NameChange>,
    locks: HashSet<PathBuf>,
    faults: Faults,
    /// Whether a cut keeps any of the changes of names that were not synced, not the first ones.
    forgets_order: bool,
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Syncs until one fails.
    pub(crate) syncs_left: Option<u32>,
    /// Bytes that may still be written before the disk is full.
    pub(crate) bytes_left: Option<u64>,
    /// Bytes that all files together may have.
    pub(crate) capacity: Option<u64>,
    /// Changes to files and names until the process can make none any more, as one that died.
    pub(crate) changes_left: Option<u32>,
}

#[derive(Debug)]
struct FaultyFile {
    world: Arc<Mutex<World>>,
    process: u64,
    inode: u64,
}

/// A lock of a process, which its end takes away.
#[derive(Debug)]
struct Lock {
    world: Arc<Mutex<World>>,
    process: u64,
    path: PathBuf,
}

impl FaultyStorage {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            rng: fastrand::Rng::with_seed(seed),
            process: 0,
            inodes: HashMap::new(),
            names: Names::default(),
            durable_names: Names::default(),
            unsynced_names: Vec::new(),
            locks: HashSet::new(),
            faults: Faults::default(),
            forgets_order: false,
        })))
    }

    /// Has a power cut keep any of the changes of names that were not synced, as a file system may that
    /// does not order them.
    pub(crate) fn forget_order(&self) {
        self.0.lock().forgets_order = true;
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Has so many bytes free from now on.
    pub(crate) fn leave_free(&self, bytes: u64) {
        let mut world = self.0.lock();
        world.faults.capacity = Some(world.used() + bytes);
    }

    /// Loses the files of a directory whose names end so.
    pub(crate) fn lose_files(&self, directory: &str, ending: &str) {
        let world = &mut *self.0.lock();
        let is_lost = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            path.parent() == Some(Path::new(directory))
                && name.is_some_and(|name| name.ends_with(ending))
        };
        world.names.0.retain(|path, _| !is_lost(path));
        world.durable_names.0.retain(|path, _| !is_lost(path));
        world
            .unsynced_names
            .retain(|change| !change.names(&is_lost));
    }

    /// Ends the process; what it wrote stays readable.
    pub(crate) fn kill(&self) {
        let mut world = self.0.lock();
        world.process += 1;
        world.locks.clear();
        world.faults = Faults::default();
    }

    /// Cuts the power.
    pub(crate) fn cut_power(&self) {
        self.kill();
        let world = &mut *self.0.lock();
        let kept = world.rng.usize(..=world.unsynced_names.len());
        let changes = std::mem::take(&mut world.unsynced_names);
        for (index, change) in changes.into_iter().enumerate() {
            let is_kept = match world.forgets_order {
                true => world.rng.bool(),
                false => index < kept,
            };
            if is_kept {
                world.durable_names.apply(&change);
            }
        }
        world.durable_names.drop_orphans();
        world.names = world.durable_names.clone();
        let mut ids: Vec<_> = world.inodes.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let inode = world.inodes.get_mut(&id).unwrap();
            inode.lose_unsynced(&mut world.rng);
        }
    }
}

impl World {
    fn change_names(&mut self, change: NameChange) {
        self.names.apply(&change);
        if let NameChange::Rename(from, to) = &change {
            // What is yet to be synced in a directory moves with it.
            for unsynced in &mut self.unsynced_names {
                unsynced.move_with(from, to);
            }
        }
        self.unsynced_names.push(change);
    }

    /// Says that a change begins.
    fn begin_change(&mut self) -> io::Result<()> {
        let Some(left) = self.faults.changes_left.as_mut() else {
            return Ok(());
        };
        if *left == 0 {
            return Err(io::Error::other("the process is dead"));
        }
        *left -= 1;
        Ok(())
    }

    /// Bytes that still fit, with all that has a name or is about to.
    fn free(&self) -> u64 {
        let capacity = self.faults.capacity;
        capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// Bytes of all that has a name.
    fn used(&self) -> u64 {
        let nodes = self.names.0.values();
        let files = nodes.filter_map(|node| match node {
            Node::File(inode) => self.inodes.get(inode),
            Node::Directory => None,
        });
        let used: usize = files.map(|inode| inode.current.len()).sum();
        u64::try_from(used).unwrap()
    }

    /// Of so many bytes at `position`, how many fit.
    fn fitting(&self, inode: u64, position: usize, length: usize) -> usize {
        let room = usize::try_from(self.free()).unwrap();
        let behind = self.inodes[&inode].current.len().saturating_sub(position);
        length.min(behind.saturating_add(room))
    }

    fn sync_fails(&mut self) -> bool {
        let Some(left) = self.faults.syncs_left.as_mut() else {
            return false;
        };
        *left = left.saturating_sub(1);
        *left == 0
    }
}

impl Storage for FaultyStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let world = &mut *self.0.lock();
        let inode = match world.names.0.get(path) {
            Some(Node::File(inode)) => *inode,
            Some(Node::Directory) => return Err(ErrorKind::IsADirectory.into()),
            None if mode == OpenMode::Create => {
                let parent = path.parent().and_then(|parent| world.names.0.get(parent));
                if parent != Some(&Node::Directory) {
                    return Err(ErrorKind::NotFound.into());
                }
                world.begin_change()?;
                let inode = u64::try_from(world.inodes.len()).unwrap();
                world.inodes.insert(inode, Inode::default());
                world.change_names(NameChange::Add(path.to_owned(), Node::File(inode)));
                inode
            }
            None => return Err(ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(FaultyFile {
            world: Arc::clone(&self.0),
            process: world.process,
            inode,
        }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let world = self.0.lock();
        if world.names.0.get(directory) != Some(&Node::Directory) {
            return Err(ErrorKind::NotFound.into());
        }
        let paths = world.names.0.keys();
        Ok(paths
            .filter(|path| path.parent() == Some(directory))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect())
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        let mut missing: Vec<_> = directory
            .ancestors()
            .filter(|path| path.parent().is_some())
            .filter(|path| !world.names.0.contains_key(*path))
            .map(Path::to_owned)
            .collect();
        missing.reverse();
        for path in missing {
            world.change_names(NameChange::Add(path, Node::Directory));
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        if !world.names.0.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        world.begin_change()?;
        world.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut world = self.0.lock();
        if !world.names.0.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        world.begin_change()?;
        world.change_names(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, directory: &Path) -> io::Result<()> {
        self.remove_file(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let world = &mut *self.0.lock();
        world.begin_change()?;
        if world.sync_fails() {
            return Err(io::Error::other("injected"));
        }
        let changes = std::mem::take(&mut world.unsynced_names);
        for change in changes {
            match change.is_in(directory) {
                true => world.durable_names.apply(&change),
                false => world.unsynced_names.push(change),
            }
        }
        Ok(())
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        let world = &mut *self.0.lock();
        if world.sync_fails() {
            return Err(io::Error::other("injected"));
        }
        world.unsynced_names.clear();
        world.durable_names = world.names.clone();
        for inode in world.inodes.values_mut() {
            inode.sync();
        }
        Ok(())
    }

    fn volume(&self, _: &Path) -> io::Result<Option<Box<dyn Volume>>> {
        Ok(Some(Box::new(self.clone())))
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.lock().free())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>> {
        self.open(path, OpenMode::Create)?;
        let mut world = self.0.lock();
        if !world.locks.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Lock {
            world: Arc::clone(&self.0),
            process: world.process,
            path: path.to_owned(),
        }))
    }
}

impl Volume for FaultyStorage {
    fn sync(&self) -> io::Result<()> {
        self.0.lock().begin_change()?;
        self.sync_all(Path::new("/"))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut world = self.world.lock();
        if world.process == self.process {
            world.locks.remove(&self.path);
        }
    }
}

impl FaultyFile {
    fn with<T>(&self, work: impl FnOnce(&mut World, u64) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.world.lock();
        if world.process != self.process {
            return Err(io::Error::other("the process that opened the file is dead"));
        }
        work(&mut world, self.inode)
    }
}

impl StorageFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.with(|world, inode| Ok(u64::try_from(world.inodes[&inode].current.len()).unwrap()))
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        self.with(|world, inode| {
            let current = &world.inodes[&inode].current;
            let start = current.len().min(usize::try_from(position).unwrap());
            let end = current.len().min(start.saturating_add(length));
            Ok(Bytes::copy_from_slice(&current[start..end]))
        })
    }

    fn write_at(&self, position: u64, chunks: &[&[u8]]) -> io::Result<()> {
        self.with(|world, inode| {
            world.begin_change()?;
            let mut bytes = chunks.concat();
            let mut outcome = Ok(());
            if let Some(left) = world.faults.bytes_left.as_mut() {
                let room = usize::try_from(*left).unwrap();
                if bytes.len() > room {
                    bytes.truncate(room);
                    outcome = Err(ErrorKind::StorageFull.into());
                }
                *left -= u64::try_from(bytes.len()).unwrap();
            }
            let position = usize::try_from(position).unwrap();
            let fitting = world.fitting(inode, position, bytes.len());
            if fitting < bytes.len() {
                bytes.truncate(fitting);
                outcome = Err(ErrorKind::StorageFull.into());
            }
            let inode = world.inodes.get_mut(&inode).unwrap();
            inode.change(Change::Write { position, bytes });
            outcome
        })
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.with(|world, inode| {
            world.begin_change()?;
            let size = usize::try_from(size).unwrap();
            if world.fitting(inode, 0, size) < size {
                return Err(ErrorKind::StorageFull.into());
            }
            let inode = world.inodes.get_mut(&inode).unwrap();
            for contents in [&mut inode.current, &mut inode.durable] {
                contents.resize(size.max(contents.len()), 0);
            }
            Ok(())
        })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.with(|world, inode| {
            world.begin_change()?;
            let inode = world.inodes.get_mut(&inode).unwrap();
            inode.change(Change::Truncate(usize::try_from(size).unwrap()));
            Ok(())
        })
    }

    fn drop_cache(&self, position: u64) -> io::Result<()> {
        self.with(|world, inode| {
            let inode = world.inodes.get_mut(&inode).unwrap();
            // The system forgets whole pages; here it forgets to the byte.
            let position = usize::try_from(position).unwrap();
            if inode.unsynced.is_empty() && position <= inode.current.len() {
                inode.current.truncate(position);
                let behind = inode.durable.get(position..).unwrap_or_default();
                inode.current.extend_from_slice(behind);
            }
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|world, inode| {
            world.begin_change()?;
            let fails = world.sync_fails();
            let inode = world.inodes.get_mut(&inode).unwrap();
            if fails {
                inode.unsynced.clear();
                return Err(io::Error::other("injected"));
            }
            inode.sync();
            Ok(())
        })
    }
}
