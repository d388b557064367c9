//! One partition: offsets assigned under one lock, records read when durable.

use sluice_protocol::record_batch::ValidatedBatch;

use super::{
    AppendError, Appended, DeleteRecordsError, EpochEnd, FetchWaiter, FoundOffset,
    PartitionOffsets, ReadError, ReadOutcome, ReadRequest,
};
use crate::model::{
    Acks, Isolation, LeaderEpoch, Offset, OffsetSpec, PartitionId, TopicName, Uuid,
};

#[derive(Clone, Copy, Debug)]
enum Unbuilt {}

/// A partition of a topic.
#[derive(Debug)]
pub struct Partition(Unbuilt);

/// A batch that has its offset and is not durable yet.
#[derive(Debug)]
#[must_use = "a batch is in the log when `durable` says so"]
pub struct Appending(Unbuilt);

impl Appending {
    /// Waits for the flush. Dropping it does not take the batch back.
    ///
    /// # Errors
    /// [`AppendError::Storage`] and [`AppendError::Deleted`].
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn durable(self) -> Result<Appended, AppendError> {
        match self.0 {}
    }
}

impl Partition {
    /// Name of the topic.
    #[must_use]
    pub const fn topic(&self) -> &TopicName {
        match self.0 {}
    }

    /// Id of the topic.
    #[must_use]
    pub const fn topic_id(&self) -> Uuid {
        match self.0 {}
    }

    /// Number within the topic.
    #[must_use]
    pub const fn id(&self) -> PartitionId {
        match self.0 {}
    }

    /// Checks a batch against the topic's configuration and the producer's sequence, gives it its
    /// offset and queues it for the disk. Never blocks on the disk. Batches become durable in the
    /// order of their offsets.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then.
    pub fn append(&self, _batch: ValidatedBatch, _acks: Acks) -> Result<Appending, AppendError> {
        match self.0 {}
    }

    /// Reads whole batches. May block on the disk.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, _request: ReadRequest) -> Result<ReadOutcome, ReadError> {
        match self.0 {}
    }

    /// As [`Partition::read`] where that needs no disk; `None` where it does.
    #[must_use]
    pub fn read_cached(&self, _request: ReadRequest) -> Option<Result<ReadOutcome, ReadError>> {
        match self.0 {}
    }

    /// Where the partition stands.
    #[must_use]
    pub const fn offsets(&self) -> PartitionOffsets {
        match self.0 {}
    }

    /// The epoch that this broker leads the partition with.
    #[must_use]
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        match self.0 {}
    }

    /// Looks a position up, precise to the record; `None` where no record is late enough. May block
    /// on the disk.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn offset_for(
        &self,
        _spec: OffsetSpec,
        _isolation: Isolation,
    ) -> Result<Option<FoundOffset>, ReadError> {
        match self.0 {}
    }

    /// Where the largest epoch up to `epoch` ends; `None` where there is none.
    #[must_use]
    pub const fn epoch_end_offset(&self, _epoch: LeaderEpoch) -> Option<EpochEnd> {
        match self.0 {}
    }

    /// Moves the log start to `to`, or to the high watermark with `None`, durably, and returns where
    /// it is then. It never moves back.
    ///
    /// # Errors
    /// [`DeleteRecordsError`].
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn delete_records(&self, _to: Option<Offset>) -> Result<Offset, DeleteRecordsError> {
        match self.0 {}
    }

    /// Wakes `waiter` whenever there may be something new to read here.
    pub const fn watch(&self, _waiter: &mut FetchWaiter) {
        match self.0 {}
    }

    /// Bytes on disk.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match self.0 {}
    }
}
