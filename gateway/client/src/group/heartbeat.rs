//! Heartbeats of all members, from one task.
//!
//! A member waits here until its next heartbeat is due; heartbeats share the link for coordination,
//! a bounded number at a time. The task ends when no member waits and begins again with the next.
//! When a member of this client joins or leaves, its brothers in the group look at once instead of at
//! their next heartbeat: else a group grown here would take a heartbeat interval to settle.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use sluice_protocol::messages::heartbeat::HeartbeatRequest;
use tokio::sync::Notify;

use super::member::{COORDINATOR_PAUSE, Member, Remedy};
use super::rebalance;
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::pool::Purpose;

/// Heartbeats on their way at a time.
const IN_FLIGHT_MAX: usize = 256;
/// How long after a join its brothers look: the coordinator must have seen the join.
const NUDGE_DELAY: Duration = Duration::from_millis(20);

/// When each member is due.
#[derive(Debug)]
pub(super) struct Scheduler {
    cluster: Arc<Cluster>,
    schedule: Mutex<Schedule>,
    earlier: Notify,
    numbers: AtomicU64,
}

#[derive(Debug, Default)]
struct Schedule {
    is_running: bool,
    waiting: BTreeMap<(Instant, u64), Weak<Member>>,
    /// The place in `waiting` of each member that waits.
    due: HashMap<u64, Instant>,
    /// All members by group.
    groups: HashMap<Arc<str>, Vec<Weak<Member>>>,
}

impl Schedule {
    fn place(&mut self, member: &Arc<Member>, at: Instant) {
        self.remove(member.number);
        self.due.insert(member.number, at);
        self.waiting.insert((at, member.number), member.downgrade());
    }

    fn remove(&mut self, number: u64) -> bool {
        let due = self.due.remove(&number);
        due.is_some_and(|at| self.waiting.remove(&(at, number)).is_some())
    }

    /// Takes a member that is due, or says when the next one is.
    fn take_due(&mut self, now: Instant) -> Result<Option<Arc<Member>>, Instant> {
        while let Some(entry) = self.waiting.first_entry() {
            let (at, number) = *entry.key();
            if at > now {
                return Err(at);
            }
            let member = entry.remove().upgrade();
            self.due.remove(&number);
            if member.is_some() {
                return Ok(member);
            }
        }
        Ok(None)
    }
}

impl Scheduler {
    pub(super) fn new(cluster: Arc<Cluster>) -> Arc<Self> {
        Arc::new(Self {
            cluster,
            schedule: Mutex::default(),
            earlier: Notify::new(),
            numbers: AtomicU64::new(0),
        })
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes a member known to its brothers.
    pub(super) fn enlist(&self, member: &Arc<Member>) {
        let mut schedule = self.schedule.lock();
        let brothers = schedule.groups.entry(member.group_name()).or_default();
        brothers.push(member.downgrade());
    }

    /// Forgets a member.
    pub(super) fn dismiss(&self, member: &Member) {
        let mut schedule = self.schedule.lock();
        schedule.remove(member.number);
        if let Some(brothers) = schedule.groups.get_mut(member.group()) {
            brothers.retain(|brother| {
                let brother = brother.upgrade();
                brother.is_some_and(|brother| brother.number != member.number)
            });
            if brothers.is_empty() {
                schedule.groups.remove(member.group());
            }
        }
    }

    /// Has a stable member send its next heartbeat in time.
    pub(super) fn schedule(self: &Arc<Self>, member: &Arc<Member>) {
        self.schedule_at(member, member.next_heartbeat());
    }

    fn schedule_at(self: &Arc<Self>, member: &Arc<Member>, at: Instant) {
        let mut schedule = self.schedule.lock();
        let first = schedule.waiting.first_key_value().map(|((at, _), _)| *at);
        schedule.place(member, at);
        let starts = !std::mem::replace(&mut schedule.is_running, true);
        drop(schedule);
        if starts {
            let scheduler = Arc::clone(self);
            self.cluster.runtime().spawn(scheduler.run());
        } else if first.is_none_or(|first| at < first) {
            self.earlier.notify_one();
        }
    }

    /// Has the brothers of a member that joins or leaves look at their group soon.
    pub(super) fn nudge(&self, member: &Member) {
        let at = Instant::now() + NUDGE_DELAY;
        let mut schedule = self.schedule.lock();
        let brothers = schedule.groups.get(member.group()).cloned();
        for brother in brothers.unwrap_or_default() {
            let Some(brother) = brother.upgrade() else {
                continue;
            };
            let due = schedule.due.get(&brother.number).copied();
            if due.is_some_and(|due| due > at) {
                schedule.place(&brother, at);
            }
        }
        drop(schedule);
        self.earlier.notify_one();
    }

    async fn run(self: Arc<Self>) {
        let mut beating = FuturesUnordered::new();
        loop {
            let next = if beating.len() < IN_FLIGHT_MAX {
                self.schedule.lock().take_due(Instant::now())
            } else {
                Ok(None)
            };
            let wake = match next {
                Ok(Some(member)) => {
                    beating.push(beat(member));
                    continue;
                }
                Ok(None) => None,
                Err(at) => Some(at),
            };
            if wake.is_none() && beating.is_empty() && self.stop() {
                return;
            }
            tokio::select! {
                Some(()) = beating.next(), if !beating.is_empty() => {}
                () = sleep_until(wake), if wake.is_some() => {}
                () = self.earlier.notified() => {}
            }
        }
    }

    /// Ends the task where nobody waits.
    fn stop(&self) -> bool {
        let mut schedule = self.schedule.lock();
        schedule.is_running = !schedule.waiting.is_empty();
        !schedule.is_running
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}

/// Sends the heartbeat of one member and does what the answer says.
async fn beat(member: Arc<Member>) {
    let scheduler = Arc::clone(member.scheduler());
    if member.is_outdated() {
        return rejoin(&member);
    }
    let Some(assignment) = member.assignment() else {
        // Whatever ended the stable phase schedules the member again, or nobody does.
        return;
    };
    let Err(error) = send(&member, assignment.generation).await else {
        return scheduler.schedule(&member);
    };
    match Remedy::of(&error) {
        Remedy::Rejoin => rejoin(&member),
        Remedy::RejoinAsNew => {
            member.named("");
            rejoin(&member);
        }
        Remedy::FindCoordinator => {
            member.cluster().coordinators().forget(member.group());
            scheduler.schedule_at(&member, Instant::now() + COORDINATOR_PAUSE);
        }
        Remedy::Pause => scheduler.schedule_at(&member, Instant::now() + COORDINATOR_PAUSE),
        Remedy::Fail => member.fail(error),
    }
}

fn rejoin(member: &Arc<Member>) {
    if member.begin_rebalance() {
        rebalance::start(member);
    }
}

async fn send(member: &Arc<Member>, generation_id: i32) -> Result<(), ClientError> {
    let cluster = member.cluster();
    let request = HeartbeatRequest {
        group_id: member.group().to_owned(),
        generation_id,
        member_id: member.member_id().to_string(),
        group_instance_id: None,
    };
    let broker = cluster.coordinator(member.group()).await?;
    let response = cluster
        .call(broker, Purpose::Coordination, &request)
        .await?;
    ClientError::check(response.error_code, None)
}
