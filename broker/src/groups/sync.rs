//! `SyncGroup` and `Heartbeat`: members get their assignments, and stay alive.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::change::Change;
use super::deadlines::Timer;
use super::error::{
    HeartbeatError, IllegalGeneration, LimitReached, NotMember, SyncError, Unavailable,
};
use super::event::{Now, Reply, Ticket, Waiter};
use super::group::Group;
use super::request::{HeartbeatRequest, SyncRequest, Synced};
use super::state::State;
use super::write::Then;
use crate::model::{Generation, MemberId};

impl Group {
    /// Answers or parks a sync; an error is for the caller to answer.
    pub(super) fn sync(
        &mut self,
        waiter: Waiter,
        request: SyncRequest,
        now: Now,
    ) -> Result<(), SyncError> {
        let member = request.caller.member.clone();
        self.roster
            .check(&member, request.caller.instance.as_ref())?;
        self.check_generation(request.generation)?;
        self.check_protocol(&request)?;
        match &self.state {
            // Who is checked is a member, so the group is not empty.
            State::Empty { .. } => Err(NotMember::Unknown.into()),
            State::PreparingRebalance { .. } => Err(SyncError::RebalanceInProgress),
            State::CompletingRebalance { .. } => {
                if self.roster.leader() == Some(&member) {
                    self.assign(request.assignments, now)?;
                }
                self.await_assignment(member, waiter);
                Ok(())
            }
            State::Stable { .. } => {
                self.synced(&member);
                self.start_session(&member, now);
                let synced = self.assignment(&member);
                self.reply(waiter, Reply::Sync(Ok(synced)));
                Ok(())
            }
        }
    }

    pub(super) fn check_generation(&self, asked: Generation) -> Result<(), IllegalGeneration> {
        let current = self.generation;
        if asked != current {
            return Err(IllegalGeneration { asked, current });
        }
        Ok(())
    }

    fn check_protocol(&self, request: &SyncRequest) -> Result<(), SyncError> {
        let differs = |asked: &Option<Arc<str>>, actual: Option<&Arc<str>>| {
            asked.is_some() && actual.is_some() && asked.as_ref() != actual
        };
        if differs(&request.protocol_type, self.protocol_type.as_ref())
            || differs(&request.protocol, self.state.protocol())
        {
            return Err(SyncError::InconsistentProtocol);
        }
        Ok(())
    }

    /// Writes what the leader assigned. A leader that asks twice is heard once.
    fn assign(&mut self, assignments: Vec<(MemberId, Bytes)>, now: Now) -> Result<(), SyncError> {
        if let State::CompletingRebalance {
            assigning: Some(_), ..
        } = &self.state
        {
            return Ok(());
        }
        let assigned: usize = assignments.iter().map(|(_, bytes)| bytes.len()).sum();
        let before: usize = self
            .roster
            .iter()
            .map(|member| member.assignment.len())
            .sum();
        let bytes = self.roster.bytes() - before + assigned;
        let max = self.config.member_bytes_per_group_max;
        if bytes > max {
            return Err(LimitReached::MemberBytes { bytes, max }.into());
        }
        let assignments: HashMap<_, _> = assignments.into_iter().collect();
        self.roster.assign(&assignments);
        let changes = vec![Change::Group(self.metadata(now))];
        let ticket = self.write(changes, Then::Assign);
        if let State::CompletingRebalance { assigning, .. } = &mut self.state {
            *assigning = Some(ticket);
        }
        Ok(())
    }

    fn await_assignment(&mut self, member: MemberId, waiter: Waiter) {
        self.synced(&member);
        if let State::CompletingRebalance { syncs, .. } = &mut self.state
            && let Some(before) = syncs.insert(member, waiter)
        {
            self.reply(before, Reply::Sync(Err(SyncError::RebalanceInProgress)));
        }
    }

    /// The member has asked for its assignment; the barrier falls with the last one.
    fn synced(&mut self, member: &MemberId) {
        if let Some(unsynced) = self.state.unsynced() {
            unsynced.remove(member);
            if unsynced.is_empty() {
                self.deadlines.cancel(&Timer::Sync);
            }
        }
    }

    /// The assignment is durable: the group is stable, unless a rebalance came in between.
    pub(super) fn hand_out_assignments(&mut self, ticket: Ticket, now: Now) {
        let State::CompletingRebalance {
            protocol,
            syncs,
            unsynced,
            assigning,
        } = &mut self.state
        else {
            return;
        };
        if *assigning != Some(ticket) {
            return;
        }
        let syncs = std::mem::take(syncs);
        self.state = State::Stable {
            protocol: Arc::clone(protocol),
            unsynced: std::mem::take(unsynced),
        };
        for (member, waiter) in syncs {
            self.start_session(&member, now);
            let synced = self.assignment(&member);
            self.reply(waiter, Reply::Sync(Ok(synced)));
        }
    }

    /// The assignment cannot be stored: nobody gets it, and all have to join again.
    pub(super) fn withhold_assignments(&mut self, ticket: Ticket, now: Now) {
        if let State::CompletingRebalance { assigning, .. } = &self.state
            && *assigning == Some(ticket)
        {
            self.refuse_syncs(&Unavailable::Storage.into(), now);
            self.prepare_rebalance(now);
        }
    }

    fn assignment(&self, member: &MemberId) -> Synced {
        let assignment = self
            .roster
            .get(member)
            .map(|member| member.assignment.clone());
        Synced {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.state.protocol().map(Arc::clone).unwrap_or_default(),
            assignment: assignment.unwrap_or_default(),
        }
    }

    /// A member is alive.
    pub(super) fn heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        now: Now,
    ) -> Result<(), HeartbeatError> {
        let caller = &request.caller;
        self.roster
            .check(&caller.member, caller.instance.as_ref())?;
        self.check_generation(request.generation)?;
        self.touch(&caller.member, now);
        if matches!(self.state, State::PreparingRebalance { .. }) {
            return Err(HeartbeatError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Prolongs a session, except that of a new member whose join is parked: it has none yet.
    pub(super) fn touch(&mut self, id: &MemberId, now: Now) {
        if self.roster.get(id).is_some_and(|member| !member.is_new) {
            self.start_session(id, now);
        }
    }
}
