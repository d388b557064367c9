use sluice_protocol::messages::metadata::MetadataResponsePartition;

use super::*;

fn answer(name: &str, id: u8, leaders: &[(i32, i32)]) -> MetadataResponseTopic {
    let partitions =
        leaders
            .iter()
            .enumerate()
            .map(|(index, (leader, epoch))| MetadataResponsePartition {
                partition_index: i32::try_from(index).unwrap(),
                leader_id: *leader,
                leader_epoch: *epoch,
                ..MetadataResponsePartition::default()
            });
    MetadataResponseTopic {
        name: Some(name.to_owned()),
        topic_id: Uuid([id; 16]),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}

fn apply(metadata: &Metadata, topics: Vec<MetadataResponseTopic>, is_complete: bool) {
    let response = MetadataResponse {
        topics,
        ..MetadataResponse::default()
    };
    metadata.apply(response, is_complete, Instant::now());
}

fn leader(metadata: &Metadata, name: &str, partition: i32) -> Option<i32> {
    metadata.topic(name)?.partition(partition)?.leader
}

#[test]
fn a_lagging_broker_does_not_bring_an_old_leader_back() {
    let metadata = Metadata::default();
    apply(&metadata, vec![answer("t", 1, &[(2, 5), (3, 5)])], false);
    apply(&metadata, vec![answer("t", 1, &[(1, 4), (1, 6)])], false);
    assert_eq!(leader(&metadata, "t", 0), Some(2));
    assert_eq!(leader(&metadata, "t", 1), Some(1));
}

#[test]
fn a_topic_created_anew_starts_from_its_own_epochs() {
    let metadata = Metadata::default();
    apply(&metadata, vec![answer("t", 1, &[(2, 5)])], false);
    apply(&metadata, vec![answer("t", 2, &[(1, 0)])], false);
    assert_eq!(leader(&metadata, "t", 0), Some(1));
}

#[test]
fn topics_the_cluster_does_not_know_are_forgotten() {
    let metadata = Metadata::default();
    let both = vec![answer("a", 1, &[(1, 0)]), answer("b", 2, &[(1, 0)])];
    apply(&metadata, both, false);
    let gone = MetadataResponseTopic {
        error_code: ErrorCode::UnknownTopicOrPartition,
        ..answer("a", 1, &[])
    };
    apply(&metadata, vec![gone], false);
    assert!(metadata.topic("a").is_none());
    assert!(metadata.topic("b").is_some());
    apply(&metadata, Vec::new(), true);
    assert!(metadata.topic("b").is_none());
}

#[test]
fn a_partition_without_a_leader_has_none() {
    let metadata = Metadata::default();
    apply(&metadata, vec![answer("t", 1, &[(-1, 3)])], false);
    assert_eq!(leader(&metadata, "t", 0), None);
    assert!(metadata.topic("t").unwrap().partition(1).is_none());
}

#[test]
fn topics_nobody_asks_for_are_forgotten_where_there_are_many() {
    let metadata = Metadata::default();
    let start = Instant::now();
    let learn = |name: &str, now: Instant| {
        let response = MetadataResponse {
            topics: vec![answer(name, 1, &[(1, 0)])],
            ..MetadataResponse::default()
        };
        metadata.apply(response, false, now);
    };
    for number in 0..TOPICS_MIN {
        learn(&format!("t{number}"), start);
    }
    learn("t0", start + IDLE_MAX);
    assert!(metadata.topic("t1").is_some(), "nothing new came");
    learn("new", start + IDLE_MAX);
    assert!(metadata.topic("t0").is_some(), "it was asked for just now");
    assert!(metadata.topic("t1").is_none());
}
