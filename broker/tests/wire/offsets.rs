//! Where records lie, and where logs begin and end.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use sluice_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};
use sluice_protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use crate::admin::create;
use crate::client::{Client, World};
use crate::records::{batch, fetch, only_partition, produce};

async fn look_up(
    client: &mut Client,
    version: i16,
    timestamp: i64,
) -> ListOffsetsPartitionResponse {
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                timestamp,
                ..ListOffsetsPartition::default()
            }],
        }],
        ..ListOffsetsRequest::default()
    };
    let mut response = client.ask(&request, version).await;
    response.topics.remove(0).partitions.remove(0)
}

#[tokio::test]
async fn offsets_are_found_by_time_and_by_name() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client
        .ask(&produce("t", 0, batch(&["a", "b", "c"]), -1), 9)
        .await;
    for (timestamp, since, offset, found_at) in [
        (-1, 1, 3, -1),
        (-2, 1, 0, -1),
        (-3, 7, 2, 1_002),
        (-4, 8, 0, -1),
        (-5, 9, -1, -1),
        (-6, 11, -1, -1),
        (0, 1, 0, 1_000),
        (1_001, 1, 1, 1_001),
        (1_003, 1, -1, -1),
    ] {
        for version in since..=11 {
            let found = look_up(&mut client, version, timestamp).await;
            assert_eq!(found.error_code, ErrorCode::None, "{timestamp} {version}");
            assert_eq!(
                (found.offset, found.timestamp),
                (offset, found_at),
                "{timestamp}"
            );
        }
        if since > 1 {
            let found = look_up(&mut client, since - 1, timestamp).await;
            assert_eq!(
                found.error_code,
                ErrorCode::UnsupportedVersion,
                "{timestamp}"
            );
        }
    }
}

#[tokio::test]
async fn the_end_of_an_epoch_is_told_and_a_missing_one_is_no_error() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client
        .ask(&produce("t", 0, batch(&["a", "b"]), -1), 9)
        .await;
    let epoch = look_up(&mut client, 11, -1).await.leader_epoch;
    let request = |leader_epoch| OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![OffsetForLeaderPartition {
                partition: 0,
                leader_epoch,
                ..OffsetForLeaderPartition::default()
            }],
        }],
        ..OffsetForLeaderEpochRequest::default()
    };
    for version in 2..=4 {
        let response = client.ask(&request(epoch), version).await;
        let end = &response.topics[0].partitions[0];
        assert_eq!((end.leader_epoch, end.end_offset), (epoch, 2));
        let response = client.ask(&request(-5), version).await;
        let end = &response.topics[0].partitions[0];
        assert_eq!((end.error_code, end.end_offset), (ErrorCode::None, -1));
    }
}

#[tokio::test]
async fn deleted_records_are_gone_for_good() {
    let world = World::start().await;
    let mut client = world.tcp().await;
    client.ask(&create("t", 1), 7).await;
    client
        .ask(&produce("t", 0, batch(&["a", "b", "c"]), -1), 9)
        .await;
    let request = |offset| DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: "t".to_owned(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset,
            }],
        }],
        timeout_ms: 1_000,
    };
    for (offset, low_watermark, code) in [
        (2, 2, ErrorCode::None),
        (1, 2, ErrorCode::None),
        (4, -1, ErrorCode::OffsetOutOfRange),
        (-2, -1, ErrorCode::OffsetOutOfRange),
        (-1, 3, ErrorCode::None),
    ] {
        let response = client.ask(&request(offset), 2).await;
        let deleted = &response.topics[0].partitions[0];
        assert_eq!(
            (deleted.low_watermark, deleted.error_code),
            (low_watermark, code)
        );
    }
    let fetched = only_partition(client.ask(&fetch("t", 0, 2), 12).await);
    assert_eq!(fetched.error_code, ErrorCode::OffsetOutOfRange);
}
