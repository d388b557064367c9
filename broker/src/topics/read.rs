//! What can be asked of a partition's records, and the answers.

use bytes::Bytes;

use crate::log::StorageError;
use crate::model::{Isolation, LeaderEpoch, Offset, TimestampMs};

/// A read of whole batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// Offset of the first record wanted. The batch that holds it is returned whole.
    pub offset: Offset,
    /// Bytes to return at most.
    pub max_bytes: usize,
    /// Return the first batch even if it is larger than `max_bytes` (KIP-74), up to this; a larger one is
    /// [`ReadError::NoRoom`]. `None` leaves it out.
    pub first_batch_max: Option<usize>,
    /// What may be seen.
    pub isolation: Isolation,
}

/// Whole batches, and where the partition stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Consecutive batches in chunks that end anywhere; empty where there is nothing to read yet, or where
    /// the first batch exceeds `max_bytes`.
    pub records: Vec<Bytes>,
    /// Where the partition stood.
    pub offsets: PartitionOffsets,
}

impl ReadOutcome {
    /// Bytes of all chunks.
    #[must_use]
    pub fn size(&self) -> usize {
        self.records.iter().map(Bytes::len).sum()
    }
}

/// The offsets a partition answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The first offset that can be read.
    pub log_start: Offset,
    /// One past the last record of complete transactions; without transactions the high watermark.
    pub last_stable: Offset,
    /// One past the last durable record.
    pub high_watermark: Offset,
    /// One past the last record that was given an offset, durable or not.
    pub log_end: Offset,
}

impl PartitionOffsets {
    /// One past the last record that a reader may see.
    #[must_use]
    pub const fn readable_end(&self, isolation: Isolation) -> Offset {
        match isolation {
            Isolation::ReadUncommitted => self.high_watermark,
            Isolation::ReadCommitted => self.last_stable,
        }
    }
}

/// Why nothing can be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// Before the log start or behind the log end.
    #[error("offset {asked} is out of range {log_start}..={log_end}")]
    OffsetOutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The first offset that can be read.
        log_start: Offset,
        /// The log end offset.
        log_end: Offset,
    },
    /// The disk lost or changed what was there. Another offset, from `end` on, can be read.
    #[error(
        "the disk lost or changed the records from offset {begin} to {end}; offset {asked} is one of them"
    )]
    Damaged {
        /// The offset asked for.
        asked: Offset,
        /// The first offset that is lost there.
        begin: Offset,
        /// One past the last.
        end: Offset,
    },
    /// The first batch is larger than the reader has room for.
    #[error("the first batch takes {bytes} bytes, for which there is no room")]
    NoRoom {
        /// Bytes of the batch.
        bytes: usize,
    },
    /// The topic was deleted.
    #[error("the topic was deleted")]
    Deleted,
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A position that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset.
    pub offset: Offset,
    /// Timestamp of the record there, where the look-up was by timestamp.
    pub timestamp: Option<TimestampMs>,
    /// Epoch of that offset.
    pub leader_epoch: LeaderEpoch,
}

/// Where an epoch ends (KIP-101).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch up to the one asked for.
    pub leader_epoch: LeaderEpoch,
    /// One past its last offset.
    pub end_offset: Offset,
}

/// Why records are not deleted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    /// Behind the high watermark.
    #[error("offset {asked} is out of range, the high watermark is {high_watermark}")]
    OffsetOutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The high watermark.
        high_watermark: Offset,
    },
    /// The topic was deleted.
    #[error("the topic was deleted")]
    Deleted,
    /// The disk failed. Whether the records are deleted is not known.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
