//! The outcome of an append: assigned at once, durable later.

use sluice_protocol::record::RecordError;
use sluice_protocol::record_batch::Compression;

use crate::log::{DiskFull, FlushError, SequenceError, StorageError};
use crate::model::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

/// Why a batch is not in the log, or may not be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Above `max.message.bytes`.
    #[error("a batch of {size} bytes exceeds max.message.bytes, which is {limit}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The topic's limit.
        limit: usize,
    },
    /// Does not fit a segment.
    #[error("a batch of {size} bytes exceeds segment.bytes, which is {segment_bytes}")]
    LargerThanSegment {
        /// Bytes of the batch.
        size: usize,
        /// The topic's segment size.
        segment_bytes: u32,
    },
    /// A timestamp is too far from the broker's clock.
    #[error(
        "record {record_index} has the timestamp {timestamp}, which is outside of {earliest} to {latest} that the topic allows"
    )]
    InvalidTimestamp {
        /// Index of the record in the batch.
        record_index: usize,
        /// Its timestamp.
        timestamp: TimestampMs,
        /// The earliest allowed.
        earliest: TimestampMs,
        /// The latest allowed.
        latest: TimestampMs,
    },
    /// A compacted topic needs keys.
    #[error("record {record_index} has no key, which a compacted topic needs")]
    MissingKey {
        /// Index of the record in the batch.
        record_index: usize,
    },
    /// The records are not those the batch says it has.
    #[error("the records cannot be read: {0}")]
    UnreadableRecords(#[from] RecordError),
    /// The topic stores another codec than the producer's, and the batch cannot be brought into it.
    #[error("the batch cannot be compressed by {}: {reason}", codec.name())]
    Recompression {
        /// The topic's codec.
        codec: Compression,
        /// What is wrong.
        reason: String,
    },
    /// There are no transactions yet.
    #[error("transactional batches are not supported")]
    Transactional,
    /// `acks=all` on a topic whose `min.insync.replicas` one node cannot reach.
    #[error("min.insync.replicas is {required} and there is one replica; lower it")]
    NotEnoughReplicas {
        /// The topic's setting.
        required: i64,
    },
    /// The producer skipped sequence numbers.
    #[error("producer {producer_id} sent sequence {found} where {expected} is next")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// What would be right.
        expected: Sequence,
        /// What came.
        found: Sequence,
    },
    /// The batch is a duplicate of one too old to know its offset.
    #[error(
        "producer {producer_id} sent sequence {found} again, which is older than its last batches"
    )]
    DuplicateSequence {
        /// The producer.
        producer_id: ProducerId,
        /// What came.
        found: Sequence,
    },
    /// A newer incarnation of the producer has written here.
    #[error("producer {producer_id} has the epoch {current}, this batch has {found}")]
    StaleProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch known.
        current: ProducerEpoch,
        /// The batch's.
        found: ProducerEpoch,
    },
    /// Too many bytes wait for the disk.
    #[error("{queued_bytes} bytes already wait for the disk")]
    QueueFull {
        /// Bytes that wait.
        queued_bytes: usize,
    },
    /// There is no room on the disk. The batch was not looked at and may come again.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// The topic was deleted.
    #[error("the topic was deleted")]
    Deleted,
    /// The broker takes nothing more. Whether the batch is in the log is not known.
    #[error("the broker is stopping")]
    Stopped,
    /// The disk failed. Whether the batch is in the log is not known.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<FlushError> for AppendError {
    fn from(error: FlushError) -> Self {
        match error {
            FlushError::Closed => Self::Deleted,
            FlushError::Stopped => Self::Stopped,
            FlushError::QueueFull { queued_bytes } => Self::QueueFull { queued_bytes },
            FlushError::Storage(error) => Self::Storage(error),
        }
    }
}

impl AppendError {
    /// What is wrong with the sequence of a producer.
    pub(super) const fn sequence(producer_id: i64, error: SequenceError) -> Self {
        let producer_id = ProducerId(producer_id);
        match error {
            SequenceError::OutOfOrder { expected, found } => Self::OutOfOrderSequence {
                producer_id,
                expected: Sequence(expected),
                found: Sequence(found),
            },
            SequenceError::Duplicate { found } => Self::DuplicateSequence {
                producer_id,
                found: Sequence(found),
            },
            SequenceError::StaleEpoch { current, found } => Self::StaleProducerEpoch {
                producer_id,
                current: ProducerEpoch(current),
                found: ProducerEpoch(found),
            },
        }
    }

    /// Index of the record at fault, where it is one record's.
    #[must_use]
    pub const fn record_index(&self) -> Option<usize> {
        match self {
            Self::InvalidTimestamp { record_index, .. } | Self::MissingKey { record_index } => {
                Some(*record_index)
            }
            Self::TooLarge { .. }
            | Self::LargerThanSegment { .. }
            | Self::UnreadableRecords(_)
            | Self::Recompression { .. }
            | Self::Transactional
            | Self::NotEnoughReplicas { .. }
            | Self::OutOfOrderSequence { .. }
            | Self::DuplicateSequence { .. }
            | Self::StaleProducerEpoch { .. }
            | Self::QueueFull { .. }
            | Self::DiskFull(_)
            | Self::Deleted
            | Self::Stopped
            | Self::Storage(_) => None,
        }
    }
}

/// A batch that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// The broker's timestamp, where the topic has `LogAppendTime`.
    pub log_append_time: Option<TimestampMs>,
    /// The first offset that can be read.
    pub log_start_offset: Offset,
}
