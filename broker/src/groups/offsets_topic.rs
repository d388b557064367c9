//! The topic `__consumer_offsets`: created at the first need, written in order, replayed at the start.

use std::sync::Arc;

use sluice_protocol::EncodeError;
use sluice_protocol::compression::CompressionError;
use sluice_protocol::record_batch::{self, BatchBuilder, Compression};
use tokio::sync::OnceCell;

use super::change::Change;
use super::config::GroupConfig;
use super::error::Unavailable;
use super::record;
use crate::model::{Acks, GroupId, InvalidTopicName, PartitionId, TimestampMs, TopicName};
use crate::telemetry::OffsetsTopicUnavailable;
use crate::topics::{AppendError, Appending, Commit, CreateTopicError, NewTopic, Topic, Topics};

/// Its name.
pub(crate) const NAME: &str = "__consumer_offsets";
/// Bytes a batch is filled to; a single record may exceed it.
const BATCH_BYTES: usize = 256 << 10;
/// Its settings, which are Kafka's, but for the size of a batch: a large group is one record.
const SETTINGS: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("compression.type", "producer"),
    ("max.message.bytes", "100663296"),
    ("segment.bytes", "104857600"),
];

/// The topic, once there is one.
#[derive(Debug)]
pub(crate) struct OffsetsTopic {
    topics: Topics,
    topic: OnceCell<Arc<Topic>>,
    partitions: i32,
    compression: Compression,
}

/// Why the topic could not be created or changes not appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("{NAME} does not exist")]
    NoTopic,
    #[error("there is nothing to write")]
    NoChanges,
    #[error(transparent)]
    Name(#[from] InvalidTopicName),
    #[error(transparent)]
    Create(#[from] CreateTopicError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Batch(#[from] record_batch::AppendError),
    #[error(transparent)]
    Compress(#[from] CompressionError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl WriteError {
    /// Whether there was no room for it.
    pub(crate) const fn is_full(&self) -> bool {
        matches!(self, Self::Append(AppendError::DiskFull(_)))
    }
}

impl OffsetsTopic {
    /// The topic, if it exists by now.
    pub(crate) fn new(topics: Topics, config: &GroupConfig) -> Self {
        let existing = topics.topic(NAME);
        Self {
            topic: OnceCell::new_with(existing),
            topics,
            partitions: config.offsets_topic_partitions,
            compression: config.offsets_topic_compression,
        }
    }

    pub(crate) fn get(&self) -> Option<&Arc<Topic>> {
        self.topic.get()
    }

    /// Creates the topic unless it exists.
    pub(crate) async fn ensure(&self) -> Result<(), Unavailable> {
        let created = self.topic.get_or_try_init(|| self.create()).await;
        created.map(drop).map_err(|error| {
            OffsetsTopicUnavailable { reason: &error }.emit();
            Unavailable::Storage
        })
    }

    async fn create(&self) -> Result<Arc<Topic>, WriteError> {
        let settings = SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let topic = NewTopic {
            name: TopicName::parse(NAME)?,
            partitions: self.partitions,
            configs: settings.into(),
        };
        match self.topics.create(topic, Commit::Yes).await {
            Ok(_) | Err(CreateTopicError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.topics.topic(NAME).ok_or(WriteError::NoTopic)
    }

    /// Appends changes of one group, in order. They are durable when what is returned is.
    pub(crate) fn append(
        &self,
        group: &GroupId,
        changes: &[Change],
        now: TimestampMs,
    ) -> Result<Appending, WriteError> {
        let topic = self.get().ok_or(WriteError::NoTopic)?;
        let partitions = topic.partitions();
        let index = partition_of(group.as_str(), partitions.len());
        let partition = topic.partition(index).ok_or(WriteError::NoTopic)?;
        let mut appending = None;
        let mut batch = BatchBuilder::new(self.compression);
        for change in changes {
            let record = record::encode(group, change, now)?;
            if !batch.is_empty() && batch.estimated_size_with(&record) > BATCH_BYTES {
                let full = std::mem::replace(&mut batch, BatchBuilder::new(self.compression));
                if let Some(full) = full.build()? {
                    appending = Some(partition.append(full, Acks::Leader)?);
                }
            }
            batch.append(&record)?;
        }
        if let Some(rest) = batch.build()? {
            appending = Some(partition.append(rest, Acks::Leader)?);
        }
        appending.ok_or(WriteError::NoChanges)
    }
}

/// Which of `count` partitions holds a group: Kafka's choice, by Java's hash of the name.
pub(crate) fn partition_of(group: &str, count: usize) -> PartitionId {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // Java's absolute value of the smallest number; Kafka puts such groups first.
    let hash = hash.checked_abs().unwrap_or(0);
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    PartitionId(hash.checked_rem(count).unwrap_or(0))
}
