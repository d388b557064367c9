//! Random clients against one group, and what must hold whatever they do.

use std::collections::HashMap;
use std::time::Instant;

use proptest::prelude::*;

use super::super::error::NotMember;
use super::super::state::State;
use super::*;

/// Clients of a run; every second is a static member.
const CLIENTS: usize = 5;
/// Partitions the leader shares out.
const PARTITIONS: usize = 7;

#[derive(Clone, Copy, Debug)]
enum Action {
    /// Joins, as what it was before or anew.
    Join(usize),
    /// Forgets its id and joins anew, as a process does that was restarted.
    Restart(usize),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Commit(usize),
    PassSeconds(u64),
    /// What was written becomes durable.
    Flush,
    /// The broker dies, with what is not durable.
    Crash,
}

fn action() -> impl Strategy<Value = Action> {
    let client = 0..CLIENTS;
    prop_oneof![
        8 => client.clone().prop_map(Action::Join),
        1 => client.clone().prop_map(Action::Restart),
        8 => client.clone().prop_map(Action::Sync),
        3 => client.clone().prop_map(Action::Heartbeat),
        1 => client.clone().prop_map(Action::Leave),
        2 => client.prop_map(Action::Commit),
        2 => (1..40_u64).prop_map(Action::PassSeconds),
        4 => Just(Action::Flush),
        1 => Just(Action::Crash),
    ]
}

#[derive(Default)]
struct Client {
    instance: Option<&'static str>,
    member: Option<MemberId>,
    joined: Option<Joined>,
    join: Option<(Waiter, Instant)>,
    sync: Option<(Waiter, Generation)>,
}

struct Simulation {
    world: World,
    clients: Vec<Client>,
    /// Who owned which partition in which generation: a static member by its instance id.
    owners: HashMap<(Generation, usize), String>,
    newest: Generation,
    commits: HashMap<Waiter, i64>,
    committed: i64,
}

impl Simulation {
    fn new() -> Self {
        let mut world = World::new();
        world.holds_writes = true;
        let names = [None, Some("i1"), None, Some("i3"), None];
        let client = |instance| Client {
            instance,
            ..Client::default()
        };
        Self {
            world,
            clients: names.map(client).into(),
            owners: HashMap::new(),
            newest: Generation(0),
            commits: HashMap::new(),
            committed: 0,
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Join(client) => self.join(client),
            Action::Restart(client) => {
                self.forget(client);
                self.join(client);
            }
            Action::Sync(client) => self.sync(client),
            Action::Heartbeat(client) => {
                if let Some(joined) = self.clients[client].joined.clone() {
                    drop(self.world.heartbeat(&joined.member, joined.generation));
                }
            }
            Action::Leave(client) => {
                if let Some(member) = self.clients[client].member.clone() {
                    self.forget(client);
                    self.world.leave(vec![Leaver::Member(caller(&member))]);
                }
            }
            Action::Commit(client) => self.commit(client),
            Action::PassSeconds(seconds) => self.world.pass(Duration::from_secs(seconds)),
            Action::Flush => self.world.flush(),
            Action::Crash => self.crash(),
        }
        self.collect();
        self.check();
    }

    /// The client remembers nothing, and waits for nothing.
    fn forget(&mut self, index: usize) {
        self.clients[index] = Client {
            instance: self.clients[index].instance,
            ..Client::default()
        };
    }

    fn join(&mut self, index: usize) {
        let client = &self.clients[index];
        if client.join.is_some() || client.sync.is_some() {
            return;
        }
        let request = JoinRequest {
            member: client.member.clone(),
            instance: client.instance.map(instance_id),
            requires_known_member: true,
            ..newcomer()
        };
        let waiter = self.world.join(request);
        self.clients[index].join = Some((waiter, self.world.clock.now()));
    }

    fn sync(&mut self, index: usize) {
        let client = &self.clients[index];
        let (Some(joined), None, None) = (client.joined.clone(), client.join, client.sync) else {
            return;
        };
        let mut assignments: Vec<(MemberId, Vec<u8>)> = Vec::new();
        assignments.extend(
            joined
                .members
                .iter()
                .map(|member| (member.member.clone(), vec![])),
        );
        for partition in 0..PARTITIONS {
            let count = assignments.len();
            if count > 0 {
                assignments[partition % count]
                    .1
                    .push(u8::try_from(partition).unwrap());
            }
        }
        let assignments = assignments
            .into_iter()
            .map(|(member, all)| (member, all.into()));
        let waiter = self.world.sync(&joined, assignments.collect());
        self.clients[index].sync = Some((waiter, joined.generation));
    }

    fn commit(&mut self, index: usize) {
        let offset = i64::try_from(self.world.waiters).unwrap();
        let offsets = vec![offset_to_commit("t", offset)];
        let request = match &self.clients[index].joined {
            Some(joined) => member_commit(joined, offsets),
            None => standalone_commit(offsets),
        };
        let waiter = self.world.commit(request);
        self.commits.insert(waiter, offset);
    }

    fn crash(&mut self) {
        self.world = self.world.restarted();
        self.world.holds_writes = true;
        self.commits.clear();
        // A generation that was never stored may be given out again.
        self.newest = self.world.group.generation;
        for client in &mut self.clients {
            client.join = None;
            client.sync = None;
        }
        let stored = self.world.group.offsets.iter().next();
        let stored = stored.map_or(0, |(_, _, committed)| committed.offset.0);
        assert!(stored >= self.committed, "an acknowledged offset is lost");
        self.committed = stored;
    }

    /// Hands the clients what they waited for.
    fn collect(&mut self) {
        for index in 0..CLIENTS {
            if let Some((waiter, since)) = self.clients[index].join
                && !self.world.is_parked(waiter)
            {
                self.clients[index].join = None;
                let result = self.world.join_reply(waiter);
                self.take_join(index, result, since);
            }
            if let Some((waiter, generation)) = self.clients[index].sync
                && !self.world.is_parked(waiter)
            {
                self.clients[index].sync = None;
                match self.world.sync_reply(waiter) {
                    Ok(synced) => self.take_assignment(index, generation, &synced),
                    Err(_) => self.clients[index].joined = None,
                }
            }
        }
        for (waiter, reply) in std::mem::take(&mut self.world.replies) {
            let offset = self.commits.remove(&waiter);
            if let (Some(offset), Reply::Commit(Ok(_))) = (offset, reply) {
                self.committed = offset;
            }
        }
    }

    fn take_join(&mut self, index: usize, result: Result<Joined, JoinError>, since: Instant) {
        let waited = self.world.clock.now() - since;
        let client = &mut self.clients[index];
        match result {
            Ok(joined) => {
                assert!(joined.generation >= self.newest, "a generation went back");
                self.newest = joined.generation;
                client.member = Some(joined.member.clone());
                client.joined = Some(joined);
            }
            Err(JoinError::MemberIdRequired { member }) => client.member = Some(member),
            // A restart that another rebalance overtook.
            Err(JoinError::Superseded) => client.joined = None,
            Err(JoinError::NotMember(why)) => {
                // Nothing happened to it while it waited but what it did itself.
                let is_at_once = waited.is_zero();
                let gave_up = waited >= self.world.config.new_member_join_timeout;
                let is_fenced = matches!(why, NotMember::Fenced { .. });
                assert!(
                    is_at_once || gave_up || is_fenced,
                    "a parked join was expired"
                );
                client.member = None;
                client.joined = None;
            }
            Err(error) => panic!("a join failed: {error}"),
        }
    }

    fn take_assignment(&mut self, index: usize, generation: Generation, synced: &Synced) {
        let client = &self.clients[index];
        let name = client.instance.map(str::to_owned);
        let name = name.unwrap_or_else(|| client.member.as_ref().unwrap().to_string());
        for partition in &synced.assignment {
            let key = (generation, usize::from(*partition));
            let owner = self.owners.entry(key).or_insert_with(|| name.clone());
            assert_eq!(*owner, name, "{key:?} has two owners");
        }
    }

    fn check(&self) {
        let group = &self.world.group;
        let bytes = group.roster.iter().map(super::super::member::Member::bytes);
        assert_eq!(group.roster.bytes(), bytes.sum::<usize>());
        assert_eq!(group.roster.leader().is_none(), group.roster.is_empty());
        let is_member = |id: &MemberId| group.roster.contains(id);
        match &group.state {
            State::Empty { .. } => assert!(group.roster.is_empty()),
            State::PreparingRebalance { joins, .. } => assert!(joins.keys().all(is_member)),
            State::CompletingRebalance {
                syncs, unsynced, ..
            } => {
                assert!(!group.roster.is_empty());
                assert!(syncs.keys().chain(unsynced).all(is_member));
                assert!(unsynced.iter().all(|member| !syncs.contains_key(member)));
            }
            State::Stable { unsynced, .. } => {
                assert!(!group.roster.is_empty());
                assert!(unsynced.iter().all(is_member));
            }
        }
        if !matches!(group.state, State::Empty { .. }) {
            let is_writing = !group.in_flight.is_empty();
            assert!(
                is_writing || group.next_deadline().is_some(),
                "nothing would ever happen again"
            );
        }
    }

    /// When all clients behave, each gets its share, whatever happened before.
    fn settle(&mut self) {
        for _ in 0..20 {
            for index in 0..CLIENTS {
                self.act(Action::Join(index));
            }
            for index in 0..CLIENTS {
                self.act(Action::Join(index));
            }
            for index in 0..CLIENTS {
                self.act(Action::Sync(index));
            }
            self.act(Action::Flush);
            let stable = self.world.state() == GroupState::Stable;
            let generation = self.world.group.generation;
            let joined = |client: &Client| {
                let joined = client.joined.as_ref();
                joined.is_some_and(|joined| joined.generation == generation)
            };
            if stable && self.clients.iter().all(joined) && self.world.group.roster.len() == CLIENTS
            {
                let owned = |partition| self.owners.contains_key(&(generation, partition));
                assert!((0..PARTITIONS).all(owned), "a partition has no owner");
                return;
            }
            self.act(Action::PassSeconds(4));
            for index in 0..CLIENTS {
                self.act(Action::Heartbeat(index));
            }
            self.act(Action::PassSeconds(4));
        }
        panic!("the group did not settle: {:?}", self.world.group.state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_partition_has_two_owners_and_every_group_settles(
        actions in prop::collection::vec(action(), 1..120)
    ) {
        let mut simulation = Simulation::new();
        for action in actions {
            simulation.act(action);
        }
        simulation.settle();
    }
}
