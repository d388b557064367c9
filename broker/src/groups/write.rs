//! Writes of a group: issued in order, applied in order, answered when durable.

use std::sync::Arc;

use super::change::{Change, GroupMetadata, Membership, StoredMember};
use super::error::Unavailable;
use super::event::{Effect, Now, Reply, Ticket, Waiter};
use super::group::Group;
use super::state::State;
use super::static_member::Replacement;
use crate::model::{Generation, MemberId};

/// A write on its way to the disk.
#[derive(Debug)]
pub(crate) struct Write {
    ticket: Ticket,
    pub(super) changes: Arc<[Change]>,
    then: Then,
}

impl Write {
    /// Whether a static member's place depends on it.
    pub(super) fn replaces(&self, member: &MemberId) -> bool {
        match &self.then {
            Then::Replace(replacement) => replacement.is_of(member),
            Then::Nothing | Then::Reply(..) | Then::Assign => false,
        }
    }
}

/// What follows when a write is durable.
#[derive(Debug)]
pub(crate) enum Then {
    /// Nothing more.
    Nothing,
    /// Somebody is answered.
    Reply(Waiter, Reply),
    /// Members get their assignments.
    Assign,
    /// A static member gets its place.
    Replace(Replacement),
}

impl Group {
    pub(super) fn write(&mut self, changes: Vec<Change>, then: Then) -> Ticket {
        let ticket = Ticket(self.last_ticket.0 + 1);
        self.last_ticket = ticket;
        let changes: Arc<[Change]> = changes.into();
        self.effects.push(Effect::Write {
            ticket,
            changes: Arc::clone(&changes),
        });
        self.in_flight.push_back(Write {
            ticket,
            changes,
            then,
        });
        ticket
    }

    /// Applies every write up to `ticket`, since the log became durable in its order.
    pub(super) fn complete_writes(&mut self, ticket: Ticket, now: Now) {
        while let Some(write) = self.in_flight.pop_front_if(|write| write.ticket <= ticket) {
            for change in write.changes.iter() {
                self.apply(change);
            }
            match write.then {
                Then::Nothing => {}
                Then::Reply(waiter, reply) => self.reply(waiter, reply),
                Then::Assign => self.hand_out_assignments(write.ticket, now),
                Then::Replace(replacement) => self.complete_replacement(replacement, now),
            }
        }
    }

    pub(super) fn fail_write(&mut self, ticket: Ticket, now: Now) {
        let position = self
            .in_flight
            .iter()
            .position(|write| write.ticket == ticket);
        let Some(write) = position.and_then(|position| self.in_flight.remove(position)) else {
            return;
        };
        match write.then {
            Then::Nothing => {}
            Then::Reply(waiter, reply) => {
                self.reply(waiter, reply.unavailable(Unavailable::Storage));
            }
            Then::Assign => self.withhold_assignments(write.ticket, now),
            Then::Replace(replacement) => self.fail_replacement(&replacement, now),
        }
    }

    /// Takes over a durable change, except what a step did before it wrote.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Group(_) => self.is_recorded = true,
            Change::GroupRemoved => self.apply_removal(),
            Change::Offset {
                topic,
                partition,
                committed,
            } => self
                .offsets
                .insert(topic.clone(), *partition, committed.clone()),
            Change::OffsetRemoved { topic, partition } => self.offsets.remove(topic, *partition),
        }
    }

    fn apply_removal(&mut self) {
        self.is_recorded = false;
        // Members that joined while the removal was on its way keep the group alive.
        if matches!(self.state, State::Empty { .. }) && self.in_flight.is_empty() {
            self.generation = Generation(0);
            self.protocol_type = None;
            self.state = State::Empty { since: None };
        }
    }

    /// The group as it is stored.
    pub(super) fn metadata(&self, now: Now) -> GroupMetadata {
        let protocol = self.state.protocol().map(Arc::clone);
        let membership = protocol.zip(self.roster.leader().cloned());
        GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            since: Some(now.wall),
            membership: membership.map(|(protocol, leader)| Membership {
                members: self.stored_members(&protocol),
                protocol,
                leader,
            }),
        }
    }

    fn stored_members(&self, protocol: &str) -> Vec<StoredMember> {
        self.roster
            .iter()
            .map(|member| StoredMember {
                id: member.id.clone(),
                instance: member.instance.clone(),
                client_id: Arc::clone(&member.client_id),
                client_host: Arc::clone(&member.client_host),
                rebalance_timeout: member.rebalance_timeout,
                session_timeout: member.session_timeout,
                metadata: member.metadata(protocol),
                assignment: member.assignment.clone(),
            })
            .collect()
    }
}

impl Reply {
    /// The same kind of reply, saying that the coordinator cannot work.
    pub(crate) fn unavailable(&self, why: Unavailable) -> Self {
        match self {
            Self::Join(_) => Self::Join(Err(why.into())),
            Self::Sync(_) => Self::Sync(Err(why.into())),
            Self::Heartbeat(_) => Self::Heartbeat(Err(why.into())),
            Self::Leave(left) => Self::Leave(left.clone()),
            Self::Commit(_) => Self::Commit(Err(why.into())),
            Self::DeleteOffsets(_) => Self::DeleteOffsets(Err(why.into())),
            Self::Delete(_) => Self::Delete(Err(why.into())),
        }
    }
}
