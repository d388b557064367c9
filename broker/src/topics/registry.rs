//! The topics of a data directory.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::compaction::Compaction;
use super::metadata_log::MetadataLog;
use super::partition::PartitionContext;
use super::recovery_report::RecoveryReport;
use super::saver::Saver;
use super::topic_config::{Settings, TopicConfig, check_sizes};
use super::upkeep::Graveyard;
use super::{CreateTopicError, Partition, Topic};
use crate::clock::Clock;
use crate::log::{
    Checkpoint, CommitLogConfig, DamageNews, DataDirectory, FlushQueue, LogContext, LossKind,
    Space, SpaceConfig, StorageError,
};
use crate::model::{PartitionId, ProducerId, TopicName, Uuid};

/// What the registry is told by the broker's configuration.
#[derive(Clone, Debug)]
pub struct TopicsConfig {
    /// The data directory, which is created if need be.
    pub directory: PathBuf,
    /// Id of this broker in the cluster; a directory of another id is refused.
    pub node_id: i32,
    /// Topics there may be.
    pub topics_max: usize,
    /// Partitions there may be, of all topics together.
    pub partitions_max: usize,
    /// Idempotent producers that all partitions together may know, beside the share of each.
    pub producers_max: usize,
    /// How often records of durability `interval` are brought to the disk.
    pub sync_interval: Duration,
    /// The size of the commit log.
    pub commit_log: CommitLogConfig,
    /// How much of the disk is to stay free.
    pub space: SpaceConfig,
    /// Defaults of this broker where they are not Kafka's, by topic-level key.
    pub defaults: Settings,
}

/// A topic to be created.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// Number of its partitions, at least 1.
    pub partitions: i32,
    /// Its own settings.
    pub configs: Settings,
}

/// Whether a change is carried out or only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Carry it out, durably.
    Yes,
    /// Say whether it would be (`validate_only`).
    ValidateOnly,
}

/// The registry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Topics(pub(super) Arc<Registry>);

/// What the registry consists of.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) config: TopicsConfig,
    pub(super) defaults: Arc<Settings>,
    pub(super) clock: Clock,
    pub(super) directory: DataDirectory,
    pub(super) report: RecoveryReport,
    pub(super) log_context: Arc<LogContext>,
    pub(super) queue: Arc<FlushQueue>,
    pub(super) metadata: Arc<MetadataLog>,
    pub(super) partition_context: Arc<PartitionContext>,
    pub(super) catalog: Arc<RwLock<Catalog>>,
    /// Held while topics are created, deleted or altered: one change at a time.
    pub(super) changes: Arc<tokio::sync::Mutex<()>>,
    pub(super) graveyard: Mutex<Graveyard>,
    pub(super) checkpoint: Arc<Checkpoint>,
    pub(super) space: Arc<Space>,
    /// Saves what a start needs; by one at a time are files tended or left.
    pub(super) saver: Arc<Saver>,
    /// Held while a log is compacted: one at a time.
    pub(super) compaction: Mutex<Compaction>,
    /// They end in this order.
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What exists.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    by_name: BTreeMap<TopicName, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
    /// Names by what collides with them.
    by_collision_key: HashMap<String, TopicName>,
    pub(super) partition_count: usize,
}

impl Catalog {
    pub(super) fn insert(&mut self, topic: Arc<Topic>) {
        let name = topic.name().clone();
        self.partition_count += topic.partitions().len();
        self.by_collision_key
            .insert(name.collision_key(), name.clone());
        self.by_id.insert(topic.id(), Arc::clone(&topic));
        self.by_name.insert(name, topic);
    }

    pub(super) fn remove(&mut self, topic: &Topic) {
        self.partition_count = self
            .partition_count
            .saturating_sub(topic.partitions().len());
        self.by_collision_key.remove(&topic.name().collision_key());
        self.by_id.remove(&topic.id());
        self.by_name.remove(topic.name());
    }

    pub(super) fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        // What is longer is not worth to be hashed, for each partition that is asked for.
        if name.len() > TopicName::LENGTH_MAX {
            return None;
        }
        self.by_name.get(name)
    }

    /// The name there is that differs from `name` in `.` against `_` alone, or not at all.
    pub(super) fn colliding(&self, name: &TopicName) -> Option<&TopicName> {
        self.by_collision_key.get(&name.collision_key())
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    pub(super) fn has(&self, topic: Uuid) -> bool {
        self.by_id.contains_key(&topic)
    }

    pub(super) fn topic_count(&self) -> usize {
        self.by_name.len()
    }
}

impl Topics {
    /// Id of the cluster, made once for the data directory: 22 characters.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        self.0.directory.cluster_id()
    }

    /// Idempotent producers that the partitions know, and how many they may, beside the share of each.
    #[must_use]
    pub fn producers(&self) -> (usize, usize) {
        (
            self.0.partition_context.producers.known(),
            self.0.config.producers_max,
        )
    }

    /// The largest id below `end` of an idempotent producer that a partition knows. A client may make up any.
    pub(crate) fn largest_producer_id(&self, end: ProducerId) -> Option<ProducerId> {
        let topics = self.list();
        let of_topic = |topic: &Arc<Topic>| {
            let partitions = topic.partitions();
            let of_each = partitions.iter();
            of_each.filter_map(|it| it.largest_producer_id(end)).max()
        };
        topics.iter().filter_map(of_topic).max()
    }

    /// Whether the data directory was made just now.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.0.directory.is_new()
    }

    /// What opening the directory found.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryReport {
        &self.0.report
    }

    /// The topic of this name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.0.catalog.read().topic(name).cloned()
    }

    /// The topic of this id.
    #[must_use]
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.0.catalog.read().by_id.get(&id).cloned()
    }

    /// The partition of this topic and number.
    #[must_use]
    pub fn partition(&self, topic: &str, partition: PartitionId) -> Option<Arc<Partition>> {
        self.0.catalog.read().topic(topic)?.partition(partition)
    }

    /// All topics, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Topic>> {
        self.0.catalog.read().topics().cloned().collect()
    }

    /// The configuration a topic of this name and these settings would have.
    ///
    /// # Errors
    /// [`CreateTopicError::InvalidConfig`].
    pub fn resolve(
        &self,
        name: &TopicName,
        configs: Settings,
    ) -> Result<TopicConfig, CreateTopicError> {
        check_sizes(&configs, &Settings::new())?;
        let defaults = Arc::clone(&self.0.defaults);
        Ok(TopicConfig::of(name, defaults, configs)?)
    }

    /// The room on its disk.
    #[must_use]
    pub fn space(&self) -> &Arc<Space> {
        &self.0.space
    }

    /// Tells `observer` of damage that is found from now on, and how much there is. The first one stays.
    pub fn observe_damage(&self, observer: impl Fn(DamageNews<'_>) + Send + Sync + 'static) {
        self.0.log_context.damages.observe(observer);
    }

    /// Damaged extents of the commit log that are kept, and one more where the start missed all that it needed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn damaged_extents(&self) -> Result<usize, StorageError> {
        let directory = self.0.directory.damaged_extents();
        let kept = self.0.log_context.list(&directory)?.len();
        let losses = self.recovery().losses.iter();
        let gone = losses.filter(|loss| loss.kind == LossKind::Extents);
        Ok(kept.saturating_add(gone.count()))
    }

    /// Resolves when the disk failed: nothing is acknowledged any more, and the process should end.
    pub async fn failed(&self) -> StorageError {
        let mut failure = self.0.queue.watch_failure();
        loop {
            if let Some(error) = failure.borrow_and_update().clone() {
                return error;
            }
            if failure.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
