//! Groups as the log tells them, at the start.
//!
//! Reads every partition of `__consumer_offsets` from its beginning, a chunk at a time: what stays
//! in memory is the groups. Records of kinds or versions this release does not know are passed over
//! and counted, as Kafka does, since another release may have written them. So are those that the disk
//! lost: their groups have older offsets then, or none.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use sluice_protocol::record::{Record, RecordError};
use sluice_protocol::record_batch::{RawBatch, UnreadableBatch, batches};

use super::config::GroupConfig;
use super::group::Group;
use super::record::{self, RecordKey, UnreadableRecord};
use crate::model::{GroupId, Isolation, Offset, PartitionId, TopicName};
use crate::telemetry::GroupRecordPassedOver;
use crate::topics::{Partition, ReadError, ReadRequest, Topic};

/// Bytes read at once, unless a single batch is larger.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes a batch may decompress to: the largest that is written, and then some.
const BATCH_BYTES_MAX: usize = 256 << 20;

/// Why the groups could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log could not be read.
    #[error("cannot read partition {partition} of __consumer_offsets: {cause}")]
    Read {
        /// The partition.
        partition: PartitionId,
        /// What the log said.
        cause: ReadError,
    },
    /// The log holds bytes that are no batches.
    #[error("partition {partition} of __consumer_offsets is malformed: {cause}")]
    Batch {
        /// The partition.
        partition: PartitionId,
        /// What is wrong.
        cause: UnreadableBatch,
    },
    /// The records of a batch cannot be read.
    #[error("a batch of partition {partition} of __consumer_offsets is malformed: {cause}")]
    Record {
        /// The partition.
        partition: PartitionId,
        /// What is wrong.
        cause: RecordError,
    },
    /// The task that reads was lost.
    #[error("reading __consumer_offsets was interrupted")]
    Interrupted,
}

/// What was read so far.
#[derive(Debug)]
struct Loader {
    config: Arc<GroupConfig>,
    /// Groups with their offsets, and nothing else yet.
    groups: HashMap<GroupId, Group>,
    /// The newest record of each group itself. A group of many members has large ones, so that
    /// only the newest is decoded.
    latest: HashMap<GroupId, Option<Bytes>>,
    unknown_records: u64,
}

/// What the log holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) groups: HashMap<GroupId, Group>,
    /// Records passed over.
    pub(crate) unknown_records: u64,
}

impl Loaded {
    /// Topics that some group has committed offsets of.
    pub(crate) fn topics(&self) -> BTreeSet<TopicName> {
        let groups = self.groups.values();
        groups
            .flat_map(|group| group.offsets.topics().cloned())
            .collect()
    }
}

/// Reads all groups. Blocks on the disk.
pub(crate) fn load(topic: &Topic, config: Arc<GroupConfig>) -> Result<Loaded, LoadError> {
    let mut loader = Loader {
        config,
        groups: HashMap::new(),
        latest: HashMap::new(),
        unknown_records: 0,
    };
    for partition in topic.partitions().iter() {
        loader.read(partition)?;
        loader.apply_latest();
    }
    loader.groups.retain(|_, group| !group.is_vacant());
    Ok(Loaded {
        groups: loader.groups,
        unknown_records: loader.unknown_records,
    })
}

impl Loader {
    fn read(&mut self, partition: &Partition) -> Result<(), LoadError> {
        let offsets = partition.offsets();
        let mut position = offsets.log_start;
        while position < offsets.high_watermark {
            let request = ReadRequest {
                offset: position,
                max_bytes: CHUNK_BYTES,
                first_batch_max: Some(usize::MAX),
                isolation: Isolation::ReadUncommitted,
            };
            let outcome = match partition.read(request) {
                Ok(outcome) => outcome,
                // What the disk lost is told; for its sake alone nobody is refused all the rest.
                Err(ReadError::Damaged { end, .. }) => {
                    position = end;
                    continue;
                }
                Err(cause) => {
                    let partition = partition.id();
                    return Err(LoadError::Read { partition, cause });
                }
            };
            let next = self.replay(partition.id(), outcome.records.concat().into())?;
            match next {
                Some(next) if next > position => position = next,
                // What is left was removed from the log's tail.
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    /// Applies whole batches, and returns where the next one starts.
    fn replay(
        &mut self,
        partition: PartitionId,
        chunk: Bytes,
    ) -> Result<Option<Offset>, LoadError> {
        let mut next = None;
        for batch in batches(chunk) {
            let batch = batch.map_err(|cause| LoadError::Batch { partition, cause })?;
            let replayed = self.replay_batch(&batch);
            replayed.map_err(|cause| LoadError::Record { partition, cause })?;
            next = Some(Offset(batch.header().last_offset()).plus(1));
        }
        Ok(next)
    }

    fn replay_batch(&mut self, batch: &RawBatch) -> Result<(), RecordError> {
        if batch.header().attributes.is_control() {
            return Ok(());
        }
        for record in batch.records(BATCH_BYTES_MAX)? {
            self.replay_record(record?);
        }
        Ok(())
    }

    fn replay_record(&mut self, record: Record) {
        let change = match record::decode_key(record.key) {
            Ok(Some(RecordKey::Group(group))) => {
                // A copy, since a slice would keep the whole chunk in memory.
                let value = record.value.map(|value| Bytes::copy_from_slice(&value));
                self.latest.insert(group, value);
                return;
            }
            Ok(Some(RecordKey::Offset {
                group,
                topic,
                partition,
            })) => record::decode_offset(topic, partition, record.value)
                .map(|change| self.group(&group).replay(change)),
            Ok(None) => {
                self.unknown_records += 1;
                return;
            }
            Err(error) => Err(error),
        };
        if let Err(error) = change {
            self.pass_over(&error);
        }
    }

    fn apply_latest(&mut self) {
        for (id, value) in std::mem::take(&mut self.latest) {
            match record::decode_group(value) {
                Ok(change) => self.group(&id).replay(change),
                Err(error) => self.pass_over(&error),
            }
        }
    }

    fn group(&mut self, id: &GroupId) -> &mut Group {
        let config = &self.config;
        self.groups
            .entry(id.clone())
            .or_insert_with(|| Group::new(id.clone(), Arc::clone(config)))
    }

    fn pass_over(&mut self, error: &UnreadableRecord) {
        self.unknown_records += 1;
        GroupRecordPassedOver { reason: error }.emit();
    }
}
