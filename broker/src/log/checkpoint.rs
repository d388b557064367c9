//! The checkpoint: makes durable in the segments what so far only the commit log keeps, tells how far
//! that is, and gives the extents back.
//!
//! The flush notes what it wrote; a thread of its own syncs it when there is much of it, or when it
//! has waited for a while. In this order, so that a crash at any step loses nothing: sync the files,
//! sync the directories, replace the recovery points, recycle the extents. After a failed sync
//! nothing is recycled and nothing is flushed any more: the next start writes the segments anew from
//! the commit log.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::commit_log::{CommitLogFacts, Extents, Live, Retired};
use super::disk::Disk;
use super::flush::{FailAtPanic, FlushQueue};
use super::partition_log::LogContext;
use super::recovery_points::{FoundPoints, RecoveryPoint, RecoveryPoints};
use super::space::Room;
use super::storage::Volume;
use super::sync_pool::{Pace, SyncPool};
use super::{LogKey, StorageError};

/// How long what was written may wait for its sync where a checkpoint takes long: it is to take no more
/// than a part of the time.
const LONG_WAIT_MAX: Duration = Duration::from_secs(60);
/// Which part.
const BUSY_PART: u32 = 20;

/// What has to be synced.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) directories: BTreeSet<PathBuf>,
}

/// What one flush, or many, wrote and did not sync.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    pub(super) dirty: Dirty,
    /// Where what was written ends, by log.
    pub(super) ends: HashMap<LogKey, RecoveryPoint>,
    /// Extents that are full.
    pub(super) retired: Vec<Retired>,
    /// The first extent that is needed once this is synced; `None` where that is as before.
    pub(super) live: Option<Live>,
    /// Whether some of it is to be synced within the interval that is configured.
    pub(super) is_interval: bool,
    /// Bytes of batches.
    pub(super) bytes: u64,
}

/// The checkpoint of a data directory.
#[derive(Debug)]
pub struct Checkpoint {
    context: Arc<LogContext>,
    /// Fails when a checkpoint does.
    queue: Arc<FlushQueue>,
    extents: Arc<Extents>,
    points_file: PathBuf,
    pool: SyncPool,
    /// Opened before anything was written that is synced by it.
    volume: Option<Box<dyn Volume>>,
    interval: Duration,
    unsynced: Mutex<Waiting>,
    wanted: Condvar,
    /// Taken before `unsynced`.
    points: Mutex<RecoveryPoints>,
    /// Held while a checkpoint runs: one at a time.
    running: Mutex<()>,
    observer: OnceLock<Observer>,
}

/// Told how long each checkpoint took.
struct Observer(Box<dyn Fn(Duration) + Send + Sync>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// What the running checkpoint took and the commit log still has.
#[derive(Debug, Default)]
struct Taken {
    ends: HashMap<LogKey, RecoveryPoint>,
    full_bytes: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    unsynced: Unsynced,
    taken: Taken,
    /// When it has waited for long enough.
    due: Option<Instant>,
    /// How long the last checkpoint took.
    last_took: Duration,
    is_closed: bool,
}

/// How long what was written may wait after a checkpoint that took `elapsed`, as a rule `interval`. Where
/// thousands of partitions get a record now and then, the disk would have nothing else to do.
fn patience(interval: Duration, elapsed: Duration) -> Duration {
    let wait = elapsed.saturating_mul(BUSY_PART).min(LONG_WAIT_MAX);
    wait.max(interval)
}

impl Dirty {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }

    fn count(&self) -> usize {
        self.files.len().saturating_add(self.directories.len())
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.files.extend(other.files);
        self.directories.extend(other.directories);
    }
}

impl Unsynced {
    fn extend(&mut self, other: Self) {
        self.dirty.extend(other.dirty);
        self.ends.extend(other.ends);
        self.retired.extend(other.retired);
        self.live = other.live.or(self.live);
        self.is_interval |= other.is_interval;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    fn is_empty(&self) -> bool {
        self.dirty.is_empty() && self.ends.is_empty() && self.retired.is_empty()
    }

    fn full_bytes(&self) -> u64 {
        self.retired.iter().map(Retired::size).sum()
    }
}

impl Waiting {
    /// Bytes of all extents that are full.
    fn full_bytes(&self) -> u64 {
        let unsynced = self.unsynced.full_bytes();
        unsynced.saturating_add(self.taken.full_bytes)
    }

    fn take(&mut self) -> Unsynced {
        let mut unsynced = std::mem::take(&mut self.unsynced);
        self.taken = Taken {
            full_bytes: unsynced.full_bytes(),
            bytes: unsynced.bytes,
            ends: std::mem::take(&mut unsynced.ends),
        };
        unsynced
    }
}

impl Checkpoint {
    /// A checkpoint that continues from what was `found`. `interval` is that of [`Durability::Interval`](super::Durability).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn new(
        context: Arc<LogContext>,
        queue: Arc<FlushQueue>,
        extents: Arc<Extents>,
        found: FoundPoints,
        pool: SyncPool,
        interval: Duration,
    ) -> Result<Self, StorageError> {
        let FoundPoints {
            path: points_file,
            points,
        } = found;
        let directory = points_file.parent().unwrap_or(&points_file);
        let volume = extents.disk().volume(directory)?;
        Ok(Self {
            context,
            queue,
            extents,
            points_file,
            pool,
            volume,
            interval,
            unsynced: Mutex::default(),
            wanted: Condvar::new(),
            points: Mutex::new(points),
            running: Mutex::new(()),
            observer: OnceLock::new(),
        })
    }

    pub(super) fn disk(&self) -> &Disk {
        self.extents.disk()
    }

    /// Takes note of what was written.
    pub(super) fn note(&self, written: Unsynced) {
        if written.is_empty() {
            return;
        }
        let mut waiting = self.unsynced.lock();
        let patience = patience(self.extents.config().checkpoint_interval, waiting.last_took);
        let patience = match written.is_interval {
            true => self.interval.min(patience),
            false => patience,
        };
        let due = Instant::now() + patience;
        waiting.unsynced.extend(written);
        let is_sooner = waiting.due.is_none_or(|known| due < known);
        if is_sooner {
            waiting.due = Some(due);
        }
        let is_much = waiting.unsynced.full_bytes() >= self.extents.config().checkpoint_bytes;
        drop(waiting);
        if is_sooner || is_much {
            self.wanted.notify_one();
        }
    }

    /// Empties the commit log where it is full, and only then takes long. What a running checkpoint gives
    /// back may be enough.
    pub(super) fn make_room(&self) -> Result<(), StorageError> {
        if !self.is_full() {
            return Ok(());
        }
        let running = self.running.lock();
        match self.is_full() {
            true => self.run_alone(running, None, Pace::Hurried),
            false => Ok(()),
        }
    }

    /// Whether the flush has to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.unsynced.lock().full_bytes() >= self.full_bytes_max()
    }

    /// On a full disk there may be no room for another extent.
    fn full_bytes_max(&self) -> u64 {
        match self.extents.space().room() {
            Room::Enough => self.extents.config().full_bytes_max,
            Room::Low | Room::Exhausted => 1,
        }
    }

    /// Tells `observe` from now on how long each checkpoint took. Only the first call counts.
    pub fn observe(&self, observe: impl Fn(Duration) + Send + Sync + 'static) {
        drop(self.observer.set(Observer(Box::new(observe))));
    }

    /// Bytes of batches that only the commit log keeps.
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        let waiting = self.unsynced.lock();
        waiting.unsynced.bytes.saturating_add(waiting.taken.bytes)
    }

    /// What there is of the commit log.
    #[must_use]
    pub fn commit_log_facts(&self) -> CommitLogFacts {
        self.extents.facts()
    }

    /// Makes durable what was noted so far.
    ///
    /// # Errors
    /// [`StorageError`]. The commit log keeps what was noted, and nothing is flushed any more.
    pub fn run(&self) -> Result<(), StorageError> {
        self.run_to(None, Pace::Hurried)
    }

    /// As [`Checkpoint::run`], before a new generation of the commit log begins at `live`: what is torn of
    /// that must not be taken for a harm to what nobody needs any more.
    ///
    /// # Errors
    /// As there.
    pub fn end_generation(&self, live: Live) -> Result<(), StorageError> {
        self.run_to(Some(live), Pace::Hurried)
    }

    fn run_to(&self, live: Option<Live>, pace: Pace) -> Result<(), StorageError> {
        self.run_alone(self.running.lock(), live, pace)
    }

    /// Whoever waits meanwhile comes next.
    fn run_alone(
        &self,
        running: MutexGuard<'_, ()>,
        live: Option<Live>,
        pace: Pace,
    ) -> Result<(), StorageError> {
        // What was taken by then is noted nowhere else.
        let _end = FailAtPanic(&self.queue, "sync");
        let outcome = match self.queue.failure() {
            Some(failure) => Err(failure),
            None => self.sync_noted(live, pace),
        };
        let outcome = outcome.inspect_err(|error| self.queue.fail(error));
        MutexGuard::unlock_fair(running);
        outcome
    }

    fn sync_noted(&self, live: Option<Live>, pace: Pace) -> Result<(), StorageError> {
        let Some(taken) = self.take(live) else {
            return Ok(());
        };
        let started = Instant::now();
        self.sync(&taken.dirty, pace)?;
        self.context.checkpoints.fetch_add(1, Ordering::AcqRel);
        let elapsed = started.elapsed();
        self.unsynced.lock().last_took = elapsed;
        let text = {
            let mut points = self.points.lock().clone();
            points.advance(&self.unsynced.lock().taken.ends, taken.live);
            points.to_text()
        };
        let space = self.extents.space();
        space
            .when_there_is_room(|| self.disk().replace_file(&self.points_file, text.as_bytes()))?;
        // Only now may anybody go by them: what is rewritten before its point on the disk is taken for harmed.
        let mut points = self.points.lock();
        points.advance(&self.unsynced.lock().taken.ends, taken.live);
        drop(points);
        self.extents.recycle(taken.retired)?;
        self.unsynced.lock().taken = Taken::default();
        if let Some(observe) = self.observer.get() {
            observe.0(started.elapsed());
        }
        Ok(())
    }

    /// What was noted so far, if there is anything to do.
    fn take(&self, live: Option<Live>) -> Option<Unsynced> {
        let mut waiting = self.unsynced.lock();
        waiting.due = None;
        if waiting.unsynced.is_empty() && live.is_none() {
            return None;
        }
        let mut taken = waiting.take();
        taken.live = live.or(taken.live);
        Some(taken)
    }

    fn sync(&self, dirty: &Dirty, pace: Pace) -> Result<(), StorageError> {
        let is_many = dirty.count() > self.extents.config().synced_singly_max;
        match self.volume.as_ref().filter(|_| is_many) {
            Some(volume) => volume.sync().map_err(|cause| {
                StorageError::new("sync the file system of", &self.points_file, cause)
            }),
            None => self.pool.sync(dirty, self.disk(), &|| match pace {
                Pace::Calm if self.is_half_full() => Pace::Hurried,
                Pace::Calm | Pace::Hurried => pace,
            }),
        }
    }

    /// The offset up to which a log is durable in its segments. What lies behind must not be dropped or
    /// compacted: the commit log would bring it back with what it still has.
    #[must_use]
    pub fn point(&self, key: LogKey) -> i64 {
        self.points.lock().of(key).offset
    }

    /// Forgets all logs but those that exist: a process that was killed may have left more.
    pub fn retain(&self, exists: impl Fn(LogKey) -> bool) {
        self.points.lock().retain(exists);
    }

    /// Forgets a log that is no more.
    pub(super) fn forget(&self, key: LogKey) {
        let mut points = self.points.lock();
        let mut waiting = self.unsynced.lock();
        waiting.unsynced.ends.remove(&key);
        // Or the running checkpoint would bring it back.
        waiting.taken.ends.remove(&key);
        drop(waiting);
        points.forget(key);
    }

    /// Runs whenever there is much to sync, or something has waited, until it is closed; calls `after`
    /// each time.
    ///
    /// # Errors
    /// The first failure. Nothing may be flushed any more then.
    pub fn run_until_closed(&self, mut after: impl FnMut()) -> Result<(), StorageError> {
        self.extents.prepare()?;
        while self.wait() {
            self.run_to(None, Pace::Calm)?;
            self.extents.prepare()?;
            after();
        }
        Ok(())
    }

    /// Nobody waits as long as the commit log is less than half full.
    fn is_half_full(&self) -> bool {
        self.unsynced.lock().full_bytes() >= self.full_bytes_max() / 2
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.unsynced.lock().is_closed = true;
        self.wanted.notify_all();
    }

    /// Waits until there is reason to run; `false` when there will be none any more.
    fn wait(&self) -> bool {
        let much = self.extents.config().checkpoint_bytes;
        let mut waiting = self.unsynced.lock();
        while !waiting.is_closed {
            let Some(due) = waiting.due else {
                self.wanted.wait(&mut waiting);
                continue;
            };
            if waiting.unsynced.full_bytes() >= much
                || self.wanted.wait_until(&mut waiting, due).timed_out()
            {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation: without its bound a checkpoint of 10 s would put the next one off for minutes.
    #[test]
    fn a_long_checkpoint_is_followed_by_a_longer_rest_within_bounds() {
        let interval = Duration::from_secs(5);
        let rest = |millis| patience(interval, Duration::from_millis(millis));
        assert_eq!(rest(3), interval);
        assert_eq!(rest(1000), Duration::from_secs(20));
        assert_eq!(rest(10_000), LONG_WAIT_MAX);
    }
}
