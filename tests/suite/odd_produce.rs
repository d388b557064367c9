//! Produce requests that no client library sends are answered as Apache Kafka answers them.
//!
//! Seen to fail with a handler that appends each batch it is given, and with a check of batches that takes any negative producer
//! id but -1 for a mistake.

use bytes::Bytes;
use sluice_client::admin::NewTopic;
use sluice_client::{Client, Config, TcpDial};
use sluice_e2e::{World, on_both_targets};
use sluice_protocol::ErrorCode;
use sluice_protocol::header::{decode_response_header, request_frame};
use sluice_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use sluice_protocol::messages::{Message as _, Request};
use sluice_protocol::record_batch::{BatchBuilder, BatchProducer, Compression, NewRecord};
use sluice_protocol::wire::{Reader, Wire as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const VERSION: i16 = 9;

on_both_targets!(
    of_a_partition_named_twice_the_last_batch_counts_kcat,
    a_negative_producer_id_is_none_kcat,
);

async fn of_a_partition_named_twice_the_last_batch_counts_kcat(world: World) {
    let topic = create(&world, "twice").await;
    let data = |value| PartitionProduceData {
        index: 0,
        records: Some(batch(value, None)),
    };
    let of_topic = |partition_data| TopicProduceData {
        name: topic.clone(),
        partition_data,
        ..TopicProduceData::default()
    };
    let answers = produce(&world, vec![of_topic(vec![data("a"), data("b")])]).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].error_code, ErrorCode::None);
    assert_eq!(answers[0].base_offset, 0);
    let topics = vec![of_topic(vec![data("c")]), of_topic(vec![data("d")])];
    let answers = produce(&world, topics).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].base_offset, 1);
    assert_eq!(world.kcat().read_all(&topic, "%s\n").await, "b\nd\n");
}

async fn a_negative_producer_id_is_none_kcat(world: World) {
    let topic = create(&world, "negative").await;
    for id in [-2, i64::MIN] {
        let producer = BatchProducer {
            id,
            epoch: 0,
            base_sequence: 5,
        };
        for _ in 0..2 {
            let topics = vec![TopicProduceData {
                name: topic.clone(),
                partition_data: vec![PartitionProduceData {
                    index: 0,
                    records: Some(batch("again", Some(producer))),
                }],
                ..TopicProduceData::default()
            }];
            let answers = produce(&world, topics).await;
            assert_eq!(answers[0].error_code, ErrorCode::None, "{answers:?}");
        }
    }
    let read = world.kcat().read_all(&topic, "%s\n").await;
    assert_eq!(read, "again\n".repeat(4), "nothing is a repetition");
}

async fn create(world: &World, name: &str) -> String {
    let name = world.unique(name);
    let bootstrap = world.bootstrap().parse().expect("host:port");
    let client = Client::new(
        Config::new(vec![bootstrap]),
        std::sync::Arc::new(TcpDial),
        tokio::runtime::Handle::current(),
    );
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(1),
        ..NewTopic::default()
    };
    let created = client.admin().create_topics(vec![topic], false).await;
    assert!(created[0].1.is_ok(), "{created:?}");
    name
}

fn batch(value: &'static str, producer: Option<BatchProducer>) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    if let Some(producer) = producer {
        builder = builder.with_producer(producer);
    }
    let record = NewRecord {
        value: Some(value.into()),
        ..NewRecord::default()
    };
    builder.append(&record).expect("it fits");
    let built = builder.build().expect("it is valid").expect("a record");
    built.bytes().clone()
}

/// What is answered for each partition.
async fn produce(
    world: &World,
    topic_data: Vec<TopicProduceData>,
) -> Vec<PartitionProduceResponse> {
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data,
        ..ProduceRequest::default()
    };
    let frame = request_frame(&request, VERSION, 1, Some("odd")).expect("it fits");
    let frame = frame.concat();
    let length = i32::try_from(frame.len()).expect("small");
    let mut stream = TcpStream::connect(world.bootstrap()).await.expect("a link");
    let bytes = [&length.to_be_bytes(), frame.as_slice()].concat();
    stream.write_all(&bytes).await.expect("it is sent");
    let length = stream.read_i32().await.expect("an answer");
    let mut answer = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut answer).await.expect("an answer");
    let mut reader = Reader::new(answer.into());
    decode_response_header(&mut reader, ProduceRequest::API, VERSION).expect("a header");
    let version = <ProduceRequest as Request>::Response::version(VERSION).expect("known");
    let response = <ProduceRequest as Request>::Response::decode(&mut reader, version);
    let topics = response.expect("an answer").responses;
    topics
        .into_iter()
        .flat_map(|topic| topic.partition_responses)
        .collect()
}
