//! The durable record of what happens to topics: a log of its own, through the same flush as all.
//!
//! Events are applied to the state in the order they are queued, under one lock. When the log has
//! grown, the state is written as one batch, which is whole or absent, and what lies before it goes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_protocol::record_batch::{
    self, BatchBuilder, Compression, NewRecord, Stamp, StampedBatch,
};

use super::metadata_event::{MetadataEvent, MetadataState};
use super::metadata_growth::MetadataGrowth;
use crate::clock::Clock;
use crate::limits;
use crate::log::{
    Checkpoint, DamagedRange, Durability, Durable, FlushError, FlushQueue, LogConfig, LogContext,
    LogKey, LogOptions, LogRead, LogReadError, OpenError, PartitionLog, RECOVERY_POINTS_FILE,
    RecoveryPoint, Retention, StorageError, Unclean,
};

/// The metadata log.
#[derive(Debug)]
pub(crate) struct MetadataLog {
    log: Arc<PartitionLog>,
    queue: Arc<FlushQueue>,
    clock: Clock,
    written: Mutex<Written>,
    growth: MetadataGrowth,
    /// Held while a snapshot takes the place of the log.
    compacting: Mutex<()>,
}

/// What is queued or durable.
#[derive(Debug)]
struct Written {
    state: MetadataState,
    next_offset: i64,
}

impl MetadataLog {
    /// Opens the log in a directory and replays it.
    pub(crate) fn open(
        context: &Arc<LogContext>,
        queue: Arc<FlushQueue>,
        directory: &Path,
        recovery_point: RecoveryPoint,
        unclean: Option<Unclean<'_>>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let options = LogOptions {
            key: LogKey::METADATA,
            directory: directory.to_owned(),
            label: "version: 0\nmetadata\n".to_owned(),
            config: LogConfig {
                segment_bytes: u32::MAX >> 1,
                segment_ms: i64::MAX,
                index_interval_bytes: 4096,
                index_bytes_max: u32::MAX,
                file_delete_delay: std::time::Duration::ZERO,
                durability: Durability::Group,
                retention: Retention::default(),
                compaction: None,
            },
            log_start: 0,
            recovery_point,
            is_labelled: false,
            was_compacted: false,
            leader_epoch_max: None,
            on_change: Box::new(|| ()),
        };
        let (log, recovery) = PartitionLog::open(context, options, unclean)?;
        if let Some(begin) = recovery.doubtful_end {
            return Err(OpenError::Unreadable {
                path: directory.to_owned(),
                reason: doubtful(begin),
            });
        }
        if let Some(range) = recovery.damaged.first() {
            return Err(OpenError::Unreadable {
                path: directory.to_owned(),
                reason: lost(range),
            });
        }
        let state = replay(&log, directory)?;
        let (_, next_offset) = log.bounds();
        Ok(Self {
            growth: MetadataGrowth::found(log.size()),
            compacting: Mutex::default(),
            log,
            queue,
            clock,
            written: Mutex::new(Written { state, next_offset }),
        })
    }

    /// What there is, by the events queued so far.
    pub(crate) fn state(&self) -> MetadataState {
        self.written.lock().state.clone()
    }

    /// Whether it holds no event at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.lock().next_offset == 0
    }

    /// Queues an event. One that is refused changes nothing.
    pub(crate) fn append(&self, event: &MetadataEvent) -> Result<Durable, StorageError> {
        self.append_sized(event).map(|(durable, _size)| durable)
    }

    /// As [`MetadataLog::append`], with the bytes of its batch.
    fn append_sized(&self, event: &MetadataEvent) -> Result<(Durable, usize), StorageError> {
        let mut written = self.written.lock();
        let batch = self.batch(&written, std::slice::from_ref(event))?;
        let applied = written.state.apply(event);
        applied.map_err(|unknown| self.refused(unknown))?;
        let size = batch.size();
        Ok((self.queue(&mut written, batch)?, size))
    }

    /// Queues a batch of what was applied. The queue refuses it only where nothing becomes durable any
    /// more; what memory says then is of no consequence.
    fn queue(&self, written: &mut Written, batch: StampedBatch) -> Result<Durable, StorageError> {
        written.next_offset = batch.header().last_offset().saturating_add(1);
        let queued = self.queue.append_unbounded(&self.log, batch);
        queued.map_err(|error| self.failed(error))
    }

    /// Appends an event and waits until it is durable; before, where events come faster than the log is compacted, for
    /// that.
    pub(crate) async fn commit(&self, event: &MetadataEvent) -> Result<(), StorageError> {
        self.growth.bounded().await;
        let (durable, size) = self.append_sized(event)?;
        let outcome = durable.await.unwrap_or(Err(FlushError::Stopped));
        outcome.map_err(|error| self.failed(error))?;
        // Only what is written counts as the size of the log.
        self.growth.add(size);
        Ok(())
    }

    /// Replaces the log by a snapshot if it has grown beyond its limit and the snapshot is much
    /// smaller. Blocks on the disk.
    pub(crate) fn compact(&self, checkpoint: &Checkpoint) -> Result<(), StorageError> {
        let _compacting = self.compacting.lock();
        let size = self.log.size();
        if size < limits::METADATA_LOG_BYTES_MAX {
            return Ok(());
        }
        let snapshot_size: usize = self
            .state()
            .snapshot()
            .iter()
            .map(|event| event.to_json().len())
            .sum();
        if u64::try_from(snapshot_size).is_ok_and(|snapshot| snapshot < size / 4) {
            let (start, durable) = self.begin_snapshot()?;
            let outcome = durable.blocking_recv();
            let outcome = outcome.unwrap_or(Err(FlushError::Stopped));
            outcome.map_err(|error| self.failed(error))?;
            self.end_snapshot(start, checkpoint)?;
        }
        Ok(())
    }

    /// As [`PartitionLog::note_end`].
    pub(crate) fn note_end(&self, checkpoint: &Checkpoint) {
        self.log.note_end(checkpoint);
    }

    /// Compacts the log as soon as it has grown by much, until [`MetadataLog::end_watch`]. What fails is tried again,
    /// and told, by the next check of retention.
    pub(crate) fn watch(&self, checkpoint: &Checkpoint) {
        self.growth.watch(|| drop(self.compact(checkpoint)));
    }

    /// Has nobody [watch](MetadataLog::watch) any more.
    pub(crate) fn end_watch(&self) {
        self.growth.end_watch();
    }

    /// Queues the state in a segment of its own, and returns its offset.
    pub(super) fn begin_snapshot(&self) -> Result<(i64, Durable), StorageError> {
        let mut written = self.written.lock();
        let start = written.next_offset;
        self.log.begin_segment_at(start);
        let batch = self.batch(&written, &written.state.snapshot())?;
        let durable = self.queue(&mut written, batch)?;
        // All else is as the snapshot says.
        written.state.deleted.clear();
        Ok((start, durable))
    }

    /// Drops the segments before a snapshot that is durable, once its own segment is.
    pub(super) fn end_snapshot(
        &self,
        start: i64,
        checkpoint: &Checkpoint,
    ) -> Result<(), StorageError> {
        checkpoint.run()?;
        self.log.advance_log_start(start);
        let now = self.clock.wall().0;
        if let Some(dropped) = self.log.retain(now, start, checkpoint)? {
            self.log.remove(&dropped.files)?;
        }
        Ok(())
    }

    /// Leaves the log for a clean stop.
    pub(crate) fn leave(&self) -> Result<(), StorageError> {
        self.log.leave()
    }

    /// All of the events or none become durable.
    fn batch(
        &self,
        written: &Written,
        events: &[MetadataEvent],
    ) -> Result<StampedBatch, StorageError> {
        let mut batch = BatchBuilder::new(Compression::None);
        for event in events {
            let record = NewRecord {
                timestamp: self.clock.wall().0,
                value: Some(Bytes::from(event.to_json())),
                ..NewRecord::default()
            };
            batch.append(&record).map_err(|error| self.refused(error))?;
        }
        let built = batch.build().map_err(|error| self.refused(error))?;
        let records = built.ok_or_else(|| self.refused("there are no events"))?;
        let stamp = Stamp {
            base_offset: written.next_offset,
            leader_epoch: written.state.epoch,
            append_time: None,
        };
        Ok(StampedBatch::new(&records, stamp))
    }

    fn failed(&self, error: FlushError) -> StorageError {
        match error {
            FlushError::Storage(error) => error,
            FlushError::Closed | FlushError::Stopped | FlushError::QueueFull { .. } => {
                self.refused(error)
            }
        }
    }

    fn refused(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
        let directory = self.log.directory();
        StorageError::new("append to", directory, io::Error::other(cause))
    }
}

/// What is to be done where events are gone that were durable.
fn lost(range: &DamagedRange) -> String {
    let DamagedRange { begin, end } = range;
    format!(
        "the disk lost or changed the events from {begin} to {end}, though they were durable; \
         start again, and where that says the same, restore the directory from a backup"
    )
}

/// What is to be done where events were cut off in the middle and may have been durable.
fn doubtful(begin: i64) -> String {
    format!(
        "the events from {begin} on are not whole, and nothing says whether they were durable, since \
         {RECOVERY_POINTS_FILE} cannot be read either; start again, and where that says the same, put back the \
         {RECOVERY_POINTS_FILE} of that very moment, not an older one, or restore the directory from a backup"
    )
}

fn replay(log: &PartitionLog, directory: &Path) -> Result<MetadataState, OpenError> {
    let unreadable = |reason: String| OpenError::Unreadable {
        path: directory.to_owned(),
        reason,
    };
    let mut state = MetadataState::default();
    let (mut from, end) = log.bounds();
    while from < end {
        let read = LogRead {
            from,
            end,
            max_bytes: 1024 * 1024,
            first_batch_max: Some(usize::MAX),
        };
        let chunks = log.read(read).map_err(|error| match error {
            LogReadError::Storage(error) => error.into(),
            LogReadError::Damaged { range } => unreadable(lost(&range)),
            LogReadError::NoRoom { .. } => unreadable(error.to_string()),
        })?;
        let before = from;
        for batch in record_batch::batches(chunks.concat().into()) {
            let batch = batch.map_err(|error| unreadable(error.to_string()))?;
            let records = batch.records(limits::DECOMPRESSED_BATCH_BYTES_MAX);
            for record in records.map_err(|error| unreadable(error.to_string()))? {
                let record = record.map_err(|error| unreadable(error.to_string()))?;
                let value = record.value.unwrap_or_default();
                MetadataEvent::from_json(&value)
                    .and_then(|event| state.apply(&event))
                    .map_err(|unknown| unreadable(unknown.to_string()))?;
            }
            from = batch.header().last_offset().saturating_add(1);
        }
        if from == before {
            return Err(unreadable(format!("nothing can be read at offset {from}")));
        }
    }
    Ok(state)
}
