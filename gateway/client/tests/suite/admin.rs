use sluice_client::admin::{
    ConfigChange, ConfigOperation, ConfigQuery, ConfigResource, ConfigSource, NewPartitions,
    NewTopic,
};
use sluice_client::{ErrorCode, TopicPartition};

use crate::target::{client, topic, unique, until};

#[tokio::test]
async fn a_topic_lives_from_creation_to_deletion() {
    let client = client().await;
    let admin = client.admin();
    let name = topic(&client, 3).await;

    let described = admin.describe_topic(&name).await.unwrap();
    assert_eq!(described.partition_count(), 3);
    assert!(described.partitions.iter().all(|it| it.leader.is_some()));
    let listed = admin.list_topics().await.unwrap();
    assert!(listed.iter().any(|topic| *topic.name == *name));

    let more = |count| NewPartitions {
        topic: name.clone(),
        count,
        ..NewPartitions::default()
    };
    let extended = admin.create_partitions(vec![more(5)], false).await;
    assert_eq!(extended[0].1, Ok(()));
    let fewer = admin.create_partitions(vec![more(4)], false).await;
    let error = fewer[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidPartitions));

    let deleted = admin
        .delete_topics(vec![name.clone(), unique("none")])
        .await;
    assert_eq!(deleted[0].1, Ok(()));
    let error = deleted[1].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
}

#[tokio::test]
async fn one_bad_topic_does_not_fail_its_neighbours() {
    let client = client().await;
    let admin = client.admin();
    let new = |name: String, replication_factor| NewTopic {
        name,
        partitions: Some(1),
        replication_factor,
        ..NewTopic::default()
    };
    let topics = vec![
        new(unique("good"), None),
        new("bad name".to_owned(), None),
        new(unique("wide"), Some(30)),
    ];
    let results = admin.create_topics(topics, false).await;
    assert!(results[0].1.is_ok());
    let codes: Vec<_> = results[1..]
        .iter()
        .map(|(_, result)| result.clone().unwrap_err().code().unwrap())
        .collect();
    let expected = [
        ErrorCode::InvalidTopicException,
        ErrorCode::InvalidReplicationFactor,
    ];
    assert_eq!(codes, expected);
}

#[tokio::test]
async fn configs_are_described_and_changed() {
    let client = client().await;
    let admin = client.admin();
    let name = topic(&client, 1).await;
    let resource = ConfigResource::Topic(name);
    let query = ConfigQuery {
        names: Some(vec!["retention.ms".to_owned()]),
        ..ConfigQuery::default()
    };
    let change = |value: &str| {
        let change = ConfigChange {
            name: "retention.ms".to_owned(),
            operation: ConfigOperation::Set(Some(value.to_owned())),
        };
        vec![(resource.clone(), vec![change])]
    };
    let altered = admin.alter_configs(change("12345"), false).await;
    assert_eq!(altered[0].1, Ok(()));
    let config = until(async || {
        let described = admin.describe_configs(vec![resource.clone()], &query).await;
        let config = described[0].1.clone().unwrap().remove(0);
        (config.value.as_deref() == Some("12345")).then_some(config)
    });
    assert_eq!(config.await.source, ConfigSource::Topic);

    let refused = admin.alter_configs(change("soon"), false).await;
    let error = refused[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidConfig));

    assert_eq!(admin.creates_topics().await, Some(true));
}

#[tokio::test]
async fn the_cluster_and_its_directories_are_described() {
    let client = client().await;
    let admin = client.admin();
    let name = topic(&client, 2).await;
    let cluster = admin.describe_cluster().await.unwrap();
    assert!(cluster.cluster_id.is_some());
    let broker = cluster.brokers[0].id;
    until(async || {
        let dirs = admin.log_dirs(vec![broker]).await;
        let dirs = dirs[0].1.clone().unwrap();
        let replicas = dirs.iter().flat_map(|dir| &dir.replicas);
        let found = replicas.filter(|replica| *replica.partition.topic == *name);
        (found.count() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn missing_groups_and_partitions_are_told_at_once() {
    let client = client().await;
    let admin = client.admin();
    let described = admin.describe_groups(vec![unique("group")]).await;
    let error = described[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupIdNotFound));
    let deleted = admin.delete_groups(vec![unique("group")]).await;
    let error = deleted[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupIdNotFound));
    assert!(admin.list_groups().await.unwrap().failures.is_empty());

    let none = (TopicPartition::new(unique("none"), 0), None);
    let deleted = admin.delete_records(vec![none]).await;
    let error = deleted[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
}
