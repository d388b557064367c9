//! What a rebalance waits for, and who goes with time.

use super::super::error::NotMember;
use super::*;

#[test]
fn rebalance_ends_when_the_last_member_has_joined_again() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let third = world.join(newcomer());
    let first = world.join(returning(&members[0].member));
    assert!(world.is_parked(first) && world.is_parked(third));
    let second = world.join(returning(&members[1].member));
    for waiter in [first, second, third] {
        assert_eq!(world.joined(waiter).generation, Generation(3));
    }
    assert_eq!(
        world
            .occurrences
            .iter()
            .filter(|o| **o == Occurrence::RebalanceCompleted)
            .count(),
        3
    );
}

#[test]
fn rebalance_waits_for_a_promised_place_too() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer()]);
    let promised = world.join(JoinRequest {
        requires_known_member: true,
        ..newcomer()
    });
    let Err(JoinError::MemberIdRequired { member }) = world.join_reply(promised) else {
        panic!("the member was let in without an id");
    };
    let first = world.join(returning(&members[0].member));
    assert!(world.is_parked(first));
    let second = world.join(returning(&member));
    assert_eq!(world.joined(first).members.len(), 2);
    assert_eq!(world.joined(second).generation, Generation(2));
}

#[test]
fn rebalance_goes_on_without_members_that_do_not_join_in_time() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let waiter = world.join(JoinRequest {
        protocols: protocols(&["range", "more"]),
        ..returning(&members[1].member)
    });
    // The silent one stays alive by heartbeats, and so runs into the rebalance timeout.
    let mut waited = Duration::ZERO;
    while waited + SESSION / 2 < REBALANCE {
        world.pass(SESSION / 2);
        waited += SESSION / 2;
        assert_eq!(
            world.heartbeat(&members[0].member, members[0].generation),
            Err(HeartbeatError::RebalanceInProgress)
        );
    }
    assert!(world.is_parked(waiter));
    world.pass(REBALANCE - waited);
    let joined = world.joined(waiter);
    assert_eq!(
        joined.leader, members[1].member,
        "the leader is gone, so another leads"
    );
    assert_eq!(joined.members.len(), 1);
    assert_eq!(
        world.heartbeat(&members[0].member, members[0].generation),
        Err(NotMember::Unknown.into())
    );
}

#[test]
fn silent_member_expires_and_the_others_rebalance() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    world.pass(SESSION - MOMENT);
    assert_eq!(
        world.heartbeat(&members[1].member, members[1].generation),
        Ok(())
    );
    world.pass(MOMENT);
    assert_eq!(world.state(), GroupState::PreparingRebalance);
    assert_eq!(
        world.heartbeat(&members[1].member, members[1].generation),
        Err(HeartbeatError::RebalanceInProgress)
    );
    let waiter = world.join(returning(&members[1].member));
    assert_eq!(world.joined(waiter).members.len(), 1);
    assert!(world.occurrences.contains(&Occurrence::MemberExpired));
}

#[test]
fn member_is_not_expired_while_its_join_is_parked() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let waiter = world.join(returning(&members[0].member));
    for _ in 0..5 {
        world.pass(SESSION - MOMENT);
        let beat = world.heartbeat(&members[1].member, members[1].generation);
        assert_eq!(beat, Err(HeartbeatError::RebalanceInProgress));
    }
    assert!(world.is_parked(waiter));
    let second = world.join(returning(&members[1].member));
    assert_eq!(world.joined(waiter).generation, Generation(3));
    assert_eq!(world.joined(second).generation, Generation(3));
    // With the answer its session starts anew.
    world.pass(SESSION - MOMENT);
    assert_eq!(world.group.roster.len(), 2);
    world.pass(MOMENT);
    assert_eq!(world.group.roster.len(), 0);
}

#[test]
fn new_member_that_gave_up_waiting_is_dropped_at_last() {
    let patient = Duration::from_secs(3600);
    let mut world = World::new();
    let member = JoinRequest {
        rebalance_timeout: patient,
        session_timeout: patient,
        ..newcomer()
    };
    world.stable(vec![member]);
    let waiter = world.join(newcomer());
    world.pass(world.config.new_member_join_timeout - MOMENT);
    assert!(world.is_parked(waiter));
    world.pass(MOMENT);
    assert_eq!(world.join_reply(waiter), Err(NotMember::Unknown.into()));
}

#[test]
fn initial_delay_gathers_members_and_is_extended_by_arrivals() {
    let delay = Duration::from_secs(3);
    let mut world = World::with(GroupConfig {
        initial_rebalance_delay: delay,
        ..GroupConfig::default()
    });
    let first = world.join(newcomer());
    world.pass(delay - MOMENT);
    let second = world.join(newcomer());
    world.pass(MOMENT);
    assert!(world.is_parked(first), "an arrival extends the delay");
    world.pass(delay);
    assert_eq!(world.joined(first).members.len(), 2);
    assert_eq!(world.joined(second).generation, Generation(1));
}

#[test]
fn initial_delay_never_exceeds_the_rebalance_timeout() {
    let delay = Duration::from_secs(3);
    let mut world = World::with(GroupConfig {
        initial_rebalance_delay: delay,
        ..GroupConfig::default()
    });
    let first = world.join(newcomer());
    let mut waited = Duration::ZERO;
    while waited + Duration::from_secs(1) < REBALANCE {
        world.pass(Duration::from_secs(1));
        waited += Duration::from_secs(1);
        world.join(newcomer());
    }
    assert!(world.is_parked(first));
    world.pass(REBALANCE - waited);
    assert_eq!(world.joined(first).members.len(), 60);
}

#[test]
fn group_without_members_is_empty_in_a_generation_of_its_own() {
    let mut world = World::new();
    world.stable(vec![newcomer()]);
    world.pass(SESSION);
    assert_eq!(world.state(), GroupState::Empty);
    let Some(Change::Group(metadata)) = world.log.last() else {
        panic!("the empty group is not in the log");
    };
    assert_eq!(metadata.generation, Generation(2));
    assert_eq!(metadata.membership, None);
    let waiter = world.join(newcomer());
    assert_eq!(world.joined(waiter).generation, Generation(3));
}

#[test]
fn stopping_sends_away_who_waits() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let join = world.join(returning(&members[0].member));
    world.step(Event::Stop);
    let stopping = super::super::error::Unavailable::Stopping;
    assert_eq!(world.join_reply(join), Err(stopping.into()));
}
