//! The drive: files, their names, what is to go wrong, and whether there is power.
//!
//! What the mounted file system is asked comes here, under one lock; what a story does to the disk, too. Without power
//! everything fails.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::Errno;

use super::contents::Contents;
use super::names::{Names, ROOT};
use super::{Faults, Lost};
use crate::seed::Random;

/// What a sync takes, at most.
const SYNC_MAX: Duration = Duration::from_millis(2);

/// How long reads stall at most: who waits for one cannot be killed.
const READ_STALL_MAX: Duration = Duration::from_secs(60);

/// One write in so many has the system write some of that file's pages by itself.
const WRITE_BACK: usize = 50;

/// The drive of one [`super::Disk`].
#[derive(Debug)]
pub(super) struct Drive {
    state: Mutex<State>,
    conditions_changed: Condvar,
}

/// What is on the drive. Every inode is a file or a directory.
#[derive(Debug)]
pub(super) struct State {
    objects: PathBuf,
    random: Random,
    has_power: bool,
    faults: Faults,
    failed_syncs: u64,
    short_writes: u64,
    stalled_syncs: usize,
    stalled_reads: usize,
    /// What the last power cut took.
    lost: Lost,
    names: Names,
    files: BTreeMap<u64, Contents>,
    directories: BTreeSet<u64>,
    inodes: u64,
}

/// What a file system tells of an inode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    pub(super) inode: u64,
    pub(super) is_directory: bool,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Drive {
    /// An empty drive without power, whose objects are kept in the folder `objects`.
    pub(super) fn new(objects: PathBuf, random: Random) -> Self {
        let state = State {
            objects,
            random,
            has_power: false,
            faults: Faults::default(),
            failed_syncs: 0,
            short_writes: 0,
            stalled_syncs: 0,
            stalled_reads: 0,
            lost: Lost::default(),
            names: Names::default(),
            files: BTreeMap::new(),
            directories: BTreeSet::from([ROOT]),
            inodes: ROOT,
        };
        Self {
            state: Mutex::new(state),
            conditions_changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
        self.conditions_changed.notify_all();
    }

    pub(super) fn has_power(&self) -> bool {
        self.lock().has_power
    }

    pub(super) fn stalled_syncs(&self) -> usize {
        self.lock().stalled_syncs
    }

    pub(super) fn stalled_reads(&self) -> usize {
        self.lock().stalled_reads
    }

    /// Whether a read would have to wait.
    pub(super) fn reads_stall(&self) -> bool {
        self.lock().reads_stall()
    }

    pub(super) fn failed_syncs(&self) -> u64 {
        self.lock().failed_syncs
    }

    pub(super) fn short_writes(&self) -> u64 {
        self.lock().short_writes
    }

    pub(super) fn power_up(&self) {
        self.lock().has_power = true;
    }

    /// From here on nothing is answered, and what was not synced is lost, kept or torn.
    pub(super) fn cut_power(&self) -> Lost {
        let mut state = self.lock();
        state.cut_power();
        self.conditions_changed.notify_all();
        state.lost
    }

    /// Puts what is on the drive under its names, to be looked at.
    pub(super) fn lay_out(&self, folder: &Path) {
        if let Err(error) = self.lock().lay_out(ROOT, folder) {
            eprintln!("{}: {error}", folder.display());
        }
    }

    /// Work of the file system, which needs power.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut state = self.lock();
        if state.has_power {
            work(&mut state)
        } else {
            Err(Errno::EIO)
        }
    }

    /// Makes bytes and length of a file durable, or the names in a directory. It takes its time and does it somewhen within.
    pub(super) fn sync(&self, inode: u64) -> Result<(), Errno> {
        let (before, after) = self.with(|state| Ok((state.sync_part(), state.sync_part())))?;
        self.pass(before);
        self.stall()?;
        self.with(|state| state.sync(inode))?;
        self.pass(after);
        self.with(|_| Ok(()))
    }

    /// Waits as long as syncs stall; who had to wait has failed.
    fn stall(&self) -> Result<(), Errno> {
        let mut state = self.lock();
        if !state.stalls() {
            return Ok(());
        }
        state.stalled_syncs += 1;
        let waited = self
            .conditions_changed
            .wait_while(state, |state| state.stalls());
        waited.unwrap_or_else(PoisonError::into_inner).stalled_syncs -= 1;
        Err(Errno::EIO)
    }

    /// Reads, once reads do not stall.
    pub(super) fn read(&self, inode: u64, position: u64, length: u64) -> Result<Vec<u8>, Errno> {
        let mut state = self.lock();
        state.stalled_reads += 1;
        let waited = self
            .conditions_changed
            .wait_timeout_while(state, READ_STALL_MAX, |state| state.reads_stall());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stalled_reads -= 1;
        drop(state);
        self.with(|state| state.read(inode, position, length))
    }

    /// Passes time, unless the power goes first.
    fn pass(&self, time: Duration) {
        let state = self.lock();
        let passed = self
            .conditions_changed
            .wait_timeout_while(state, time, |state| state.has_power);
        drop(passed);
    }
}

impl State {
    const fn stalls(&self) -> bool {
        self.faults.stalls && self.has_power
    }

    const fn reads_stall(&self) -> bool {
        self.faults.reads_stall && self.has_power
    }

    /// A part of the time that a sync takes.
    fn sync_part(&mut self) -> Duration {
        let most = usize::try_from(SYNC_MAX.as_micros()).expect("a short time");
        let drawn = self.random.below(most / 2);
        Duration::from_micros(u64::try_from(drawn).expect("a usize fits"))
    }

    fn file(&mut self, inode: u64) -> Result<&mut Contents, Errno> {
        self.files.get_mut(&inode).ok_or(Errno::EISDIR)
    }

    pub(super) fn find(&self, directory: u64, name: &OsStr) -> Result<u64, Errno> {
        self.names.find(directory, name).ok_or(Errno::ENOENT)
    }

    pub(super) fn attributes(&self, inode: u64) -> Result<Attributes, Errno> {
        let mut attributes = Attributes {
            inode,
            is_directory: true,
            size: 0,
            modified: SystemTime::UNIX_EPOCH,
        };
        if let Some(file) = self.files.get(&inode) {
            attributes.is_directory = false;
            attributes.size = file.size();
            attributes.modified = file.object().metadata()?.modified()?;
        }
        Ok(attributes)
    }

    pub(super) fn list(&self, directory: u64) -> Vec<(OsString, u64, bool)> {
        let listed = self.names.list(directory);
        listed
            .map(|(name, inode)| (name.to_owned(), inode, self.directories.contains(&inode)))
            .collect()
    }

    /// Before anything is changed.
    fn change(&mut self) -> Result<(), Errno> {
        if let Some(left) = &mut self.faults.changes_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.cut_power();
                return Err(Errno::EIO);
            }
        }
        Ok(())
    }

    pub(super) fn create_file(&mut self, directory: u64, name: &OsStr) -> Result<u64, Errno> {
        self.change()?;
        self.inodes += 1;
        let contents = Contents::create(self.objects.join(self.inodes.to_string()))?;
        self.files.insert(self.inodes, contents);
        self.names.set(directory, name, Some(self.inodes));
        Ok(self.inodes)
    }

    pub(super) fn create_directory(&mut self, directory: u64, name: &OsStr) -> Result<u64, Errno> {
        self.change()?;
        self.inodes += 1;
        self.directories.insert(self.inodes);
        self.names.set(directory, name, Some(self.inodes));
        Ok(self.inodes)
    }

    /// Takes a name away. The file lives on for those who have it open, and for a power cut that brings the name back.
    pub(super) fn remove(&mut self, directory: u64, name: &OsStr) -> Result<(), Errno> {
        let inode = self.find(directory, name)?;
        if self.names.list(inode).next().is_some() {
            return Err(Errno::ENOTEMPTY);
        }
        self.change()?;
        self.names.set(directory, name, None);
        Ok(())
    }

    /// Moves a file or directory; `from` and `to` are a directory and a name in it.
    pub(super) fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Result<(), Errno> {
        self.find(from.0, from.1)?;
        let replaced = self.names.find(to.0, to.1);
        if replaced.is_some_and(|inode| self.names.list(inode).next().is_some()) {
            return Err(Errno::ENOTEMPTY);
        }
        self.change()?;
        self.names.rename(from, to);
        Ok(())
    }

    pub(super) fn read(
        &mut self,
        inode: u64,
        position: u64,
        length: u64,
    ) -> Result<Vec<u8>, Errno> {
        Ok(self.file(inode)?.read(position, length)?)
    }

    /// Writes, and gives how many of the bytes.
    pub(super) fn write(
        &mut self,
        inode: u64,
        position: u64,
        bytes: &[u8],
    ) -> Result<usize, Errno> {
        self.change()?;
        let mut count = bytes.len();
        if self.faults.short_writes && count > 1 {
            count = 1 + self.random.below(count);
            self.short_writes += u64::from(count < bytes.len());
        }
        let end = position + u64::try_from(count).expect("a usize fits");
        let excess = self.excess(inode, end)?;
        count = count.saturating_sub(usize::try_from(excess).unwrap_or(usize::MAX));
        if count == 0 && !bytes.is_empty() {
            return Err(Errno::ENOSPC);
        }
        self.file(inode)?.write(position, &bytes[..count])?;
        if self.random.below(WRITE_BACK) == 0 && !self.faults.lies {
            let file = self.files.get_mut(&inode).ok_or(Errno::EISDIR)?;
            file.write_back(&mut self.random);
        }
        Ok(count)
    }

    pub(super) fn resize(&mut self, inode: u64, size: u64) -> Result<(), Errno> {
        self.change()?;
        if self.excess(inode, size)? > 0 {
            return Err(Errno::ENOSPC);
        }
        Ok(self.file(inode)?.resize(size)?)
    }

    /// Makes a file at least so long, with zeros.
    pub(super) fn extend(&mut self, inode: u64, size: u64) -> Result<(), Errno> {
        if size > self.file(inode)?.size() {
            self.resize(inode, size)?;
        }
        Ok(())
    }

    /// Bytes that a file of `size` bytes has more than fit on the disk.
    fn excess(&mut self, inode: u64, size: u64) -> Result<u64, Errno> {
        let added = size.saturating_sub(self.file(inode)?.size());
        Ok(self.free().map_or(0, |free| added.saturating_sub(free)))
    }

    /// Bytes that still fit; nothing where the disk is as large as it needs to be.
    pub(super) fn free(&self) -> Option<u64> {
        let capacity = self.faults.capacity?;
        let named = self.names.reachable();
        let files = named.iter().filter_map(|inode| self.files.get(inode));
        let used: u64 = files.map(Contents::size).sum();
        Some(capacity.saturating_sub(used))
    }

    fn sync(&mut self, inode: u64) -> Result<(), Errno> {
        self.change()?;
        if let Some(left) = &mut self.faults.syncs_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.faults.syncs_left = None;
                self.failed_syncs += 1;
                return self.fail_sync(inode);
            }
        }
        if self.faults.lies {
            return Ok(());
        }
        match self.files.get_mut(&inode) {
            Some(file) => file.sync(),
            None => self.names.sync(inode),
        }
        Ok(())
    }

    fn fail_sync(&mut self, inode: u64) -> Result<(), Errno> {
        if let Some(file) = self.files.get_mut(&inode) {
            file.fail_sync(&mut self.random)?;
        }
        Err(Errno::EIO)
    }

    fn cut_power(&mut self) {
        if self.has_power {
            self.has_power = false;
            self.faults.changes_left = None;
            self.lost = self.lose_unsynced();
        }
    }

    fn lose_unsynced(&mut self) -> Lost {
        let names = self.names.lose_unsynced(&mut self.random);
        let reachable = self.names.reachable();
        let mut lost = Lost { names, bytes: 0 };
        for file in self.files.values_mut() {
            lost.bytes += file
                .lose_unsynced(&mut self.random)
                .expect("the objects can be written");
        }
        let gone = self
            .files
            .extract_if(.., |inode, _| !reachable.contains(inode));
        for (_, file) in gone {
            std::fs::remove_file(file.object()).expect("the objects can be removed");
        }
        self.directories
            .retain(|inode| *inode == ROOT || reachable.contains(inode));
        lost
    }

    fn lay_out(&self, directory: u64, folder: &Path) -> io::Result<()> {
        std::fs::create_dir(folder)?;
        for (name, inode, is_directory) in self.list(directory) {
            let path = folder.join(name);
            match self.files.get(&inode) {
                Some(file) => std::fs::hard_link(file.object(), path)?,
                None if is_directory => self.lay_out(inode, &path)?,
                None => {}
            }
        }
        Ok(())
    }
}
