//! Order, limits and idleness of connections.

use std::time::Duration;

use bytes::Bytes;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::api_versions::ApiVersionsRequest;
use sluice_protocol::messages::create_topics::CreatableTopicConfig;
use sluice_protocol::messages::fetch::{FetchPartition, FetchRequest};
use sluice_protocol::messages::heartbeat::HeartbeatRequest;
use sluice_protocol::messages::metadata::MetadataRequest;
use sluice_protocol::messages::produce::{PartitionProduceData, ProduceRequest};
use sluice_protocol::record_batch::{BatchBuilder, Compression, NewRecord};

use crate::client::{World, until};
use crate::records::{batch, fetch, produce};

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let world = World::start().await;
    for (link, mut client) in world.clients().await {
        let topic = format!("order-{link}");
        client.ask(&crate::admin::create(&topic, 1), 7).await;
        let mut expected = Vec::new();
        for _ in 0..30 {
            expected.push(client.send(&produce(&topic, 0, batch(&["a"]), -1), 9).await);
        }
        let metadata = client.send(&MetadataRequest::default(), 9).await;
        let mut offsets = Vec::new();
        for correlation_id in expected {
            let (answered, response) = client.answer::<ProduceRequest>(9).await;
            assert_eq!(answered, correlation_id, "{link}");
            offsets.push(response.responses[0].partition_responses[0].base_offset);
        }
        assert_eq!(offsets, (0..30).collect::<Vec<_>>(), "{link}");
        assert_eq!(client.answer::<MetadataRequest>(9).await.0, metadata);
    }
}

/// Mutation: `serve` that takes no turn for memory.
#[tokio::test]
async fn a_request_that_waits_for_memory_is_overtaken_by_none_behind_it() {
    const PARTITIONS: i32 = 300;
    let world = World::configured(|config| {
        config.network.in_flight_bytes_max = 1024 * 1024;
        config.network.request_bytes_max = 1024 * 1024;
    })
    .await;
    let mut client = world.tcp().await;
    client.ask(&crate::admin::create("t", PARTITIONS), 7).await;
    // Those who wait for records have all that there is for large work.
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let mut request = fetch("t", 0, 0);
        request.max_wait_ms = 3_000;
        request.min_bytes = 1_000;
        let partitions = &mut request.topics[0].partitions;
        let first = partitions.remove(0);
        partitions.extend((0..PARTITIONS).map(|partition| FetchPartition {
            partition,
            ..first.clone()
        }));
        let mut other = world.tcp().await;
        other.send(&request, 12).await;
        waiting.push(other);
    }
    world.tcp().await.ask(&MetadataRequest::default(), 9).await;

    let mut large = produce("t", 0, batch(&["first"]), -1);
    let partitions = &mut large.topic_data[0].partition_data;
    let first = partitions.remove(0);
    partitions.extend((0..PARTITIONS).map(|index| PartitionProduceData {
        index,
        ..first.clone()
    }));
    client.send(&large, 9).await;
    let small = produce("t", 0, batch(&["second"]), -1);
    client.send(&small, 9).await;
    for expected in [0, 1] {
        let (_, produced) = client.answer::<ProduceRequest>(9).await;
        let first = &produced.responses[0].partition_responses[0];
        assert_eq!((first.index, first.base_offset), (0, expected));
    }
}

/// A batch of one record of 48 MiB, whose key is missing, in few bytes.
fn bomb() -> Bytes {
    let record = NewRecord {
        timestamp: 1_000,
        key: None,
        value: Some(vec![0; 48 * 1024 * 1024].into()),
        ..NewRecord::default()
    };
    let mut builder = BatchBuilder::new(Compression::Gzip);
    builder.append(&record).unwrap();
    builder.build().unwrap().unwrap().into_bytes()
}

#[tokio::test]
async fn a_batch_that_is_unpacked_keeps_its_place_and_holds_up_nobody_else() {
    let world = World::start().await;
    let (mut client, mut other) = (world.tcp().await, world.tcp().await);
    let mut compacted = crate::admin::create("compacted", 1);
    compacted.topics[0].configs.push(CreatableTopicConfig {
        name: "cleanup.policy".to_owned(),
        value: Some("compact".to_owned()),
    });
    client.ask(&compacted, 7).await;
    client.ask(&crate::admin::create("t", 1), 7).await;
    let unpacked = produce("compacted", 0, bomb(), 1);
    client.send(&unpacked, 9).await;
    other.ask(&MetadataRequest::default(), 9).await;
    assert!(
        client.is_silent_for(Duration::ZERO).await,
        "the other waited for the batch to be unpacked"
    );
    client.answer::<ProduceRequest>(9).await;

    let mut both = unpacked;
    let behind = produce("t", 0, batch(&["a"]), 1);
    both.topic_data.extend(behind.topic_data.clone());
    client.send(&both, 9).await;
    client.send(&behind, 9).await;
    let (_, first) = client.answer::<ProduceRequest>(9).await;
    let code = first.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::InvalidRecord);
    assert_eq!(first.responses[1].partition_responses[0].base_offset, 0);
    let (_, second) = client.answer::<ProduceRequest>(9).await;
    assert_eq!(second.responses[0].partition_responses[0].base_offset, 1);
}

#[tokio::test]
async fn what_follows_a_produce_sees_its_records() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&crate::admin::create("t", 1), 7).await;
    for offset in 0..50 {
        client.send(&produce("t", 0, batch(&["a"]), 1), 9).await;
        client.send(&fetch("t", 0, offset), 12).await;
        client.answer::<ProduceRequest>(9).await;
        let (_, fetched) = client.answer::<FetchRequest>(12).await;
        let partition = &fetched.responses[0].partitions[0];
        assert_eq!(partition.high_watermark, offset + 1);
    }
}

#[tokio::test]
async fn acks_0_has_no_answer_and_its_failure_ends_the_connection() {
    let world = World::start().await;
    for (link, mut client) in world.clients().await {
        let topic = format!("quiet-{link}");
        client.ask(&crate::admin::create(&topic, 1), 7).await;
        client.send(&produce(&topic, 0, batch(&["a"]), 0), 9).await;
        let asked = client.send(&fetch(&topic, 0, 0), 12).await;
        let (answered, fetched) = client.answer::<FetchRequest>(12).await;
        assert_eq!(answered, asked, "{link}");
        assert_eq!(fetched.responses[0].partitions[0].high_watermark, 1);

        client
            .send(&produce("missing", 0, batch(&["a"]), 0), 9)
            .await;
        assert_eq!(client.frame().await, None, "{link}");
    }
}

#[tokio::test]
async fn connections_over_sockets_take_none_of_those_within_the_process() {
    let world = World::configured(|config| config.network.connections_max = 1).await;
    let mut only = world.tcp().await;
    only.ask(&MetadataRequest::default(), 4).await;
    for _ in 0..3 {
        let mut own = world.in_process();
        let metadata = own.ask(&MetadataRequest::default(), 4).await;
        assert_eq!(metadata.brokers.len(), 1);
    }
}

#[tokio::test]
async fn connections_above_the_limit_are_closed_and_counted() {
    let world = World::configured(|config| config.network.connections_max = 2).await;
    let (mut tcp, mut other) = (world.tcp().await, world.tcp().await);
    tcp.ask(&MetadataRequest::default(), 4).await;
    other.ask(&MetadataRequest::default(), 4).await;
    for _ in 0..2 {
        assert_eq!(world.tcp().await.frame().await, None);
    }
    assert_eq!(world.metric("sluice_broker_connections_refused_total"), 2.0);
    // A connection that ends makes room for another.
    drop(tcp);
    until("there is room again", async || {
        world.metric("sluice_broker_connections") == 1.0
    })
    .await;
    world.tcp().await.ask(&MetadataRequest::default(), 4).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_that_waits_for_an_answer_is_not() {
    let world = World::configured(|config| {
        config.network.idle_timeout = Duration::from_millis(100);
    })
    .await;
    world
        .tcp()
        .await
        .ask(&crate::admin::create("t", 1), 7)
        .await;
    for (link, mut idle) in world.clients().await {
        assert_eq!(idle.frame().await, None, "{link}");
    }
    let request = FetchRequest {
        max_wait_ms: 400,
        min_bytes: 1,
        ..fetch("t", 0, 0)
    };
    let mut waiting = world.in_process();
    let response = waiting.ask(&request, 12).await;
    assert_eq!(response.error_code, ErrorCode::None);
    let mut waiting = world.tcp().await;
    let response = waiting.ask(&request, 12).await;
    assert_eq!(response.error_code, ErrorCode::None);
}

#[tokio::test]
async fn a_parked_request_holds_back_those_behind_it() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&crate::admin::create("t", 1), 7).await;
    let request = FetchRequest {
        max_wait_ms: 60_000,
        min_bytes: 1,
        ..fetch("t", 0, 0)
    };
    let parked = client.send(&request, 12).await;
    let behind = client.send(&ApiVersionsRequest::default(), 0).await;
    assert!(client.is_silent_for(Duration::from_millis(50)).await);
    let mut producer = world.in_process();
    producer.ask(&produce("t", 0, batch(&["a"]), -1), 9).await;
    assert_eq!(client.answer::<FetchRequest>(12).await.0, parked);
    assert_eq!(client.answer::<ApiVersionsRequest>(0).await.0, behind);
}

#[tokio::test]
async fn more_requests_than_may_be_in_progress_are_all_answered() {
    let world = World::configured(|config| {
        config.network.connection_requests_max = 2;
        config.network.connection_bytes_max = 100;
    })
    .await;
    for (link, mut client) in world.clients().await {
        let count = 10;
        for _ in 0..count {
            client.send(&HeartbeatRequest::default(), 4).await;
        }
        for _ in 0..count {
            let (_, response) = client.answer::<HeartbeatRequest>(4).await;
            assert_eq!(response.error_code, ErrorCode::InvalidGroupId, "{link}");
        }
    }
}

#[tokio::test]
async fn requests_and_errors_are_counted() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client
        .ask(&produce("missing", 0, batch(&["a"]), 1), 9)
        .await;
    assert!(world.metric("sluice_broker_bytes_in_total") > 0.0);
    until("the answer is counted", async || {
        world.metric("sluice_broker_bytes_out_total") > 0.0
    })
    .await;
    assert_eq!(world.metric("sluice_broker_errors_total"), 1.0);

    client.ask(&crate::admin::create("t", 1), 7).await;
    let flushes = || world.count("sluice_broker_log_flush_duration_seconds");
    let before = flushes();
    client.ask(&produce("t", 0, batch(&["a"]), -1), 9).await;
    until("the flush is counted", async || flushes() > before).await;
    // Two produces and the creation of a topic.
    assert_eq!(world.count("sluice_broker_request_duration_seconds"), 3);
}

#[tokio::test]
async fn what_was_sent_before_the_connection_was_closed_is_carried_out() {
    let world = World::start().await;
    let mut witness = world.tcp().await;
    for (link, mut client) in world.clients().await {
        let topic = format!("last-words-{link}");
        client.ask(&crate::admin::create(&topic, 1), 7).await;
        for _ in 0..10 {
            client.send(&produce(&topic, 0, batch(&["a"]), 0), 9).await;
        }
        client
            .send(&crate::admin::create(&format!("{topic}-too"), 1), 7)
            .await;
        drop(client);
        until("the records are there", async || {
            let fetched = witness.ask(&fetch(&topic, 0, 0), 12).await;
            fetched.responses[0].partitions[0].high_watermark == 10
        })
        .await;
        until("the topic is there", async || {
            let request = fetch(&format!("{topic}-too"), 0, 0);
            let fetched = witness.ask(&request, 12).await;
            fetched.responses[0].partitions[0].error_code == ErrorCode::None
        })
        .await;
    }
}

#[tokio::test]
async fn a_parked_request_is_given_up_with_its_client_and_those_behind_it_are_not() {
    let world = World::start().await;
    let mut witness = world.tcp().await;
    witness.ask(&crate::admin::create("t", 1), 7).await;
    witness.ask(&crate::admin::create("empty", 1), 7).await;
    let parked = FetchRequest {
        max_wait_ms: i32::MAX,
        min_bytes: 1,
        ..fetch("empty", 0, 0)
    };
    for (link, mut client) in world.clients().await {
        client.send(&parked, 12).await;
        client.send(&produce("t", 0, batch(&[link]), 0), 9).await;
        drop(client);
    }
    until("the records are there", async || {
        let fetched = witness.ask(&fetch("t", 0, 0), 12).await;
        fetched.responses[0].partitions[0].high_watermark == 2
    })
    .await;
    until("the connections are over", async || {
        world.metric("sluice_broker_connections") == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_request_that_cannot_be_served_waits_for_its_turn() {
    let world = World::start().await;
    for (link, mut client) in world.clients().await {
        let topic = format!("first-{link}");
        let created = client.send(&crate::admin::create(&topic, 1), 7).await;
        client.send_frame(vec![0xff; 40]).await;
        let (answered, _) = client
            .answer::<sluice_protocol::messages::create_topics::CreateTopicsRequest>(7)
            .await;
        assert_eq!(answered, created, "{link}");
        assert_eq!(client.frame().await, None, "{link}");
    }
}
