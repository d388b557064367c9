//! The flush: everything that arrived while the last one ran becomes durable at once.
//!
//! Appends are queued in the order of their offsets, under the lock that gave them out. One thread
//! drains the queue again and again; there is no timer, and nothing bypasses it. [`flush_once`] is a
//! plain function, so that a test can drive it step by step.
//!
//! After a failure nothing is acknowledged again but what is durable already: what waits and what comes gets the failure.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluice_protocol::record_batch::StampedBatch;
use tokio::sync::{oneshot, watch};

use super::burial::Burial;
use super::checkpoint::{Checkpoint, Dirty, Unsynced};
use super::commit_log::CommitLog;
use super::partition_log::PartitionLog;
use super::recovery_points::RecoveryPoint;
use super::segment_writer::{SegmentWriter, Written};
use super::space::{Space, SpaceFacts};
use super::write::WriteError;
use super::{Durability, LogKey, StorageError};
use crate::clock::Clock;

/// Why something queued did not become durable.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FlushError {
    /// The log was closed before its turn came.
    #[error("the log is closed")]
    Closed,
    /// Nothing is flushed any more.
    #[error("the broker is stopping")]
    Stopped,
    /// Too much is queued already.
    #[error("{queued_bytes} bytes already wait for the disk")]
    QueueFull {
        /// Bytes that wait.
        queued_bytes: usize,
    },
    /// The disk failed, now or earlier.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Resolves when what was queued is durable.
pub type Durable = oneshot::Receiver<Result<(), FlushError>>;

/// What is to be done with a log.
#[derive(Debug)]
enum Work {
    /// Write a batch.
    Append(StampedBatch),
    /// Nothing: resolves when all that was queued before it is durable.
    Barrier,
    /// Close the log and move its directory there.
    Bury(PathBuf),
}

#[derive(Debug)]
struct Entry {
    log: Arc<PartitionLog>,
    work: Work,
    done: oneshot::Sender<Result<(), FlushError>>,
}

/// What waits for the flush.
#[derive(Debug)]
pub struct FlushQueue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    bytes_max: usize,
    failure: watch::Sender<Option<StorageError>>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    bytes: usize,
    is_closed: bool,
}

impl FlushQueue {
    /// A queue of at most `bytes_max` bytes of batches.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            bytes_max,
            failure: watch::Sender::new(None),
        })
    }

    /// Queues a batch. Batches of a log must come in the order of their offsets.
    ///
    /// # Errors
    /// [`FlushError`]; nothing was queued then.
    pub fn append(
        &self,
        log: &Arc<PartitionLog>,
        batch: StampedBatch,
    ) -> Result<Durable, FlushError> {
        self.push(log, Work::Append(batch), self.bytes_max)
    }

    /// As [`FlushQueue::append`], however much is queued: for the broker's own few bytes.
    ///
    /// # Errors
    /// As there, but for [`FlushError::QueueFull`].
    pub fn append_unbounded(
        &self,
        log: &Arc<PartitionLog>,
        batch: StampedBatch,
    ) -> Result<Durable, FlushError> {
        self.push(log, Work::Append(batch), usize::MAX)
    }

    /// Resolves when everything queued before is durable.
    ///
    /// # Errors
    /// As [`FlushQueue::append`].
    pub fn barrier(&self, log: &Arc<PartitionLog>) -> Result<Durable, FlushError> {
        self.push(log, Work::Barrier, usize::MAX)
    }

    /// Closes a log for good and moves its directory to `grave`.
    ///
    /// # Errors
    /// As [`FlushQueue::append`].
    pub fn bury(&self, log: &Arc<PartitionLog>, grave: PathBuf) -> Result<Durable, FlushError> {
        self.push(log, Work::Bury(grave), usize::MAX)
    }

    /// Bytes of batches that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.waiting.lock().bytes
    }

    /// The failure after which nothing becomes durable any more.
    #[must_use]
    pub fn failure(&self) -> Option<StorageError> {
        self.failure.borrow().clone()
    }

    /// Tells when there is a failure.
    #[must_use]
    pub fn watch_failure(&self) -> watch::Receiver<Option<StorageError>> {
        self.failure.subscribe()
    }

    /// Takes nothing more. The thread ends when it has flushed what is queued.
    pub fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.arrived.notify_all();
    }

    /// Whether nothing more is taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.waiting.lock().is_closed
    }

    fn push(
        &self,
        log: &Arc<PartitionLog>,
        work: Work,
        bytes_max: usize,
    ) -> Result<Durable, FlushError> {
        let size = work.size();
        let (done, durable) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            return Err(self.failure().map_or(FlushError::Stopped, Into::into));
        }
        let queued_bytes = waiting.bytes;
        if queued_bytes.saturating_add(size) > bytes_max {
            return Err(FlushError::QueueFull { queued_bytes });
        }
        let was_empty = waiting.entries.is_empty();
        waiting.bytes = queued_bytes.saturating_add(size);
        waiting.entries.push(Entry {
            log: Arc::clone(log),
            work,
            done,
        });
        drop(waiting);
        if was_empty {
            self.arrived.notify_one();
        }
        Ok(durable)
    }

    fn drain(&self) -> Vec<Entry> {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.entries)
    }

    /// Waits until there is something to flush; `false` when there will be nothing any more.
    fn wait(&self) -> bool {
        let mut waiting = self.waiting.lock();
        while waiting.entries.is_empty() && !waiting.is_closed {
            self.arrived.wait(&mut waiting);
        }
        !waiting.entries.is_empty()
    }

    /// Fails for good, with everything that waits.
    pub fn fail(&self, error: &StorageError) {
        self.failure.send_replace(Some(error.clone()));
        self.close();
        complete(self.drain(), &Err(error.clone().into()));
    }
}

impl Work {
    const fn size(&self) -> usize {
        match self {
            Self::Append(batch) => batch.size(),
            Self::Barrier | Self::Bury(_) => 0,
        }
    }
}

/// What a flush made durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Entries of the queue.
    pub entries: usize,
    /// Bytes of batches.
    pub bytes: usize,
}

/// Where a flush goes.
#[derive(Debug)]
pub struct Journal {
    /// What makes it durable.
    pub commit_log: CommitLog,
    /// What makes it readable.
    pub segments: SegmentWriter,
    /// What makes it durable there.
    pub checkpoint: Arc<Checkpoint>,
}

/// Flushes until the queue is closed and empty, and tells how long each flush took.
pub fn flush_until_closed(
    queue: &FlushQueue,
    mut journal: Journal,
    clock: &Clock,
    mut flushed: impl FnMut(Duration, Flushed),
) {
    let _end = FailAtPanic(queue, "flush");
    while queue.wait() {
        let started = clock.now();
        let Ok(what) = flush_once(queue, &mut journal) else {
            break;
        };
        flushed(clock.now().duration_since(started), what);
    }
}

/// Runs checkpoints until they are closed or one fails; calls `after` behind each.
pub fn checkpoint_until_closed(queue: &FlushQueue, checkpoint: &Checkpoint, after: impl FnMut()) {
    let _end = FailAtPanic(queue, "sync");
    // A checkpoint tells the queue itself; that there is no extent to go on with, nobody else would.
    if let Err(error) = checkpoint.run_until_closed(after) {
        queue.fail(&error);
    }
}

/// Looks how much room there is until the space is closed; tells `looked` what each look found.
pub fn look_until_closed(
    queue: &FlushQueue,
    space: &Space,
    looked: impl FnMut(Result<SpaceFacts, StorageError>),
) {
    let _end = FailAtPanic(queue, "look for room");
    let queued = || u64::try_from(queue.queued_bytes()).unwrap_or(u64::MAX);
    space.watch(queued, looked);
}

/// Fails the queue when the thread dies that does what is named, so that nobody waits for ever or is
/// refused for ever.
pub(super) struct FailAtPanic<'a>(pub(super) &'a FlushQueue, pub(super) &'static str);

impl Drop for FailAtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(queue, operation) = self;
            let cause = std::io::Error::other("the thread for it died");
            queue.fail(&StorageError::new(operation, "".as_ref(), cause));
        }
    }
}

/// Makes durable what is queued now: commits it while the segments are written, publishes it, and
/// tells those who wait.
///
/// # Errors
/// [`StorageError`]; the queue has failed for good then.
pub fn flush_once(queue: &FlushQueue, journal: &mut Journal) -> Result<Flushed, StorageError> {
    let entries = queue.drain();
    let flushed = Flushed {
        entries: entries.len(),
        bytes: entries.iter().map(|entry| entry.work.size()).sum(),
    };
    let rounds = by_log(entries);
    let changed = rounds.iter().filter(|round| round.note_durability());
    let prepared = match changed.count() {
        0 => Ok(()),
        // Behind the recovery point of a log the commit log has everything, or nothing.
        _ => journal.checkpoint.run(),
    };
    let frames = frames(&rounds);
    let is_interval = rounds
        .iter()
        .any(|round| round.durability == Durability::Interval);
    journal.segments.begin(rounds, flushed.bytes);
    let committed = prepared.and_then(|()| journal.commit_log.commit(&frames));
    let Written {
        rounds,
        dirty,
        outcome,
    } = journal.segments.finish();
    if let Err(error) = committed.and(outcome) {
        for round in rounds {
            complete(round.entries, &Err(error.clone().into()));
        }
        queue.fail(&error);
        return Err(error);
    }
    journal.checkpoint.note(Unsynced {
        dirty,
        ends: rounds.iter().filter_map(Round::end).collect(),
        retired: journal.commit_log.take_retired(),
        live: Some(journal.commit_log.live()),
        is_interval,
        bytes: u64::try_from(flushed.bytes).unwrap_or(u64::MAX),
    });
    finish(rounds, &journal.checkpoint)
        .inspect_err(|error| queue.fail(error))
        .and_then(|()| journal.checkpoint.make_room())
        .map(|()| flushed)
}

/// What the commit log gets of a flush.
fn frames(rounds: &[Round]) -> Vec<(LogKey, StampedBatch)> {
    let mut frames = Vec::new();
    for round in rounds.iter().filter(|round| round.is_committed()) {
        let batches = round.batches().into_iter();
        frames.extend(batches.map(|batch| (round.log.key, batch.clone())));
    }
    frames
}

/// What one log has in a flush.
#[derive(Debug)]
pub(super) struct Round {
    log: Arc<PartitionLog>,
    entries: Vec<Entry>,
    is_closed: bool,
    durability: Durability,
}

impl Round {
    fn batches(&self) -> Vec<&StampedBatch> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.work {
                Work::Append(batch) => Some(batch),
                Work::Barrier | Work::Bury(_) => None,
            })
            .collect()
    }

    /// Whether it goes through the commit log.
    fn is_committed(&self) -> bool {
        self.durability == Durability::Group
    }

    /// Notes with which durability the log is written. Whether it was another one, in that regard, the time before.
    fn note_durability(&self) -> bool {
        !self.batches().is_empty()
            && self
                .log
                .is_committed
                .swap(self.is_committed(), Ordering::Relaxed)
                != self.is_committed()
    }

    /// Where what was written ends.
    fn end(&self) -> Option<(LogKey, RecoveryPoint)> {
        let is_written = !self.is_closed && !self.batches().is_empty();
        is_written.then(|| (self.log.key, self.log.written_end()))
    }

    /// Writes the batches to their segment, through the page cache.
    pub(super) fn write(&mut self, dirty: &mut Dirty) -> Result<(), StorageError> {
        let batches = self.batches();
        if batches.is_empty() {
            return Ok(());
        }
        match self.log.write(&batches, dirty) {
            Ok(()) => Ok(()),
            Err(WriteError::Closed) => {
                self.is_closed = true;
                Ok(())
            }
            Err(WriteError::Storage(error)) => Err(error),
        }
    }

    /// Lets the batches be seen, and closes the log where that was asked for.
    fn finish(&self, burial: &mut Burial) -> Result<(), FlushError> {
        if self.is_closed {
            return Err(FlushError::Closed);
        }
        let batches = self.batches();
        if !batches.is_empty() {
            self.log.publish(&batches);
        }
        let mut graves = self.graves();
        Ok(graves.try_for_each(|grave| self.log.bury(grave, burial))?)
    }

    fn graves(&self) -> impl Iterator<Item = &PathBuf> {
        self.entries.iter().filter_map(|entry| match &entry.work {
            Work::Bury(grave) => Some(grave),
            Work::Append(_) | Work::Barrier => None,
        })
    }
}

/// Publishes what is durable and tells those who wait; of the logs that are closed, once all of them
/// are. Each log has its answer whatever becomes of the others.
fn finish(rounds: Vec<Round>, checkpoint: &Checkpoint) -> Result<(), StorageError> {
    let mut burial = Burial::default();
    let mut buried = Vec::new();
    let mut failed = Ok(());
    for round in rounds {
        let outcome = round.finish(&mut burial);
        if outcome.is_ok() && round.graves().next().is_some() {
            buried.push(round);
            continue;
        }
        if let Err(FlushError::Storage(error)) = &outcome {
            failed = Err(error.clone());
        }
        complete(round.entries, &outcome);
    }
    let outcome = burial.finish(checkpoint.disk());
    for round in buried {
        if outcome.is_ok() {
            checkpoint.forget(round.log.key);
        }
        let outcome = outcome.clone().map_err(FlushError::from);
        complete(round.entries, &outcome);
    }
    failed.and(outcome)
}

/// The entries by log, in the order they came in.
fn by_log(entries: Vec<Entry>) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    let mut places = HashMap::new();
    for entry in entries {
        let place = *places.entry(entry.log.id).or_insert(rounds.len());
        match rounds.get_mut(place) {
            Some(round) => round.entries.push(entry),
            None => rounds.push(Round {
                log: Arc::clone(&entry.log),
                durability: entry.log.config.load().durability,
                entries: vec![entry],
                is_closed: false,
            }),
        }
    }
    rounds
}

fn complete(entries: Vec<Entry>, outcome: &Result<(), FlushError>) {
    for entry in entries {
        // Nobody waits for an append with acks=0.
        drop(entry.done.send(outcome.clone()));
    }
}
