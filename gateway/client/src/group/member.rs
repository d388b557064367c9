//! A member's row, and what the errors of its coordinator mean for it.
//!
//! Invariants: a member rebalances in one task at a time; it has an assignment only while it is
//! stable; a member that left or failed does nothing more.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluice_protocol::ErrorCode;
use tokio::sync::Notify;

use super::heartbeat::Scheduler;
use super::{Assignment, GroupConfig};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::offsets::Committer;

/// A member's row.
#[derive(Debug)]
pub(super) struct Member {
    /// Its number in the scheduler.
    pub(super) number: u64,
    cluster: Arc<Cluster>,
    scheduler: Arc<Scheduler>,
    group: Arc<str>,
    config: GroupConfig,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Topics wanted, sorted.
    topics: Arc<[Arc<str>]>,
    member_id: Arc<str>,
}

/// Where a member is in its life.
#[derive(Debug)]
enum Phase {
    /// Its task is joining. `previous` is what it had before, until that is revoked.
    Rebalancing { previous: Option<Arc<Assignment>> },
    /// It has its partitions.
    Stable {
        assignment: Arc<Assignment>,
        /// What its assignment was computed from, where it leads.
        led: Option<PartitionCounts>,
    },
    /// The group does not take it.
    Failed(ClientError),
    /// It left.
    Left,
}

/// Topics and how many partitions they had; 0 for a topic that did not exist.
pub(super) type PartitionCounts = Vec<(Arc<str>, i32)>;

/// What a member does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Join again with the same id.
    Rejoin,
    /// Join again as somebody new.
    RejoinAsNew,
    /// Ask again who coordinates, after a pause.
    FindCoordinator,
    /// Try again after a pause.
    Pause,
    /// Give up.
    Fail,
}

impl Remedy {
    /// The remedy for an error of a join, a synchronization or a heartbeat.
    pub(super) fn of(error: &ClientError) -> Self {
        let Some(code) = error.code() else {
            let is_final = matches!(
                error,
                ClientError::Unsupported { .. } | ClientError::Unsendable(_) | ClientError::Closed
            );
            return if is_final {
                Self::Fail
            } else if matches!(error, ClientError::Overloaded { .. }) {
                Self::Pause
            } else {
                Self::FindCoordinator
            };
        };
        let is = |codes: &[ErrorCode]| codes.contains(&code);
        if is(&[ErrorCode::RebalanceInProgress, ErrorCode::IllegalGeneration]) {
            Self::Rejoin
        } else if is(&[ErrorCode::UnknownMemberId]) {
            Self::RejoinAsNew
        } else if is(&[
            ErrorCode::NotCoordinator,
            ErrorCode::CoordinatorNotAvailable,
        ]) {
            Self::FindCoordinator
        } else if code.is_retriable() {
            Self::Pause
        } else {
            Self::Fail
        }
    }
}

impl Member {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        scheduler: &Arc<Scheduler>,
        mut config: GroupConfig,
    ) -> Arc<Self> {
        let topics = std::mem::take(&mut config.topics);
        let state = State {
            // Not rebalancing yet: the first start begins it.
            phase: Phase::Rebalancing { previous: None },
            topics: sorted(topics),
            member_id: "".into(),
        };
        let member = Arc::new(Self {
            number: scheduler.next_number(),
            cluster,
            scheduler: Arc::clone(scheduler),
            group: config.group.as_str().into(),
            config,
            state: Mutex::new(state),
            changed: Notify::new(),
        });
        scheduler.enlist(&member);
        member
    }

    pub(super) const fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    pub(super) const fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    pub(super) const fn config(&self) -> &GroupConfig {
        &self.config
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    pub(super) fn group_name(&self) -> Arc<str> {
        Arc::clone(&self.group)
    }

    pub(super) fn member_id(&self) -> Arc<str> {
        Arc::clone(&self.state.lock().member_id)
    }

    pub(super) fn topics(&self) -> Arc<[Arc<str>]> {
        Arc::clone(&self.state.lock().topics)
    }

    pub(super) fn assignment(&self) -> Option<Arc<Assignment>> {
        match &self.state.lock().phase {
            Phase::Stable { assignment, .. } => Some(Arc::clone(assignment)),
            Phase::Rebalancing { .. } | Phase::Failed(_) | Phase::Left => None,
        }
    }

    pub(super) fn failure(&self) -> Option<ClientError> {
        match &self.state.lock().phase {
            Phase::Failed(error) => Some(error.clone()),
            Phase::Left => Some(ClientError::kafka(ErrorCode::UnknownMemberId)),
            Phase::Rebalancing { .. } | Phase::Stable { .. } => None,
        }
    }

    pub(super) fn has_left(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Left)
    }

    /// See [`super::GroupMember::assigned`].
    pub(super) async fn assigned(&self) -> Result<Arc<Assignment>, ClientError> {
        loop {
            let changed = self.changed.notified();
            if let Some(assignment) = self.assignment() {
                return Ok(assignment);
            }
            if let Some(error) = self.failure() {
                return Err(error);
            }
            changed.await;
        }
    }

    /// See [`super::GroupMember::lost`].
    pub(super) async fn lost(&self, generation: i32) {
        loop {
            let changed = self.changed.notified();
            let assignment = self.assignment();
            if assignment.is_none_or(|assignment| assignment.generation != generation) {
                return;
            }
            changed.await;
        }
    }

    /// In whose name the member commits.
    pub(super) fn committer(&self) -> Result<Committer, ClientError> {
        let state = self.state.lock();
        let generation = match &state.phase {
            Phase::Stable { assignment, .. }
            | Phase::Rebalancing {
                previous: Some(assignment),
            } => assignment.generation,
            Phase::Rebalancing { previous: None } => {
                return Err(ClientError::kafka(ErrorCode::RebalanceInProgress));
            }
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Left => return Err(ClientError::kafka(ErrorCode::UnknownMemberId)),
        };
        Ok(Committer::Member {
            member_id: Arc::clone(&state.member_id),
            generation,
        })
    }

    /// Changes the topics. Answers whether a task must be started to join anew.
    pub(super) fn subscribe(&self, topics: Vec<String>) -> bool {
        let topics = sorted(topics);
        let mut state = self.state.lock();
        if state.topics == topics {
            return false;
        }
        state.topics = topics;
        // A task under way finds out by itself.
        drop(state);
        self.begin_rebalance()
    }

    /// Leaves the stable phase. Answers whether a task must be started.
    pub(super) fn begin_rebalance(&self) -> bool {
        let mut state = self.state.lock();
        let Phase::Stable { assignment, .. } = &state.phase else {
            return false;
        };
        let previous = Some(Arc::clone(assignment));
        state.phase = Phase::Rebalancing { previous };
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// What the member had before the rebalance, to be given up; only once.
    pub(super) fn previous(&self) -> Option<Arc<Assignment>> {
        match &self.state.lock().phase {
            Phase::Rebalancing { previous } => previous.clone(),
            Phase::Stable { .. } | Phase::Failed(_) | Phase::Left => None,
        }
    }

    /// Notes that what the member had is given up.
    pub(super) fn revoked(&self) {
        if let Phase::Rebalancing { previous } = &mut self.state.lock().phase {
            *previous = None;
        }
    }

    pub(super) fn is_rebalancing(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Rebalancing { .. })
    }

    pub(super) fn named(&self, member_id: &str) {
        let mut state = self.state.lock();
        if *state.member_id != *member_id {
            state.member_id = member_id.into();
        }
    }

    /// Ends a rebalance that gave the member partitions for `topics`. Answers whether the member
    /// must join again, because its topics changed meanwhile.
    pub(super) fn settle(
        &self,
        assignment: Assignment,
        led: Option<PartitionCounts>,
        topics: &Arc<[Arc<str>]>,
    ) -> bool {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Rebalancing { .. }) {
            return false;
        }
        let assignment = Arc::new(assignment);
        if state.topics != *topics {
            state.phase = Phase::Rebalancing {
                previous: Some(assignment),
            };
            return true;
        }
        state.phase = Phase::Stable { assignment, led };
        drop(state);
        self.changed.notify_waiters();
        false
    }

    /// Ends the member for an error it does not come back from.
    pub(super) fn fail(&self, error: ClientError) {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Left) {
            state.phase = Phase::Failed(error);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Ends the member for good. Answers its id, if the coordinator knows one and it had not left.
    pub(super) fn depart(&self) -> Option<Arc<str>> {
        let mut state = self.state.lock();
        let was = std::mem::replace(&mut state.phase, Phase::Left);
        let member_id = Arc::clone(&state.member_id);
        drop(state);
        self.changed.notify_waiters();
        self.scheduler.dismiss(self);
        let is_known = !member_id.is_empty() && !matches!(was, Phase::Left);
        is_known.then_some(member_id)
    }

    /// Whether topics the member led the assignment of have other partitions now.
    pub(super) fn is_outdated(&self) -> bool {
        let led = match &self.state.lock().phase {
            Phase::Stable { led: Some(led), .. } => led.clone(),
            Phase::Stable { led: None, .. }
            | Phase::Rebalancing { .. }
            | Phase::Failed(_)
            | Phase::Left => return false,
        };
        led.iter().any(|(name, count)| {
            let topic = self.cluster.cached_topic(name);
            if topic.is_none() {
                self.cluster
                    .refresh_later(crate::metadata::Scope::Topic(Arc::clone(name)));
            }
            topic.is_some_and(|topic| topic.partition_count() != *count)
        })
    }

    /// The time of the next heartbeat.
    pub(super) fn next_heartbeat(&self) -> Instant {
        Instant::now() + self.config.heartbeat_interval
    }

    pub(super) fn downgrade(self: &Arc<Self>) -> Weak<Self> {
        Arc::downgrade(self)
    }
}

/// How long a heartbeat waits before it asks for the coordinator again.
pub(super) const COORDINATOR_PAUSE: Duration = Duration::from_millis(200);

fn sorted(topics: Vec<String>) -> Arc<[Arc<str>]> {
    let mut topics: Vec<Arc<str>> = topics.into_iter().map(Into::into).collect();
    topics.sort_unstable();
    topics.dedup();
    topics.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_remedy() {
        for (code, remedy) in [
            (ErrorCode::RebalanceInProgress, Remedy::Rejoin),
            (ErrorCode::IllegalGeneration, Remedy::Rejoin),
            (ErrorCode::UnknownMemberId, Remedy::RejoinAsNew),
            (ErrorCode::NotCoordinator, Remedy::FindCoordinator),
            (ErrorCode::CoordinatorNotAvailable, Remedy::FindCoordinator),
            (ErrorCode::CoordinatorLoadInProgress, Remedy::Pause),
            (ErrorCode::InconsistentGroupProtocol, Remedy::Fail),
            (ErrorCode::GroupAuthorizationFailed, Remedy::Fail),
            (ErrorCode::InvalidSessionTimeout, Remedy::Fail),
            (ErrorCode::GroupMaxSizeReached, Remedy::Fail),
        ] {
            assert_eq!(Remedy::of(&ClientError::kafka(code)), remedy, "{code:?}");
        }
        assert_eq!(Remedy::of(&ClientError::Closed), Remedy::Fail);
        let gone = ClientError::UnknownBroker { id: 1 };
        assert_eq!(Remedy::of(&gone), Remedy::FindCoordinator);
    }
}
