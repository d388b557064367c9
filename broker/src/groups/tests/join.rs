//! Who may join, under which id, and who rebalances for it.

use super::super::error::{LimitReached, NotMember};
use super::*;

#[test]
fn first_member_joins_at_once_and_leads() {
    let mut world = World::new();
    let waiter = world.join(newcomer());
    let joined = world.joined(waiter);
    assert_eq!(joined.generation, Generation(1));
    assert_eq!(joined.leader, joined.member);
    assert_eq!(&*joined.protocol, "range");
    assert_eq!(joined.members.len(), 1);
    assert_eq!(world.state(), GroupState::CompletingRebalance);
}

#[test]
fn new_dynamic_member_must_join_again_under_its_id() {
    let mut world = World::new();
    let request = JoinRequest {
        requires_known_member: true,
        ..newcomer()
    };
    let waiter = world.join(request.clone());
    let Err(JoinError::MemberIdRequired { member }) = world.join_reply(waiter) else {
        panic!("the member was let in without an id");
    };
    let waiter = world.join(JoinRequest {
        member: Some(member.clone()),
        ..request
    });
    assert_eq!(world.joined(waiter).member, member);
}

#[test]
fn promised_place_expires_with_the_session_timeout() {
    let mut world = World::new();
    let waiter = world.join(JoinRequest {
        requires_known_member: true,
        ..newcomer()
    });
    let Err(JoinError::MemberIdRequired { member }) = world.join_reply(waiter) else {
        panic!("the member was let in without an id");
    };
    assert!(!world.group.is_vacant());
    world.pass(SESSION);
    assert!(world.group.is_vacant());
    let waiter = world.join(returning(&member));
    assert_eq!(world.join_reply(waiter), Err(NotMember::Unknown.into()));
}

#[test]
fn static_member_needs_no_second_join() {
    let mut world = World::new();
    let waiter = world.join(JoinRequest {
        requires_known_member: true,
        ..static_newcomer("i1")
    });
    let joined = world.joined(waiter);
    assert_eq!(joined.members[0].instance, Some(instance_id("i1")));
}

#[test]
fn only_the_leader_is_told_the_members() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer(), newcomer()]);
    let told: Vec<_> = members.iter().map(|joined| joined.members.len()).collect();
    assert_eq!(told, [3, 0, 0]);
    assert!(
        members
            .iter()
            .all(|joined| joined.leader == members[0].member)
    );
    assert!(
        members
            .iter()
            .all(|joined| joined.generation == Generation(3))
    );
}

#[test]
fn protocol_is_voted_among_those_all_support() {
    for (members, elected) in [
        (vec![&["a", "b"][..], &["b", "a"], &["b", "a"]], "b"),
        (vec![&["a", "b", "c"][..], &["c", "b"], &["c", "b"]], "c"),
        (vec![&["a", "b"][..], &["b", "a"]], "a"),
        (vec![&["x", "b"][..], &["b", "y"]], "b"),
    ] {
        let mut world = World::new();
        let requests = members.iter().map(|names| JoinRequest {
            protocols: protocols(names),
            ..newcomer()
        });
        let joined = world.stable(requests.collect());
        assert_eq!(&*joined[0].protocol, elected, "{members:?}");
    }
}

#[test]
fn member_without_a_common_protocol_is_refused() {
    let mut world = World::new();
    world.stable(vec![newcomer()]);
    for request in [
        JoinRequest {
            protocols: protocols(&["sticky"]),
            ..newcomer()
        },
        JoinRequest {
            protocol_type: "connect".into(),
            ..newcomer()
        },
        JoinRequest {
            protocols: Vec::new(),
            ..newcomer()
        },
    ] {
        let waiter = world.join(request);
        assert_eq!(
            world.join_reply(waiter),
            Err(JoinError::InconsistentProtocol)
        );
    }
    assert_eq!(world.state(), GroupState::Stable);
}

#[test]
fn nobody_founds_a_group_without_protocols() {
    let mut world = World::new();
    for request in [
        JoinRequest {
            protocols: Vec::new(),
            ..newcomer()
        },
        JoinRequest {
            protocol_type: "".into(),
            ..newcomer()
        },
    ] {
        let waiter = world.join(request);
        assert_eq!(
            world.join_reply(waiter),
            Err(JoinError::InconsistentProtocol)
        );
        assert!(world.group.is_vacant());
    }
}

#[test]
fn protocol_named_twice_counts_once() {
    let mut world = World::new();
    let members = world.stable(vec![
        JoinRequest {
            protocols: protocols(&["a", "a"]),
            ..newcomer()
        },
        JoinRequest {
            protocols: protocols(&["a"]),
            ..newcomer()
        },
    ]);
    assert_eq!(&*members[0].protocol, "a");
}

#[test]
fn follower_that_joins_again_unchanged_rebalances_nobody() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let waiter = world.join(returning(&members[1].member));
    let joined = world.joined(waiter);
    assert_eq!(joined.generation, members[1].generation);
    assert_eq!(joined.members, []);
    assert_eq!(world.state(), GroupState::Stable);
}

#[test]
fn leader_or_changed_follower_that_joins_again_rebalances() {
    for (index, names) in [(0, ["range"].as_slice()), (1, &["range", "more"])] {
        let mut world = World::new();
        let members = world.stable(vec![newcomer(), newcomer()]);
        let waiter = world.join(JoinRequest {
            protocols: protocols(names),
            ..returning(&members[index].member)
        });
        assert!(world.is_parked(waiter));
        assert_eq!(world.state(), GroupState::PreparingRebalance);
    }
}

#[test]
fn member_that_missed_the_answer_gets_it_again() {
    let mut world = World::new();
    let waiter = world.join(newcomer());
    let first = world.joined(waiter);
    let waiter = world.join(returning(&first.member));
    assert_eq!(world.joined(waiter), first);
}

#[test]
fn later_join_of_the_same_member_takes_the_place_of_the_parked_one() {
    let mut world = World::new();
    let members = world.stable(vec![newcomer(), newcomer()]);
    let first = world.join(returning(&members[0].member));
    let second = world.join(returning(&members[0].member));
    assert_eq!(world.join_reply(first), Err(JoinError::Superseded));
    assert!(world.is_parked(second));
}

#[test]
fn unknown_member_founds_nothing() {
    let mut world = World::new();
    let waiter = world.join(returning(&member_id("stranger")));
    assert_eq!(world.join_reply(waiter), Err(NotMember::Unknown.into()));
    assert!(world.group.is_vacant());
}

#[test]
fn full_group_takes_no_more_but_keeps_its_members() {
    let mut world = World::with(GroupConfig {
        members_per_group_max: 2,
        ..GroupConfig::default()
    });
    let members = world.stable(vec![newcomer(), newcomer()]);
    let refused = Err(LimitReached::Members { max: 2 }.into());
    let waiter = world.join(newcomer());
    assert_eq!(world.join_reply(waiter), refused);
    let waiter = world.join(returning(&members[1].member));
    assert_eq!(world.joined(waiter).generation, members[1].generation);

    // While members join again, only those that did take a place.
    let waiter = world.join(returning(&members[0].member));
    assert!(world.is_parked(waiter));
    let waiter = world.join(newcomer());
    assert!(world.is_parked(waiter));
    let waiter = world.join(returning(&members[1].member));
    assert_eq!(world.join_reply(waiter), refused);
    assert_eq!(world.group.roster.len(), 2);
}

#[test]
fn promised_places_count_as_members() {
    let mut world = World::with(GroupConfig {
        members_per_group_max: 1,
        ..GroupConfig::default()
    });
    let request = JoinRequest {
        requires_known_member: true,
        ..newcomer()
    };
    let waiter = world.join(request.clone());
    let Err(JoinError::MemberIdRequired { member }) = world.join_reply(waiter) else {
        panic!("the member was let in without an id");
    };
    let waiter = world.join(request);
    assert_eq!(
        world.join_reply(waiter),
        Err(LimitReached::Members { max: 1 }.into())
    );
    let waiter = world.join(returning(&member));
    assert_eq!(world.joined(waiter).member, member);
}

#[test]
fn metadata_beyond_the_limits_is_refused_by_name() {
    let large = || JoinRequest {
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: vec![0; 5000].into(),
        }],
        ..newcomer()
    };
    let mut world = World::with(GroupConfig {
        member_bytes_per_group_max: 4000,
        ..GroupConfig::default()
    });
    let waiter = world.join(large());
    assert!(matches!(
        world.join_reply(waiter),
        Err(JoinError::LimitReached(LimitReached::MemberBytes {
            max: 4000,
            ..
        }))
    ));
    let mut world = World::with(GroupConfig {
        memory_max: 4000,
        ..GroupConfig::default()
    });
    let waiter = world.join(large());
    let refused = LimitReached::Memory { max: 4000 };
    assert_eq!(world.join_reply(waiter), Err(refused.into()));
    assert!(world.group.is_vacant());
}
