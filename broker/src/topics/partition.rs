//! One partition: offsets assigned under one lock, records read when durable.
//!
//! The lock (`head`) is held for microseconds and never across disk or await: it checks the
//! producer's sequence, gives out offsets and queues for the flush, so that the order of offsets is
//! the order of the queue. Everything durable lies in the log below.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sluice_protocol::record_batch::{
    BatchProducer, Stamp, StampedBatch, TimestampType, ValidatedBatch,
};

use super::append_check;
use super::fetch_waiters::FetchWaiters;
use super::known_producers::{KnownProducers, ProducerCount};
use super::metadata_event::MetadataEvent;
use super::metadata_log::MetadataLog;
use super::refused_producers::RefusedProducers;
use super::topic_config::TopicConfig;
use super::{
    AppendError, Appended, DeleteRecordsError, EpochEnd, FetchWaiter, PartitionOffsets, to_its_end,
};
use crate::clock::Clock;
use crate::limits;
use crate::log::{
    DiskFull, Durable, FlushError, FlushQueue, KnownBatch, PartitionLog, RecoveredProducers,
    Sequenced, Space, StorageError, Tending, id_text,
};
use crate::model::{
    Acks, LeaderEpoch, Offset, PartitionId, ProducerId, TimestampMs, TopicName, Uuid,
};

/// A partition of a topic.
#[derive(Debug)]
pub struct Partition {
    pub(super) place: PartitionPlace,
    pub(super) log: Arc<PartitionLog>,
    config: Arc<ArcSwap<TopicConfig>>,
    shared: Arc<PartitionContext>,
    waiters: Arc<FetchWaiters>,
    head: Mutex<Head>,
}

/// Which partition it is.
#[derive(Clone, Debug)]
pub(super) struct PartitionPlace {
    pub(super) topic: TopicName,
    pub(super) topic_id: Uuid,
    pub(super) id: PartitionId,
}

/// What the partitions of a data directory share.
#[derive(Debug)]
pub(super) struct PartitionContext {
    pub(super) queue: Arc<FlushQueue>,
    pub(super) metadata: Arc<MetadataLog>,
    pub(super) clock: Clock,
    pub(super) epoch: LeaderEpoch,
    pub(super) space: Arc<Space>,
    pub(super) producers: Arc<ProducerCount>,
}

/// What is ahead of the disk.
#[derive(Debug)]
struct Head {
    next_offset: i64,
    producers: KnownProducers,
    /// Offset of the last snapshot of the producers.
    saved_offset: i64,
    refused: RefusedProducers,
    is_deleted: bool,
}

/// A batch that has its offset and is not durable yet.
#[derive(Debug)]
#[must_use = "a batch is in the log when `durable` says so"]
pub struct Appending {
    log: Arc<PartitionLog>,
    base_offset: i64,
    append_time: Option<TimestampMs>,
    durable: Option<Durable>,
}

impl Appending {
    /// Waits for the flush. Dropping it does not take the batch back.
    ///
    /// # Errors
    /// [`AppendError::Storage`] and [`AppendError::Deleted`].
    pub async fn durable(self) -> Result<Appended, AppendError> {
        if let Some(durable) = self.durable {
            durable.await.unwrap_or(Err(FlushError::Stopped))?;
        }
        let (log_start, _) = self.log.bounds();
        Ok(Appended {
            base_offset: Offset(self.base_offset),
            log_append_time: self.append_time,
            log_start_offset: Offset(log_start),
        })
    }
}

impl Partition {
    pub(super) fn new(
        place: PartitionPlace,
        log: Arc<PartitionLog>,
        config: Arc<ArcSwap<TopicConfig>>,
        shared: Arc<PartitionContext>,
        waiters: Arc<FetchWaiters>,
        producers: RecoveredProducers,
    ) -> Arc<Self> {
        let (_, next_offset) = log.bounds();
        let known = KnownProducers::new(producers.states, Arc::clone(&shared.producers));
        Arc::new(Self {
            place,
            log,
            config,
            waiters,
            head: Mutex::new(Head {
                next_offset,
                producers: known,
                saved_offset: producers.snapshot_offset,
                refused: RefusedProducers::new(Arc::clone(&shared.producers)),
                is_deleted: false,
            }),
            shared,
        })
    }

    /// Name of the topic.
    #[must_use]
    pub const fn topic(&self) -> &TopicName {
        &self.place.topic
    }

    /// Id of the topic.
    #[must_use]
    pub const fn topic_id(&self) -> Uuid {
        self.place.topic_id
    }

    /// Number within the topic.
    #[must_use]
    pub const fn id(&self) -> PartitionId {
        self.place.id
    }

    /// Whether the topic's configuration lets records go now before a later one has their key.
    #[must_use]
    pub fn may_lose_records(&self) -> bool {
        self.config.load().cleanup.delete
    }

    /// As [`Partition::append`]; `None`, and nothing was done, where that takes time or memory to look at the
    /// records of `batch`.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then.
    pub fn append_light(
        &self,
        batch: ValidatedBatch,
        acks: Acks,
    ) -> Result<Option<Appending>, AppendError> {
        if append_check::must_unpack(&batch, &self.config.load()) {
            return Ok(None);
        }
        match self.append_within(batch, acks, limits::LIGHT_CONTENT_BYTES_MAX) {
            Err(error) if append_check::is_over_limit(&error) => Ok(None),
            appending => appending.map(Some),
        }
    }

    /// Checks a batch against the topic's configuration and the producer's sequence, gives it its
    /// offset and queues it for the disk. Never blocks on the disk. Batches become durable in the
    /// order of their offsets.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then.
    pub fn append(&self, batch: ValidatedBatch, acks: Acks) -> Result<Appending, AppendError> {
        self.append_within(batch, acks, limits::DECOMPRESSED_BATCH_BYTES_MAX)
    }

    /// Appends a batch that takes at most `limit` bytes when it is decompressed.
    fn append_within(
        &self,
        batch: ValidatedBatch,
        acks: Acks,
        limit: usize,
    ) -> Result<Appending, AppendError> {
        let config = self.config.load();
        let now = self.shared.clock.wall();
        let batch = append_check::checked(batch, acks, &config, now, limit)?;
        let append_time = (config.timestamp_type == TimestampType::LogAppendTime).then_some(now);
        self.append_checked(&batch, append_time, now)
    }

    fn append_checked(
        &self,
        batch: &ValidatedBatch,
        append_time: Option<TimestampMs>,
        now: TimestampMs,
    ) -> Result<Appending, AppendError> {
        let mut head = self.head.lock();
        if head.is_deleted {
            return Err(AppendError::Deleted);
        }
        let sequenced = head.sequenced(batch);
        if let Ok(Sequenced::Duplicate(known)) = sequenced {
            return self.duplicate(&known, append_time.is_some());
        }
        if let Err(full) = self.take_room(batch) {
            head.refused.note(batch.header(), now.0);
            return Err(full.into());
        }
        sequenced?;
        let base_offset = head.next_offset;
        let stamped = StampedBatch::new(
            batch,
            Stamp {
                base_offset,
                leader_epoch: self.shared.epoch.0,
                append_time: append_time.map(|time| time.0),
            },
        );
        let header = *stamped.header();
        let queued = self.shared.queue.append(&self.log, stamped);
        let durable = queued.inspect_err(|_refused| head.refused.note(&header, now.0))?;
        head.next_offset = header.last_offset().saturating_add(1);
        if header.producer_id >= 0 {
            head.refused.forget(header.producer_id);
            head.producers.record(&header, now.0);
        }
        drop(head);
        Ok(self.appending(base_offset, append_time, Some(durable)))
    }

    /// Takes room on the disk for a batch, before anything else is given to it. What the broker itself
    /// writes has more of it than users.
    fn take_room(&self, batch: &ValidatedBatch) -> Result<(), DiskFull> {
        match self.place.topic.is_internal() {
            true => self.shared.space.take_own(),
            false => self.shared.space.take(batch.size()),
        }
    }

    /// The answer to a repeated batch: that of the first one, and not before that is durable.
    fn duplicate(&self, known: &KnownBatch, is_stamped: bool) -> Result<Appending, AppendError> {
        let (_, durable_end) = self.log.bounds();
        let durable = match known.last_offset < durable_end {
            true => None,
            false => Some(self.shared.queue.barrier(&self.log)?),
        };
        let append_time = is_stamped.then_some(TimestampMs(known.timestamp));
        Ok(self.appending(known.base_offset(), append_time, durable))
    }

    fn appending(
        &self,
        base_offset: i64,
        append_time: Option<TimestampMs>,
        durable: Option<Durable>,
    ) -> Appending {
        Appending {
            log: Arc::clone(&self.log),
            base_offset,
            append_time,
            durable,
        }
    }

    /// Where the partition stands.
    #[must_use]
    pub fn offsets(&self) -> PartitionOffsets {
        let log_end = self.head.lock().next_offset;
        let (log_start, high_watermark) = self.log.bounds();
        PartitionOffsets {
            log_start: Offset(log_start),
            last_stable: Offset(high_watermark),
            high_watermark: Offset(high_watermark),
            log_end: Offset(log_end.max(high_watermark)),
        }
    }

    /// The epoch that this broker leads the partition with.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.shared.epoch
    }

    /// Where the largest epoch up to `epoch` ends; `None` where there is none, and for one that is yet
    /// to come.
    #[must_use]
    pub fn epoch_end_offset(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        if epoch > self.shared.epoch {
            return None;
        }
        if epoch == self.shared.epoch {
            let (_, durable_end) = self.log.bounds();
            return Some(EpochEnd {
                leader_epoch: epoch,
                end_offset: Offset(durable_end),
            });
        }
        let (epoch, end) = self.log.end_of_epoch(epoch.0)?;
        Some(EpochEnd {
            leader_epoch: LeaderEpoch(epoch),
            end_offset: Offset(end),
        })
    }

    /// Moves the log start to `to`, or to the high watermark with `None`, durably, and returns where
    /// it is then. It never moves back.
    ///
    /// # Errors
    /// [`DeleteRecordsError`].
    pub async fn delete_records(&self, to: Option<Offset>) -> Result<Offset, DeleteRecordsError> {
        if self.is_deleted() {
            return Err(DeleteRecordsError::Deleted);
        }
        let (log_start, high_watermark) = self.log.bounds();
        let asked = to.map_or(high_watermark, |to| to.0);
        if asked < 0 || asked > high_watermark {
            return Err(DeleteRecordsError::OffsetOutOfRange {
                asked: Offset(asked),
                high_watermark: Offset(high_watermark),
            });
        }
        if asked <= log_start {
            return Ok(Offset(log_start));
        }
        let event = MetadataEvent::LogStartMoved {
            id: id_text(self.place.topic_id),
            partition: self.place.id.0,
            offset: asked,
        };
        let (metadata, log) = (Arc::clone(&self.shared.metadata), Arc::clone(&self.log));
        let moved = to_its_end(async move {
            metadata.commit(&event).await?;
            Ok::<_, StorageError>(log.advance_log_start(asked))
        });
        let moved = moved.await;
        if self.is_deleted() {
            return Err(DeleteRecordsError::Deleted);
        }
        Ok(Offset(moved?))
    }

    /// Wakes `waiter` whenever there may be something new to read here.
    pub fn watch(&self, waiter: &mut FetchWaiter) {
        waiter.watch(&self.waiters);
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// Refuses everything from here on.
    pub(super) fn mark_deleted(&self) {
        self.head.lock().is_deleted = true;
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.head.lock().is_deleted
    }

    /// Offset of the last snapshot of the producers.
    pub(super) fn saved_offset(&self) -> i64 {
        self.head.lock().saved_offset
    }

    /// Last offset of the last durable batch of each idempotent producer, by its id.
    pub(super) fn last_batches(&self) -> HashMap<i64, i64> {
        let (_, durable_end) = self.log.bounds();
        let head = self.head.lock();
        let is_durable = |batch: &&KnownBatch| batch.last_offset < durable_end;
        head.producers
            .states()
            .iter()
            .filter_map(|(id, state)| {
                let last = state.batches.iter().rev().find(is_durable)?;
                Some((id, last.last_offset))
            })
            .collect()
    }

    /// The largest id below `end` of an idempotent producer that is known.
    pub(super) fn largest_producer_id(&self, end: ProducerId) -> Option<ProducerId> {
        let head = self.head.lock();
        let ids = head.producers.states().iter().map(|(id, _)| ProducerId(id));
        ids.filter(|id| *id < end).max()
    }

    /// Forgets producers that have been idle for long.
    pub(super) fn expire_producers(&self) {
        let now = self.shared.clock.wall();
        let before = |age: Duration| {
            let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            now.0.saturating_sub(age)
        };
        let mut head = self.head.lock();
        let refused = before(limits::REFUSED_PRODUCER_EXPIRATION);
        head.refused.expire(refused);
        let known = before(limits::PRODUCER_EXPIRATION);
        head.producers.expire(known);
    }

    /// Saves the producers in a snapshot. Without any it is written too: it saves the next start from looking
    /// for some. Returns its offset.
    pub(super) fn save_producers(
        &self,
        tending: &Tending<'_>,
        is_durable: bool,
    ) -> Result<i64, StorageError> {
        self.expire_producers();
        let (_, durable_end) = self.log.bounds();
        let producers = self.head.lock().producers.states().up_to(durable_end);
        self.log
            .write_snapshot(tending, &producers, durable_end, is_durable)?;
        self.head.lock().saved_offset = durable_end;
        Ok(durable_end)
    }
}

impl Head {
    /// What the batch is to its producer's sequence; without a producer it is always the next.
    fn sequenced(&self, batch: &ValidatedBatch) -> Result<Sequenced, AppendError> {
        let header = batch.header();
        if header.producer_id < 0 {
            return Ok(Sequenced::Next);
        }
        let producer = BatchProducer {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        };
        let begin = match self.next_offset {
            0 => Some(0),
            _ => self.refused.begin_of(producer.id, producer.epoch),
        };
        let known = self.producers.states();
        let checked = known.check(producer, header.record_count, begin);
        checked.map_err(|error| AppendError::sequence(header.producer_id, error))
    }
}
