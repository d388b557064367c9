//! Leaving.

use super::super::error::NotMember;
use super::*;

#[test]
fn last_member_that_leaves_empties_the_group() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer()]);
    let left = world.leave(vec![Leaver::Member(caller(&members[0].member))]);
    assert_eq!(left, [Ok(())]);
    assert_eq!(world.state(), GroupState::Empty);
}

#[test]
fn many_leave_at_once_and_each_is_told() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer(), static_newcomer("i1")]);
    let rebalances = |world: &World| {
        let started = |o: &&Occurrence| **o == Occurrence::RebalanceStarted;
        world.occurrences.iter().filter(started).count()
    };
    let before = rebalances(&world);
    let left = world.leave(vec![
        Leaver::Member(caller(&members[1].member)),
        Leaver::Instance(instance_id("i1")),
        Leaver::Instance(instance_id("i9")),
        Leaver::Member(caller(&member_id("stranger"))),
        Leaver::Nobody,
        Leaver::Member(Caller {
            member: members[0].member.clone(),
            instance: Some(instance_id("i1")),
        }),
    ]);
    let unknown = Err(NotMember::Unknown);
    let expected = [
        Ok(()),
        Ok(()),
        unknown.clone(),
        unknown.clone(),
        unknown.clone(),
        unknown,
    ];
    assert_eq!(left, expected);
    assert_eq!(rebalances(&world), before + 1);
    assert_eq!(world.group.roster.len(), 1);
}

#[test]
fn member_that_leaves_while_others_join_again_does_not_hold_them_up() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let waiter = world.join(returning(&members[0].member));
    assert!(world.is_parked(waiter));
    world.leave(vec![Leaver::Member(caller(&members[1].member))]);
    assert_eq!(world.joined(waiter).members.len(), 1);
}

#[test]
fn whatever_a_leaver_waits_for_is_refused() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let waiter = world.join(returning(&members[0].member));
    world.leave(vec![Leaver::Member(caller(&members[0].member))]);
    assert_eq!(world.join_reply(waiter), Err(NotMember::Unknown.into()));

    let waiter = world.join(returning(&members[1].member));
    let joined = world.joined(waiter);
    let second = world.join(newcomer());
    let waiter = world.join(returning(&joined.member));
    let (leader, follower) = (world.joined(waiter), world.joined(second));
    let sync = world.sync(&follower, Vec::new());
    world.leave(vec![Leaver::Member(caller(&follower.member))]);
    assert_eq!(world.sync_reply(sync), Err(NotMember::Unknown.into()));
    assert_eq!(world.group.roster.leader(), Some(&leader.member));
}

#[test]
fn promised_place_can_be_given_back() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer()]);
    let waiter = world.join(JoinRequest {
        requires_known_member: true,
        ..newcomer()
    });
    let Err(JoinError::MemberIdRequired { member }) = world.join_reply(waiter) else {
        panic!("the member was let in without an id");
    };
    let waiter = world.join(returning(&members[0].member));
    assert!(world.is_parked(waiter));
    assert_eq!(world.leave(vec![Leaver::Member(caller(&member))]), [Ok(())]);
    assert_eq!(world.joined(waiter).members.len(), 1);
}
