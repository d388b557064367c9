//! A group driven by hand: a manual clock, a log that becomes durable when told, replies kept.

mod compaction;
mod join;
mod leave;
mod offsets;
mod rebalance;
mod records;
mod shell;
mod simulation;
mod statics;
mod sync;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::change::Change;
use super::config::GroupConfig;
use super::error::{HeartbeatError, JoinError, SyncError};
use super::event::{Effect, Event, Now, Occurrence, Reply, Request, Ticket, Waiter};
use super::group::Group;
use super::request::{
    Caller, CommitRequest, HeartbeatRequest, JoinRequest, Joined, Leaver, OffsetToCommit, Protocol,
    SyncRequest, Synced,
};
use super::state::GroupState;
use crate::clock::Clock;
use crate::model::{
    Generation, GroupId, InstanceId, MemberId, Offset, PartitionId, TimestampMs, TopicName,
};

/// The session timeout of members, unless a test says otherwise.
const SESSION: Duration = Duration::from_secs(10);
/// The rebalance timeout of members, unless a test says otherwise.
const REBALANCE: Duration = Duration::from_secs(60);
/// Just longer than nothing.
const MOMENT: Duration = Duration::from_millis(1);

fn member_id(name: &str) -> MemberId {
    MemberId::parse(name).unwrap()
}

fn instance_id(name: &str) -> InstanceId {
    InstanceId::parse(name).unwrap()
}

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn caller(member: &MemberId) -> Caller {
    Caller {
        member: member.clone(),
        instance: None,
    }
}

/// A dynamic member without id that joins as old clients do, without the detour for the id.
fn newcomer() -> JoinRequest {
    JoinRequest {
        member: None,
        instance: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range"]),
        requires_known_member: false,
        can_skip_assignment: true,
    }
}

fn returning(member: &MemberId) -> JoinRequest {
    JoinRequest {
        member: Some(member.clone()),
        ..newcomer()
    }
}

fn static_newcomer(instance: &str) -> JoinRequest {
    JoinRequest {
        instance: Some(instance_id(instance)),
        ..newcomer()
    }
}

fn protocols(names: &[&'static str]) -> Vec<Protocol> {
    let protocol = |name: &&'static str| Protocol {
        name: (*name).into(),
        metadata: Bytes::from_static(name.as_bytes()),
    };
    names.iter().map(protocol).collect()
}

fn offset_to_commit(topic_name: &str, offset: i64) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic(topic_name),
        partition: PartitionId(0),
        offset: Offset(offset),
        leader_epoch: None,
        metadata: "".into(),
    }
}

/// A commit of somebody who is no member.
fn standalone_commit(offsets: Vec<OffsetToCommit>) -> CommitRequest {
    CommitRequest {
        member: None,
        instance: None,
        generation: None,
        retention: None,
        offsets,
    }
}

fn member_commit(joined: &Joined, offsets: Vec<OffsetToCommit>) -> CommitRequest {
    CommitRequest {
        member: Some(joined.member.clone()),
        generation: Some(joined.generation),
        ..standalone_commit(offsets)
    }
}

fn range_to_everyone(joined: &Joined) -> Vec<(MemberId, Bytes)> {
    let assign = |member: &MemberId| (member.clone(), Bytes::from(format!("for {member}")));
    joined
        .members
        .iter()
        .map(|member| assign(&member.member))
        .collect()
}

struct World {
    group: Group,
    config: Arc<GroupConfig>,
    clock: Clock,
    waiters: u64,
    replies: BTreeMap<Waiter, Reply>,
    /// Written, not durable.
    writing: VecDeque<(Ticket, Arc<[Change]>)>,
    /// Durable.
    log: Vec<Change>,
    occurrences: Vec<Occurrence>,
    /// Whether writes wait for [`World::flush`].
    holds_writes: bool,
}

impl World {
    fn new() -> Self {
        Self::with(GroupConfig::default())
    }

    fn with(config: GroupConfig) -> Self {
        let config = Arc::new(config);
        Self {
            group: Group::new(GroupId::parse("g").unwrap(), Arc::clone(&config)),
            config,
            clock: Clock::manual(TimestampMs(1_000_000)),
            waiters: 0,
            replies: BTreeMap::new(),
            writing: VecDeque::new(),
            log: Vec::new(),
            occurrences: Vec::new(),
            holds_writes: false,
        }
    }

    fn now(&self) -> Now {
        Now::read(&self.clock)
    }

    fn step(&mut self, event: Event) {
        let effects = self.group.step(event, self.now());
        for effect in effects {
            match effect {
                Effect::Reply(waiter, reply) => {
                    let before = self.replies.insert(waiter, reply);
                    assert_eq!(before, None, "{waiter:?} was answered twice");
                }
                Effect::Write { ticket, changes } => self.writing.push_back((ticket, changes)),
                Effect::Count(occurrence) => self.occurrences.push(occurrence),
            }
        }
        if !self.holds_writes {
            self.flush();
        }
    }

    /// Makes everything written durable.
    fn flush(&mut self) {
        while let Some((ticket, changes)) = self.writing.pop_front() {
            self.log.extend(changes.iter().cloned());
            self.step(Event::Durable(ticket));
        }
    }

    /// The disk fails.
    fn fail_writes(&mut self) {
        while let Some((ticket, _)) = self.writing.pop_front() {
            self.step(Event::WriteFailed(ticket));
        }
    }

    /// What a broker knows that starts with this log.
    fn restarted(&self) -> Self {
        let mut world = Self::with(GroupConfig::clone(&self.config));
        world.clock = self.clock.clone();
        world.waiters = self.waiters;
        for change in self.log.iter().cloned() {
            world.group.replay(change);
        }
        world.group.resume(world.now());
        world.log.clone_from(&self.log);
        world
    }

    /// Lets time pass, and the group notice at every deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while let Some(deadline) = self.group.next_deadline().filter(|at| *at <= end) {
            let wait = deadline.saturating_duration_since(self.clock.now());
            self.clock.advance(wait);
            self.step(Event::Tick);
        }
        let rest = end.saturating_duration_since(self.clock.now());
        self.clock.advance(rest);
    }

    fn ask(&mut self, request: Request) -> Waiter {
        self.waiters += 1;
        let waiter = Waiter(self.waiters);
        self.step(Event::Asked {
            waiter,
            request,
            room: self.config.memory_max,
        });
        waiter
    }

    /// Joins as `m<n>`, with the number of the request.
    fn join(&mut self, request: JoinRequest) -> Waiter {
        let fresh = member_id(&format!("m{}", self.waiters + 1));
        self.ask(Request::Join { fresh, request })
    }

    fn sync(&mut self, joined: &Joined, assignments: Vec<(MemberId, Bytes)>) -> Waiter {
        self.ask(Request::Sync(SyncRequest {
            caller: caller(&joined.member),
            generation: joined.generation,
            protocol_type: None,
            protocol: None,
            assignments,
        }))
    }

    fn heartbeat(
        &mut self,
        member: &MemberId,
        generation: Generation,
    ) -> Result<(), HeartbeatError> {
        let request = HeartbeatRequest {
            caller: caller(member),
            generation,
        };
        let waiter = self.ask(Request::Heartbeat(request));
        match self.replies.remove(&waiter) {
            Some(Reply::Heartbeat(result)) => result,
            other => panic!("heartbeats are answered at once, not {other:?}"),
        }
    }

    fn leave(&mut self, leavers: Vec<Leaver>) -> super::request::Left {
        let waiter = self.ask(Request::Leave(leavers));
        match self.replies.remove(&waiter) {
            Some(Reply::Leave(left)) => left,
            other => panic!("leaving is answered at once, not {other:?}"),
        }
    }

    fn is_parked(&self, waiter: Waiter) -> bool {
        !self.replies.contains_key(&waiter)
    }

    fn join_reply(&mut self, waiter: Waiter) -> Result<Joined, JoinError> {
        match self.replies.remove(&waiter) {
            Some(Reply::Join(result)) => result,
            other => panic!("{waiter:?} got {other:?}"),
        }
    }

    fn joined(&mut self, waiter: Waiter) -> Joined {
        self.join_reply(waiter).unwrap()
    }

    fn sync_reply(&mut self, waiter: Waiter) -> Result<Synced, SyncError> {
        match self.replies.remove(&waiter) {
            Some(Reply::Sync(result)) => result,
            other => panic!("{waiter:?} got {other:?}"),
        }
    }

    fn commit(&mut self, request: CommitRequest) -> Waiter {
        self.ask(Request::Commit(request))
    }

    fn state(&self) -> GroupState {
        self.group.description().state
    }

    /// A stable group of these members, the first of which leads.
    fn stable(&mut self, requests: Vec<JoinRequest>) -> Vec<Joined> {
        let mut members: Vec<Joined> = Vec::new();
        for request in requests {
            let again: Vec<_> = members
                .iter()
                .map(|joined| {
                    let instance = self
                        .group
                        .roster
                        .get(&joined.member)
                        .unwrap()
                        .instance
                        .clone();
                    JoinRequest {
                        instance,
                        protocols: self
                            .group
                            .roster
                            .get(&joined.member)
                            .unwrap()
                            .protocols
                            .clone(),
                        ..returning(&joined.member)
                    }
                })
                .collect();
            let mut waiters = vec![self.join(request)];
            for request in again {
                waiters.push(self.join(request));
            }
            waiters.rotate_left(1);
            members = waiters
                .into_iter()
                .map(|waiter| self.joined(waiter))
                .collect();
            let leader = members
                .iter()
                .find(|joined| joined.member == joined.leader)
                .unwrap()
                .clone();
            let assignments = range_to_everyone(&leader);
            for joined in &members {
                let assignments = if joined.member == leader.member {
                    assignments.clone()
                } else {
                    vec![]
                };
                self.sync(joined, assignments);
            }
            self.flush();
        }
        assert_eq!(self.state(), GroupState::Stable);
        self.replies.clear();
        members
    }
}
