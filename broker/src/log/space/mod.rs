//! Room on the disk: who looks how much there is, what is refused when there is little, and who waits
//! when there is none.
//!
//! A look ([`Space::look`]) asks the file system and lets [`gate`] decide; a thread looks every second
//! and when so much was taken that the last look says nothing any more. Between two looks a counter
//! bounds what is taken. The reserve is a file that keeps its bytes from everybody until the disk
//! refuses a write, or nearly; then it goes, and comes back when there is room for it again.
//!
//! What has been taken and meets a full disk waits for room and is written again
//! ([`Space::when_there_is_room`]): nothing of it was acknowledged or seen, and the commit log keeps
//! what it has until the segments have it too. A failed sync is no such case: what the system kept of
//! the file is not known then, so that is a failure of the disk, full or not.

mod gate;
#[cfg(test)]
mod tests;

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::StorageError;
use super::disk::Disk;
use super::storage::{Free, OpenMode};
pub(super) use gate::INODES_FLOOR;
use gate::{Reserve, Sight};
pub use gate::{Room, SpaceConfig};

/// Name of the file that is the reserve.
pub(crate) const RESERVE_FILE: &str = "disk-reserve";
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two attempts to write what the disk had no room for.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Gives back the reserve of a data directory that this process has, where the disk is so full that a
/// start may not find the room it needs. To be called before anything is written there.
pub(super) fn make_room_to_start(disk: &Disk, directory: &Path) -> Result<(), StorageError> {
    match size_of_reserve(disk, directory)? {
        Some(size) => {
            let free = disk.free(directory)?;
            match free.bytes < size || free.inodes < INODES_FLOOR {
                true => disk.remove_file(&directory.join(RESERVE_FILE)),
                false => Ok(()),
            }
        }
        None => Ok(()),
    }
}

fn size_of_reserve(disk: &Disk, directory: &Path) -> Result<Option<u64>, StorageError> {
    match disk.open(&directory.join(RESERVE_FILE), OpenMode::Read) {
        Err(error) if error.cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        opened => opened?.size().map(Some),
    }
}

/// There is no room on the disk for what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk is full: {free} {of} are free, and {needed} must be before this is taken again ({}); {}; the broker goes \
     on by itself then",
    of.measure(),
    self.advice()
)]
pub struct DiskFull {
    /// What it has too little of.
    pub of: Supply,
    /// How much of it was free at the last look.
    pub free: u64,
    /// How much of it is to be free.
    pub needed: u64,
    /// What there is room for all the same.
    pub room: Room,
}

impl DiskFull {
    /// What makes room.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.room {
            Room::Enough | Room::Low => "delete topics or records, or make room otherwise",
            // A deletion is an event in the metadata, and so it is written before it frees anything.
            Room::Exhausted => {
                "delete topics or records, or make room otherwise: deletions wait as well where not even some KiB are \
                 left for them, so remove something first that is not Sluice's"
            }
        }
    }
}

/// What a disk may have too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Room for what is written.
    Bytes,
    /// Room for files, as `df -i` shows it.
    Inodes,
}

impl Supply {
    /// What says how much of it there is to be.
    #[must_use]
    pub const fn measure(self) -> &'static str {
        match self {
            Self::Bytes => "broker.disk_free_min, broker.disk_reserve",
            Self::Inodes => "df -i",
        }
    }
}

impl Display for Supply {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Inodes => "inodes",
        })
    }
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceFacts {
    /// What there is room for.
    pub room: Room,
    /// What there was room for at the look before.
    pub was: Room,
    /// What is free on the disk.
    pub free: Free,
    /// Bytes of the reserve that are there.
    pub reserve: u64,
    /// Why records are refused, where they are.
    pub full: DiskFull,
}

/// The room of a data directory.
#[derive(Debug)]
pub struct Space {
    disk: Disk,
    directory: PathBuf,
    config: SpaceConfig,
    /// [`Room`] as a number, for who only asks.
    room: AtomicU8,
    /// Bytes that may be taken until the next look.
    left: AtomicI64,
    /// Held by who looks, or moves the reserve: one at a time. Taken before `state`.
    looking: Mutex<()>,
    /// Held for microseconds and never across disk: who is refused asks for it.
    state: Mutex<State>,
    /// A look is due, or it is over.
    wanted: Condvar,
    /// There may be room.
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    room: Room,
    /// What the last look said.
    told: Room,
    free: Free,
    is_held: bool,
    /// Whether the disk refused a write since the last look.
    is_refused: bool,
    /// Who waits for room.
    waiting: usize,
    /// Whether somebody looks from time to time, so that waiting is worth it.
    is_watched: bool,
    is_look_due: bool,
}

impl Space {
    /// The room for a data directory, which exists and belongs to this process.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(
        disk: &Disk,
        directory: &Path,
        config: SpaceConfig,
    ) -> Result<Arc<Self>, StorageError> {
        let space = Self {
            disk: disk.clone(),
            directory: directory.to_owned(),
            config,
            room: AtomicU8::default(),
            left: AtomicI64::default(),
            looking: Mutex::default(),
            state: Mutex::default(),
            wanted: Condvar::new(),
            freed: Condvar::new(),
        };
        let is_held = space.found_reserve()?;
        let mut state = space.state.lock();
        state.is_held = is_held;
        space.set_room(&mut state, Room::Low);
        drop(state);
        space.look(0)?;
        // So that a disk that is full from the start is told, and one that is not is no news.
        space.state.lock().told = Room::Enough;
        Ok(Arc::new(space))
    }

    /// Takes `bytes` of a user, if there is room for them: in the commit log, which may need new extents for them,
    /// and in a segment.
    ///
    /// # Errors
    /// [`DiskFull`].
    pub fn take(&self, bytes: usize) -> Result<(), DiskFull> {
        if self.room() != Room::Enough {
            return Err(self.full());
        }
        let bytes = i64::try_from(bytes.saturating_mul(2)).unwrap_or(i64::MAX);
        let left = self.left.fetch_sub(bytes, Ordering::Relaxed);
        let grace = self.grace();
        if left >= grace && left.saturating_sub(bytes) < grace {
            self.ask_for_look();
        }
        match left < bytes {
            true => Err(self.full()),
            false => Ok(()),
        }
    }

    /// Whether there is room for what the broker itself has to write and can refuse.
    ///
    /// # Errors
    /// [`DiskFull`].
    pub fn take_own(&self) -> Result<(), DiskFull> {
        match self.room() {
            Room::Exhausted => Err(self.full()),
            Room::Enough | Room::Low => Ok(()),
        }
    }

    /// Whether there is room for `bytes` of something that can wait, such as what compaction makes before
    /// it can take away what was there: it may take nothing that others need.
    ///
    /// # Errors
    /// [`DiskFull`].
    pub fn spare(&self, bytes: u64) -> Result<(), DiskFull> {
        let free = self.state.lock().free.bytes;
        let spare = match self.room() {
            Room::Enough => free.saturating_sub(self.config.free_min),
            Room::Low | Room::Exhausted => free / 2,
        };
        match spare < bytes {
            true => Err(self.full()),
            false => Ok(()),
        }
    }

    /// What there is room for.
    #[must_use]
    pub fn room(&self) -> Room {
        match self.room.load(Ordering::Relaxed) {
            0 => Room::Enough,
            1 => Room::Low,
            _ => Room::Exhausted,
        }
    }

    /// Why records are refused now, if they are.
    #[must_use]
    pub fn refusal(&self) -> Option<DiskFull> {
        (self.room() != Room::Enough).then(|| self.full())
    }

    /// Does what may meet a full disk, again and again until there is room; `work` must do all of it
    /// anew each time. While nobody watches, and at the end, only the reserve is tried.
    ///
    /// # Errors
    /// What `work` says, where that is anything else or waiting is over.
    pub(super) fn when_there_is_room<T>(
        &self,
        mut work: impl FnMut() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        loop {
            match work() {
                Err(error) if error.is_full() => self.make_way(error)?,
                outcome => return outcome,
            }
        }
    }

    /// As [`Space::when_there_is_room`], but content with nothing done once `is_over`.
    pub(super) fn when_there_is_room_or(
        &self,
        is_over: &dyn Fn() -> bool,
        mut work: impl FnMut() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.when_there_is_room(|| match is_over() {
            true => Ok(()),
            false => work(),
        })
    }

    /// Looks how much is free when `pending` bytes are on their way, and does what follows.
    ///
    /// # Errors
    /// [`StorageError`]; all is as it was then.
    pub fn look(&self, pending: u64) -> Result<SpaceFacts, StorageError> {
        let looking = self.looking.lock();
        loop {
            let mut free = self.disk.free(&self.directory)?;
            let mut state = self.state.lock();
            state.is_look_due = false;
            state.free = free;
            free.bytes = free.bytes.saturating_sub(pending);
            let sight = Sight {
                free,
                is_held: state.is_held,
                is_refused: std::mem::take(&mut state.is_refused) || state.waiting > 0,
            };
            let (room, reserve) = self.config.decide(state.room, sight);
            self.set_room(&mut state, room);
            let budget = free.bytes.saturating_sub(self.config.free_min / 2);
            let budget = i64::try_from(budget).unwrap_or(i64::MAX);
            self.left.store(budget, Ordering::Relaxed);
            match reserve {
                Reserve::Leave => return Ok(self.told(&mut state)),
                Reserve::GiveBack => {
                    drop(state);
                    self.give_back(&looking)?;
                    return Ok(self.told(&mut self.state.lock()));
                }
                Reserve::Take => {
                    drop(state);
                    let is_held = self.take_reserve()?;
                    state = self.state.lock();
                    state.is_held = is_held;
                }
            }
            if !state.is_held {
                return Ok(self.told(&mut state));
            }
        }
    }

    /// Looks from time to time until [`Space::close`], and tells what each look found. From here on
    /// who meets a full disk waits.
    pub fn watch(
        &self,
        pending: impl Fn() -> u64,
        mut looked: impl FnMut(Result<SpaceFacts, StorageError>),
    ) {
        while self.state.lock().is_watched {
            looked(self.look(pending()));
            let mut state = self.state.lock();
            if state.is_watched && !state.is_look_due {
                self.wanted.wait_for(&mut state, LOOK_INTERVAL);
            }
        }
    }

    /// Says that somebody will watch.
    pub fn begin_watch(&self) {
        self.state.lock().is_watched = true;
    }

    /// Ends the watch. Nobody waits for room any more.
    pub fn close(&self) {
        self.state.lock().is_watched = false;
        self.wanted.notify_all();
        self.freed.notify_all();
    }

    /// The disk refused a write: gives back the reserve, or waits for a while.
    fn make_way(&self, error: StorageError) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        state.is_refused = true;
        state.is_look_due = true;
        self.wanted.notify_all();
        if state.is_held {
            self.set_room(&mut state, Room::Low);
            drop(state);
            return self.give_back(&self.looking.lock());
        }
        self.set_room(&mut state, Room::Exhausted);
        if !state.is_watched {
            return Err(error);
        }
        state.waiting += 1;
        self.freed.wait_for(&mut state, RETRY_INTERVAL);
        state.waiting -= 1;
        match state.is_watched {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Whether the reserve is there, and takes what it lacks: a copy may be all holes.
    fn found_reserve(&self) -> Result<bool, StorageError> {
        match size_of_reserve(&self.disk, &self.directory)? {
            Some(_) => self.take_reserve(),
            None => Ok(false),
        }
    }

    /// Takes the reserve from the disk; `false` where there is no room for it after all.
    fn take_reserve(&self) -> Result<bool, StorageError> {
        let path = self.directory.join(RESERVE_FILE);
        let bytes = self.config.reserve_bytes;
        let taken = self.disk.open(&path, OpenMode::Draft).and_then(|file| {
            file.allocate(bytes)?;
            file.truncate(bytes)
        });
        match taken {
            Err(error) if error.is_full() => {
                self.disk.remove_file(&path)?;
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// Gives the reserve back, if nobody did meanwhile.
    fn give_back(&self, _looking: &MutexGuard<'_, ()>) -> Result<(), StorageError> {
        self.disk.remove_file(&self.directory.join(RESERVE_FILE))?;
        self.state.lock().is_held = false;
        self.freed.notify_all();
        Ok(())
    }

    fn told(&self, state: &mut MutexGuard<'_, State>) -> SpaceFacts {
        let room = state.room;
        let was = std::mem::replace(&mut state.told, room);
        SpaceFacts {
            room,
            was,
            free: state.free,
            reserve: match state.is_held {
                true => self.config.reserve_bytes,
                false => 0,
            },
            full: self.full_of(state),
        }
    }

    fn set_room(&self, state: &mut MutexGuard<'_, State>, room: Room) {
        state.room = room;
        let number = match room {
            Room::Enough => 0,
            Room::Low => 1,
            Room::Exhausted => 2,
        };
        self.room.store(number, Ordering::Relaxed);
    }

    fn full(&self) -> DiskFull {
        self.full_of(&self.state.lock())
    }

    fn full_of(&self, state: &State) -> DiskFull {
        let State {
            room,
            free,
            is_held,
            ..
        } = *state;
        let reserve = match is_held {
            true => 0,
            false => self.config.reserve_bytes,
        };
        let Free { bytes, inodes } = self.config.enough_at();
        let bytes = bytes.saturating_add(reserve);
        match free.bytes >= bytes && free.inodes < inodes {
            true => DiskFull {
                of: Supply::Inodes,
                free: free.inodes,
                needed: inodes,
                room,
            },
            false => DiskFull {
                of: Supply::Bytes,
                free: free.bytes,
                needed: bytes,
                room,
            },
        }
    }

    /// Bytes that may be taken while a look is under way.
    fn grace(&self) -> i64 {
        i64::try_from(self.config.free_min / 2).unwrap_or(i64::MAX)
    }

    fn ask_for_look(&self) {
        self.state.lock().is_look_due = true;
        self.wanted.notify_all();
    }
}
