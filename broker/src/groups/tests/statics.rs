//! Static members.

use super::super::error::NotMember;
use super::*;

fn fenced(instance: &str, owner: &MemberId) -> NotMember {
    NotMember::Fenced {
        instance: instance_id(instance),
        owner: owner.clone(),
    }
}

fn as_instance(member: &MemberId, instance: &str) -> Caller {
    Caller {
        member: member.clone(),
        instance: Some(instance_id(instance)),
    }
}

#[test]
fn restarted_static_follower_gets_its_place_back_without_a_rebalance() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    world.holds_writes = true;
    let waiter = world.join(static_newcomer("i1"));
    assert!(world.is_parked(waiter), "the new id must be durable first");
    world.flush();
    let joined = world.joined(waiter);
    assert_ne!(joined.member, members[1].member);
    assert_eq!(joined.generation, members[1].generation);
    assert_eq!(joined.leader, members[0].member);
    assert!(!joined.skip_assignment);
    assert_eq!(world.state(), GroupState::Stable);
    let waiter = world.sync(&joined, Vec::new());
    let synced = world.sync_reply(waiter).unwrap();
    assert_eq!(synced.assignment, format!("for {}", members[1].member));
}

#[test]
fn process_before_is_fenced() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    let waiter = world.join(static_newcomer("i1"));
    let joined = world.joined(waiter);
    let waiter = world.ask(Request::Heartbeat(HeartbeatRequest {
        caller: as_instance(&members[1].member, "i1"),
        generation: joined.generation,
    }));
    let error = fenced("i1", &joined.member);
    assert_eq!(
        world.replies[&waiter],
        Reply::Heartbeat(Err(error.clone().into()))
    );
    let waiter = world.join(JoinRequest {
        member: Some(members[1].member.clone()),
        ..static_newcomer("i1")
    });
    assert_eq!(world.join_reply(waiter), Err(error.clone().into()));
    let waiter = world.commit(CommitRequest {
        instance: Some(instance_id("i1")),
        ..member_commit(&members[1], vec![offset_to_commit("t", 1)])
    });
    assert_eq!(world.replies[&waiter], Reply::Commit(Err(error.into())));
    // Its session ends without consequences.
    world.pass(SESSION - MOMENT);
    world
        .heartbeat(&members[0].member, joined.generation)
        .unwrap();
    world.heartbeat(&joined.member, joined.generation).unwrap();
    world.pass(MOMENT);
    assert_eq!(world.state(), GroupState::Stable);
}

#[test]
fn restarted_static_leader_may_leave_the_assignment_as_it_is() {
    for (can_skip, members_told) in [(true, 2), (false, 0)] {
        let mut world = World::new();
        let members = world.stable(vec![static_newcomer("i1"), newcomer()]);
        let waiter = world.join(JoinRequest {
            can_skip_assignment: can_skip,
            ..static_newcomer("i1")
        });
        let joined = world.joined(waiter);
        assert_eq!(joined.skip_assignment, can_skip);
        assert_eq!(joined.members.len(), members_told);
        // An old client must not believe that it leads, or it would assign anew.
        let leader = if can_skip {
            &joined.member
        } else {
            &members[0].member
        };
        assert_eq!(&joined.leader, leader);
        assert_eq!(world.group.roster.leader(), Some(&joined.member));
    }
}

#[test]
fn static_member_whose_vote_changes_the_protocol_rebalances() {
    let both = |names: &[&'static str], request| JoinRequest {
        protocols: protocols(names),
        ..request
    };
    let mut world = World::new();
    world.stable(vec![
        both(&["a", "b"], newcomer()),
        both(&["a", "b"], static_newcomer("i1")),
    ]);
    let waiter = world.join(both(&["b"], static_newcomer("i1")));
    assert!(world.is_parked(waiter));
    assert_eq!(world.state(), GroupState::PreparingRebalance);
}

#[test]
fn static_member_that_restarts_during_a_rebalance_takes_its_old_place() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    let old = world.join(JoinRequest {
        member: Some(members[1].member.clone()),
        protocols: protocols(&["range", "more"]),
        ..static_newcomer("i1")
    });
    assert!(world.is_parked(old));
    let new = world.join(static_newcomer("i1"));
    let Err(JoinError::NotMember(NotMember::Fenced { owner, .. })) = world.join_reply(old) else {
        panic!("the process before goes on waiting");
    };
    let first = world.join(returning(&members[0].member));
    assert_eq!(world.joined(first).members.len(), 2);
    assert_eq!(world.joined(new).member, owner);
}

#[test]
fn static_member_that_restarts_before_the_assignment_rebalances() {
    let mut world = World::new();
    let waiter = world.join(static_newcomer("i1"));
    let old = world.joined(waiter);
    let waiter = world.join(static_newcomer("i1"));
    let new = world.joined(waiter);
    assert_eq!(new.generation, old.generation.next());
    assert_eq!(new.leader, new.member);
}

#[test]
fn absent_static_member_keeps_its_place_through_a_rebalance() {
    let mut world = World::new();
    let patient = JoinRequest {
        session_timeout: Duration::from_secs(600),
        ..static_newcomer("i1")
    };
    let members = world.stable(vec![newcomer(), patient]);
    let waiter = world.join(returning(&members[0].member));
    world.pass(REBALANCE);
    let joined = world.joined(waiter);
    assert_eq!(joined.members.len(), 2);
    assert_eq!(joined.generation, Generation(3));
}

#[test]
fn instance_id_of_somebody_else_is_refused() {
    let mut world = World::new();
    let members = world.stable(vec![static_newcomer("i1"), static_newcomer("i2")]);
    let waiter = world.join(JoinRequest {
        member: Some(members[0].member.clone()),
        ..static_newcomer("i2")
    });
    assert_eq!(
        world.join_reply(waiter),
        Err(fenced("i2", &members[1].member).into())
    );
    let waiter = world.join(JoinRequest {
        member: Some(members[0].member.clone()),
        ..static_newcomer("i3")
    });
    assert_eq!(world.join_reply(waiter), Err(NotMember::Unknown.into()));
}

#[test]
fn rebalance_that_overtakes_a_restart_takes_the_member_along() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), static_newcomer("i1")]);
    world.holds_writes = true;
    let back = world.join(static_newcomer("i1"));
    let first = world.join(returning(&members[0].member));
    world.flush();
    assert_eq!(world.joined(first).generation, Generation(3));
    assert_eq!(world.joined(back).generation, Generation(3));
}

#[test]
fn restart_that_was_overtaken_by_another_is_fenced() {
    let mut world = World::new();
    world.stable(vec![newcomer(), static_newcomer("i1")]);
    world.holds_writes = true;
    let earlier = world.join(static_newcomer("i1"));
    let later = world.join(static_newcomer("i1"));
    world.flush();
    let joined = world.joined(later);
    assert_eq!(
        world.join_reply(earlier),
        Err(fenced("i1", &joined.member).into())
    );
}

#[test]
fn restart_that_cannot_be_stored_is_not_confirmed() {
    let mut world = World::new();
    world.stable(vec![newcomer(), static_newcomer("i1")]);
    world.holds_writes = true;
    let waiter = world.join(static_newcomer("i1"));
    world.fail_writes();
    let storage = super::super::error::Unavailable::Storage;
    assert_eq!(world.join_reply(waiter), Err(storage.into()));
}
