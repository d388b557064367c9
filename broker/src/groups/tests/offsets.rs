//! Committing, deleting and expiring offsets; deleting groups.

use sluice_protocol::records::Schema;
use sluice_protocol::records::consumer::ConsumerProtocolSubscription;

use super::super::error::{
    CommitError, DeleteGroupError, DeleteOffsetsError, IllegalGeneration, LimitReached, NotMember,
    PartitionCommitError, SubscribedToTopic, Unavailable,
};
use super::super::request::OffsetsQuery;
use super::*;
use crate::model::LeaderEpoch;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn commit_result(world: &mut World, waiter: Waiter) -> Result<Vec<bool>, CommitError> {
    match world.replies.remove(&waiter) {
        Some(Reply::Commit(result)) => result.map(|all| all.iter().map(Result::is_ok).collect()),
        other => panic!("{waiter:?} got {other:?}"),
    }
}

/// Committed offsets of partition 0 of each topic.
fn committed(world: &World) -> Vec<(String, i64)> {
    let fetched = world.group.offsets.fetch(&OffsetsQuery::All);
    let offsets = fetched.into_iter().map(|topic| {
        let (_, committed) = &topic.partitions[0];
        (
            topic.topic.to_string(),
            committed.as_ref().unwrap().offset.0,
        )
    });
    offsets.collect()
}

fn subscribed_to(topics: &[&str]) -> JoinRequest {
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        ..ConsumerProtocolSubscription::default()
    };
    JoinRequest {
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: subscription.to_bytes(0).unwrap(),
        }],
        ..newcomer()
    }
}

fn group() -> GroupId {
    GroupId::parse("g").unwrap()
}

#[test]
fn commit_is_visible_and_answered_when_durable() {
    let mut world = World::new();
    world.holds_writes = true;
    let waiter = world.commit(standalone_commit(vec![offset_to_commit("t", 5)]));
    assert!(world.is_parked(waiter));
    assert_eq!(committed(&world), []);
    world.flush();
    assert_eq!(commit_result(&mut world, waiter), Ok(vec![true]));
    assert_eq!(committed(&world), [("t".to_owned(), 5)]);
}

#[test]
fn writes_apply_in_the_order_of_the_log_whoever_is_told_first() {
    let mut world = World::new();
    world.holds_writes = true;
    let waiters = [1, 2, 3]
        .map(|offset| world.commit(standalone_commit(vec![offset_to_commit("t", offset)])));
    let tickets: Vec<_> = world.writing.drain(..).map(|(ticket, _)| ticket).collect();
    world.step(Event::Durable(tickets[1]));
    assert_eq!(committed(&world), [("t".to_owned(), 2)]);
    assert!(world.is_parked(waiters[2]) && !world.is_parked(waiters[0]));
    world.step(Event::Durable(tickets[0]));
    assert_eq!(committed(&world), [("t".to_owned(), 2)]);
    world.step(Event::Durable(tickets[2]));
    assert_eq!(committed(&world), [("t".to_owned(), 3)]);
}

#[test]
fn failed_commit_is_not_visible_and_says_so() {
    let mut world = World::new();
    world.holds_writes = true;
    let waiter = world.commit(standalone_commit(vec![offset_to_commit("t", 5)]));
    world.fail_writes();
    assert_eq!(
        commit_result(&mut world, waiter),
        Err(Unavailable::Storage.into())
    );
    assert!(world.group.is_vacant());
}

#[test]
fn metadata_and_epoch_come_back_as_committed() {
    let mut world = World::new();
    let offset = OffsetToCommit {
        leader_epoch: Some(LeaderEpoch(3)),
        metadata: "x".repeat(4096).into(),
        ..offset_to_commit("t", 5)
    };
    let too_long = OffsetToCommit {
        metadata: "x".repeat(4097).into(),
        ..offset_to_commit("u", 5)
    };
    let waiter = world.commit(standalone_commit(vec![offset.clone(), too_long]));
    let error = PartitionCommitError::MetadataTooLarge {
        bytes: 4097,
        max: 4096,
    };
    assert_eq!(
        world.replies[&waiter],
        Reply::Commit(Ok(vec![Ok(()), Err(error)]))
    );
    let query = OffsetsQuery::Of(vec![
        ("t".into(), vec![PartitionId(0), PartitionId(1)]),
        ("no topic at all!".into(), vec![PartitionId(0)]),
    ]);
    let fetched = world.group.offsets.fetch(&query);
    let found = fetched[0].partitions[0].1.as_ref().unwrap();
    assert_eq!(
        (&found.metadata, found.leader_epoch),
        (&offset.metadata, Some(LeaderEpoch(3)))
    );
    assert_eq!(fetched[0].partitions[1], (PartitionId(1), None));
    assert_eq!(fetched[1].partitions, [(PartitionId(0), None)]);
}

#[test]
fn only_members_of_this_generation_commit_for_a_group_with_members() {
    let mut world = World::new();
    let offsets = || vec![offset_to_commit("t", 5)];
    let early = world.commit(CommitRequest {
        generation: Some(Generation(0)),
        ..standalone_commit(offsets())
    });
    let no_group = IllegalGeneration {
        asked: Generation(0),
        current: Generation(0),
    };
    assert_eq!(commit_result(&mut world, early), Err(no_group.into()));

    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    let good = member_commit(&members[0], offsets());
    let illegal = |asked| IllegalGeneration {
        asked: Generation(asked),
        current: Generation(2),
    };
    for (request, result) in [
        (good.clone(), Ok(vec![true])),
        (standalone_commit(offsets()), Err(NotMember::Unknown.into())),
        (
            CommitRequest {
                generation: None,
                ..good.clone()
            },
            Err(illegal(-1).into()),
        ),
        (
            CommitRequest {
                generation: Some(Generation(1)),
                ..good.clone()
            },
            Err(illegal(1).into()),
        ),
        (
            CommitRequest {
                member: Some(member_id("stranger")),
                ..good.clone()
            },
            Err(NotMember::Unknown.into()),
        ),
        (
            CommitRequest {
                member: None,
                instance: Some(instance_id("i1")),
                ..good.clone()
            },
            Err(CommitError::NotMember(NotMember::Fenced {
                instance: instance_id("i1"),
                owner: members[1].member.clone(),
            })),
        ),
    ] {
        let waiter = world.commit(request.clone());
        assert_eq!(commit_result(&mut world, waiter), result, "{request:?}");
    }

    // Before a rebalance members commit what they give up, but not between join and sync.
    let first = world.join(returning(&members[0].member));
    let waiter = world.commit(good);
    assert_eq!(commit_result(&mut world, waiter), Ok(vec![true]));
    world.join(JoinRequest {
        member: Some(members[1].member.clone()),
        ..static_newcomer("i1")
    });
    let joined = world.joined(first);
    let waiter = world.commit(member_commit(&joined, offsets()));
    assert_eq!(
        commit_result(&mut world, waiter),
        Err(CommitError::RebalanceInProgress)
    );
}

#[test]
fn commit_keeps_a_member_alive() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer()]);
    for offset in 0..3 {
        world.pass(SESSION - MOMENT);
        world.commit(member_commit(
            &members[0],
            vec![offset_to_commit("t", offset)],
        ));
    }
    assert_eq!(world.state(), GroupState::Stable);
}

#[test]
fn offsets_beyond_the_limit_are_refused_and_others_still_move() {
    let mut world = World::with(GroupConfig {
        offsets_per_group_max: 2,
        ..GroupConfig::default()
    });
    world.holds_writes = true;
    world.commit(standalone_commit(vec![offset_to_commit("a", 1)]));
    let offsets = ["a", "b", "c"].map(|topic| offset_to_commit(topic, 2));
    let waiter = world.commit(standalone_commit(offsets.to_vec()));
    world.flush();
    let refused = Err(LimitReached::Offsets { max: 2 }.into());
    assert_eq!(
        world.replies[&waiter],
        Reply::Commit(Ok(vec![Ok(()), Ok(()), refused]))
    );
}

#[test]
fn commit_without_room_in_memory_is_refused() {
    let mut world = World::with(GroupConfig {
        memory_max: 0,
        ..GroupConfig::default()
    });
    let waiter = world.commit(standalone_commit(vec![offset_to_commit("a", 1)]));
    let refused = Err(LimitReached::Memory { max: 0 }.into());
    assert_eq!(world.replies[&waiter], Reply::Commit(Ok(vec![refused])));
}

#[test]
fn offsets_of_subscribed_topics_cannot_be_deleted() {
    let mut world = World::new();
    let delete = |world: &mut World| {
        let partitions = ["a", "b"].map(|name| (topic(name), PartitionId(0)));
        let waiter = world.ask(Request::DeleteOffsets(partitions.to_vec()));
        world.replies.remove(&waiter).unwrap()
    };
    let error = DeleteOffsetsError::GroupNotFound { group: group() };
    assert_eq!(delete(&mut world), Reply::DeleteOffsets(Err(error)));

    let offsets = ["a", "b"].map(|topic| offset_to_commit(topic, 1));
    world.commit(standalone_commit(offsets.to_vec()));
    let members = world.stable(vec![subscribed_to(&["a"])]);
    let subscribed = SubscribedToTopic { topic: topic("a") };
    assert_eq!(
        delete(&mut world),
        Reply::DeleteOffsets(Ok(vec![Err(subscribed), Ok(())]))
    );
    assert_eq!(committed(&world), [("a".to_owned(), 1)]);

    world.leave(vec![Leaver::Member(caller(&members[0].member))]);
    assert_eq!(
        delete(&mut world),
        Reply::DeleteOffsets(Ok(vec![Ok(()), Ok(())]))
    );
    assert_eq!(committed(&world), []);
}

#[test]
fn offsets_of_members_that_cannot_be_understood_cannot_be_deleted() {
    for (protocol_type, reply) in [
        (
            "connect",
            Err(DeleteOffsetsError::NotEmpty { group: group() }),
        ),
        (
            "consumer",
            Ok(vec![Err(SubscribedToTopic { topic: topic("a") })]),
        ),
    ] {
        let mut world = World::new();
        world.stable(vec![JoinRequest {
            protocol_type: protocol_type.into(),
            ..newcomer()
        }]);
        let waiter = world.ask(Request::DeleteOffsets(vec![(topic("a"), PartitionId(0))]));
        assert_eq!(world.replies[&waiter], Reply::DeleteOffsets(reply));
    }
}

#[test]
fn group_is_deleted_with_its_offsets_once_it_is_empty() {
    let mut world = World::new();
    let delete = |world: &mut World| {
        let waiter = world.ask(Request::Delete);
        world.replies.remove(&waiter)
    };
    let missing = DeleteGroupError::GroupNotFound { group: group() };
    assert_eq!(delete(&mut world), Some(Reply::Delete(Err(missing))));
    let members = world.stable(vec![newcomer()]);
    world.commit(member_commit(&members[0], vec![offset_to_commit("a", 1)]));
    let not_empty = DeleteGroupError::NotEmpty { group: group() };
    assert_eq!(delete(&mut world), Some(Reply::Delete(Err(not_empty))));

    world.leave(vec![Leaver::Member(caller(&members[0].member))]);
    world.holds_writes = true;
    // A commit that is still on its way goes too.
    world.commit(standalone_commit(vec![offset_to_commit("b", 1)]));
    assert_eq!(delete(&mut world), None);
    assert_eq!(committed(&world), [("a".to_owned(), 1)]);
    world.flush();
    assert!(world.group.is_vacant());
    assert!(world.restarted().group.is_vacant());
}

#[test]
fn group_that_somebody_joins_while_it_is_deleted_lives_on_without_offsets() {
    let mut world = World::new();
    world.commit(standalone_commit(vec![offset_to_commit("a", 1)]));
    world.holds_writes = true;
    let waiter = world.ask(Request::Delete);
    let join = world.join(newcomer());
    world.flush();
    assert_eq!(world.replies[&waiter], Reply::Delete(Ok(())));
    assert_eq!(committed(&world), []);
    assert!(world.join_reply(join).is_ok());
    assert!(!world.group.is_vacant());
}

#[test]
fn standalone_offsets_expire_a_week_after_their_commit() {
    let mut world = World::new();
    world.commit(standalone_commit(vec![offset_to_commit("old", 1)]));
    world.pass(WEEK / 2);
    world.commit(standalone_commit(vec![offset_to_commit("new", 1)]));
    world.pass(WEEK / 2 - MOMENT);
    world.step(Event::Sweep);
    assert_eq!(committed(&world).len(), 2);
    world.pass(MOMENT);
    world.step(Event::Sweep);
    assert_eq!(committed(&world), [("new".to_owned(), 1)]);
    assert_eq!(world.occurrences, [Occurrence::OffsetsExpired { count: 1 }]);
    world.pass(WEEK);
    world.step(Event::Sweep);
    assert!(world.group.is_vacant());
}

#[test]
fn offsets_of_a_group_expire_a_week_after_it_became_empty() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer()]);
    world.commit(member_commit(&members[0], vec![offset_to_commit("a", 1)]));
    let beats = |world: &mut World, time: Duration| {
        let end = world.clock.now() + time;
        while world.clock.now() < end {
            world.pass(SESSION - MOMENT);
            world
                .heartbeat(&members[0].member, members[0].generation)
                .unwrap();
        }
    };
    beats(&mut world, WEEK + SESSION);
    world.step(Event::Sweep);
    assert_eq!(
        committed(&world).len(),
        1,
        "the subscription cannot be read, so it may be any"
    );
    world.leave(vec![Leaver::Member(caller(&members[0].member))]);
    world.pass(WEEK - MOMENT);
    world.step(Event::Sweep);
    assert_eq!(committed(&world).len(), 1);
    world.pass(MOMENT);
    world.step(Event::Sweep);
    assert!(world.group.is_vacant());
}

#[test]
fn members_do_not_keep_offsets_of_topics_they_no_longer_want() {
    let mut world = World::new();
    let patient = JoinRequest {
        session_timeout: 2 * WEEK,
        ..subscribed_to(&["a"])
    };
    let members = world.stable(vec![patient]);
    let offsets = ["a", "b"].map(|topic| offset_to_commit(topic, 1));
    world.commit(member_commit(&members[0], offsets.to_vec()));
    world.pass(WEEK);
    world.step(Event::Sweep);
    assert_eq!(committed(&world), [("a".to_owned(), 1)]);
}

#[test]
fn offset_with_a_retention_of_its_own_expires_by_that() {
    let mut world = World::new();
    world.commit(CommitRequest {
        retention: Some(SESSION),
        ..standalone_commit(vec![offset_to_commit("a", 1)])
    });
    world.pass(SESSION - MOMENT);
    world.step(Event::Sweep);
    assert_eq!(committed(&world).len(), 1);
    world.pass(MOMENT);
    world.step(Event::Sweep);
    assert!(world.group.is_vacant());
}

#[test]
fn empty_group_without_offsets_is_forgotten_at_the_next_look() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer()]);
    world.leave(vec![Leaver::Member(caller(&members[0].member))]);
    assert!(!world.group.is_vacant());
    world.step(Event::Sweep);
    assert!(world.group.is_vacant());
    assert!(world.restarted().group.is_vacant());
}

#[test]
fn offsets_of_deleted_topics_go_even_if_they_are_on_their_way() {
    let mut world = World::new();
    world.commit(standalone_commit(vec![
        offset_to_commit("a", 1),
        offset_to_commit("b", 1),
    ]));
    world.holds_writes = true;
    world.commit(standalone_commit(vec![offset_to_commit("c", 1)]));
    world.step(Event::TopicsDeleted([topic("a"), topic("c")].into()));
    world.flush();
    assert_eq!(committed(&world), [("b".to_owned(), 1)]);
    assert_eq!(committed(&world.restarted()), [("b".to_owned(), 1)]);
}
