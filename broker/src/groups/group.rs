//! One group: a state machine without clock, disk or network.
//!
//! [`Group::step`] is told what happens and when, and says what follows. Invariants:
//! * a generation is given out once, by the join that completes it, and generations only grow;
//! * members get an assignment when its record is durable, and offsets become visible likewise;
//! * a member whose join or sync is parked is not expired for its silence, except a new one after
//!   [`GroupConfig::new_member_join_timeout`];
//! * an empty group is one without members: [`State::Empty`] and an empty roster imply each other
//!   between two steps, but for a first join that is still parked.
//!
//! The rules are Kafka's (broker.md 6, items 48 to 62). The files beside this one hold them by
//! operation: `join`, `static_member`, `rebalance`, `sync`, `leave`, `commit`, `expiry`, `write`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::change::{Change, GroupMetadata};
use super::config::GroupConfig;
use super::deadlines::{Deadlines, Timer};
use super::event::{Effect, Event, Now, Occurrence, Reply, Request, Ticket, Waiter};
use super::member::{Member, Roster};
use super::offsets::Offsets;
use super::state::State;
use super::write::Write;
use crate::model::{Generation, GroupId, MemberId};

/// What a group takes besides its members and offsets, roughly.
const GROUP_OVERHEAD_BYTES: usize = 2048;
/// What a promised place takes, roughly.
const PENDING_BYTES: usize = 256;

/// One group, of the classic protocol or of consumers that only commit offsets.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) id: GroupId,
    pub(super) config: Arc<GroupConfig>,
    pub(super) generation: Generation,
    /// Kind of group; `None` if nobody ever joined.
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) state: State,
    pub(super) roster: Roster,
    /// Ids given to members that must join again under them (KIP-394).
    pub(super) pending: BTreeSet<MemberId>,
    pub(super) deadlines: Deadlines,
    pub(super) offsets: Offsets,
    /// Whether the log holds a record of the group itself.
    pub(super) is_recorded: bool,
    /// Writes that are not durable yet, in the order of the log.
    pub(super) in_flight: VecDeque<Write>,
    pub(super) last_ticket: Ticket,
    /// Bytes it may grow by, as the present event says.
    pub(super) room: usize,
    pub(super) effects: Vec<Effect>,
}

impl Group {
    /// A group nobody has heard of yet.
    pub(crate) fn new(id: GroupId, config: Arc<GroupConfig>) -> Self {
        Self {
            id,
            config,
            generation: Generation(0),
            protocol_type: None,
            state: State::Empty { since: None },
            roster: Roster::default(),
            pending: BTreeSet::new(),
            deadlines: Deadlines::default(),
            offsets: Offsets::default(),
            is_recorded: false,
            in_flight: VecDeque::new(),
            last_ticket: Ticket(0),
            room: 0,
            effects: Vec::new(),
        }
    }

    /// Takes over a change from the log, at the start. Later ones follow; then [`Group::resume`].
    pub(crate) fn replay(&mut self, change: Change) {
        self.apply(&change);
        match change {
            Change::Group(metadata) => self.restore(metadata),
            Change::GroupRemoved => self.restore(GroupMetadata::default()),
            Change::Offset { .. } | Change::OffsetRemoved { .. } => {}
        }
    }

    /// Starts the sessions of restored members.
    pub(crate) fn resume(&mut self, now: Now) {
        for member in self.roster.iter() {
            let timer = Timer::Member(member.id.clone());
            self.deadlines.set(timer, now.after(member.session_timeout));
        }
    }

    /// What follows from an event.
    pub(crate) fn step(&mut self, event: Event, now: Now) -> Vec<Effect> {
        match event {
            Event::Asked {
                waiter,
                request,
                room,
            } => {
                self.room = room;
                self.ask(waiter, request, now);
            }
            Event::Durable(ticket) => self.complete_writes(ticket, now),
            Event::WriteFailed(ticket) => self.fail_write(ticket, now),
            Event::Tick => self.tick(now),
            Event::Sweep => self.sweep(now),
            Event::TopicsDeleted(topics) => self.forget_topics(&topics),
            Event::Stop => self.send_away(now),
        }
        std::mem::take(&mut self.effects)
    }

    fn ask(&mut self, waiter: Waiter, request: Request, now: Now) {
        match request {
            Request::Join { fresh, request } => {
                if let Err(error) = self.join(waiter, fresh, request, now) {
                    self.reply(waiter, Reply::Join(Err(error)));
                }
            }
            Request::Sync(request) => {
                if let Err(error) = self.sync(waiter, request, now) {
                    self.reply(waiter, Reply::Sync(Err(error)));
                }
            }
            Request::Heartbeat(request) => {
                let result = self.heartbeat(&request, now);
                self.reply(waiter, Reply::Heartbeat(result));
            }
            Request::Leave(leavers) => {
                let left = self.leave(&leavers, now);
                self.reply(waiter, Reply::Leave(left));
            }
            Request::Commit(request) => {
                if let Err(error) = self.commit(waiter, request, now) {
                    self.reply(waiter, Reply::Commit(Err(error)));
                }
            }
            Request::DeleteOffsets(partitions) => {
                if let Err(error) = self.delete_offsets(waiter, partitions) {
                    self.reply(waiter, Reply::DeleteOffsets(Err(error)));
                }
            }
            Request::Delete => {
                if let Err(error) = self.delete(waiter) {
                    self.reply(waiter, Reply::Delete(Err(error)));
                }
            }
        }
    }

    /// When the next [`Event::Tick`] is due.
    pub(crate) fn next_deadline(&self) -> Option<std::time::Instant> {
        self.deadlines.next()
    }

    /// Whether nothing would be lost if the group were forgotten.
    pub(crate) fn is_vacant(&self) -> bool {
        matches!(self.state, State::Empty { .. })
            && self.pending.is_empty()
            && self.offsets.is_empty()
            && self.in_flight.is_empty()
            && !self.is_recorded
    }

    /// What the group takes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        GROUP_OVERHEAD_BYTES
            + self.id.as_str().len()
            + self.pending.len() * PENDING_BYTES
            + self.roster.bytes()
            + self.offsets.bytes()
    }

    fn restore(&mut self, metadata: GroupMetadata) {
        self.generation = metadata.generation;
        self.protocol_type = Some(metadata.protocol_type).filter(|kind| !kind.is_empty());
        self.roster = Roster::default();
        self.state = State::Empty {
            since: metadata.since,
        };
        let Some(membership) = metadata.membership else {
            return;
        };
        for member in membership.members {
            let protocol = Arc::clone(&membership.protocol);
            self.roster.insert(Member::restored(member, protocol));
        }
        self.roster.elect(|member| *member == membership.leader);
        if !self.roster.is_empty() {
            self.state = State::Stable {
                protocol: membership.protocol,
                unsynced: BTreeSet::new(),
            };
        }
    }

    pub(super) fn reply(&mut self, waiter: Waiter, reply: Reply) {
        self.effects.push(Effect::Reply(waiter, reply));
    }

    pub(super) fn count(&mut self, occurrence: Occurrence) {
        self.effects.push(Effect::Count(occurrence));
    }
}
