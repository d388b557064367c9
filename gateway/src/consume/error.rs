//! What can go wrong for a consumer instance.

use sluice_client::{ClientError, ReadError, TopicPartition};

use crate::embedded::EmbeddedError;

/// Why a call of a consumer instance has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// There is no such instance, or it ended meanwhile.
    #[error("there is no such consumer instance")]
    NoInstance,
    /// The group has an instance of this name.
    #[error("the group has a consumer instance of this name")]
    InstanceExists,
    /// No more instances may exist.
    #[error(
        "there are {limit} consumer instances already, the value of rest.v2.consumer_instances_max"
    )]
    TooManyInstances {
        /// The limit.
        limit: usize,
    },
    /// Topics, a pattern and partitions exclude each other.
    #[error("Subscription to topics, partitions and pattern are mutually exclusive")]
    MutuallyExclusive,
    /// Nothing was subscribed to or assigned.
    #[error("Consumer is not subscribed to any topics or assigned any partitions")]
    NothingToRead,
    /// The partition is not the instance's.
    #[error("No current assignment for partition {at}")]
    NotAssigned {
        /// The partition.
        at: TopicPartition,
    },
    /// A topic pattern is no regular expression, or one too large.
    #[error("topic_pattern is not a valid regular expression: {cause}")]
    InvalidPattern {
        /// What is wrong with it.
        cause: String,
    },
    /// A read asks for another format than the instance was made for.
    #[error("the instance was made for another format")]
    FormatMismatch,
    /// There is no offset to start from, and the instance was told not to choose one.
    #[error("Undefined offset with no reset policy for partitions: [{at}]")]
    NoOffset {
        /// The partition.
        at: TopicPartition,
    },
    /// A record cannot be shown in the format of the instance. The position stays at it.
    #[error(
        "Cannot deserialize the record at offset {offset} of partition {at}: {source}. If needed, \
         please seek past the record to continue consumption."
    )]
    Undecodable {
        /// Its partition.
        at: TopicPartition,
        /// Its offset.
        offset: i64,
        /// What is wrong with it.
        source: EmbeddedError,
    },
    /// Batches cannot be read. The position stays at them.
    #[error("Cannot read partition {at}: {source}. If needed, please seek past the batch.")]
    Unreadable {
        /// The partition.
        at: TopicPartition,
        /// What is wrong with it.
        source: ReadError,
    },
    /// The broker says that the disk lost or changed what was at the position, which stays there.
    #[error(
        "Cannot read partition {at} at offset {offset}: the broker's disk lost or changed what was there \
         (CORRUPT_MESSAGE). The broker's log tells up to where; please seek past it to continue consumption."
    )]
    Damaged {
        /// The partition.
        at: TopicPartition,
        /// The offset asked for.
        offset: i64,
    },
    /// Kafka refused, or could not be asked.
    #[error(transparent)]
    Kafka(#[from] ClientError),
}
