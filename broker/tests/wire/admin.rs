//! Topics, and what tools ask about the cluster.

use sluice_protocol::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use sluice_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
    CreateTopicsRequest,
};
use sluice_protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use sluice_protocol::messages::describe_cluster::DescribeClusterRequest;
use sluice_protocol::messages::describe_log_dirs::DescribeLogDirsRequest;
use sluice_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest,
};
use sluice_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use sluice_protocol::{ErrorCode, Uuid};

use crate::client::{Client, World, until};
use crate::configs::{BROKER, value_of};
use crate::records::{batch, produce};

pub(crate) fn create(name: &str, num_partitions: i32) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.to_owned(),
            num_partitions,
            replication_factor: -1,
            ..CreatableTopic::default()
        }],
        ..CreateTopicsRequest::default()
    }
}

pub(crate) fn with_config(request: &mut CreateTopicsRequest, name: &str, value: &str) {
    request.topics[0].configs.push(CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    });
}

async fn create_one(client: &mut Client, request: &CreateTopicsRequest) -> CreatableTopicResult {
    client.ask(request, 7).await.topics.remove(0)
}

/// Metadata of topics by name, in a version that may create them.
fn about(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned()),
        ..MetadataRequestTopic::default()
    };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        ..MetadataRequest::default()
    }
}

#[tokio::test]
async fn a_topic_has_its_partitions_from_the_moment_it_is_created() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    for version in 2..=7 {
        let name = format!("t{version}");
        let mut request = create(&name, 3);
        request.topics[0].replication_factor = 1;
        let created = client.ask(&request, version).await.topics.remove(0);
        assert_eq!(created.error_code, ErrorCode::None);
        if version >= 5 {
            assert_eq!((created.num_partitions, created.replication_factor), (3, 1));
            assert!(created.configs.unwrap().len() > 30);
        }
        let metadata = client.ask(&about(&[&name]), 12).await;
        let topic = &metadata.topics[0];
        assert_eq!(topic.partitions.len(), 3);
        assert!(version < 7 || topic.topic_id == created.topic_id);
        for partition in &topic.partitions {
            assert_eq!((partition.leader_id, &partition.isr_nodes), (1, &vec![1]));
            assert!(partition.leader_epoch >= 0);
        }
    }
}

#[tokio::test]
async fn what_no_topic_can_be_is_refused_with_its_code() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    create_one(&mut client, &create("taken.name", 1)).await;
    let adjusted = |adjust: fn(&mut CreatableTopic)| {
        let mut request = create("new", -1);
        adjust(&mut request.topics[0]);
        request
    };
    let assigned = |topic: &mut CreatableTopic, index, broker| {
        topic.assignments.push(CreatableReplicaAssignment {
            partition_index: index,
            broker_ids: vec![broker],
        });
    };
    let mut sparse = create("new", -1);
    assigned(&mut sparse.topics[0], 1, 1);
    let mut elsewhere = create("new", -1);
    assigned(&mut elsewhere.topics[0], 0, 7);
    let mut contradictory = create("new", 2);
    assigned(&mut contradictory.topics[0], 0, 1);
    let mut unknown_key = create("new", 1);
    with_config(&mut unknown_key, "nope", "1");
    let mut bad_value = create("new", 1);
    with_config(&mut bad_value, "retention.ms", "soon");
    let cases = [
        (create("taken.name", 1), ErrorCode::TopicAlreadyExists),
        (create("taken_name", 1), ErrorCode::InvalidTopicException),
        (create("a b", 1), ErrorCode::InvalidTopicException),
        (create("..", 1), ErrorCode::InvalidTopicException),
        (
            create(&"x".repeat(250), 1),
            ErrorCode::InvalidTopicException,
        ),
        (
            create("__consumer_offsets", 1),
            ErrorCode::InvalidTopicException,
        ),
        (create("new", 0), ErrorCode::InvalidPartitions),
        (create("new", -2), ErrorCode::InvalidPartitions),
        (
            adjusted(|topic| topic.replication_factor = 3),
            ErrorCode::InvalidReplicationFactor,
        ),
        (
            adjusted(|topic| topic.replication_factor = 0),
            ErrorCode::InvalidReplicationFactor,
        ),
        (sparse, ErrorCode::InvalidReplicaAssignment),
        (elsewhere, ErrorCode::InvalidReplicaAssignment),
        (contradictory, ErrorCode::InvalidRequest),
        (unknown_key, ErrorCode::InvalidConfig),
        (bad_value, ErrorCode::InvalidConfig),
    ];
    for (request, code) in cases {
        let refused = create_one(&mut client, &request).await;
        assert_eq!(refused.error_code, code, "{request:?}");
        assert!(refused.error_message.is_some());
    }
    let mut twice = create("new", 1);
    twice.topics.push(twice.topics[0].clone());
    let refused = client.ask(&twice, 7).await.topics;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].error_code, ErrorCode::InvalidRequest);
    let all = client.ask(&MetadataRequest::default(), 12).await;
    assert_eq!(all.topics.len(), 1, "nothing was created");
}

#[tokio::test]
async fn more_replicas_are_taken_where_the_owner_says_so() {
    let world = World::configured(|config| {
        config.topics.accept_any_replication_factor = true;
    })
    .await;
    let mut client = world.tcp().await;
    let mut request = create("t", 1);
    request.topics[0].replication_factor = 3;
    let created = create_one(&mut client, &request).await;
    assert_eq!(
        (created.error_code, created.replication_factor),
        (ErrorCode::None, 1)
    );
}

#[tokio::test]
async fn validation_alone_creates_nothing() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let mut request = create("t", 2);
    request.validate_only = true;
    let validated = create_one(&mut client, &request).await;
    assert_eq!(
        (validated.error_code, validated.num_partitions),
        (ErrorCode::None, 2)
    );
    assert_eq!(client.ask(&MetadataRequest::default(), 12).await.topics, []);
}

#[tokio::test]
async fn a_topic_that_is_asked_for_is_created_where_both_sides_allow_it() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let mut request = about(&["auto"]);
    request.allow_auto_topic_creation = false;
    let topic = client.ask(&request, 4).await.topics.remove(0);
    assert_eq!(topic.error_code, ErrorCode::UnknownTopicOrPartition);
    for version in 0..=13 {
        let name = format!("auto-{version}");
        let metadata = client.ask(&about(&[&name, &name]), version).await;
        assert_eq!(metadata.topics.len(), 1, "named twice, told once");
        assert_eq!(metadata.topics[0].error_code, ErrorCode::None, "{version}");
        assert_eq!(metadata.topics[0].partitions.len(), 1);
    }
    for name in ["no good", "__consumer_offsets"] {
        let topic = client.ask(&about(&[name]), 12).await.topics.remove(0);
        assert_ne!(topic.error_code, ErrorCode::None, "{name}");
        assert_eq!(topic.partitions, []);
    }

    let strict = World::configured(|config| config.topics.auto_create = false).await;
    let mut client = strict.tcp().await;
    let topic = client.ask(&about(&["auto"]), 12).await.topics.remove(0);
    assert_eq!(topic.error_code, ErrorCode::UnknownTopicOrPartition);
    let enabled = value_of(&mut client, BROKER, "1", "auto.create.topics.enable").await;
    assert_eq!(enabled, "false");
}

#[tokio::test]
async fn metadata_tells_the_cluster_and_answers_by_id() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let id = create_one(&mut client, &create("t", 1)).await.topic_id;
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id,
            name: None,
        }]),
        ..MetadataRequest::default()
    };
    let metadata = client.ask(&by_id(id), 12).await;
    assert_eq!(metadata.topics[0].name.as_deref(), Some("t"));
    assert_eq!(
        metadata.cluster_id.as_deref(),
        Some(world.broker.cluster_id())
    );
    assert_eq!(world.broker.cluster_id().len(), 22);
    assert_eq!(metadata.controller_id, 1);
    let port = i32::from(world.broker.addresses()[0].port());
    assert_eq!(metadata.brokers[0].port, port);
    assert_eq!(metadata.topics[0].topic_authorized_operations, i32::MIN);

    let missing = Uuid::default();
    let unknown = client.ask(&by_id(missing), 12).await.topics.remove(0);
    assert_eq!(unknown.error_code, ErrorCode::InvalidRequest);
    let empty = MetadataRequest {
        topics: Some(Vec::new()),
        ..MetadataRequest::default()
    };
    assert_eq!(
        client.ask(&empty, 0).await.topics.len(),
        1,
        "version 0: all"
    );
    assert_eq!(client.ask(&empty, 1).await.topics.len(), 0, "later: none");
}

#[tokio::test]
async fn a_deleted_topic_is_gone_and_a_new_one_of_its_name_is_another() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let old = create_one(&mut client, &create("t", 1)).await.topic_id;
    let by_name = DeleteTopicsRequest {
        topic_names: vec!["t".to_owned(), "missing".to_owned()],
        ..DeleteTopicsRequest::default()
    };
    let deleted = client.ask(&by_name, 5).await.responses;
    let codes = deleted.iter().map(|topic| topic.error_code);
    let expected = [ErrorCode::None, ErrorCode::UnknownTopicOrPartition];
    assert_eq!(codes.collect::<Vec<_>>(), expected);
    let new = create_one(&mut client, &create("t", 1)).await.topic_id;
    assert_ne!(old, new);
    let by_id = |topic_id| DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: None,
            topic_id,
        }],
        ..DeleteTopicsRequest::default()
    };
    let refused = client.ask(&by_id(old), 6).await.responses.remove(0);
    assert_eq!(refused.error_code, ErrorCode::UnknownTopicId);
    let deleted = client.ask(&by_id(new), 6).await.responses.remove(0);
    assert_eq!(deleted.name.as_deref(), Some("t"));
    assert_eq!(client.ask(&MetadataRequest::default(), 12).await.topics, []);
}

/// Mutation: where the files wait for the next check of retention, which comes after five minutes, they stay.
#[tokio::test]
async fn the_files_of_a_deleted_topic_go_soon_after_their_delay() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let mut request = create("t", 1);
    with_config(&mut request, "file.delete.delay.ms", "100");
    create_one(&mut client, &request).await;
    client.ask(&produce("t", 0, batch(&["a"]), -1), 9).await;
    let delete = DeleteTopicsRequest {
        topic_names: vec!["t".to_owned()],
        ..DeleteTopicsRequest::default()
    };
    client.ask(&delete, 5).await;
    let graves = world.directory.path().join("deleted");
    let are_gone = async || std::fs::read_dir(&graves).unwrap().count() == 0;
    until("the files are gone", are_gone).await;
}

#[tokio::test]
async fn partitions_are_added_and_never_taken_away() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    create_one(&mut client, &create("t", 2)).await;
    let request = |name: &str, count, validate_only| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: name.to_owned(),
            count,
            assignments: None,
        }],
        validate_only,
        ..CreatePartitionsRequest::default()
    };
    let mut assigned = request("t", 5, false);
    let assignment = CreatePartitionsAssignment {
        broker_ids: vec![1],
    };
    assigned.topics[0].assignments = Some(vec![assignment]);
    for (request, code, partitions) in [
        (
            request("missing", 3, false),
            ErrorCode::UnknownTopicOrPartition,
            2,
        ),
        (request("t", 2, false), ErrorCode::InvalidPartitions, 2),
        (request("t", 3, true), ErrorCode::None, 2),
        (request("t", 3, false), ErrorCode::None, 3),
        (assigned, ErrorCode::InvalidReplicaAssignment, 3),
        (request("t", 1, false), ErrorCode::InvalidPartitions, 3),
    ] {
        let result = client.ask(&request, 3).await.results.remove(0);
        assert_eq!(result.error_code, code, "{request:?}");
        let metadata = client.ask(&about(&["t"]), 12).await;
        assert_eq!(metadata.topics[0].partitions.len(), partitions);
    }
}

#[tokio::test]
async fn the_cluster_is_one_broker() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    for version in 0..=2 {
        let described = client
            .ask(&DescribeClusterRequest::default(), version)
            .await;
        assert_eq!(described.cluster_id, world.broker.cluster_id());
        assert_eq!((described.controller_id, described.brokers.len()), (1, 1));
        assert_eq!(described.cluster_authorized_operations, i32::MIN);
    }
    let controllers = DescribeClusterRequest {
        endpoint_type: 2,
        ..DescribeClusterRequest::default()
    };
    let refused = client.ask(&controllers, 1).await;
    assert_eq!(refused.error_code, ErrorCode::MismatchedEndpointType);
}

#[tokio::test]
async fn topics_are_described_in_pages() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    for (name, partitions) in [("a", 3), ("b", 1), ("c", 2)] {
        create_one(&mut client, &create(name, partitions)).await;
    }
    let mut cursor = None;
    let mut pages = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest {
            topics: ["c", "missing", "a", "b"]
                .map(|name| TopicRequest {
                    name: name.to_owned(),
                })
                .to_vec(),
            response_partition_limit: 2,
            cursor: cursor.take(),
        };
        let page = client.ask(&request, 0).await;
        let topics = page.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let partitions = partitions.map(|partition| partition.partition_index);
            (topic.name.clone().unwrap(), partitions.collect::<Vec<_>>())
        });
        pages.push(topics.collect::<Vec<_>>());
        let Some(next) = page.next_cursor else { break };
        cursor = Some(Cursor {
            topic_name: next.topic_name,
            partition_index: next.partition_index,
        });
    }
    let topic = |name: &str, partitions: &[i32]| (name.to_owned(), partitions.to_vec());
    let expected = [
        vec![topic("a", &[0, 1])],
        vec![topic("a", &[2]), topic("b", &[0])],
        vec![topic("c", &[0, 1])],
        vec![topic("missing", &[])],
    ];
    assert_eq!(pages, expected);
}

#[tokio::test]
async fn the_sizes_of_partitions_are_told() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    create_one(&mut client, &create("t", 2)).await;
    let records = batch(&["a"]);
    let size = i64::try_from(records.len()).unwrap();
    client.ask(&produce("t", 0, records, -1), 9).await;
    for version in 1..=5 {
        let described = client
            .ask(&DescribeLogDirsRequest { topics: None }, version)
            .await;
        let directory = &described.results[0];
        let partitions = directory.topics[0].partitions.iter();
        let sizes = partitions.map(|partition| partition.partition_size);
        assert_eq!(sizes.collect::<Vec<_>>(), [size, 0]);
        assert!(version < 4 || directory.total_bytes >= directory.usable_bytes);
    }
}
