//! Producing records.
//!
//! Records of all callers for one partition are gathered without waiting: what arrives while a batch
//! is on its way is the next batch. The producer is idempotent where every replica acknowledges, so a
//! retry writes nothing twice. A batch refused for some records is taken apart until only they fail.
//!
//! * `partitioner`: which partition; `target`: whether there is such a topic;
//! * `call`: one caller's records and results; `batch`, `queue`, `verdict`: the pure part;
//! * `partitions`: those a producer knows; `sender`: the task that sends what their queues say.

mod batch;
mod call;
mod partitioner;
mod partitions;
mod queue;
mod request;
mod sender;
pub(crate) mod target;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use sluice_protocol::ErrorCode;
use sluice_protocol::compression::Compression;
use sluice_protocol::record::Header;
use sluice_protocol::record_batch::NewRecord;
use tokio::sync::mpsc;

use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::metadata::Topic;
use crate::model::TopicPartition;
use call::{Budget, Call, Entry, Parcel, record_bytes};
use partitioner::{Sticky, partition_of_key};
use sender::{Sender, Submission};

/// How many replicas must have a record before it counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Acks {
    /// None; nothing is answered, so nothing is known.
    None,
    /// The leader alone.
    Leader,
    /// Every replica in sync.
    #[default]
    All,
}

impl Acks {
    /// The number on the wire.
    const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How records are produced. Callers with the same settings share a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProducerSettings {
    /// Acknowledgements waited for.
    pub acks: Acks,
    /// Codec of the batches.
    pub compression: Compression,
}

/// A record to produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceRecord {
    /// Number of the partition; `None` to choose by the key, or freely without one.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; `None` for now.
    pub timestamp: Option<i64>,
    /// The key, where there is one.
    pub key: Option<Bytes>,
    /// The value; `None` marks a deletion in a compacted topic.
    pub value: Option<Bytes>,
    /// Headers in their order, duplicates allowed.
    pub headers: Vec<Header>,
}

/// Where a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Number of the partition.
    pub partition: i32,
    /// Offset of the record; `None` without acknowledgements, and where only a lost answer knew it.
    pub offset: Option<i64>,
    /// Milliseconds since the epoch, of the record or of the broker as the topic is configured.
    pub timestamp: i64,
}

/// Why a record was not produced, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProduceError {
    /// There is no such topic, and it is not created automatically.
    #[error("there is no topic {topic}")]
    UnknownTopic {
        /// The name.
        topic: String,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}: it has {count}")]
    UnknownPartition {
        /// Name of the topic.
        topic: Arc<str>,
        /// Number asked for.
        partition: i32,
        /// Count of partitions.
        count: i32,
    },
    /// The broker refuses the record.
    #[error("{}", ClientError::Kafka { code: *code, message: message.clone() })]
    Refused {
        /// Kafka's code.
        code: ErrorCode,
        /// What the broker wrote beside it.
        message: Option<String>,
    },
    /// The record cannot be put into a batch.
    #[error("the record cannot be encoded: {reason}")]
    Unencodable {
        /// Why.
        reason: String,
    },
    /// The producer holds as much as it may; try again later.
    #[error(
        "{bytes} more bytes do not fit the {limit} that may wait to be written; try again later"
    )]
    BufferFull {
        /// Bytes of the call.
        bytes: usize,
        /// Bytes a producer may hold.
        limit: usize,
    },
    /// The time allowed was over before the broker acknowledged the record.
    #[error("the record was not acknowledged in time")]
    TimedOut {
        /// Whether it may be in the log all the same.
        may_be_written: bool,
        /// What the broker wrote when it last asked to try again.
        said: Option<String>,
    },
    /// The cluster could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl ProduceError {
    fn refused(code: ErrorCode, message: Option<String>) -> Self {
        let message = message.filter(|message| !message.is_empty());
        Self::Refused { code, message }
    }

    /// Kafka's code for it.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::UnknownTopic { .. } | Self::UnknownPartition { .. } => {
                Some(ErrorCode::UnknownTopicOrPartition)
            }
            Self::Refused { code, .. } => Some(*code),
            Self::Unencodable { .. } => Some(ErrorCode::InvalidRecord),
            Self::TimedOut { .. } => Some(ErrorCode::RequestTimedOut),
            Self::BufferFull { .. } => None,
            Self::Client(error) => error.code(),
        }
    }

    /// Whether the same record may be produced later without anybody changing anything.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::UnknownTopic { .. }
            | Self::UnknownPartition { .. }
            | Self::Unencodable { .. } => false,
            Self::Refused { code, .. } => code.is_retriable(),
            Self::BufferFull { .. } | Self::TimedOut { .. } => true,
            Self::Client(error) => error.is_retriable(),
        }
    }
}

/// Produces records with one kind of settings. Clones share everything.
#[derive(Clone, Debug)]
pub struct Producer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    submissions: mpsc::UnboundedSender<Submission>,
    budget: Arc<Budget>,
    sticky: Sticky,
}

impl Producer {
    pub(crate) fn new(cluster: Arc<Cluster>, settings: ProducerSettings) -> Self {
        // Bounded by the budget: every submission holds a reservation.
        let (submissions, received) = mpsc::unbounded_channel();
        let sender = Sender::new(Arc::clone(&cluster), settings);
        cluster.runtime().spawn(sender.run(received));
        Self(Arc::new(Shared {
            budget: Arc::new(Budget::new(cluster.config().producer_bytes_max)),
            cluster,
            submissions,
            sticky: Sticky::default(),
        }))
    }

    /// Produces records to a topic and waits for their results, one per record in their order.
    /// Records of one call for one partition keep their order, unless one before them is refused.
    ///
    /// # Errors
    /// [`ProduceError`] where no record could be sent: an unknown topic, a full buffer, a cluster that
    /// cannot be reached.
    pub async fn send(
        &self,
        topic: &str,
        records: Vec<ProduceRecord>,
    ) -> Result<Vec<Result<RecordMetadata, ProduceError>>, ProduceError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = self.0.cluster.deadline();
        let topic = self.0.cluster.writable_topic(topic).await?;
        let now = wall_ms();
        let records: Vec<_> = records
            .into_iter()
            .map(|record| (record.partition, new_record(record, now)))
            .collect();
        let bytes = records.iter().map(|(_, record)| record_bytes(record)).sum();
        let reservation = self.0.budget.reserve(bytes)?;
        let (call, results) = Call::new(records.len(), deadline, reservation);
        let mut partitions: BTreeMap<i32, Vec<Entry>> = BTreeMap::new();
        for (index, (partition, record)) in records.into_iter().enumerate() {
            match self.partition(&topic, partition, &record) {
                Ok(partition) => {
                    let entries = partitions.entry(partition).or_default();
                    entries.push(Entry { index, record });
                }
                Err(error) => call.resolve(index, Err(error)),
            }
        }
        for (partition, entries) in partitions {
            let at = TopicPartition::new(Arc::clone(&topic.name), partition);
            self.submit(at, &call, entries)?;
        }
        drop(call);
        let results = results.await;
        results.map_err(|_lost| ProduceError::Client(ClientError::Closed))
    }

    fn partition(
        &self,
        topic: &Topic,
        wanted: Option<i32>,
        record: &NewRecord,
    ) -> Result<i32, ProduceError> {
        let count = topic.partition_count();
        match (wanted, &record.key) {
            (Some(partition), _) if topic.partition(partition).is_some() => Ok(partition),
            (Some(partition), _) => Err(ProduceError::UnknownPartition {
                topic: Arc::clone(&topic.name),
                partition,
                count,
            }),
            (None, Some(key)) => Ok(partition_of_key(key, count)),
            (None, None) => Ok(self.0.sticky.partition(topic, record_bytes(record))),
        }
    }

    /// Hands records to the sender, in parcels that fit a batch.
    fn submit(
        &self,
        at: TopicPartition,
        call: &Arc<Call>,
        entries: Vec<Entry>,
    ) -> Result<(), ProduceError> {
        let limit = self.0.cluster.config().batch_bytes_max;
        let mut parcels = Vec::with_capacity(1);
        let mut rest = entries;
        loop {
            let count = fitting(&rest, limit);
            let behind = rest.split_off(count);
            parcels.push(Parcel::new(call, rest));
            if behind.is_empty() {
                break;
            }
            rest = behind;
        }
        let sent = self.0.submissions.send(Submission { at, parcels });
        sent.map_err(|_closed| ProduceError::Client(ClientError::Closed))
    }

    /// Waits until nothing is on its way.
    pub async fn flush(&self) {
        self.0.budget.emptied().await;
    }
}

/// How many of the entries fit one batch; at least one.
fn fitting(entries: &[Entry], limit: usize) -> usize {
    let mut bytes = 0;
    let mut count = 0;
    for entry in entries {
        bytes += record_bytes(&entry.record);
        if count > 0 && bytes > limit {
            break;
        }
        count += 1;
    }
    count
}

fn new_record(record: ProduceRecord, now: i64) -> NewRecord {
    NewRecord {
        timestamp: record.timestamp.unwrap_or(now),
        key: record.key,
        value: record.value,
        headers: record.headers.into_iter().collect(),
    }
}

/// Milliseconds since the epoch, as records without a timestamp get them.
fn wall_ms() -> i64 {
    let elapsed = UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
