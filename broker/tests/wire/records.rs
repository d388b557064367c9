//! Records in, records out, and where they lie.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use sluice_protocol::messages::init_producer_id::InitProducerIdRequest;
use sluice_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use sluice_protocol::record_batch::{BatchBuilder, BatchProducer, Compression, NewRecord, batches};

use crate::admin::create;
use crate::client::{Client, World};

/// An uncompressed batch of these values, stamped 1000, 1001, ...
pub(crate) fn batch(values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for (timestamp, value) in (1_000..).zip(values) {
        let record = NewRecord {
            timestamp,
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..NewRecord::default()
        };
        builder.append(&record).unwrap();
    }
    builder.build().unwrap().unwrap().into_bytes()
}

pub(crate) fn produce(topic: &str, index: i32, records: Bytes, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index,
                records: Some(records),
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// A fetch that does not wait.
pub(crate) fn fetch(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: 1024 * 1024,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: vec![FetchPartition {
                partition,
                fetch_offset: offset,
                partition_max_bytes: 1024 * 1024,
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}

async fn produce_one(client: &mut Client, topic: &str, records: Bytes) -> PartitionProduceResponse {
    let mut response = client.ask(&produce(topic, 0, records, -1), 9).await;
    response.responses.remove(0).partition_responses.remove(0)
}

pub(crate) fn only_partition(mut response: FetchResponse) -> PartitionData {
    assert_eq!(response.error_code, ErrorCode::None);
    response.responses.remove(0).partitions.remove(0)
}

/// The offsets and values of what was fetched.
fn values(partition: &PartitionData) -> Vec<(i64, String)> {
    let records = partition.records.clone().expect("empty, and never null");
    let mut values = Vec::new();
    for batch in batches(records.into_bytes()) {
        for record in batch.unwrap().records(1024 * 1024).unwrap() {
            let record = record.unwrap();
            let value = record.value.unwrap_or_default().to_vec();
            values.push((record.offset, String::from_utf8(value).unwrap()));
        }
    }
    values
}

#[tokio::test]
async fn records_come_back_as_they_were_sent_in_every_version() {
    let world = World::start().await;
    for (link, mut client) in world.clients().await {
        let topic = format!("versions-{link}");
        client.ask(&create(&topic, 1), 7).await;
        for (offset, version) in (0_i64..).zip(3..=11) {
            let value = format!("produced by version {version}");
            let request = produce(&topic, 0, batch(&[&value]), -1);
            let response = client.ask(&request, version).await;
            let partition = &response.responses[0].partition_responses[0];
            assert_eq!(partition.error_code, ErrorCode::None, "{link} {version}");
            assert_eq!(partition.base_offset, offset);
            assert_eq!(partition.log_append_time_ms, -1);
            for version in 4..=12 {
                let fetched = client.ask(&fetch(&topic, 0, offset), version).await;
                let fetched = only_partition(fetched);
                assert_eq!(values(&fetched), [(offset, value.clone())], "{version}");
                assert_eq!(fetched.high_watermark, offset + 1);
                assert_eq!(fetched.last_stable_offset, offset + 1);
                assert_eq!(fetched.aborted_transactions, None);
            }
        }
    }
}

#[tokio::test]
async fn partitions_fail_one_by_one_and_answer_in_the_order_of_the_request() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 2), 7).await;
    let data = |index, records: &Bytes| PartitionProduceData {
        index,
        records: Some(records.clone()),
    };
    let good = batch(&["a"]);
    let mut broken = good.to_vec();
    *broken.last_mut().unwrap() ^= 1;
    let request = ProduceRequest {
        acks: 1,
        timeout_ms: 1_000,
        topic_data: vec![
            TopicProduceData {
                name: "missing".to_owned(),
                partition_data: vec![data(0, &good)],
                ..TopicProduceData::default()
            },
            TopicProduceData {
                name: "t".to_owned(),
                partition_data: vec![
                    data(1, &good),
                    data(0, &Bytes::from(broken)),
                    data(7, &good),
                ],
                ..TopicProduceData::default()
            },
            TopicProduceData {
                name: "__consumer_offsets".to_owned(),
                partition_data: vec![data(0, &good)],
                ..TopicProduceData::default()
            },
        ],
        ..ProduceRequest::default()
    };
    let response = client.ask(&request, 9).await;
    let answers = response.responses.iter().flat_map(|topic| {
        let of_partition = |partition: &PartitionProduceResponse| {
            (topic.name.clone(), partition.index, partition.error_code)
        };
        topic.partition_responses.iter().map(of_partition)
    });
    let answers = answers.collect::<Vec<_>>();
    let expected = [
        ("missing", 0, ErrorCode::UnknownTopicOrPartition),
        ("t", 1, ErrorCode::None),
        ("t", 0, ErrorCode::CorruptMessage),
        ("t", 7, ErrorCode::UnknownTopicOrPartition),
        ("__consumer_offsets", 0, ErrorCode::InvalidTopicException),
    ];
    let expected = expected.map(|(topic, index, code)| (topic.to_owned(), index, code));
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn what_is_no_batch_is_refused_with_its_code() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    let good = batch(&["a"]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        Bytes::from(bytes)
    };
    let cases = [
        ("nothing", Bytes::new(), ErrorCode::InvalidRecord),
        (
            "two batches",
            [good.clone(), good.clone()].concat().into(),
            ErrorCode::InvalidRecord,
        ),
        (
            "an old format",
            with(16, 1),
            ErrorCode::UnsupportedForMessageFormat,
        ),
        (
            "a wrong checksum",
            with(20, !good[20]),
            ErrorCode::CorruptMessage,
        ),
        (
            "half a batch",
            good.slice(..good.len() / 2),
            ErrorCode::CorruptMessage,
        ),
        (
            "garbage",
            Bytes::from_static(&[7; 10]),
            ErrorCode::CorruptMessage,
        ),
    ];
    for (what, records, code) in cases {
        let answer = produce_one(&mut client, "t", records).await;
        assert_eq!(answer.error_code, code, "{what}");
        assert_eq!(answer.base_offset, -1, "{what}");
        assert!(answer.error_message.is_some(), "{what}");
    }
    let invalid_acks = client.ask(&produce("t", 0, good.clone(), 2), 9).await;
    let answer = &invalid_acks.responses[0].partition_responses[0];
    assert_eq!(answer.error_code, ErrorCode::InvalidRequiredAcks);
    let answer = produce_one(&mut client, "t", good).await;
    assert_eq!(
        (answer.error_code, answer.base_offset),
        (ErrorCode::None, 0)
    );
}

#[tokio::test]
async fn a_record_without_a_key_is_named_where_the_topic_needs_keys() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let mut compacted = create("t", 1);
    crate::admin::with_config(&mut compacted, "cleanup.policy", "compact");
    client.ask(&compacted, 7).await;
    let answer = produce_one(&mut client, "t", batch(&["a"])).await;
    assert_eq!(answer.error_code, ErrorCode::InvalidRecord);
    assert_eq!(answer.record_errors[0].batch_index, 0);
}

#[tokio::test]
async fn a_long_poll_returns_when_records_are_there_and_not_before() {
    let world = World::start().await;
    for (link, mut consumer) in world.clients().await {
        let topic = format!("poll-{link}");
        consumer.ask(&create(&topic, 2), 7).await;
        let mut request = fetch(&topic, 0, 0);
        request.max_wait_ms = 60_000;
        request.min_bytes = 1;
        let mut other = request.topics[0].partitions[0].clone();
        other.partition = 1;
        request.topics[0].partitions.push(other);
        consumer.send(&request, 12).await;
        assert!(consumer.is_silent_for(Duration::from_millis(30)).await);
        let mut producer = world.tcp().await;
        producer
            .ask(&produce(&topic, 1, batch(&["a"]), -1), 9)
            .await;
        let (_, response) = consumer.answer::<FetchRequest>(12).await;
        let partitions = &response.responses[0].partitions;
        assert_eq!(values(&partitions[0]), []);
        assert_eq!(values(&partitions[1]), [(0, "a".to_owned())]);
    }
}

#[tokio::test]
async fn a_long_poll_ends_with_its_time() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client.ask(&produce("t", 0, batch(&["a"]), -1), 9).await;
    let mut request = fetch("t", 0, 0);
    request.max_wait_ms = 100;
    request.min_bytes = 1_000_000;
    let asked = Instant::now();
    let response = only_partition(client.ask(&request, 12).await);
    assert!(asked.elapsed() >= Duration::from_millis(100));
    // What there is comes, though it is less than was wished for.
    assert_eq!(values(&response), [(0, "a".to_owned())]);
}

#[tokio::test]
async fn a_fetch_that_cannot_succeed_is_answered_at_once() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client
        .ask(&produce("t", 0, batch(&["a", "b"]), -1), 9)
        .await;
    let patient = |request: FetchRequest| FetchRequest {
        max_wait_ms: 60_000,
        min_bytes: 1_000_000,
        ..request
    };
    let at_epoch = |epoch| {
        let mut request = fetch("t", 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        request
    };
    let cases = [
        (
            "behind the end",
            fetch("t", 0, 3),
            ErrorCode::OffsetOutOfRange,
        ),
        (
            "before the start",
            fetch("t", 0, -1),
            ErrorCode::OffsetOutOfRange,
        ),
        (
            "no such partition",
            fetch("t", 1, 0),
            ErrorCode::UnknownTopicOrPartition,
        ),
        (
            "no such topic",
            fetch("u", 0, 0),
            ErrorCode::UnknownTopicOrPartition,
        ),
        (
            "a leader to come",
            at_epoch(1_000),
            ErrorCode::UnknownLeaderEpoch,
        ),
    ];
    for (what, request, code) in cases {
        let answer = only_partition(client.ask(&patient(request), 12).await);
        assert_eq!(answer.error_code, code, "{what}");
        assert_eq!(answer.high_watermark, -1, "{what}");
    }
}

#[tokio::test]
async fn no_session_is_given_and_none_can_be_continued() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    let mut request = fetch("t", 0, 0);
    request.session_epoch = 0;
    let response = client.ask(&request, 12).await;
    assert_eq!(
        (response.error_code, response.session_id),
        (ErrorCode::None, 0)
    );
    request.session_id = 42;
    let response = client.ask(&request, 12).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionIdNotFound);
}

#[tokio::test]
async fn an_offset_inside_a_batch_gives_the_whole_batch() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client
        .ask(&produce("t", 0, batch(&["a", "b", "c"]), -1), 9)
        .await;
    let fetched = only_partition(client.ask(&fetch("t", 0, 2), 12).await);
    assert_eq!(values(&fetched).len(), 3);
}

#[tokio::test]
async fn the_first_batch_comes_above_the_limits_and_no_second_one() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 2), 7).await;
    for index in [0, 1] {
        client.ask(&produce("t", index, batch(&["a"]), -1), 9).await;
    }
    let mut request = fetch("t", 0, 0);
    request.max_bytes = 1;
    let mut other = request.topics[0].partitions[0].clone();
    other.partition = 1;
    request.topics[0].partitions.push(other);
    let response = client.ask(&request, 12).await;
    let counts = response.responses[0].partitions.iter();
    let counts = counts.map(|partition| values(partition).len());
    assert_eq!(counts.collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn producers_get_ids_that_nobody_had_and_no_transactions() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let mut ids = std::collections::BTreeSet::new();
    for version in 0..=5 {
        let response = client.ask(&InitProducerIdRequest::default(), version).await;
        assert_eq!(
            (response.error_code, response.producer_epoch),
            (ErrorCode::None, 0)
        );
        assert!(ids.insert(response.producer_id));
    }
    let request = InitProducerIdRequest {
        transactional_id: Some("tx".to_owned()),
        ..InitProducerIdRequest::default()
    };
    let response = client.ask(&request, 5).await;
    assert_eq!(response.error_code, ErrorCode::UnsupportedVersion);
    assert_eq!(response.producer_id, -1);

    let World {
        broker, directory, ..
    } = world;
    broker.shutdown(Duration::from_secs(5)).await;
    let world = World::reopened(directory, |_config| ()).await;
    let mut client = world.tcp().await;
    let response = client.ask(&InitProducerIdRequest::default(), 5).await;
    assert!(ids.insert(response.producer_id), "after a restart");
}

/// The first record of a producer.
fn first_of(id: i64, value: &'static str) -> Bytes {
    let producer = BatchProducer {
        id,
        epoch: 0,
        base_sequence: 0,
    };
    let mut builder = BatchBuilder::new(Compression::None).with_producer(producer);
    let value = Some(Bytes::from_static(value.as_bytes()));
    let record = NewRecord {
        value,
        ..NewRecord::default()
    };
    builder.append(&record).unwrap();
    builder.build().unwrap().unwrap().into_bytes()
}

/// Mutations: a start that does not ask what producers are known; `largest_producer_id` that believes any.
#[tokio::test]
async fn an_older_file_of_producer_ids_makes_no_record_vanish_as_a_duplicate() {
    let mut world = World::start().await;
    world.tcp().await.ask(&create("t", 1), 7).await;
    let file = world.directory.path().join("producer-ids");
    let oldest = std::fs::read(&file).unwrap();
    // One client makes its id up.
    let made_up = produce("t", 0, first_of(i64::MAX - 1, "made up"), -1);
    world.tcp().await.ask(&made_up, 9).await;
    for offset in 1..4 {
        let mut client = world.tcp().await;
        let given = client.ask(&InitProducerIdRequest::default(), 5).await;
        assert_eq!(given.error_code, ErrorCode::None);
        let first = produce("t", 0, first_of(given.producer_id, "first"), -1);
        let response = client.ask(&first, 9).await;
        let appended = &response.responses[0].partition_responses[0];
        assert_eq!(appended.base_offset, offset, "{}", given.producer_id);
        drop(client);
        let World {
            broker, directory, ..
        } = world;
        broker.shutdown(Duration::from_secs(5)).await;
        std::fs::write(&file, &oldest).unwrap();
        world = World::reopened(directory, |_config| ()).await;
    }
}
