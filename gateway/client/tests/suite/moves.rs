#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a scripted broker reacts to the few requests its test is about"
)]

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sluice_client::offsets::{CommitRequest, Committer, GroupQuery, OffsetAndMetadata};
use sluice_client::{
    ApiKey, ErrorCode, FetchOptions, FetchTarget, ProduceRecord, ProducerSettings, TopicPartition,
};
use sluice_protocol::messages::AnyRequest as Asked;
use sluice_protocol::messages::AnyResponse as Told;
use sluice_protocol::messages::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use sluice_protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use sluice_protocol::messages::init_producer_id::InitProducerIdResponse;
use sluice_protocol::messages::list_groups::ListGroupsResponse;
use sluice_protocol::messages::offset_commit::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use sluice_protocol::messages::offset_fetch::{
    OffsetFetchResponse, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use sluice_protocol::messages::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use sluice_protocol::record_batch::BatchHeader;

use crate::scripted::{Cluster, Reaction, led_by};

fn answer(response: Told) -> Reaction {
    Reaction::Answer(response)
}

fn produced(error_code: ErrorCode, base_offset: i64) -> Reaction {
    let row = PartitionProduceResponse {
        error_code,
        base_offset,
        ..PartitionProduceResponse::default()
    };
    let topic = TopicProduceResponse {
        name: "t".to_owned(),
        partition_responses: vec![row],
        ..TopicProduceResponse::default()
    };
    answer(Told::Produce(ProduceResponse {
        responses: vec![topic],
        ..ProduceResponse::default()
    }))
}

fn fetched(error_code: ErrorCode, high_watermark: i64) -> Reaction {
    let row = PartitionData {
        error_code,
        high_watermark,
        aborted_transactions: Some(Vec::new()),
        ..PartitionData::default()
    };
    let topic = FetchableTopicResponse {
        topic: "t".to_owned(),
        partitions: vec![row],
        ..FetchableTopicResponse::default()
    };
    answer(Told::Fetch(FetchResponse {
        responses: vec![topic],
        ..FetchResponse::default()
    }))
}

fn coordinated_by(node_id: i32, request: FindCoordinatorRequest) -> Reaction {
    let keys = request.coordinator_keys.into_iter();
    answer(Told::FindCoordinator(FindCoordinatorResponse {
        node_id,
        host: node_id.to_string(),
        port: 9092,
        coordinators: keys
            .map(|key| Coordinator {
                key,
                node_id,
                ..Coordinator::default()
            })
            .collect(),
        ..FindCoordinatorResponse::default()
    }))
}

fn record() -> ProduceRecord {
    ProduceRecord {
        value: Some("x".into()),
        ..ProduceRecord::default()
    }
}

/// The producer's epoch and sequence of the one batch in a request.
fn sequence(request: &ProduceRequest) -> (i16, i32) {
    let records = request.topic_data[0].partition_data[0].records.clone();
    let header = BatchHeader::decode(&records.unwrap()).unwrap();
    (header.producer_epoch, header.base_sequence)
}

#[tokio::test]
async fn records_and_reads_follow_the_leader() {
    let leader = Arc::new(AtomicI32::new(1));
    let known = Arc::clone(&leader);
    let cluster = Cluster::new(&[], move |broker, request| {
        let leader = known.load(Ordering::Relaxed);
        let code = if broker == leader {
            ErrorCode::None
        } else {
            ErrorCode::NotLeaderOrFollower
        };
        match request {
            Asked::Metadata(_) => led_by(leader, leader),
            Asked::InitProducerId(_) => {
                answer(Told::InitProducerId(InitProducerIdResponse::default()))
            }
            Asked::Produce(_) => produced(code, i64::from(broker)),
            Asked::Fetch(FetchRequest { .. }) => fetched(code, i64::from(broker)),
            _ => Reaction::HangUp,
        }
    });
    let client = cluster.client();
    let producer = client.producer(ProducerSettings::default());
    let target = FetchTarget {
        at: TopicPartition::new("t", 0),
        offset: 0,
        bytes_max: 1,
    };
    for broker in [1, 2] {
        leader.store(broker, Ordering::Relaxed);
        let results = producer.send("t", vec![record()]).await.unwrap();
        assert_eq!(results[0].clone().unwrap().offset, Some(i64::from(broker)));
        let options = FetchOptions::default();
        let fetched = client.fetcher().fetch(vec![target.clone()], options).await;
        let end = fetched[0].1.as_ref().unwrap().high_watermark;
        assert_eq!(end, i64::from(broker));
    }
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_sent_again_with_its_sequence() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let cluster = Cluster::new(&[], move |_, request| match request {
        Asked::Metadata(_) => led_by(1, 0),
        Asked::InitProducerId(_) => answer(Told::InitProducerId(InitProducerIdResponse::default())),
        Asked::Produce(request) => {
            let mut seen = noted.lock().unwrap();
            seen.push(sequence(&request));
            // The first was written, its connection is lost; then it is known as a duplicate.
            match seen.len() {
                1 => Reaction::HangUp,
                2 => produced(ErrorCode::DuplicateSequenceNumber, -1),
                _ => produced(ErrorCode::None, 1),
            }
        }
        _ => Reaction::HangUp,
    });
    let client = cluster.client();
    let producer = client.producer(ProducerSettings::default());
    let first = producer
        .send("t", vec![record()])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(first.offset, None);
    let second = producer
        .send("t", vec![record()])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(second.offset, Some(1));
    assert_eq!(*seen.lock().unwrap(), [(0, 0), (0, 0), (0, 1)]);
}

#[tokio::test]
async fn commits_follow_the_coordinator() {
    let finds = Arc::new(AtomicUsize::new(0));
    let cluster = Cluster::new(&[], move |broker, request| match request {
        Asked::Metadata(_) => led_by(1, 0),
        // At first the cluster itself does not know better.
        Asked::FindCoordinator(request) => {
            let node = if finds.fetch_add(1, Ordering::Relaxed) < 2 {
                1
            } else {
                2
            };
            coordinated_by(node, request)
        }
        Asked::OffsetCommit(_) => {
            let error_code = match broker {
                1 => ErrorCode::NotCoordinator,
                _ => ErrorCode::None,
            };
            answer(Told::OffsetCommit(OffsetCommitResponse {
                topics: vec![OffsetCommitResponseTopic {
                    name: "t".to_owned(),
                    partitions: vec![OffsetCommitResponsePartition {
                        partition_index: 0,
                        error_code,
                    }],
                    ..OffsetCommitResponseTopic::default()
                }],
                ..OffsetCommitResponse::default()
            }))
        }
        _ => Reaction::HangUp,
    });
    let request = CommitRequest {
        group: "g".to_owned(),
        committer: Committer::Outside,
        offsets: vec![(TopicPartition::new("t", 0), OffsetAndMetadata::new(1))],
    };
    let results = cluster.client().offsets().commit(request).await.unwrap();
    assert_eq!(results[0].1, Ok(()));
    assert_eq!(cluster.count(1, ApiKey::OffsetCommit), 2);
    assert_eq!(cluster.count(2, ApiKey::OffsetCommit), 1);
}

#[tokio::test]
async fn an_old_cluster_is_asked_group_by_group() {
    let ceilings = [(ApiKey::OffsetFetch, 7), (ApiKey::FindCoordinator, 3)];
    let cluster = Cluster::new(&ceilings, |_, request| match request {
        Asked::Metadata(_) => led_by(1, 0),
        Asked::FindCoordinator(request) => coordinated_by(1, request),
        Asked::OffsetFetch(request) => {
            let row = OffsetFetchResponsePartition {
                committed_offset: request.group_id.parse().unwrap(),
                ..OffsetFetchResponsePartition::default()
            };
            answer(Told::OffsetFetch(OffsetFetchResponse {
                topics: vec![OffsetFetchResponseTopic {
                    name: "t".to_owned(),
                    partitions: vec![row],
                    ..OffsetFetchResponseTopic::default()
                }],
                ..OffsetFetchResponse::default()
            }))
        }
        _ => Reaction::HangUp,
    });
    let queries = (0..40).map(|group| GroupQuery::all(group.to_string()));
    let found = cluster
        .client()
        .offsets()
        .committed(queries.collect())
        .await;
    for (group, (_, partitions)) in (0..).zip(found) {
        let committed = partitions.unwrap().remove(0).committed.unwrap().unwrap();
        assert_eq!(committed.offset, group);
    }
    assert_eq!(cluster.count(1, ApiKey::OffsetFetch), 40);
}

/// Metadata by which the topic `t` cannot be had.
fn without_topic(error_code: ErrorCode) -> Reaction {
    let Reaction::Answer(Told::Metadata(mut told)) = led_by(1, 0) else {
        return Reaction::HangUp;
    };
    told.topics[0].error_code = error_code;
    told.topics[0].partitions.clear();
    answer(Told::Metadata(told))
}

/// Mutations: `is_of_creation` that is true of any code; `absent` that waits for what it asks as long as it takes.
#[tokio::test]
async fn why_a_topic_was_not_created_is_asked_where_that_can_be_told_and_not_waited_for() {
    for (code, asked) in [
        (ErrorCode::InvalidTopicException, 1),
        (ErrorCode::LeaderNotAvailable, 0),
        (ErrorCode::TopicAuthorizationFailed, 0),
    ] {
        let cluster = Cluster::new(&[], move |_, request| match request {
            Asked::Metadata(_) => without_topic(code),
            Asked::CreateTopics(_) => Reaction::Park,
            _ => Reaction::HangUp,
        });
        let producer = cluster.client().producer(ProducerSettings::default());
        let sent = producer.send("t", vec![ProduceRecord::default()]);
        let sent = tokio::time::timeout(Duration::from_secs(10), sent).await;
        let error = sent.expect("it does not wait for the words").unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert_eq!(cluster.count(1, ApiKey::CreateTopics), asked, "{code:?}");
    }
}

#[tokio::test]
async fn a_parked_creation_delays_nobody_who_monitors() {
    let cluster = Cluster::new(&[], |_, request| match request {
        Asked::Metadata(_) => led_by(1, 0),
        Asked::CreateTopics(_) => Reaction::Park,
        Asked::ListGroups(_) => answer(Told::ListGroups(ListGroupsResponse::default())),
        _ => Reaction::HangUp,
    });
    let client = cluster.client();
    let admin = client.admin();
    let topic = sluice_client::admin::NewTopic::default();
    let creating = tokio::spawn(async move { admin.create_topics(vec![topic], false).await });
    crate::target::until(async || (cluster.count(1, ApiKey::CreateTopics) == 1).then_some(()))
        .await;
    let listed = client.for_monitoring().admin().list_groups().await.unwrap();
    assert!(listed.failures.is_empty());
    creating.abort();
}
