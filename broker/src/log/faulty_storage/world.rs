//! What all handles of the faulty disk share: its files and names, what is to go wrong, and the account
//! of everything it was asked and answered.

use std::collections::HashSet;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::contents::{Change, Cut, Inode};
use super::names::{NameChange, Names};
use crate::clock::Clock;
use crate::model::TimestampMs;

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Syncs until one fails.
    pub(crate) syncs_left: Option<u32>,
    /// Bytes that may still be written before the disk is full.
    pub(crate) bytes_left: Option<u64>,
    /// Bytes that all files together may have.
    pub(crate) capacity: Option<u64>,
    /// Files that may still be made, by what it says: it refuses none.
    pub(crate) inodes: Option<u64>,
    /// Changes to files and names until the process can make none any more, as one that died.
    pub(crate) changes_left: Option<u32>,
    /// Changes to files and names, syncs among them, until one fails.
    pub(crate) changes_to_error: Option<u32>,
    /// Renames until one finds the disk full.
    pub(crate) renames_to_full: Option<u32>,
    /// A directory of a file system that syncs none.
    pub(crate) never_synced: Option<&'static str>,
    /// Reads of files and directories until one fails.
    pub(crate) reads_to_error: Option<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) rng: fastrand::Rng,
    /// When files are written to.
    pub(super) clock: Clock,
    /// Grows with every end of a process; handles of an earlier one are dead.
    pub(super) process: u64,
    pub(super) inodes: Vec<Inode>,
    pub(super) names: Names,
    pub(super) durable_names: Names,
    pub(super) unsynced_names: Vec<NameChange>,
    pub(super) locks: HashSet<PathBuf>,
    pub(super) faults: Faults,
    /// Files that cannot be read.
    pub(super) unreadable: HashSet<usize>,
    /// Whether one of them has struck.
    pub(super) has_struck: bool,
    /// Whether a cut keeps any of the changes of names that were not synced, not the first ones.
    pub(super) forgets_order: bool,
    /// Whether a cut may flip bits of what was not synced.
    pub(super) flips_bits: bool,
    pub(super) account: Account,
    /// Whether it tells each operation, as `SLUICE_STEPS` wishes.
    is_told: bool,
}

/// Stands for everything that the disk was asked and answered, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Operations.
    pub(crate) steps: u64,
    digest: u64,
}

impl Account {
    fn add(&mut self, operation: &str, subject: impl std::hash::Hash, bytes: &[u8]) {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.digest, operation, crc32c::crc32c(bytes)).hash(&mut hasher);
        subject.hash(&mut hasher);
        self.digest = hasher.finish();
        self.steps += 1;
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            clock: Clock::manual(TimestampMs(0)),
            process: 0,
            inodes: Vec::new(),
            names: Names::default(),
            durable_names: Names::default(),
            unsynced_names: Vec::new(),
            locks: HashSet::new(),
            faults: Faults::default(),
            unreadable: HashSet::new(),
            has_struck: false,
            forgets_order: false,
            flips_bits: false,
            account: Account::default(),
            is_told: std::env::var_os("SLUICE_STEPS").is_some(),
        }
    }

    /// Takes down an operation, what it was about, and the bytes that went or came.
    pub(super) fn note<T>(
        &mut self,
        operation: &str,
        subject: impl std::hash::Hash + std::fmt::Debug,
        bytes: &[u8],
        outcome: &io::Result<T>,
    ) {
        let kind = outcome.as_ref().err().map(io::Error::kind);
        if self.is_told {
            eprintln!("{operation} {subject:?}, {} bytes: {kind:?}", bytes.len());
        }
        self.account.add(operation, (subject, kind), bytes);
    }

    pub(super) fn change(&mut self, inode: usize, change: Change) {
        let inode = &mut self.inodes[inode];
        inode.modified = self.clock.wall().0;
        inode.change(change);
    }

    pub(super) fn change_names(&mut self, change: NameChange) {
        self.names.apply(&change);
        if let NameChange::Rename(from, to) = &change {
            // What is yet to be synced in a directory moves with it.
            for unsynced in &mut self.unsynced_names {
                unsynced.move_with(from, to);
            }
        }
        self.unsynced_names.push(change);
    }

    /// Whether the process can make no change any more.
    pub(super) fn is_dead(&self) -> bool {
        self.has_struck && self.faults.changes_left == Some(0)
    }

    /// Says that a change begins.
    pub(super) fn begin_change(&mut self) -> io::Result<()> {
        if let Some(left) = self.faults.changes_left.as_mut() {
            if *left == 0 {
                self.has_struck = true;
                return Err(io::Error::other("the process is dead"));
            }
            *left -= 1;
        }
        let fails = strikes(&mut self.faults.changes_to_error);
        self.error_if(fails)
    }

    /// Says that a rename begins.
    pub(super) fn begin_rename(&mut self) -> io::Result<()> {
        match strikes(&mut self.faults.renames_to_full) {
            true => Err(ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    /// Says that a read begins.
    pub(super) fn begin_read(&mut self) -> io::Result<()> {
        let fails = strikes(&mut self.faults.reads_to_error);
        self.error_if(fails)
    }

    /// Says that a sync begins, which is a change too.
    pub(super) fn begin_sync(&mut self) -> io::Result<()> {
        self.begin_change()?;
        let fails = strikes(&mut self.faults.syncs_left);
        self.error_if(fails)
    }

    fn error_if(&mut self, fails: bool) -> io::Result<()> {
        self.has_struck |= fails;
        match fails {
            true => Err(rustix::io::Errno::IO.into()),
            false => Ok(()),
        }
    }

    /// A sync of everything fails, for some of the files.
    pub(super) fn fail_to_sync_some(&mut self) {
        for inode in self.inodes.iter_mut().filter(|inode| !inode.is_synced()) {
            if self.rng.bool() {
                inode.fail_to_sync(&mut self.rng);
            }
        }
    }

    /// How many of `length` bytes can be written at `position`, where `size` bytes are.
    pub(super) fn room_for(&mut self, position: usize, length: usize, size: usize) -> usize {
        let mut room = length;
        if let Some(left) = self.faults.bytes_left.as_mut() {
            room = room.min(usize::try_from(*left).unwrap());
            *left -= u64::try_from(room).unwrap();
        }
        let allocated = size.saturating_sub(position);
        let free = usize::try_from(self.free()).unwrap();
        room = room.min(allocated.saturating_add(free));
        self.has_struck |= room < length;
        room
    }

    /// Says that a file is about to be made.
    pub(super) fn begin_file(&mut self) -> io::Result<()> {
        self.begin_change()?;
        match self.free() {
            0 => {
                self.has_struck = true;
                Err(ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    /// Bytes that still fit.
    pub(super) fn free(&self) -> u64 {
        let capacity = self.faults.capacity;
        capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// Bytes of all files that have a name.
    pub(super) fn used(&self) -> u64 {
        let files = self.names.files();
        let sizes = files.map(|inode| self.inodes[inode].current.len());
        u64::try_from(sizes.sum::<usize>()).unwrap()
    }

    /// The power goes.
    pub(super) fn cut(&mut self, cut: Cut) {
        let kept = match cut {
            Cut::Nothing => 0,
            Cut::Everything => self.unsynced_names.len(),
            Cut::Any { .. } => self.rng.usize(..=self.unsynced_names.len()),
        };
        let is_any = self.forgets_order && matches!(cut, Cut::Any { .. });
        for (index, change) in std::mem::take(&mut self.unsynced_names)
            .into_iter()
            .enumerate()
        {
            let is_kept = match is_any {
                true => self.rng.bool(),
                false => index < kept,
            };
            if is_kept {
                self.durable_names.apply(&change);
            }
        }
        self.durable_names.drop_orphans();
        self.names = self.durable_names.clone();
        let named: HashSet<usize> = self.names.files().collect();
        for (id, inode) in self.inodes.iter_mut().enumerate() {
            match named.contains(&id) {
                true => inode.cut(cut, &mut self.rng),
                false => *inode = Inode::default(),
            }
        }
    }
}

/// Whether a fault strikes now that is so many operations away.
fn strikes(left: &mut Option<u32>) -> bool {
    let Some(count) = left.as_mut() else {
        return false;
    };
    *count = count.saturating_sub(1);
    let does = *count == 0;
    if does {
        *left = None;
    }
    does
}
