//! What the log holds, and what a restart makes of it.

use sluice_protocol::record_batch::NewRecord;

use super::super::record::{
    RecordKey, UnreadableRecord, decode_group, decode_key, decode_offset, encode,
};
use super::*;
use crate::groups::offsets_topic::partition_of;

fn round_trip(change: &Change) -> Change {
    let id = GroupId::parse("g").unwrap();
    let NewRecord { key, value, .. } = encode(&id, change, TimestampMs(7)).unwrap();
    match decode_key(key).unwrap().unwrap() {
        RecordKey::Group(group) => {
            assert_eq!(group, id);
            decode_group(value).unwrap()
        }
        RecordKey::Offset {
            group,
            topic,
            partition,
        } => {
            assert_eq!(group, id);
            decode_offset(topic, partition, value).unwrap()
        }
    }
}

#[test]
fn every_change_survives_its_record() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    world.commit(member_commit(&members[0], vec![offset_to_commit("a", 1)]));
    world.commit(CommitRequest {
        retention: Some(SESSION),
        ..member_commit(&members[0], vec![offset_to_commit("b", 1)])
    });
    world.step(Event::TopicsDeleted([topic("a")].into()));
    world.pass(SESSION);
    world.ask(Request::Delete);
    assert!(world.log.contains(&Change::GroupRemoved));
    assert!(world.log.len() >= 8);
    for change in &world.log {
        assert_eq!(round_trip(change), *change);
    }
}

#[test]
fn restarted_broker_knows_members_generation_and_offsets() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    world.commit(member_commit(&members[0], vec![offset_to_commit("a", 1)]));
    let before = world.group.description();
    let mut world = world.restarted();
    assert_eq!(world.group.description(), before);
    assert_eq!(world.group.offsets.len(), 1);
    assert_eq!(world.group.roster.leader(), Some(&members[0].leader));
    assert_eq!(
        world.heartbeat(&members[0].member, members[0].generation),
        Ok(())
    );
    let waiter = world.sync(&members[1], Vec::new());
    let synced = world.sync_reply(waiter).unwrap();
    assert_eq!(synced.assignment, format!("for {}", members[1].member));
    // Sessions go on from the start.
    world.pass(SESSION);
    assert_eq!(world.state(), GroupState::Empty);
}

#[test]
fn empty_group_is_restored_without_members() {
    let mut world = World::new();
    world.stable(vec![newcomer()]);
    world.pass(SESSION);
    let world = world.restarted();
    assert_eq!(world.state(), GroupState::Empty);
    assert_eq!(world.group.generation, Generation(2));
}

#[test]
fn records_that_make_no_sense_are_named_or_passed_over() {
    assert_eq!(decode_key(None), Err(UnreadableRecord::NoKey));
    let unknown_kind = Bytes::from_static(&[0, 99, 1, 2, 3]);
    assert_eq!(decode_key(Some(unknown_kind)), Ok(None));
    let half = Bytes::from_static(&[0, 2, 0]);
    assert!(matches!(
        decode_key(Some(half)),
        Err(UnreadableRecord::Decode(_))
    ));
    let newer = Bytes::from_static(&[0, 99]);
    assert!(matches!(
        decode_group(Some(newer)),
        Err(UnreadableRecord::Decode(_))
    ));
}

#[test]
fn groups_are_spread_by_javas_hash() {
    // Computed with java.lang.String.hashCode and Kafka's Utils.abs.
    for (group, partition) in [
        ("", 0),
        ("a", 47),
        ("billing", 9),
        ("connect-cluster", 13),
        ("zzzzzzzz", 12),
        ("orders-consumer", 40),
        ("grüße-\u{1F600}", 27),
        // The smallest number, whose absolute value Java cannot say.
        ("polygenelubricants", 0),
    ] {
        assert_eq!(partition_of(group, 50), PartitionId(partition), "{group}");
    }
}
