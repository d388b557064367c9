//! Why a change of topics is refused. One enum per operation.

use crate::limits::CONFIG_BYTES_MAX;
use crate::log::{DiskFull, StorageError};
use crate::model::TopicName;

use super::topic_config::InvalidTopicConfig;

/// The settings of all topics together are as large as they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the configs of all topics together would have {size} bytes, and may have {CONFIG_BYTES_MAX}; delete some or topics that have long ones"
)]
pub struct TooManyConfigs {
    /// Bytes that they would have.
    pub size: usize,
}

/// Why a topic is not created.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CreateTopicError {
    /// There is one of this name.
    #[error("topic {name} already exists")]
    AlreadyExists {
        /// The name.
        name: TopicName,
    },
    /// There is one whose name differs in `.` against `_` alone.
    #[error("topic {name} collides with {existing}: their names differ in '.' and '_' alone")]
    Collides {
        /// The name asked for.
        name: TopicName,
        /// The name there is.
        existing: TopicName,
    },
    /// Fewer than one partition.
    #[error("a topic has at least 1 partition, not {partitions}")]
    InvalidPartitions {
        /// The number asked for.
        partitions: i32,
    },
    /// More partitions than the broker is configured to have.
    #[error(
        "{partitions} partitions exceed the {left} that are left of the broker's limit of {limit} (broker.partitions_max); \
         ask for fewer, delete topics, or raise it"
    )]
    TooManyPartitions {
        /// The number asked for.
        partitions: i32,
        /// Partitions left.
        left: usize,
        /// The limit.
        limit: usize,
    },
    /// More topics than the broker is configured to have.
    #[error(
        "the broker has {limit} topics, its limit (broker.topics_max); delete topics, or raise it"
    )]
    TooManyTopics {
        /// The limit.
        limit: usize,
    },
    /// A setting is unknown or invalid.
    #[error(transparent)]
    InvalidConfig(#[from] InvalidTopicConfig),
    /// There is no room for its settings.
    #[error(transparent)]
    TooManyConfigs(#[from] TooManyConfigs),
    /// There is no room on the disk.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// The disk failed. Whether the topic exists is not known.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a topic is not deleted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeleteTopicError {
    /// There is none of this name.
    #[error("topic {name} does not exist")]
    NotFound {
        /// The name.
        name: TopicName,
    },
    /// The disk failed. Whether the topic exists is not known.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a topic gets no more partitions.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AddPartitionsError {
    /// There is no topic of this name.
    #[error("topic {name} does not exist")]
    NotFound {
        /// The name.
        name: TopicName,
    },
    /// Not more than there are.
    #[error("topic {name} has {current} partitions, which {asked} would not increase")]
    NotMore {
        /// The name.
        name: TopicName,
        /// The number there is.
        current: i32,
        /// The number asked for.
        asked: i32,
    },
    /// More partitions than the broker is configured to have.
    #[error(
        "{added} more partitions exceed the {left} that are left of the broker's limit of {limit} (broker.partitions_max); \
         ask for fewer, delete topics, or raise it"
    )]
    TooManyPartitions {
        /// The number to add.
        added: i32,
        /// Partitions left.
        left: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no room on the disk.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// The disk failed. Whether the partitions exist is not known.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a topic's configuration stays as it is.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AlterConfigError {
    /// There is no topic of this name.
    #[error("topic {name} does not exist")]
    NotFound {
        /// The name.
        name: TopicName,
    },
    /// A setting is unknown or invalid.
    #[error(transparent)]
    InvalidConfig(#[from] InvalidTopicConfig),
    /// There is no room for more settings.
    #[error(transparent)]
    TooManyConfigs(#[from] TooManyConfigs),
    /// There is no room on the disk for settings as long as these.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// The disk failed. Which configuration holds is not known.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
