//! All groups, and what their steps ask for: the shell around [`Group`].
//!
//! Each group has its own lock, which is held while it steps and while its changes are given their
//! place in the log, so the log has them in the order of the steps; it is never held while
//! somebody waits. The locks of groups are taken before that of the map, never after.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::alarms::Alarms;
use super::change::Change;
use super::config::GroupConfig;
use super::error::{JoinError, LimitReached, Unavailable};
use super::event::{Effect, Event, Now, Reply, Request, Ticket, Waiter};
use super::group::Group;
use super::load::Loaded;
use super::offsets_topic::{OffsetsTopic, WriteError};
use super::stats::{Counters, GroupStats};
use crate::clock::Clock;
use crate::model::GroupId;
use crate::telemetry::GroupWriteFailed;

/// The groups of this broker.
#[derive(Debug)]
pub(crate) struct Registry {
    config: Arc<GroupConfig>,
    clock: Clock,
    topic: OffsetsTopic,
    slots: RwLock<HashMap<GroupId, Arc<Slot>>>,
    alarms: Arc<Alarms>,
    counters: Counters,
    unknown_records: u64,
    last_waiter: AtomicU64,
    is_stopping: AtomicBool,
    runtime: Handle,
}

/// Where a group is; nothing once it has been forgotten.
#[derive(Debug)]
struct Slot(Mutex<Option<Live>>);

/// A group and who waits for it.
#[derive(Debug)]
struct Live {
    group: Group,
    waiting: HashMap<Waiter, oneshot::Sender<Reply>>,
    /// When the group is in the queue of alarms.
    alarm: Option<Instant>,
    /// What it is counted with.
    bytes: usize,
}

impl Live {
    fn new(group: Group) -> Self {
        Self {
            group,
            waiting: HashMap::new(),
            alarm: None,
            bytes: 0,
        }
    }

    fn answer(&mut self, waiter: Waiter, reply: Reply) {
        if let Some(waiting) = self.waiting.remove(&waiter) {
            // Who asked may have gone away, which changes nothing.
            drop(waiting.send(reply));
        }
    }
}

impl Registry {
    /// Takes over the groups of the log. Must be called on the runtime that serves them.
    pub(crate) fn new(
        config: Arc<GroupConfig>,
        clock: Clock,
        topic: OffsetsTopic,
        loaded: Loaded,
    ) -> Self {
        let registry = Self {
            config,
            clock,
            topic,
            slots: RwLock::default(),
            alarms: Arc::default(),
            counters: Counters::default(),
            unknown_records: loaded.unknown_records,
            last_waiter: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
            runtime: Handle::current(),
        };
        for (id, mut group) in loaded.groups {
            group.resume(Now::read(&registry.clock));
            let mut live = Live::new(group);
            registry.settle(&id, &mut live);
            let slot = Arc::new(Slot(Mutex::new(Some(live))));
            registry.slots.write().insert(id, slot);
        }
        registry
    }

    pub(crate) const fn topic(&self) -> &OffsetsTopic {
        &self.topic
    }

    pub(crate) const fn alarms(&self) -> &Arc<Alarms> {
        &self.alarms
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Sends away all that wait, and refuses whoever comes. Writes on their way are still answered.
    pub(crate) fn stop(self: &Arc<Self>) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.alarms.wake();
        for id in self.ids() {
            self.step(&id, Event::Stop);
        }
    }

    pub(crate) fn ids(&self) -> Vec<GroupId> {
        self.slots.read().keys().cloned().collect()
    }

    pub(crate) fn stats(&self) -> GroupStats {
        let groups = self.slots.read().len();
        self.counters.read(groups, self.unknown_records)
    }

    pub(crate) fn check_session_timeout(&self, asked: Duration) -> Result<(), JoinError> {
        let (min, max) = (
            self.config.session_timeout_min,
            self.config.session_timeout_max,
        );
        if (min..=max).contains(&asked) {
            return Ok(());
        }
        Err(JoinError::InvalidSessionTimeout { asked, min, max })
    }

    /// Whether the group exists or may.
    pub(crate) fn check_room(&self, id: &GroupId) -> Result<(), LimitReached> {
        let max = self.config.groups_max;
        let slots = self.slots.read();
        if slots.len() >= max && !slots.contains_key(id) {
            return Err(LimitReached::Groups { max });
        }
        Ok(())
    }

    /// Asks a group for something, and waits for the answer.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        id: &GroupId,
        request: Request,
    ) -> Result<Reply, Unavailable> {
        if self.is_stopping() {
            return Err(Unavailable::Stopping);
        }
        let waiter = Waiter(self.last_waiter.fetch_add(1, Ordering::Relaxed));
        let absence = match request.founds_group() {
            true => Absence::Found,
            false => Absence::Pretend,
        };
        let room = self.config.memory_max;
        let event = Event::Asked {
            waiter,
            request,
            room: room.saturating_sub(self.counters.memory_bytes()),
        };
        let (sender, receiver) = oneshot::channel();
        self.enter(id, absence, |live| {
            live.waiting.insert(waiter, sender);
            self.step_live(id, live, event);
        });
        if self.is_stopping() {
            // It may have come between the flag and the turn of its group.
            self.step(id, Event::Stop);
        }
        receiver.await.ok().ok_or(Unavailable::Stopping)
    }

    /// Tells a group what happened, if it exists.
    pub(crate) fn step(self: &Arc<Self>, id: &GroupId, event: Event) {
        self.enter(id, Absence::Ignore, |live| self.step_live(id, live, event));
    }

    /// Looks at a group, if it exists.
    pub(crate) fn view<T>(&self, id: &GroupId, look: impl FnOnce(&Group) -> T) -> Option<T> {
        let slot = self.slot(id)?;
        let live = slot.0.lock();
        live.as_ref().map(|live| look(&live.group))
    }

    /// Ticks every group whose alarm went off.
    pub(crate) fn tick(self: &Arc<Self>) {
        for id in self.alarms.take_due(self.clock.now()) {
            self.enter(&id, Absence::Ignore, |live| {
                live.alarm = None;
                self.step_live(&id, live, Event::Tick);
            });
        }
    }

    /// Acts on a group under its lock, and forgets the group if nothing is left of it.
    fn enter(&self, id: &GroupId, absence: Absence, act: impl FnOnce(&mut Live)) {
        loop {
            let slot = match (self.slot(id), absence) {
                (Some(slot), _) => slot,
                (None, Absence::Ignore) => return,
                (None, Absence::Pretend) => return act(&mut self.vacant(id)),
                (None, Absence::Found) => self.found(id),
            };
            let mut guard = slot.0.lock();
            // A slot without a group was taken out of the map before its lock was released.
            let Some(live) = guard.as_mut() else {
                continue;
            };
            act(live);
            self.settle(id, live);
            if live.group.is_vacant() {
                self.forget(id, live);
                *guard = None;
            }
            return;
        }
    }

    fn slot(&self, id: &GroupId) -> Option<Arc<Slot>> {
        self.slots.read().get(id).map(Arc::clone)
    }

    fn vacant(&self, id: &GroupId) -> Live {
        Live::new(Group::new(id.clone(), Arc::clone(&self.config)))
    }

    fn found(&self, id: &GroupId) -> Arc<Slot> {
        let mut slots = self.slots.write();
        let slot = slots
            .entry(id.clone())
            .or_insert_with(|| Arc::new(Slot(Mutex::new(Some(self.vacant(id))))));
        Arc::clone(slot)
    }

    fn forget(&self, id: &GroupId, live: &Live) {
        self.counters.resize(live.bytes, 0);
        if let Some(alarm) = live.alarm {
            self.alarms.cancel(id, alarm);
        }
        self.slots.write().remove(id);
    }

    /// Brings the accounts up to date. An alarm that is too early is left: it costs one look.
    fn settle(&self, id: &GroupId, live: &mut Live) {
        let bytes = live.group.bytes();
        self.counters.resize(live.bytes, bytes);
        live.bytes = bytes;
        let Some(deadline) = live.group.next_deadline() else {
            return;
        };
        if live.alarm.is_none_or(|alarm| deadline < alarm) {
            self.alarms.set(id, live.alarm, deadline);
            live.alarm = Some(deadline);
        }
    }

    /// Steps a group and carries out what follows, in its order.
    fn step_live(self: &Arc<Self>, id: &GroupId, live: &mut Live, event: Event) {
        let now = Now::read(&self.clock);
        let mut effects = VecDeque::from(live.group.step(event, now));
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Reply(waiter, reply) => live.answer(waiter, reply),
                Effect::Count(occurrence) => self.counters.count(occurrence),
                Effect::Write { ticket, changes } => {
                    if let Err(error) = self.write(id, ticket, &changes, now) {
                        write_failed(id, &error);
                        effects.extend(live.group.step(Event::WriteFailed(ticket), now));
                    }
                }
            }
        }
    }

    /// Appends changes, and tells the group when they are durable, whoever waits for that or not.
    fn write(
        self: &Arc<Self>,
        id: &GroupId,
        ticket: Ticket,
        changes: &[Change],
        now: Now,
    ) -> Result<(), WriteError> {
        let appending = self.topic.append(id, changes, now.wall)?;
        let (registry, id) = (Arc::clone(self), id.clone());
        self.runtime.spawn(async move {
            let event = match appending.durable().await {
                Ok(_) => Event::Durable(ticket),
                Err(error) => {
                    write_failed(&id, &error.into());
                    Event::WriteFailed(ticket)
                }
            };
            registry.step(&id, event);
        });
        Ok(())
    }
}

fn write_failed(group: &GroupId, reason: &WriteError) {
    GroupWriteFailed {
        group,
        reason,
        is_full: reason.is_full(),
    }
    .emit();
}

/// What to do about a group that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    /// Nothing.
    Ignore,
    /// Let an empty one answer, which is not kept.
    Pretend,
    /// Keep a new one.
    Found,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.alarms.wake();
    }
}
