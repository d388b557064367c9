//! What handlers call.
//!
//! A call may be dropped at any time: what it began goes on, and only its answer is lost.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::alarms::Alarms;
use super::config::GroupConfig;
use super::error::{
    CommitError, DeleteGroupError, DeleteOffsetsError, HeartbeatError, JoinError, LeaveError,
    SyncError, Unavailable,
};
use super::event::{Event, Reply, Request};
use super::load::{self, LoadError, Loaded};
use super::offsets::fetch_absent;
use super::offsets_topic::OffsetsTopic;
use super::registry::Registry;
use super::request::{
    CommitRequest, Committed, DeletedOffsets, FetchedTopic, HeartbeatRequest, JoinRequest, Joined,
    Leaver, Left, OffsetsQuery, SyncRequest, Synced,
};
use super::stats::GroupStats;
use super::view::{Description, Listing};
use crate::clock::Clock;
use crate::model::{GroupId, MemberId, PartitionId, TopicName};
use crate::telemetry::GroupsLoaded;
use crate::topics::Topics;

/// Groups visited between two moments in which other tasks may run.
const SWEEP_CHUNK: usize = 64;

/// The coordinator of all groups. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Coordinator(Arc<Registry>);

impl Coordinator {
    /// Restores the groups from `__consumer_offsets`, with their members, and starts to watch over
    /// them on the present tokio runtime.
    ///
    /// # Errors
    /// [`LoadError`]; nobody may be served then, since offsets would seem not to exist.
    pub async fn load(
        config: GroupConfig,
        topics: Topics,
        clock: Clock,
    ) -> Result<Self, LoadError> {
        let started = clock.now();
        let config = Arc::new(config);
        let sweep_interval = config.offsets_retention_check_interval;
        let offsets_topic = OffsetsTopic::new(topics.clone(), &config);
        let loaded = read_log(&offsets_topic, &config).await?;
        let vanished: Vec<TopicName> = loaded
            .topics()
            .into_iter()
            .filter(|topic| topics.topic(topic.as_str()).is_none())
            .collect();
        GroupsLoaded {
            groups: loaded.groups.len(),
            unknown_records: loaded.unknown_records,
            elapsed: clock.now().saturating_duration_since(started),
        }
        .emit();
        let registry = Arc::new(Registry::new(config, clock, offsets_topic, loaded));
        let alarms = Arc::clone(registry.alarms());
        tokio::spawn(watch(Arc::downgrade(&registry), alarms, sweep_interval));
        let coordinator = Self(registry);
        // A crash may have come between the deletion of a topic and that of its offsets.
        coordinator.topics_deleted(&vanished);
        Ok(coordinator)
    }

    /// Joins a group, and waits until the rebalance completes.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(&self, group: &GroupId, request: JoinRequest) -> Result<Joined, JoinError> {
        if group.is_empty() {
            return Err(JoinError::InvalidGroupId);
        }
        self.0.check_session_timeout(request.session_timeout)?;
        self.0.check_room(group)?;
        self.0.topic().ensure().await?;
        let fresh = fresh_member_id(&request);
        let request = Request::Join { fresh, request };
        let reply = self.0.ask(group, request).await?;
        let Reply::Join(result) = reply else {
            return Err(UNASKED.into());
        };
        result
    }

    /// Gets a member's assignment, and waits until the leader's is durable.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn sync(&self, group: &GroupId, request: SyncRequest) -> Result<Synced, SyncError> {
        if group.is_empty() {
            return Err(SyncError::InvalidGroupId);
        }
        let reply = self.0.ask(group, Request::Sync(request)).await?;
        let Reply::Sync(result) = reply else {
            return Err(UNASKED.into());
        };
        result
    }

    /// Keeps a member alive.
    ///
    /// # Errors
    /// [`HeartbeatError`].
    pub async fn heartbeat(
        &self,
        group: &GroupId,
        request: HeartbeatRequest,
    ) -> Result<(), HeartbeatError> {
        if group.is_empty() {
            return Err(HeartbeatError::InvalidGroupId);
        }
        let reply = self.0.ask(group, Request::Heartbeat(request)).await?;
        let Reply::Heartbeat(result) = reply else {
            return Err(UNASKED.into());
        };
        result
    }

    /// Removes members; what became of each comes in the order of the request.
    ///
    /// # Errors
    /// [`LeaveError`].
    pub async fn leave(&self, group: &GroupId, leavers: Vec<Leaver>) -> Result<Left, LeaveError> {
        if group.is_empty() {
            return Err(LeaveError::InvalidGroupId);
        }
        let reply = self.0.ask(group, Request::Leave(leavers)).await?;
        let Reply::Leave(left) = reply else {
            return Err(UNASKED.into());
        };
        Ok(left)
    }

    /// Commits offsets, and waits until they are durable. What became of each comes in the order of
    /// the request. The empty group name is legal here.
    ///
    /// # Errors
    /// [`CommitError`]; nothing was committed then.
    pub async fn commit_offsets(
        &self,
        group: &GroupId,
        request: CommitRequest,
    ) -> Result<Committed, CommitError> {
        self.0.check_room(group)?;
        self.0.topic().ensure().await?;
        let reply = self.0.ask(group, Request::Commit(request)).await?;
        let Reply::Commit(result) = reply else {
            return Err(UNASKED.into());
        };
        result
    }

    /// The committed offsets of a group; none of a group that does not exist. Reads memory alone.
    #[must_use]
    pub fn fetch_offsets(&self, group: &GroupId, query: &OffsetsQuery) -> Vec<FetchedTopic> {
        let fetched = self.0.view(group, |group| group.offsets.fetch(query));
        fetched.unwrap_or_else(|| fetch_absent(query))
    }

    /// Deletes offsets, and waits until that is durable. What became of each comes in the order of
    /// the request.
    ///
    /// # Errors
    /// [`DeleteOffsetsError`]; nothing was deleted then.
    pub async fn delete_offsets(
        &self,
        group: &GroupId,
        partitions: Vec<(TopicName, PartitionId)>,
    ) -> Result<DeletedOffsets, DeleteOffsetsError> {
        if group.is_empty() {
            return Err(DeleteOffsetsError::InvalidGroupId);
        }
        let reply = self
            .0
            .ask(group, Request::DeleteOffsets(partitions))
            .await?;
        let Reply::DeleteOffsets(result) = reply else {
            return Err(UNASKED.into());
        };
        result
    }

    /// Deletes a group without members and its offsets, and waits until that is durable.
    ///
    /// # Errors
    /// [`DeleteGroupError`].
    pub async fn delete_group(&self, group: &GroupId) -> Result<(), DeleteGroupError> {
        let reply = self.0.ask(group, Request::Delete).await?;
        let Reply::Delete(result) = reply else {
            return Err(UNASKED.into());
        };
        result
    }

    /// A group in full; `None` if there is none, which Kafka describes as `Dead`.
    #[must_use]
    pub fn describe(&self, group: &GroupId) -> Option<Description> {
        self.0.view(group, super::group::Group::description)
    }

    /// All groups, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Listing> {
        let mut ids = self.0.ids();
        ids.sort_unstable();
        let groups = ids.iter();
        groups
            .filter_map(|id| self.0.view(id, super::group::Group::listing))
            .collect()
    }

    /// Removes the offsets of deleted topics from all groups. Does not wait for the disk: the next
    /// start finds what a crash leaves.
    pub fn topics_deleted(&self, topics: &[TopicName]) {
        if topics.is_empty() {
            return;
        }
        let topics: Arc<[TopicName]> = topics.into();
        for id in self.0.ids() {
            self.0.step(&id, Event::TopicsDeleted(Arc::clone(&topics)));
        }
    }

    /// What the groups did and are.
    #[must_use]
    pub fn stats(&self) -> GroupStats {
        self.0.stats()
    }

    /// Sends away members that wait for a rebalance, and refuses whoever comes from now on. Commits
    /// on their way are still written and answered.
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// What the log holds, read away from the threads that serve connections.
async fn read_log(topic: &OffsetsTopic, config: &Arc<GroupConfig>) -> Result<Loaded, LoadError> {
    let Some(topic) = topic.get().map(Arc::clone) else {
        return Ok(Loaded::default());
    };
    let config = Arc::clone(config);
    let reading = tokio::task::spawn_blocking(move || load::load(&topic, config));
    reading.await.ok().ok_or(LoadError::Interrupted)?
}

/// Stands for a reply of another kind than was asked for, which no group gives: as if it had given
/// none.
const UNASKED: Unavailable = Unavailable::Stopping;

/// A new id as Kafka makes it: the client's name and something random.
fn fresh_member_id(request: &JoinRequest) -> MemberId {
    let random = uuid::Uuid::new_v4();
    let name = request
        .instance
        .as_ref()
        .map_or(&*request.client_id, |id| id.as_str());
    MemberId::parse(&format!("{name}-{random}")).unwrap_or_else(|_too_long| MemberId::from(random))
}

/// Wakes groups when something of theirs is due, until the coordinator is gone.
async fn watch(registry: Weak<Registry>, alarms: Arc<Alarms>, sweep_interval: Duration) {
    let mut next_sweep = tokio::time::Instant::now() + sweep_interval;
    loop {
        let next = alarms
            .next()
            .map_or(next_sweep, |alarm| next_sweep.min(alarm.into()));
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = alarms.changed() => {}
        }
        let Some(registry) = registry
            .upgrade()
            .filter(|registry| !registry.is_stopping())
        else {
            return;
        };
        registry.tick();
        if next_sweep <= tokio::time::Instant::now() {
            sweep(&registry).await;
            next_sweep = tokio::time::Instant::now() + sweep_interval;
        }
    }
}

/// Looks for expired offsets in all groups.
async fn sweep(registry: &Arc<Registry>) {
    for ids in registry.ids().chunks(SWEEP_CHUNK) {
        for id in ids {
            registry.step(id, Event::Sweep);
        }
        tokio::task::yield_now().await;
    }
}
