//! From the first join of a rebalance to the generation that ends it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::change::Change;
use super::deadlines::Timer;
use super::error::{JoinError, NotMember, SyncError, Unavailable};
use super::event::{Now, Occurrence, Reply};
use super::group::Group;
use super::state::{Barrier, State};
use super::write::Then;
use crate::model::MemberId;

impl Group {
    /// Asks all members to join again, unless they were asked already.
    pub(super) fn prepare_rebalance(&mut self, now: Now) {
        let delay = self.config.initial_rebalance_delay;
        let (barrier, deadline) = match &self.state {
            State::PreparingRebalance { .. } => return,
            State::Empty { .. } if delay.is_zero() => (Barrier::Open, None),
            State::Empty { .. } => {
                let until = now.after(self.roster.rebalance_timeout().max(delay));
                let grown = false;
                (Barrier::Arrivals { until, grown }, Some(now.after(delay)))
            }
            State::CompletingRebalance { .. } | State::Stable { .. } => {
                let deadline = now.after(self.roster.rebalance_timeout());
                (Barrier::Rejoin, Some(deadline))
            }
        };
        self.abandon_syncs(now);
        self.deadlines.cancel(&Timer::Sync);
        if let Some(deadline) = deadline {
            self.deadlines.set(Timer::Join, deadline);
        }
        self.state = State::PreparingRebalance {
            barrier,
            joins: BTreeMap::new(),
        };
        self.count(Occurrence::RebalanceStarted);
    }

    /// Sends back members that wait for an assignment nobody will make any more.
    fn abandon_syncs(&mut self, now: Now) {
        if matches!(self.state, State::CompletingRebalance { .. }) {
            self.refuse_syncs(&SyncError::RebalanceInProgress, now);
            self.roster.assign(&HashMap::new());
        }
    }

    /// Answers all parked syncs with an error. From here on members must be heard of again.
    pub(super) fn refuse_syncs(&mut self, why: &SyncError, now: Now) {
        if let State::CompletingRebalance { syncs, .. } = &mut self.state {
            for (member, waiter) in std::mem::take(syncs) {
                self.reply(waiter, Reply::Sync(Err(why.clone())));
                self.start_session(&member, now);
            }
        }
    }

    pub(super) fn complete_join_if_ready(&mut self, now: Now) {
        let State::PreparingRebalance { barrier, joins } = &self.state else {
            return;
        };
        let is_ready = match barrier {
            Barrier::Open => true,
            Barrier::Arrivals { .. } => false,
            Barrier::Rejoin => joins.len() == self.roster.len() && self.pending.is_empty(),
        };
        if is_ready {
            self.complete_join(now);
        }
    }

    /// The deadline of the join barrier has passed.
    pub(super) fn expire_join_barrier(&mut self, now: Now) {
        let delay = self.config.initial_rebalance_delay;
        if let State::PreparingRebalance {
            barrier: Barrier::Arrivals { until, grown },
            ..
        } = &mut self.state
            && std::mem::take(grown)
            && now.instant < *until
        {
            let deadline = now.after(delay).min(*until);
            return self.deadlines.set(Timer::Join, deadline);
        }
        self.complete_join(now);
    }

    /// Starts the next generation with those who joined, and the static members that did not.
    fn complete_join(&mut self, now: Now) {
        let State::PreparingRebalance { joins, .. } = &mut self.state else {
            return;
        };
        let joins = std::mem::take(joins);
        self.drop_absent(&joins.keys().collect());
        if self.roster.is_empty() {
            return self.become_empty(now);
        }
        let timeout = self.roster.rebalance_timeout();
        if !self.roster.elect(|member| joins.contains_key(member)) {
            // Only static members, all absent: their sessions decide.
            return self.deadlines.set(Timer::Join, now.after(timeout));
        }
        self.generation = self.generation.next();
        self.state = State::CompletingRebalance {
            protocol: self.roster.vote(),
            syncs: BTreeMap::new(),
            unsynced: self.roster.iter().map(|member| member.id.clone()).collect(),
            assigning: None,
        };
        self.roster.settle();
        self.deadlines.cancel(&Timer::Join);
        self.deadlines.set(Timer::Sync, now.after(timeout));
        self.start_sessions(now);
        for (member, waiter) in joins {
            let joined = self.joined(&member);
            self.reply(waiter, Reply::Join(Ok(joined)));
        }
        self.count(Occurrence::RebalanceCompleted);
    }

    /// Removes dynamic members that did not join in time.
    fn drop_absent(&mut self, joined: &BTreeSet<&MemberId>) {
        let members = self.roster.iter();
        let absent: Vec<_> = members
            .filter(|member| member.instance.is_none() && !joined.contains(&member.id))
            .map(|member| member.id.clone())
            .collect();
        for member in absent {
            self.roster.remove(&member);
            self.deadlines.cancel(&Timer::Member(member));
            self.count(Occurrence::MemberExpired);
        }
    }

    fn become_empty(&mut self, now: Now) {
        self.generation = self.generation.next();
        let since = Some(now.wall);
        self.state = State::Empty { since };
        self.deadlines.cancel(&Timer::Join);
        let changes = vec![Change::Group(self.metadata(now))];
        self.write(changes, Then::Nothing);
    }

    /// Removes a member, whatever it waits for.
    pub(super) fn remove(&mut self, id: &MemberId, why: &NotMember) {
        self.refuse_parked(id, why);
        if let Some(unsynced) = self.state.unsynced() {
            unsynced.remove(id);
        }
        self.roster.remove(id);
        self.deadlines.cancel(&Timer::Member(id.clone()));
    }

    /// Answers a member's parked join or sync, if there is one, with a refusal.
    pub(super) fn refuse_parked(&mut self, id: &MemberId, why: &NotMember) {
        match &mut self.state {
            State::PreparingRebalance { joins, .. } => {
                if let Some(waiter) = joins.remove(id) {
                    self.reply(waiter, Reply::Join(Err(JoinError::NotMember(why.clone()))));
                }
            }
            State::CompletingRebalance { syncs, .. } => {
                if let Some(waiter) = syncs.remove(id) {
                    self.reply(waiter, Reply::Sync(Err(SyncError::NotMember(why.clone()))));
                }
            }
            State::Empty { .. } | State::Stable { .. } => {}
        }
    }

    /// Tells members that wait to go and find the coordinator again.
    pub(super) fn send_away(&mut self, now: Now) {
        let why = Unavailable::Stopping;
        self.refuse_syncs(&why.into(), now);
        if let State::PreparingRebalance { joins, .. } = &mut self.state {
            for waiter in std::mem::take(joins).into_values() {
                self.reply(waiter, Reply::Join(Err(why.into())));
            }
        }
    }

    /// The remaining members share what the removed ones had.
    pub(super) fn rebalance_after_removal(&mut self, now: Now) {
        if !matches!(self.state, State::Empty { .. }) {
            self.prepare_rebalance(now);
        }
        self.complete_join_if_ready(now);
    }

    /// A new member waits for its first join to be answered, and has no session until then.
    pub(super) fn start_first_join(&mut self, id: &MemberId, now: Now) {
        let deadline = now.after(self.config.new_member_join_timeout);
        self.deadlines.set(Timer::Member(id.clone()), deadline);
    }

    fn start_sessions(&mut self, now: Now) {
        for member in self.roster.iter() {
            let timer = Timer::Member(member.id.clone());
            self.deadlines.set(timer, now.after(member.session_timeout));
        }
    }

    /// The member has just been heard of.
    pub(super) fn start_session(&mut self, id: &MemberId, now: Now) {
        if let Some(member) = self.roster.get(id) {
            let deadline = now.after(member.session_timeout);
            self.deadlines.set(Timer::Member(id.clone()), deadline);
        }
    }
}
