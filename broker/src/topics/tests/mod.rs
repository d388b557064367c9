//! What callers of the registry and of partitions rely on, on a real disk.

mod changed_ends;
mod checkpoint;
mod compaction;
mod compaction_reads;
mod damage;
mod deleted_keys;
mod directory;
mod durability;
mod failure;
mod formats;
mod full_disk;
mod half_compacted;
mod huge_files;
mod look_ups;
mod lost_points;
mod metadata_growth;
mod offline;
mod once_compacted;
mod passing_errors;
mod planted;
mod reads;
mod records;
mod rotten_headers;
mod scale;
mod seeds;
mod simulation;
mod small_files;
mod strangers;
mod verdicts;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_protocol::record_batch::{
    self, BatchBuilder, BatchProducer, Compression, NewRecord, ValidatedBatch,
};

use super::topic_config::{Alteration, ConfigChange, ConfigOperation, Settings};
use super::*;
use crate::clock::Clock;
use crate::log::{
    CommitLogConfig, Durability, LastStop, LogRead, LogReadError, OpenError, SpaceConfig,
};
use crate::model::{
    Acks, Isolation, LeaderEpoch, Offset, OffsetSpec, PartitionId, TimestampMs, TopicName,
};

const NOW: i64 = 1_700_000_000_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

struct World {
    directory: tempfile::TempDir,
    clock: Clock,
    topics: Topics,
}

/// Makes a pipe with a name. By no process of its own: that would hold the locks of other tests for a moment.
fn pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(TimestampMs(NOW));
        Self::at(directory, clock)
    }

    /// Ends the broker and starts it again.
    fn restarted(self) -> Self {
        self.topics.close().unwrap();
        self.reopened()
    }

    /// Ends the broker, with a clean stop or, with all in its segments, without one.
    fn end(&self, is_clean: bool) {
        match is_clean {
            true => self.topics.close().unwrap(),
            false => {
                self.topics.0.checkpoint.run().unwrap();
                self.topics.0.stop_flushing();
            }
        }
    }

    /// Ends the broker, and leaves its directory.
    fn stopped(self) -> (tempfile::TempDir, Clock) {
        self.topics.close().unwrap();
        self.left()
    }

    /// Lets go of the directory without closing it, as a killed process does.
    fn killed(self) -> Self {
        self.topics.0.stop_flushing();
        self.reopened()
    }

    fn reopened(self) -> Self {
        let (directory, clock) = self.left();
        Self::at(directory, clock)
    }

    /// A world over what is in a directory.
    fn at(directory: tempfile::TempDir, clock: Clock) -> Self {
        let topics = open(directory.path(), &clock).unwrap();
        Self {
            directory,
            clock,
            topics,
        }
    }

    /// Lets go of the directory, which stays.
    fn left(self) -> (tempfile::TempDir, Clock) {
        drop(self.topics);
        (self.directory, self.clock)
    }

    fn create(&self, topic: &str, partitions: i32, configs: &[(&str, &str)]) -> Arc<Topic> {
        let new = new_topic(topic, partitions, configs);
        wait(self.topics.create(new, Commit::Yes)).unwrap().unwrap()
    }

    fn partition(&self, topic: &str) -> Arc<Partition> {
        self.topics.partition(topic, PartitionId(0)).unwrap()
    }

    fn partition_of(&self, topic: &str, partition: i32) -> Arc<Partition> {
        self.topics
            .partition(topic, PartitionId(partition))
            .unwrap()
    }

    fn files(&self, topic: &str) -> Vec<String> {
        let path = self.directory.path().join("data/topics").join(topic);
        let mut names: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn config(parent: &Path) -> TopicsConfig {
    TopicsConfig {
        directory: parent.join("data"),
        node_id: 1,
        topics_max: 10,
        partitions_max: 100,
        producers_max: 1000,
        sync_interval: Duration::from_millis(10),
        commit_log: CommitLogConfig::default(),
        space: SpaceConfig {
            free_min: 16 << 10,
            reserve_bytes: 64 << 10,
        },
        defaults: Settings::new(),
    }
}

fn open(directory: &Path, clock: &Clock) -> Result<Topics, OpenError> {
    Topics::open(config(directory), clock.clone(), |_| ())
}

fn new_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs.iter();
    NewTopic {
        name: TopicName::parse(name).unwrap(),
        partitions,
        configs: configs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn record(value: &str, timestamp: i64) -> NewRecord {
    NewRecord {
        timestamp,
        key: Some(Bytes::from_static(b"key")),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        ..NewRecord::default()
    }
}

fn batch_of(records: &[NewRecord]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Compression::None);
    for record in records {
        builder.append(record).unwrap();
    }
    builder
}

fn batch(values: &[&str]) -> ValidatedBatch {
    let records: Vec<_> = values.iter().map(|value| record(value, NOW)).collect();
    batch_of(&records).build().unwrap().unwrap()
}

fn sequenced(values: &[&str], epoch: i16, base_sequence: i32) -> ValidatedBatch {
    let records: Vec<_> = values.iter().map(|value| record(value, NOW)).collect();
    let producer = BatchProducer {
        id: 7,
        epoch,
        base_sequence,
    };
    let builder = batch_of(&records).with_producer(producer);
    builder.build().unwrap().unwrap()
}

fn append(partition: &Partition, batch: ValidatedBatch) -> Result<Appended, AppendError> {
    wait(partition.append(batch, Acks::All)?.durable())
}

fn read_request(offset: i64) -> ReadRequest {
    ReadRequest {
        offset: Offset(offset),
        max_bytes: 1 << 20,
        first_batch_max: Some(usize::MAX),
        isolation: Isolation::ReadUncommitted,
    }
}

/// Offsets and values from `offset` on, as a consumer sees them.
fn values(partition: &Partition, offset: i64) -> Vec<(i64, String)> {
    try_values(partition, offset).unwrap()
}

/// As [`values`], where the disk may fail.
fn try_values(
    partition: &Partition,
    offset: i64,
) -> Result<Vec<(i64, String)>, Box<dyn std::error::Error>> {
    let mut values = Vec::new();
    let mut next = offset;
    loop {
        let outcome = partition.read(read_request(next))?;
        if outcome.records.is_empty() {
            return Ok(values);
        }
        assert_same_on_disk(partition, next, &outcome)?;
        let batches = record_batch::batches(outcome.records.concat().into());
        for batch in batches.map(Result::unwrap) {
            assert!(batch.has_valid_crc());
            next = batch.header().last_offset() + 1;
            let records = batch.records(1 << 20).unwrap().map(Result::unwrap);
            for record in records.filter(|record| record.offset >= offset) {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                values.push((record.offset, value));
            }
        }
    }
}

/// What came from memory is what is in the segments.
fn assert_same_on_disk(
    partition: &Partition,
    offset: i64,
    outcome: &ReadOutcome,
) -> Result<(), LogReadError> {
    let read = LogRead {
        from: offset,
        end: outcome.offsets.high_watermark.0,
        max_bytes: 1 << 20,
        first_batch_max: Some(usize::MAX),
    };
    let on_disk = partition.log.read(read)?.concat();
    let read = outcome.records.concat();
    assert!(!on_disk.is_empty());
    assert!(read.starts_with(&on_disk) || on_disk.starts_with(&read));
    Ok(())
}

fn pairs(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    let expected = expected.iter();
    expected
        .map(|(offset, value)| (*offset, (*value).to_owned()))
        .collect()
}
