//! Groups and committed offsets, as the wire shows them.

use bytes::Bytes;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::delete_groups::DeleteGroupsRequest;
use sluice_protocol::messages::delete_topics::DeleteTopicsRequest;
use sluice_protocol::messages::describe_groups::DescribeGroupsRequest;
use sluice_protocol::messages::find_coordinator::FindCoordinatorRequest;
use sluice_protocol::messages::heartbeat::HeartbeatRequest;
use sluice_protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use sluice_protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use sluice_protocol::messages::list_groups::ListGroupsRequest;
use sluice_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use sluice_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use sluice_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use sluice_protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use crate::admin::create;
use crate::client::{Client, World, until};

const GROUP: &str = "billing";

fn join(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"what I want"),
        }],
        ..JoinGroupRequest::default()
    }
}

/// Joins as a new member does: twice where the version asks for it.
async fn join_new(client: &mut Client, version: i16) -> JoinGroupResponse {
    let response = client.ask(&join(""), version).await;
    if version < 4 {
        return response;
    }
    assert_eq!(response.error_code, ErrorCode::MemberIdRequired);
    assert!(
        response.member_id.starts_with("wire-test-"),
        "{}",
        response.member_id
    );
    client.ask(&join(&response.member_id), version).await
}

fn leave(member_id: &str) -> LeaveGroupRequest {
    LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        member_id: member_id.to_owned(),
        members: vec![MemberIdentity {
            member_id: member_id.to_owned(),
            ..MemberIdentity::default()
        }],
    }
}

/// A commit by nobody: an administrator, or a consumer without a group.
fn commit(partitions: &[(&str, i32, i64)]) -> OffsetCommitRequest {
    let topic = |(topic, partition_index, offset): &(&str, i32, i64)| OffsetCommitRequestTopic {
        name: (*topic).to_owned(),
        partitions: vec![OffsetCommitRequestPartition {
            partition_index: *partition_index,
            committed_offset: *offset,
            committed_metadata: Some("a note".to_owned()),
            ..OffsetCommitRequestPartition::default()
        }],
        ..OffsetCommitRequestTopic::default()
    };
    OffsetCommitRequest {
        group_id: GROUP.to_owned(),
        topics: partitions.iter().map(topic).collect(),
        ..OffsetCommitRequest::default()
    }
}

fn offset_fetch(topics: Option<Vec<OffsetFetchRequestTopic>>, version: i16) -> OffsetFetchRequest {
    if version < 8 {
        return OffsetFetchRequest {
            group_id: GROUP.to_owned(),
            topics,
            ..OffsetFetchRequest::default()
        };
    }
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: GROUP.to_owned(),
            topics,
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    }
}

/// Topic, partition, offset and note of everything in a response.
fn fetched(response: OffsetFetchResponse, version: i16) -> Vec<(String, i32, i64, String)> {
    let topics = match version < 8 {
        true => response.topics,
        false => response
            .groups
            .into_iter()
            .flat_map(|group| group.topics)
            .collect(),
    };
    let mut offsets = Vec::new();
    for topic in topics {
        for partition in topic.partitions {
            assert_eq!(partition.error_code, ErrorCode::None);
            let note = partition.metadata.expect("never null");
            let (index, offset) = (partition.partition_index, partition.committed_offset);
            offsets.push((topic.name.clone(), index, offset, note));
        }
    }
    offsets
}

#[tokio::test]
async fn every_version_finds_the_coordinator_of_groups_and_no_other() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let port = i32::from(world.broker.addresses()[0].port());
    let request = |key_type| FindCoordinatorRequest {
        key: GROUP.to_owned(),
        key_type,
        coordinator_keys: vec![GROUP.to_owned(), "other".to_owned()],
    };
    for version in 0..=6 {
        let found = client.ask(&request(0), version).await;
        let (error_code, node_id, at) = match found.coordinators.last() {
            Some(found) => (found.error_code, found.node_id, found.port),
            None => (found.error_code, found.node_id, found.port),
        };
        assert_eq!(
            (error_code, node_id, at),
            (ErrorCode::None, 1, port),
            "{version}"
        );
        if version >= 4 {
            assert_eq!(found.coordinators.len(), 2);
        }
    }
    for (key_type, code) in [
        (1, ErrorCode::UnsupportedVersion),
        (2, ErrorCode::InvalidRequest),
    ] {
        let refused = client.ask(&request(key_type), 3).await;
        assert_eq!((refused.error_code, refused.node_id), (code, -1));
    }
}

#[tokio::test]
async fn a_member_joins_syncs_lives_and_leaves_in_every_version() {
    let world = World::start().await;
    for (link, mut client) in world.clients().await {
        for version in 0..=9 {
            let joined = join_new(&mut client, version).await;
            assert_eq!(joined.error_code, ErrorCode::None, "{link} {version}");
            assert_eq!(joined.leader, joined.member_id);
            assert_eq!(joined.protocol_name.as_deref(), Some("range"));
            assert_eq!(joined.members[0].metadata, "what I want");
            let sync = SyncGroupRequest {
                group_id: GROUP.to_owned(),
                generation_id: joined.generation_id,
                member_id: joined.member_id.clone(),
                assignments: vec![SyncGroupRequestAssignment {
                    member_id: joined.member_id.clone(),
                    assignment: Bytes::from_static(b"what you get"),
                }],
                ..SyncGroupRequest::default()
            };
            let synced = client.ask(&sync, version.min(5)).await;
            assert_eq!(synced.assignment, "what you get");
            let beat = |generation_id| HeartbeatRequest {
                group_id: GROUP.to_owned(),
                generation_id,
                member_id: joined.member_id.clone(),
                ..HeartbeatRequest::default()
            };
            let alive = client
                .ask(&beat(joined.generation_id), version.min(4))
                .await;
            assert_eq!(alive.error_code, ErrorCode::None);
            let stale = client
                .ask(&beat(joined.generation_id + 1), version.min(4))
                .await;
            assert_eq!(stale.error_code, ErrorCode::IllegalGeneration);

            let left = client.ask(&leave(&joined.member_id), version.min(5)).await;
            assert_eq!(left.error_code, ErrorCode::None);
            let again = client.ask(&leave(&joined.member_id), version.min(5)).await;
            let code = again
                .members
                .first()
                .map_or(again.error_code, |left| left.error_code);
            assert_eq!(code, ErrorCode::UnknownMemberId, "{version}");
        }
    }
}

#[tokio::test]
async fn what_no_member_can_ask_is_refused_with_its_code() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let mut nameless = join("");
    nameless.group_id = String::new();
    let mut impatient = join("");
    impatient.session_timeout_ms = 1;
    for (request, code) in [
        (nameless, ErrorCode::InvalidGroupId),
        (impatient, ErrorCode::InvalidSessionTimeout),
        (join("a stranger"), ErrorCode::UnknownMemberId),
    ] {
        let refused = client.ask(&request, 9).await;
        assert_eq!(refused.error_code, code);
        assert_eq!((refused.generation_id, refused.protocol_name), (-1, None));
        assert_eq!(refused.member_id, request.member_id);
    }
}

#[tokio::test]
async fn groups_are_listed_described_and_deleted() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    let joined = join_new(&mut client, 9).await;
    let listed = |states: &[&str], types: &[&str]| ListGroupsRequest {
        states_filter: states.iter().map(|name| (*name).to_owned()).collect(),
        types_filter: types.iter().map(|name| (*name).to_owned()).collect(),
    };
    for (request, count) in [
        (listed(&[], &[]), 1),
        (listed(&["COMPLETINGREBALANCE"], &["Classic"]), 1),
        (listed(&["Stable"], &[]), 0),
        (listed(&[], &["consumer"]), 0),
    ] {
        let groups = client.ask(&request, 5).await.groups;
        assert_eq!(groups.len(), count, "{request:?}");
    }
    let describe = |group: &str| DescribeGroupsRequest {
        groups: vec![group.to_owned()],
        include_authorized_operations: false,
    };
    for version in 0..=6 {
        let described = client.ask(&describe(GROUP), version).await.groups.remove(0);
        assert_eq!(described.group_state, "CompletingRebalance");
        assert_eq!(described.members[0].client_id, "wire-test");
        assert_eq!(described.members[0].client_host, "/127.0.0.1");
        assert_eq!(described.authorized_operations, i32::MIN);
        let missing = client
            .ask(&describe("missing"), version)
            .await
            .groups
            .remove(0);
        let code = match version < 6 {
            true => ErrorCode::None,
            false => ErrorCode::GroupIdNotFound,
        };
        assert_eq!(
            (missing.error_code, missing.group_state.as_str()),
            (code, "Dead")
        );
    }
    let delete = DeleteGroupsRequest {
        group_names: vec![GROUP.to_owned(), "missing".to_owned(), String::new()],
    };
    let codes = |response: sluice_protocol::messages::delete_groups::DeleteGroupsResponse| {
        let results = response.results.into_iter();
        results.map(|group| group.error_code).collect::<Vec<_>>()
    };
    let (missing, invalid) = (ErrorCode::GroupIdNotFound, ErrorCode::InvalidGroupId);
    let refused = client.ask(&delete, 2).await;
    assert_eq!(codes(refused), [ErrorCode::NonEmptyGroup, missing, invalid]);
    client.ask(&leave(&joined.member_id), 5).await;
    let deleted = client.ask(&delete, 2).await;
    assert_eq!(codes(deleted), [ErrorCode::None, missing, invalid]);
    assert_eq!(client.ask(&listed(&[], &[]), 5).await.groups, []);
}

#[tokio::test]
async fn committed_offsets_come_back_in_every_version() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 2), 7).await;
    for version in 2..=9 {
        let offset = i64::from(version);
        let request = commit(&[
            ("t", 0, offset),
            ("t", 9, 1),
            ("missing", 0, 1),
            ("t", 1, 7),
        ]);
        let response = client.ask(&request, version).await;
        let codes = response
            .topics
            .iter()
            .map(|topic| topic.partitions[0].error_code);
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let expected = [ErrorCode::None, unknown, unknown, ErrorCode::None];
        assert_eq!(codes.collect::<Vec<_>>(), expected, "{version}");
        let asked = |partitions: &[i32]| OffsetFetchRequestTopic {
            name: "t".to_owned(),
            partition_indexes: partitions.to_vec(),
            ..OffsetFetchRequestTopic::default()
        };
        let note = "a note".to_owned();
        let committed = |index, offset| ("t".to_owned(), index, offset, note.clone());
        for version in 1..=9 {
            let request = offset_fetch(Some(vec![asked(&[5, 0])]), version);
            let found = fetched(client.ask(&request, version).await, version);
            let nothing = ("t".to_owned(), 5, -1, String::new());
            assert_eq!(found, [nothing, committed(0, offset)], "{version}");
            if version >= 2 {
                let all = client.ask(&offset_fetch(None, version), version).await;
                let mut all = fetched(all, version);
                all.sort();
                assert_eq!(all, [committed(0, offset), committed(1, 7)], "{version}");
            }
        }
    }
}

#[tokio::test]
async fn offsets_go_with_their_topic_and_at_request() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 2), 7).await;
    client.ask(&create("u", 1), 7).await;
    client
        .ask(&commit(&[("t", 0, 1), ("t", 1, 2), ("u", 0, 3)]), 8)
        .await;
    let delete = OffsetDeleteRequest {
        group_id: GROUP.to_owned(),
        topics: vec![OffsetDeleteRequestTopic {
            name: "t".to_owned(),
            partitions: [7, 0]
                .map(|partition_index| OffsetDeleteRequestPartition { partition_index })
                .to_vec(),
        }],
    };
    let deleted = client.ask(&delete, 0).await;
    let codes = deleted.topics[0]
        .partitions
        .iter()
        .map(|partition| partition.error_code);
    let expected = [ErrorCode::UnknownTopicOrPartition, ErrorCode::None];
    assert_eq!(codes.collect::<Vec<_>>(), expected);
    let all = fetched(client.ask(&offset_fetch(None, 8), 8).await, 8);
    assert_eq!(all.len(), 2);
    let topics = DeleteTopicsRequest {
        topic_names: vec!["u".to_owned()],
        ..DeleteTopicsRequest::default()
    };
    client.ask(&topics, 5).await;
    until("the offsets go with their topic", async || {
        let all = client.ask(&offset_fetch(None, 8), 8).await;
        fetched(all, 8).len() == 1
    })
    .await;
    let nobody = OffsetDeleteRequest {
        group_id: "missing".to_owned(),
        topics: Vec::new(),
    };
    let refused = client.ask(&nobody, 0).await;
    assert_eq!(refused.error_code, ErrorCode::GroupIdNotFound);
}
