use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_client::offsets::{GroupQuery, OffsetAndMetadata};
use sluice_client::{
    Assignment, Assignor, Client, ErrorCode, GroupConfig, GroupMember, Positions, TopicPartition,
};

use crate::target::{client, topic, unique, until};

fn config(group: &str, topic: &str) -> GroupConfig {
    GroupConfig::new(group, vec![topic.to_owned()])
}

/// The partitions of members, once all are in one generation and have `count` together.
async fn settled(members: &[GroupMember], count: usize) -> Vec<Arc<Assignment>> {
    until(async || {
        let assignments: Option<Vec<_>> = members.iter().map(GroupMember::assignment).collect();
        let assignments = assignments?;
        let generation = assignments[0].generation;
        let mut owned: Vec<_> = assignments.iter().flat_map(|it| &it.partitions).collect();
        owned.sort();
        owned.dedup();
        let agree = assignments.iter().all(|it| it.generation == generation);
        (agree && owned.len() == count).then_some(assignments)
    })
    .await
}

async fn committed(client: &Client, group: &str) -> BTreeMap<TopicPartition, i64> {
    let groups = vec![GroupQuery::all(group)];
    let found = client
        .offsets()
        .committed(groups)
        .await
        .remove(0)
        .1
        .unwrap();
    let offsets = found.into_iter().map(|it| {
        let offset = it.committed.unwrap().unwrap().offset;
        (it.at, offset)
    });
    offsets.collect()
}

#[tokio::test]
async fn members_share_partitions_and_take_over_from_one_that_leaves() {
    let client = client().await;
    let topic = topic(&client, 6).await;
    let group = unique("group");
    let mut members: Vec<_> = (0..3)
        .map(|_| client.groups().join(config(&group, &topic)))
        .collect();
    let assignments = settled(&members, 6).await;
    assert!(assignments.iter().all(|it| it.partitions.len() == 2));

    let described = client.admin().describe_groups(vec![group.clone()]).await;
    let described = described[0].1.clone().unwrap();
    assert_eq!(described.state, "Stable");
    assert_eq!(described.assignor, "range");
    assert_eq!(described.members.len(), 3);

    members.pop().unwrap().leave().await.unwrap();
    let assignments = settled(&members, 6).await;
    assert!(assignments.iter().all(|it| it.partitions.len() == 3));
    drop(members.pop());
    let assignments = settled(&members, 6).await;
    assert_eq!(assignments[0].partitions.len(), 6);
}

#[tokio::test]
async fn fifty_members_of_one_group_settle_within_seconds() {
    let client = client().await;
    let topic = topic(&client, 100).await;
    let group = unique("group");
    let members: Vec<_> = (0..50)
        .map(|_| client.groups().join(config(&group, &topic)))
        .collect();
    let assignments = settled(&members, 100).await;
    assert!(assignments.iter().all(|it| it.partitions.len() == 2));
}

#[tokio::test]
async fn a_member_commits_in_its_generation_only() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    let group = unique("group");
    let member = client.groups().join(config(&group, &topic));
    let at = TopicPartition::new(topic.as_str(), 0);
    let offsets = || vec![(at.clone(), OffsetAndMetadata::new(5))];
    let early = member.commit(offsets()).await;
    assert_eq!(
        early.unwrap_err().code(),
        Some(ErrorCode::RebalanceInProgress)
    );
    member.assigned().await.unwrap();
    let results = member.commit(offsets()).await.unwrap();
    assert_eq!(results[0].1, Ok(()));
    assert_eq!(
        committed(&client, &group).await,
        BTreeMap::from([(at.clone(), 5)])
    );
    // From outside nobody commits for a group with members.
    let request = sluice_client::offsets::CommitRequest {
        group: group.clone(),
        committer: sluice_client::offsets::Committer::Outside,
        offsets: offsets(),
    };
    let refused = client.offsets().commit(request).await.unwrap();
    let error = refused[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UnknownMemberId));
}

#[derive(Debug)]
struct Fixed(i64);

impl Positions for Fixed {
    fn positions(&self, assignment: &Assignment) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let partitions = assignment.partitions.iter();
        partitions
            .map(|at| (at.clone(), OffsetAndMetadata::new(self.0)))
            .collect()
    }
}

#[tokio::test]
async fn positions_are_committed_before_partitions_go_to_others() {
    let client = client().await;
    let topic = topic(&client, 2).await;
    let group = unique("group");
    let first = GroupConfig {
        positions: Some(Arc::new(Fixed(7))),
        ..config(&group, &topic)
    };
    let mut members = vec![client.groups().join(first)];
    settled(&members, 2).await;
    members.push(client.groups().join(config(&group, &topic)));
    settled(&members, 2).await;
    let offsets = committed(&client, &group).await;
    assert_eq!(offsets.into_values().collect::<Vec<_>>(), [7, 7]);
}

#[tokio::test]
async fn new_topics_and_new_partitions_reach_the_members() {
    let client = client().await;
    let first = topic(&client, 1).await;
    let group = unique("group");
    let beats = GroupConfig {
        heartbeat_interval: Duration::from_millis(100),
        ..config(&group, &first)
    };
    let member = client.groups().join(beats);
    assert_eq!(member.assigned().await.unwrap().partitions.len(), 1);

    let second = unique("later");
    member.subscribe(vec![first.clone(), second.clone()]);
    until(async || member.assignment().filter(|it| it.generation > 1)).await;
    let new = sluice_client::admin::NewTopic {
        name: second,
        partitions: Some(2),
        ..Default::default()
    };
    client.admin().create_topics(vec![new], false).await;
    until(async || member.assignment().filter(|it| it.partitions.len() == 3)).await;

    let more = sluice_client::admin::NewPartitions {
        topic: first,
        count: 4,
        ..Default::default()
    };
    client.admin().create_partitions(vec![more], false).await;
    until(async || member.assignment().filter(|it| it.partitions.len() == 6)).await;
}

#[tokio::test]
async fn a_member_the_group_cannot_take_learns_why() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    let group = unique("group");
    let only = |assignor| GroupConfig {
        assignors: vec![assignor],
        ..config(&group, &topic)
    };
    let first = client.groups().join(only(Assignor::Range));
    first.assigned().await.unwrap();
    let second = client.groups().join(only(Assignor::RoundRobin));
    let error = second.assigned().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InconsistentGroupProtocol));
    assert!(first.assignment().is_some());
}
