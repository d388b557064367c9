//! Assignments and heartbeats.

use super::super::error::{IllegalGeneration, LimitReached, NotMember, Unavailable};
use super::*;

/// Two members that have joined, the first of which leads.
fn completing(world: &mut World) -> (Joined, Joined) {
    let members = world.stable(vec![newcomer(), newcomer()]);
    let first = world.join(returning(&members[0].member));
    let second = world.join(returning(&members[1].member));
    let first = world.joined(first);
    (first, world.joined(second))
}

#[test]
fn assignment_is_durable_before_anybody_gets_it() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    world.holds_writes = true;
    let waiting = world.sync(&follower, Vec::new());
    let leading = world.sync(&leader, range_to_everyone(&leader));
    assert!(world.is_parked(waiting) && world.is_parked(leading));
    assert_eq!(world.state(), GroupState::CompletingRebalance);
    world.flush();
    assert_eq!(
        world.sync_reply(waiting).unwrap().assignment,
        format!("for {}", follower.member)
    );
    assert_eq!(
        world.sync_reply(leading).unwrap().assignment,
        format!("for {}", leader.member)
    );
    assert_eq!(world.state(), GroupState::Stable);
    let late = world.sync(&follower, Vec::new());
    assert_eq!(
        world.sync_reply(late).unwrap().assignment,
        format!("for {}", follower.member)
    );
}

#[test]
fn member_the_leader_forgot_gets_nothing() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    let mut assignments = range_to_everyone(&leader);
    assignments.retain(|(member, _)| *member == leader.member);
    assignments.push((member_id("stranger"), Bytes::from_static(b"lost")));
    world.sync(&leader, assignments);
    let waiter = world.sync(&follower, Vec::new());
    assert_eq!(world.sync_reply(waiter).unwrap().assignment, "");
}

#[test]
fn assignments_of_a_follower_count_for_nothing() {
    let mut world = World::new();
    let (_, follower) = completing(&mut world);
    let waiter = world.sync(&follower, vec![(follower.member.clone(), "all".into())]);
    assert!(world.is_parked(waiter));
    assert!(world.writing.is_empty());
}

#[test]
fn sync_is_refused_by_name() {
    let mut world = World::new();
    let (leader, _) = completing(&mut world);
    let request = SyncRequest {
        caller: caller(&leader.member),
        generation: leader.generation,
        protocol_type: Some("consumer".into()),
        protocol: Some("range".into()),
        assignments: Vec::new(),
    };
    let generation = |number| Generation(number);
    for (request, error) in [
        (
            SyncRequest {
                caller: caller(&member_id("stranger")),
                ..request.clone()
            },
            SyncError::NotMember(NotMember::Unknown),
        ),
        (
            SyncRequest {
                generation: generation(2),
                ..request.clone()
            },
            IllegalGeneration {
                asked: generation(2),
                current: generation(3),
            }
            .into(),
        ),
        (
            SyncRequest {
                protocol_type: Some("connect".into()),
                ..request.clone()
            },
            SyncError::InconsistentProtocol,
        ),
        (
            SyncRequest {
                protocol: Some("sticky".into()),
                ..request.clone()
            },
            SyncError::InconsistentProtocol,
        ),
    ] {
        let waiter = world.ask(Request::Sync(request));
        assert_eq!(world.sync_reply(waiter), Err(error));
    }
    let waiter = world.ask(Request::Sync(request));
    assert!(world.sync_reply(waiter).is_ok());
}

#[test]
fn rebalance_sends_back_members_that_wait_for_their_assignment() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    let waiter = world.sync(&follower, Vec::new());
    world.join(newcomer());
    assert_eq!(
        world.sync_reply(waiter),
        Err(SyncError::RebalanceInProgress)
    );
    let waiter = world.sync(&leader, range_to_everyone(&leader));
    assert_eq!(
        world.sync_reply(waiter),
        Err(SyncError::RebalanceInProgress)
    );
}

#[test]
fn assignment_that_a_rebalance_overtook_reaches_nobody() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    world.holds_writes = true;
    let waiter = world.sync(&leader, range_to_everyone(&leader));
    let newcomer = world.join(newcomer());
    assert_eq!(
        world.sync_reply(waiter),
        Err(SyncError::RebalanceInProgress)
    );
    world.join(returning(&leader.member));
    world.join(returning(&follower.member));
    let joined = world.joined(newcomer);
    let waiter = world.sync(&joined, Vec::new());
    assert_eq!(world.state(), GroupState::CompletingRebalance);
    world.flush();
    assert!(
        world.is_parked(waiter),
        "the old assignment is not the new one"
    );
    assert_eq!(world.state(), GroupState::CompletingRebalance);
}

#[test]
fn members_that_never_sync_are_dropped() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    let waiter = world.sync(&follower, Vec::new());
    let mut waited = Duration::ZERO;
    while waited + SESSION / 2 < REBALANCE {
        world.pass(SESSION / 2);
        waited += SESSION / 2;
        assert_eq!(world.heartbeat(&leader.member, leader.generation), Ok(()));
    }
    world.pass(REBALANCE - waited);
    assert_eq!(
        world.sync_reply(waiter),
        Err(SyncError::RebalanceInProgress)
    );
    assert_eq!(
        world.heartbeat(&leader.member, leader.generation),
        Err(NotMember::Unknown.into())
    );
    let waiter = world.join(returning(&follower.member));
    assert_eq!(world.joined(waiter).leader, follower.member);
}

#[test]
fn member_is_not_expired_while_its_sync_is_parked() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    let waiter = world.sync(&follower, Vec::new());
    for _ in 0..3 {
        world.pass(SESSION - MOMENT);
        assert_eq!(world.heartbeat(&leader.member, leader.generation), Ok(()));
    }
    world.sync(&leader, range_to_everyone(&leader));
    assert!(world.sync_reply(waiter).is_ok());
}

#[test]
fn members_that_were_sent_back_must_be_heard_of_again() {
    let mut world = World::new();
    let members = world.stable(vec![static_newcomer("i1"), static_newcomer("i2")]);
    let again = |index: usize| JoinRequest {
        instance: Some(instance_id(["i1", "i2"][index])),
        ..returning(&members[index].member)
    };
    world.join(again(0));
    let waiter = world.join(again(1));
    let follower = world.joined(waiter);
    world.pass(MOMENT);
    world.sync(&follower, Vec::new());
    // The leader dies; the follower is sent back and dies too. Nobody may stay for ever.
    world.pass(SESSION);
    assert_eq!(world.state(), GroupState::PreparingRebalance);
    world.pass(REBALANCE + SESSION);
    assert_eq!(world.state(), GroupState::Empty);
}

#[test]
fn assignment_that_cannot_be_stored_is_given_to_nobody() {
    let mut world = World::new();
    let (leader, follower) = completing(&mut world);
    world.holds_writes = true;
    let waiting = world.sync(&follower, Vec::new());
    let leading = world.sync(&leader, range_to_everyone(&leader));
    world.fail_writes();
    for waiter in [waiting, leading] {
        assert_eq!(world.sync_reply(waiter), Err(Unavailable::Storage.into()));
    }
    assert_eq!(world.state(), GroupState::PreparingRebalance);
}

#[test]
fn assignments_beyond_the_limit_are_refused_by_name() {
    let mut world = World::with(GroupConfig {
        member_bytes_per_group_max: 4000,
        ..GroupConfig::default()
    });
    let waiter = world.join(newcomer());
    let joined = world.joined(waiter);
    let waiter = world.sync(&joined, vec![(joined.member.clone(), vec![0; 5000].into())]);
    assert!(matches!(
        world.sync_reply(waiter),
        Err(SyncError::LimitReached(LimitReached::MemberBytes {
            max: 4000,
            ..
        }))
    ));
}

#[test]
fn heartbeat_says_what_the_member_must_know() {
    let mut world = World::new();
    let (leader, _) = completing(&mut world);
    assert_eq!(world.heartbeat(&leader.member, leader.generation), Ok(()));
    assert_eq!(
        world.heartbeat(&leader.member, Generation(1)),
        Err(IllegalGeneration {
            asked: Generation(1),
            current: Generation(3)
        }
        .into())
    );
    assert_eq!(
        world.heartbeat(&member_id("stranger"), leader.generation),
        Err(NotMember::Unknown.into())
    );
    world.join(newcomer());
    assert_eq!(
        world.heartbeat(&leader.member, leader.generation),
        Err(HeartbeatError::RebalanceInProgress)
    );
}
