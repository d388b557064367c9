//! What a long log costs its readers: the same reads and look-ups in a backlog of many small records and in one of few.
//!
//! Batches are of the size that Kafka's producer makes by default, and all in one partition. Both logs are in the machine's memory.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use sluice_e2e::seed::Random;
use sluice_e2e::sluice::Sluice;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use sluice_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use sluice_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use sluice_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use sluice_protocol::record_batch::{BatchBuilder, BatchHeader, Compression, NewRecord};

use crate::Extent;
use crate::link::Link;
use crate::rounds::{Promise, Samples, Table};

/// Bytes of a value; with what a record takes besides, about 32.
const VALUE: usize = 24;
/// Records in a batch: about 16 KiB.
const BATCH: i64 = 500;
/// Milliseconds between two records.
const STEP: i64 = 2;
/// The time of the first record.
const BEGIN: i64 = 1_700_000_000_000;
/// Records of the short log.
const FEW: i64 = 100_000;
/// Produce requests on their way.
const IN_FLIGHT: usize = 32;
/// Records read a turn.
const READ: i64 = 2_000_000;
/// Look-ups a turn.
const LOOK_UPS: usize = 200;

/// A log and what was measured of it.
struct Log {
    topic: &'static str,
    records: i64,
    rate: Samples,
    /// Of a look-up by time, the median, in microseconds.
    look_up: Samples,
}

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let sluice = Sluice::bundled(folder, &[]).await;
    let broker = sluice.addresses().broker.clone().expect("a bundled broker");
    let mut link = Link::connect(&broker).await;
    let mut random = Random::announced();
    let [mut few, mut many] =
        [("few", FEW), ("many", extent.backlog)].map(|(topic, records)| Log {
            topic,
            records,
            rate: Samples::default(),
            look_up: Samples::default(),
        });
    for log in [&few, &many] {
        log.write(&mut link).await;
    }
    let mut middle = Samples::default();
    for _ in 0..extent.rounds {
        for log in [&mut few, &mut many] {
            let rate = log.read(&mut link, 0).await;
            log.rate.push(rate);
            let took = log.look_up(&mut link, &mut random).await;
            log.look_up.push(took);
        }
        middle.push(many.read(&mut link, many.records / 2).await);
    }
    let what = format!(
        "a backlog of {:.0e} small records vs {FEW:.0e}",
        many.records
    );
    let least = Promise::AtLeast(0.9);
    let begin = format!("{what}: reading from its begin");
    table.compare(&begin, "rec/s", [&many.rate, &few.rate], least);
    let inside = format!("{what}: reading from its middle");
    table.compare(&inside, "rec/s", [&middle, &few.rate], least);
    let by_time = format!("{what}: finding a record by its time, p50");
    let look_ups = [&many.look_up, &few.look_up];
    table.compare(&by_time, "us", look_ups, Promise::AtMost(2.0));
}

impl Log {
    /// Makes the topic and fills it.
    async fn write(&self, link: &mut Link) {
        let topic = CreatableTopic {
            name: self.topic.to_owned(),
            num_partitions: 1,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let create = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 10_000,
            ..CreateTopicsRequest::default()
        };
        link.ask(&create, 5).await;
        let began = Instant::now();
        let batches = self.records / BATCH;
        let mut on_their_way = 0;
        for number in 0..batches {
            if on_their_way == IN_FLIGHT {
                written(link).await;
                on_their_way -= 1;
            }
            link.send(&self.produce(batch(number)), 9).await;
            on_their_way += 1;
        }
        for _ in 0..on_their_way {
            written(link).await;
        }
        eprintln!("{} records written in {:?}", self.records, began.elapsed());
    }

    fn produce(&self, records: Bytes) -> ProduceRequest {
        ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: self.topic.to_owned(),
                partition_data: vec![PartitionProduceData {
                    index: 0,
                    records: Some(records),
                }],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        }
    }

    /// Reads [`READ`] records from `begin` on, again and again where there are fewer, and gives how many a second.
    async fn read(&self, link: &mut Link, begin: i64) -> f64 {
        let began = Instant::now();
        let (mut read, mut next) = (0, begin);
        while read < READ {
            let behind = self.fetch(link, next).await;
            read += behind - next;
            next = if behind == self.records {
                begin
            } else {
                behind
            };
        }
        per_second(read, began)
    }

    /// Reads once from an offset on, and gives the offset behind.
    async fn fetch(&self, link: &mut Link, offset: i64) -> i64 {
        let request = FetchRequest {
            min_bytes: 1,
            max_wait_ms: 500,
            max_bytes: 50 << 20,
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: self.topic.to_owned(),
                partitions: vec![FetchPartition {
                    fetch_offset: offset,
                    partition_max_bytes: 1 << 20,
                    ..FetchPartition::default()
                }],
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let mut fetched = link.ask(&request, 12).await;
        let partition = fetched.responses.remove(0).partitions.remove(0);
        assert_eq!(partition.error_code, ErrorCode::None);
        let mut records: Bytes = partition.records.expect("records").0.concat().into();
        let mut behind = offset;
        while !records.is_empty() {
            let header = BatchHeader::decode(&records).expect("a batch");
            behind = header.last_offset() + 1;
            records = records.split_off(header.size().expect("a size"));
        }
        assert!(behind > offset, "nothing at {offset}");
        behind
    }

    /// Finds records by times all over the log, and gives what the median took, in microseconds.
    async fn look_up(&self, link: &mut Link, random: &mut Random) -> f64 {
        let records = usize::try_from(self.records).expect("a number of records");
        let mut took = Samples::default();
        for _ in 0..LOOK_UPS {
            let wanted = i64::try_from(random.below(records)).expect("an offset");
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: vec![ListOffsetsTopic {
                    name: self.topic.to_owned(),
                    partitions: vec![ListOffsetsPartition {
                        timestamp: BEGIN + wanted * STEP,
                        ..ListOffsetsPartition::default()
                    }],
                }],
                ..ListOffsetsRequest::default()
            };
            let began = Instant::now();
            let found = link.ask(&request, 5).await;
            took.push(began.elapsed().as_secs_f64() * 1e6);
            assert_eq!(found.topics[0].partitions[0].offset, wanted);
        }
        took.median()
    }
}

/// Takes the answer to a produce request.
async fn written(link: &mut Link) {
    let answer = link.answer::<ProduceRequest>(9).await;
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::None);
}

fn batch(number: i64) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for offset in number * BATCH..(number + 1) * BATCH {
        let record = NewRecord {
            timestamp: BEGIN + offset * STEP,
            key: None,
            value: Some(Bytes::from_static(&[b'.'; VALUE])),
            ..NewRecord::default()
        };
        builder.append(&record).expect("a record");
    }
    let built = builder.build().expect("a batch").expect("of records");
    built.into_bytes()
}

fn per_second(records: i64, began: Instant) -> f64 {
    let records = i32::try_from(records).expect("a few million");
    f64::from(records) / began.elapsed().as_secs_f64()
}
