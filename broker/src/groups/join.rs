//! `JoinGroup`: who may join, under which id, and whether the group must rebalance for it.

use std::collections::HashSet;
use std::sync::Arc;

use super::deadlines::Timer;
use super::error::{JoinError, LimitReached, NotMember};
use super::event::{Now, Reply, Waiter};
use super::group::Group;
use super::member::{Member, protocol_bytes};
use super::request::{JoinRequest, Joined, Protocol};
use super::state::{Barrier, State};
use crate::model::MemberId;

impl Group {
    /// Answers or parks a join; an error is for the caller to answer.
    pub(super) fn join(
        &mut self,
        waiter: Waiter,
        fresh: MemberId,
        mut request: JoinRequest,
        now: Now,
    ) -> Result<(), JoinError> {
        request.protocols = distinct(request.protocols);
        self.admit(&request, now)?;
        if !self.is_compatible(&request) {
            return Err(JoinError::InconsistentProtocol);
        }
        match (request.member.clone(), request.instance.clone()) {
            (Some(id), None) if self.pending.remove(&id) => self.add(waiter, id, request, now),
            (Some(id), _) => return self.rejoin(waiter, id, request, now),
            (None, Some(instance)) => match self.roster.owner(&instance).cloned() {
                Some(old) => self.replace(waiter, instance, (old, fresh), request, now),
                None => self.add(waiter, fresh, request, now),
            },
            (None, None) if request.requires_known_member => {
                let timer = Timer::Member(fresh.clone());
                self.deadlines
                    .set(timer, now.after(request.session_timeout));
                self.pending.insert(fresh.clone());
                return Err(JoinError::MemberIdRequired { member: fresh });
            }
            (None, None) => self.add(waiter, fresh, request, now),
        }
        Ok(())
    }

    /// Whether there is room. A member that finds none when it joins again is out, since the
    /// limit was lowered or newer ones came first.
    fn admit(&mut self, request: &JoinRequest, now: Now) -> Result<(), LimitReached> {
        let member = request.member.as_ref();
        let max = self.config.members_per_group_max;
        let is_member = member.is_some_and(|member| self.roster.contains(member));
        let is_pending = member.is_some_and(|member| self.pending.contains(member));
        let pending = self.pending.len() - usize::from(is_pending);
        let is_admitted = match &self.state {
            State::Empty { .. } => pending < max,
            // Only who has joined counts: the others may be gone.
            State::PreparingRebalance { joins, .. } => {
                member.is_some_and(|member| joins.contains_key(member))
                    || joins.len() + pending < max
            }
            State::CompletingRebalance { .. } | State::Stable { .. } => {
                is_member || self.roster.len() + pending < max
            }
        };
        if !is_admitted {
            if let Some(member) = member.filter(|_| is_member).cloned() {
                self.remove(&member, &NotMember::Unknown);
                self.rebalance_after_removal(now);
            }
            return Err(LimitReached::Members { max });
        }
        self.admit_bytes(request)
    }

    fn admit_bytes(&self, request: &JoinRequest) -> Result<(), LimitReached> {
        let max = self.config.member_bytes_per_group_max;
        let member = request.member.as_ref().and_then(|id| self.roster.get(id));
        let before = member.map_or(0, |member| protocol_bytes(&member.protocols));
        let bytes = self.roster.bytes() - before + protocol_bytes(&request.protocols);
        if bytes > max {
            return Err(LimitReached::MemberBytes { bytes, max });
        }
        if bytes.saturating_sub(self.roster.bytes()) > self.room {
            let max = self.config.memory_max;
            return Err(LimitReached::Memory { max });
        }
        Ok(())
    }

    fn is_compatible(&self, request: &JoinRequest) -> bool {
        if self.roster.is_empty() {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && self.roster.supports_any(&request.protocols)
    }

    /// Takes in a new member, which always rebalances.
    fn add(&mut self, waiter: Waiter, id: MemberId, request: JoinRequest, now: Now) {
        if self.roster.is_empty() {
            self.protocol_type = Some(Arc::clone(&request.protocol_type));
        }
        self.roster.insert(Member::new(id.clone(), request));
        if let State::PreparingRebalance {
            barrier: Barrier::Arrivals { grown, .. },
            ..
        } = &mut self.state
        {
            *grown = true;
        }
        self.start_first_join(&id, now);
        self.park(waiter, id, now);
    }

    /// A member joins again. Nothing is rebalanced for one that only missed the answer.
    fn rejoin(
        &mut self,
        waiter: Waiter,
        id: MemberId,
        request: JoinRequest,
        now: Now,
    ) -> Result<(), JoinError> {
        let member = self.roster.check(&id, request.instance.as_ref())?;
        let is_same = member.protocols == request.protocols;
        let is_leader = self.roster.leader() == Some(&id);
        let needs_rebalance = match &self.state {
            State::CompletingRebalance { .. } => !is_same,
            // A leader that joins again asks for a new assignment.
            State::Stable { .. } => !is_same || is_leader,
            State::Empty { .. } | State::PreparingRebalance { .. } => true,
        };
        if needs_rebalance {
            self.roster.update(&id, request);
            self.park(waiter, id, now);
        } else {
            let joined = self.joined(&id);
            self.reply(waiter, Reply::Join(Ok(joined)));
        }
        Ok(())
    }

    /// Parks a member's join until the rebalance completes.
    pub(super) fn park(&mut self, waiter: Waiter, id: MemberId, now: Now) {
        self.prepare_rebalance(now);
        if let State::PreparingRebalance { joins, .. } = &mut self.state
            && let Some(before) = joins.insert(id, waiter)
        {
            self.reply(before, Reply::Join(Err(JoinError::Superseded)));
        }
        self.complete_join_if_ready(now);
    }

    /// What a member is told of the present generation.
    pub(super) fn joined(&self, id: &MemberId) -> Joined {
        let protocol = self.state.protocol().map(Arc::clone).unwrap_or_default();
        let leader = self.roster.leader().unwrap_or(id).clone();
        Joined {
            members: if leader == *id {
                self.roster.joined(&protocol)
            } else {
                Vec::new()
            },
            member: id.clone(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol,
            leader,
            skip_assignment: false,
        }
    }
}

/// The first of each name: a protocol named twice must not count twice in the vote.
fn distinct(mut protocols: Vec<Protocol>) -> Vec<Protocol> {
    let mut seen = HashSet::new();
    protocols.retain(|protocol| seen.insert(Arc::clone(&protocol.name)));
    protocols
}
