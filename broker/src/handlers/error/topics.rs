//! Codes of what goes wrong with topics, records and producers.

use sluice_protocol::ErrorCode;
use sluice_protocol::compression::CompressionError;
use sluice_protocol::record::RecordError;
use sluice_protocol::record_batch::InvalidBatch;

use super::Refused;
use crate::log::{DiskFull, StorageError};
use crate::model::InvalidTopicName;
use crate::topics::topic_config::InvalidTopicConfig;
use crate::topics::{
    AddPartitionsError, AlterConfigError, AppendError, CreateTopicError, DeleteRecordsError,
    DeleteTopicError, ReadError,
};
use crate::transactions::ProducerIdError;

impl Refused for InvalidTopicName {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidTopicException
    }
}

impl Refused for StorageError {
    fn code(&self) -> ErrorCode {
        ErrorCode::KafkaStorageError
    }
}

impl Refused for DiskFull {
    /// Java's client and librdkafka send again what they are told this for, in order, and take it for
    /// not written.
    fn code(&self) -> ErrorCode {
        ErrorCode::KafkaStorageError
    }

    fn is_private(&self) -> bool {
        false
    }
}

impl Refused for InvalidBatch {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnsupportedMagic { .. } => ErrorCode::UnsupportedForMessageFormat,
            Self::WrongSize { .. } | Self::WrongChecksum { .. } => ErrorCode::CorruptMessage,
            Self::UnsupportedCompression { .. } => ErrorCode::UnsupportedCompressionType,
            Self::Missing
            | Self::Several
            | Self::WrongCount { .. }
            | Self::TooShort { .. }
            | Self::Control
            | Self::InvalidProducer { .. }
            | Self::TransactionalWithoutProducer => ErrorCode::InvalidRecord,
        }
    }
}

impl Refused for AppendError {
    fn code(&self) -> ErrorCode {
        match self {
            // A client that is told so splits the batch and sends it again.
            Self::TooLarge { .. }
            | Self::UnreadableRecords(RecordError::Compression(CompressionError::OverLimit {
                ..
            })) => ErrorCode::MessageTooLarge,
            Self::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            Self::InvalidTimestamp { .. } => ErrorCode::InvalidTimestamp,
            Self::MissingKey { .. } | Self::UnreadableRecords(_) | Self::Recompression { .. } => {
                ErrorCode::InvalidRecord
            }
            Self::Transactional => ErrorCode::InvalidTxnState,
            Self::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::DuplicateSequence { .. } => ErrorCode::DuplicateSequenceNumber,
            Self::StaleProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            // Retried by every client, and without a look for another leader.
            Self::QueueFull { .. } => ErrorCode::RequestTimedOut,
            Self::DiskFull(full) => full.code(),
            Self::Deleted => ErrorCode::UnknownTopicOrPartition,
            // Retried, after a look for another leader: the broker that starts next.
            Self::Stopped => ErrorCode::NotLeaderOrFollower,
            Self::Storage(error) => error.code(),
        }
    }

    fn is_private(&self) -> bool {
        matches!(self, Self::Storage(_))
    }

    fn record_index(&self) -> Option<usize> {
        self.record_index()
    }
}

impl Refused for ReadError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Damaged { .. } => ErrorCode::CorruptMessage,
            Self::NoRoom { .. } => ErrorCode::MessageTooLarge,
            Self::Deleted => ErrorCode::UnknownTopicOrPartition,
            Self::Storage(error) => error.code(),
        }
    }
}

impl Refused for DeleteRecordsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Deleted => ErrorCode::UnknownTopicOrPartition,
            Self::Storage(error) => error.code(),
        }
    }
}

impl Refused for InvalidTopicConfig {
    fn code(&self) -> ErrorCode {
        match self {
            Self::DuplicateKey { .. } | Self::MissingValue { .. } => ErrorCode::InvalidRequest,
            Self::UnknownKey { .. }
            | Self::InvalidValue { .. }
            | Self::NotAList { .. }
            | Self::ValueTooLong { .. }
            | Self::TooLong { .. }
            | Self::CompactionLags { .. }
            | Self::InternalDurability => ErrorCode::InvalidConfig,
        }
    }
}

impl Refused for CreateTopicError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::AlreadyExists { .. } => ErrorCode::TopicAlreadyExists,
            Self::Collides { .. } => ErrorCode::InvalidTopicException,
            Self::InvalidPartitions { .. } => ErrorCode::InvalidPartitions,
            Self::TooManyPartitions { .. }
            | Self::TooManyTopics { .. }
            | Self::TooManyConfigs(_) => ErrorCode::PolicyViolation,
            Self::InvalidConfig(error) => error.code(),
            Self::DiskFull(full) => full.code(),
            Self::Storage(error) => error.code(),
        }
    }

    fn is_private(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

impl Refused for DeleteTopicError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::Storage(error) => error.code(),
        }
    }
}

impl Refused for AddPartitionsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::NotMore { .. } => ErrorCode::InvalidPartitions,
            Self::TooManyPartitions { .. } => ErrorCode::PolicyViolation,
            Self::DiskFull(full) => full.code(),
            Self::Storage(error) => error.code(),
        }
    }

    fn is_private(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

impl Refused for AlterConfigError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::InvalidConfig(error) => error.code(),
            Self::TooManyConfigs(_) => ErrorCode::PolicyViolation,
            Self::DiskFull(full) => full.code(),
            Self::Storage(error) => error.code(),
        }
    }

    fn is_private(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

impl Refused for ProducerIdError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Exhausted => ErrorCode::UnknownServerError,
            Self::Storage(error) => error.code(),
        }
    }

    /// That the disk is full is told already.
    fn is_failure(&self) -> bool {
        !matches!(self, Self::Storage(error) if error.is_full())
    }
}
