//! A disk in memory that does what real ones may: forgets what was not synced, tears writes, fails, is full.
//!
//! A power cut keeps of each write that was not synced nothing, all, or some of its sectors, and if told
//! so flips bits in it; of the changes of names that were not synced it keeps a prefix, or any of them.
//! Some cuts keep nothing, and some all. A failed sync loses for good some of what it should have
//! kept, though it can still be read until the cut (as Linux does). A failed write may have been
//! carried out in part. Everything random comes from one seed, and the [`Account`] tells whether two
//! runs were the same.

mod contents;
mod file;
mod names;
mod tests;
mod world;

use std::cell::RefCell;
use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::storage::{Free, OpenMode, Storage, StorageFile, Volume};
use crate::clock::Clock;
use contents::{Cut, Inode};
use file::FaultyFile;
use names::{NameChange, Node};

pub(crate) use world::Faults;
use world::{Account, World};

thread_local! {
    /// Where ids of this thread come from, if they are to be repeated.
    static IDS: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

/// Has the ids that this thread makes follow from a seed.
pub(crate) fn repeat_ids(seed: u64) {
    IDS.set(Some(fastrand::Rng::with_seed(seed)));
}

/// Bytes for an id.
pub(super) fn random_bytes() -> [u8; 16] {
    IDS.with_borrow_mut(|ids| match ids {
        Some(rng) => rng.u128(..).to_be_bytes(),
        None => uuid::Uuid::new_v4().into_bytes(),
    })
}

/// The disk. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct FaultyStorage(Arc<Mutex<World>>);

/// A lock of a process, which its end takes away.
#[derive(Debug)]
struct Lock {
    world: Arc<Mutex<World>>,
    process: u64,
    path: PathBuf,
}

impl FaultyStorage {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World::new(seed))))
    }

    /// Has files be written to at the time of `clock`.
    pub(crate) fn set_clock(&self, clock: Clock) {
        self.0.lock().clock = clock;
    }

    /// Has a power cut keep any of the changes of names that were not synced, as a file system may that
    /// does not order them.
    pub(crate) fn forget_order(&self) {
        self.0.lock().forgets_order = true;
    }

    /// Has a power cut flip bits of what was not synced.
    pub(crate) fn flip_bits(&self) {
        self.0.lock().flips_bits = true;
    }

    /// Has so many bytes free from now on.
    pub(crate) fn leave_free(&self, bytes: u64) {
        let mut world = self.0.lock();
        world.faults.capacity = Some(world.used() + bytes);
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        let mut world = self.0.lock();
        world.faults = faults;
        world.has_struck = false;
    }

    /// Whether the process can make no change any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().is_dead()
    }

    /// A disk of its own with the same on it.
    pub(crate) fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().clone())))
    }

    /// Whether a fault has struck since they were set, or the disk was full.
    pub(crate) fn has_struck(&self) -> bool {
        self.0.lock().has_struck
    }

    /// What it was asked and answered so far.
    pub(crate) fn account(&self) -> Account {
        self.0.lock().account
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

    /// Has the disk fail to read the files whose names end so, as they are now, and says how many those are.
    pub(crate) fn harm_files(&self, ending: &str) -> usize {
        let world = &mut *self.0.lock();
        let files = world.names.0.iter().filter_map(|(path, node)| match node {
            Node::File(inode) if path.to_string_lossy().ends_with(ending) => Some(*inode),
            Node::File(_) | Node::Directory => None,
        });
        let before = world.unreadable.len();
        world.unreadable.extend(files);
        world.unreadable.len() - before
    }

    /// Has the disk read all of those again.
    pub(crate) fn heal_files(&self) {
        self.0.lock().unreadable.clear();
    }

    /// Has the disk be unable to read the byte at `position` of a file from now on.
    pub(crate) fn ruin(&self, path: &Path, position: u64) {
        let world = &mut *self.0.lock();
        let Some(Node::File(inode)) = world.names.0.get(path) else {
            panic!("{} is no file", path.display());
        };
        world.inodes[*inode].ruin(usize::try_from(position).unwrap());
    }

    /// Ends the process; what it wrote stays readable.
    pub(crate) fn kill(&self) {
        let mut world = self.0.lock();
        world.process += 1;
        world.locks.clear();
        world.faults = Faults::default();
        world.has_struck = false;
    }

    /// Cuts the power.
    pub(crate) fn cut_power(&self) {
        self.kill();
        let world = &mut *self.0.lock();
        let cut = match world.rng.u8(..8) {
            0 => Cut::Nothing,
            1 => Cut::Everything,
            _ => Cut::Any {
                flips_bits: world.flips_bits,
            },
        };
        world.cut(cut);
    }

    /// Cuts the power, and all that was not synced is gone.
    pub(crate) fn cut_power_and_forget(&self) {
        self.kill();
        self.0.lock().cut(Cut::Nothing);
    }
}

impl Storage for FaultyStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let world = &mut *self.0.lock();
        let opened = open(world, path, mode);
        world.note("open", (path, opened.as_ref().ok()), &[], &opened);
        Ok(Arc::new(FaultyFile {
            world: Arc::clone(&self.0),
            process: world.process,
            inode: opened?,
        }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let world = &mut *self.0.lock();
        let begun = match world.names.0.get(directory) {
            Some(Node::Directory) => world.begin_read(),
            Some(Node::File(_)) | None => Err(ErrorKind::NotFound.into()),
        };
        let names = world.names.list(directory);
        world.note("list", (directory, &names), &[], &begun);
        begun.map(|()| names)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        let world = &mut *self.0.lock();
        let mut missing: Vec<_> = directory
            .ancestors()
            .filter(|path| path.parent().is_some())
            .filter(|path| !world.names.0.contains_key(*path))
            .map(Path::to_owned)
            .collect();
        missing.reverse();
        for path in missing {
            let begun = world.begin_change();
            world.note("create directory", &path, &[], &begun);
            begun?;
            world.change_names(NameChange::Add(path, Node::Directory));
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let world = &mut *self.0.lock();
        let begun = begin_change_of(world, from).and_then(|()| world.begin_rename());
        world.note("rename", (from, to), &[], &begun);
        begun?;
        world.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let world = &mut *self.0.lock();
        let begun = begin_change_of(world, path);
        world.note("remove", path, &[], &begun);
        begun?;
        world.change_names(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, directory: &Path) -> io::Result<()> {
        self.remove_file(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        let world = &mut *self.0.lock();
        let begun = world.begin_sync();
        world.note("sync directory", directory, &[], &begun);
        begun?;
        if world.faults.never_synced.map(Path::new) == Some(directory) {
            return Err(ErrorKind::InvalidInput.into());
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
        let begun = world.begin_sync();
        world.note("sync all", (), &[], &begun);
        if begun.is_err() && !world.is_dead() {
            world.fail_to_sync_some();
        }
        begun?;
        world.unsynced_names.clear();
        world.durable_names = world.names.clone();
        for inode in &mut world.inodes {
            inode.sync();
        }
        Ok(())
    }

    fn volume(&self, _: &Path) -> io::Result<Option<Box<dyn Volume>>> {
        Ok(Some(Box::new(self.clone())))
    }

    fn free(&self, _: &Path) -> io::Result<Free> {
        let world = &mut *self.0.lock();
        let begun = world.begin_read();
        let free = Free {
            bytes: world.free(),
            inodes: world.faults.inodes.unwrap_or(u64::MAX),
        };
        world.note("free", free, &[], &begun);
        begun.map(|()| free)
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
        self.sync_all(Path::new("/"))
    }
}

/// The file of that name, made if need be.
fn open(world: &mut World, path: &Path, mode: OpenMode) -> io::Result<usize> {
    match world.names.0.get(path) {
        Some(Node::File(inode)) => {
            let inode = *inode;
            world.begin_read().map(|()| inode)
        }
        Some(Node::Directory) => Err(ErrorKind::IsADirectory.into()),
        None if matches!(mode, OpenMode::Create | OpenMode::Draft) => {
            let parent = path.parent().and_then(|parent| world.names.0.get(parent));
            if parent != Some(&Node::Directory) {
                return Err(ErrorKind::NotFound.into());
            }
            world.begin_file()?;
            let inode = world.inodes.len();
            world.inodes.push(Inode::default());
            world.change_names(NameChange::Add(path.to_owned(), Node::File(inode)));
            Ok(inode)
        }
        None => Err(ErrorKind::NotFound.into()),
    }
}

/// Says that a change of a name begins that has to be there.
fn begin_change_of(world: &mut World, path: &Path) -> io::Result<()> {
    match world.names.0.contains_key(path) {
        true => world.begin_change(),
        false => Err(ErrorKind::NotFound.into()),
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
