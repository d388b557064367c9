//! Creating, deleting and altering topics: one change at a time, durable before it is visible.
//!
//! Until its event is queued a change can be given up. From there on it runs to its end, whether
//! somebody waits for it or not: what is in the metadata log is what is in memory. So everything
//! that can be refused is looked at before.

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::OwnedMutexGuard;

use super::fetch_waiters::FetchWaiters;
use super::metadata_event::MetadataEvent;
use super::partition::PartitionPlace;
use super::registry::Registry;
use super::topic_config::{Alteration, TopicConfig};
use super::{
    AddPartitionsError, AlterConfigError, Commit, CreateTopicError, DeleteTopicError, NewTopic,
    Partition, TooManyConfigs, Topic, Topics, to_its_end,
};
use crate::limits;
use crate::log::{
    DiskFull, FlushError, LogKey, LogOptions, LogRecovery, PartitionLog, RecoveredProducers,
    RecoveryPoint, StorageError, Unclean, id_text, random_id,
};
use crate::model::{PartitionId, TopicName, Uuid};

/// What is known of a partition before its log is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownStart {
    /// The first offset that may be read.
    pub(super) log_start: i64,
    /// How far it is durable.
    pub(super) recovery_point: RecoveryPoint,
    /// Whether it may have been compacted before its directory could tell.
    pub(super) was_compacted: bool,
    /// Whether its directory says whose it is, on the disk.
    pub(super) is_labelled: bool,
}

impl Topics {
    /// Creates a topic. It is durable before it is visible, and visible with all its partitions.
    /// With [`Commit::ValidateOnly`] returns `None` where it would be created.
    ///
    /// # Errors
    /// [`CreateTopicError`].
    pub async fn create(
        &self,
        topic: NewTopic,
        commit: Commit,
    ) -> Result<Option<Arc<Topic>>, CreateTopicError> {
        let turn = self.0.turn().await;
        self.0.check_new(&topic)?;
        let config = self.resolve(&topic.name, topic.configs.clone())?;
        self.0.check_configs(&config, None)?;
        if commit == Commit::ValidateOnly {
            return Ok(None);
        }
        self.0.take_room(&config)?;
        let id = random_id();
        let event = MetadataEvent::TopicCreated {
            id: id_text(id),
            name: topic.name.as_str().to_owned(),
            partitions: topic.partitions,
            configs: config.own().clone(),
            log_starts: Vec::new(),
        };
        let created = self.0.new_topic(id, topic, config);
        let (registry, visible) = (Arc::clone(&self.0), Arc::clone(&created));
        let then = async move {
            registry.catalog.write().insert(visible);
            Ok(())
        };
        self.0.commit(turn, event, then).await?;
        Ok(Some(created))
    }

    /// Deletes a topic, durably; what was being appended to it fails.
    ///
    /// # Errors
    /// [`DeleteTopicError`].
    pub async fn delete(&self, name: &TopicName) -> Result<Arc<Topic>, DeleteTopicError> {
        let turn = self.0.turn().await;
        let not_found = || DeleteTopicError::NotFound { name: name.clone() };
        let topic = self.topic(name.as_str()).ok_or_else(not_found)?;
        let id = id_text(topic.id());
        let (registry, buried) = (Arc::clone(&self.0), Arc::clone(&topic));
        let then = async move {
            registry.catalog.write().remove(&buried);
            registry.bury(&buried).await
        };
        let event = MetadataEvent::TopicDeleted { id };
        self.0.commit(turn, event, then).await?;
        Ok(topic)
    }

    /// Raises the number of partitions to `count`, durably.
    ///
    /// # Errors
    /// [`AddPartitionsError`].
    pub async fn add_partitions(
        &self,
        name: &TopicName,
        count: i32,
        commit: Commit,
    ) -> Result<(), AddPartitionsError> {
        let turn = self.0.turn().await;
        let not_found = || AddPartitionsError::NotFound { name: name.clone() };
        let topic = self.topic(name.as_str()).ok_or_else(not_found)?;
        let added = self.0.check_more_partitions(&topic, count)?;
        if commit == Commit::ValidateOnly {
            return Ok(());
        }
        let event = MetadataEvent::PartitionsAdded {
            id: id_text(topic.id()),
            partitions: count,
        };
        let mut partitions = topic.partitions().as_ref().clone();
        for id in (0..count).skip(partitions.len()) {
            partitions.push(self.0.new_partition(&topic, PartitionId(id)));
        }
        let registry = Arc::clone(&self.0);
        let then = async move {
            topic.set_partitions(partitions);
            registry.catalog.write().partition_count += added;
            Ok(())
        };
        Ok(self.0.commit(turn, event, then).await?)
    }

    /// Alters a topic's own settings, durably.
    ///
    /// # Errors
    /// [`AlterConfigError`].
    pub async fn alter_configs(
        &self,
        name: &TopicName,
        alteration: Alteration,
        commit: Commit,
    ) -> Result<(), AlterConfigError> {
        let turn = self.0.turn().await;
        let not_found = || AlterConfigError::NotFound { name: name.clone() };
        let topic = self.topic(name.as_str()).ok_or_else(not_found)?;
        let config = topic.config().altered(&alteration)?;
        self.0.check_configs(&config, Some(&topic.config()))?;
        if commit == Commit::ValidateOnly {
            return Ok(());
        }
        self.0.take_room(&config)?;
        let event = MetadataEvent::ConfigsReplaced {
            id: id_text(topic.id()),
            configs: config.own().clone(),
        };
        let then = async move {
            topic.set_config(config);
            Ok(())
        };
        Ok(self.0.commit(turn, event, then).await?)
    }
}

/// The right to change topics.
type Turn = OwnedMutexGuard<()>;

impl Registry {
    async fn turn(&self) -> Turn {
        Arc::clone(&self.changes).lock_owned().await
    }

    /// Makes an event durable and then does what follows from it, wholly even where nobody waits.
    async fn commit(
        &self,
        turn: Turn,
        event: MetadataEvent,
        then: impl Future<Output = Result<(), StorageError>> + Send + 'static,
    ) -> Result<(), StorageError> {
        let metadata = Arc::clone(&self.metadata);
        let change = async move {
            let _turn = turn;
            metadata.commit(&event).await?;
            then.await
        };
        to_its_end(change).await
    }

    fn check_new(&self, topic: &NewTopic) -> Result<(), CreateTopicError> {
        let catalog = self.catalog.read();
        if let Some(existing) = catalog.colliding(&topic.name) {
            let name = topic.name.clone();
            return Err(match *existing == name {
                true => CreateTopicError::AlreadyExists { name },
                false => CreateTopicError::Collides {
                    name,
                    existing: existing.clone(),
                },
            });
        }
        let partitions = topic.partitions;
        let asked = usize::try_from(partitions).unwrap_or_default();
        if asked < 1 {
            return Err(CreateTopicError::InvalidPartitions { partitions });
        }
        self.check_room(&topic.name)?;
        let limit = self.config.topics_max;
        if catalog.topic_count() >= limit {
            return Err(CreateTopicError::TooManyTopics { limit });
        }
        let limit = self.config.partitions_max;
        let left = limit.saturating_sub(catalog.partition_count);
        if asked > left {
            return Err(CreateTopicError::TooManyPartitions {
                partitions,
                left,
                limit,
            });
        }
        Ok(())
    }

    /// Whether there is room for the settings of a topic in the place of those it has.
    fn check_configs(
        &self,
        new: &TopicConfig,
        old: Option<&TopicConfig>,
    ) -> Result<(), TooManyConfigs> {
        let before = old.map_or(0, TopicConfig::own_bytes);
        let after = new.own_bytes();
        if after <= before {
            return Ok(());
        }
        let catalog = self.catalog.read();
        let all: usize = catalog
            .topics()
            .map(|topic| topic.config().own_bytes())
            .sum();
        let size = all.saturating_sub(before).saturating_add(after);
        match size <= limits::CONFIG_BYTES_MAX {
            true => Ok(()),
            false => Err(TooManyConfigs { size }),
        }
    }

    /// Whether there is room for more partitions of a topic. That of committed offsets is the broker's own.
    fn check_room(&self, topic: &TopicName) -> Result<(), DiskFull> {
        match self.space.refusal() {
            Some(full) if !topic.is_internal() => Err(full),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes the room that the settings of a topic need on the disk. Short ones need none: on a full disk
    /// retention is lowered to make room.
    fn take_room(&self, config: &TopicConfig) -> Result<(), DiskFull> {
        let bytes = config.own_bytes();
        match bytes <= limits::CONFIG_BYTES_ON_FULL_DISK {
            true => Ok(()),
            false => self.space.take(bytes),
        }
    }

    /// How many partitions are to be added.
    fn check_more_partitions(
        &self,
        topic: &Topic,
        asked: i32,
    ) -> Result<usize, AddPartitionsError> {
        let current = topic.partitions().len();
        let count = usize::try_from(asked).unwrap_or_default();
        let Some(added) = count.checked_sub(current).filter(|added| *added > 0) else {
            return Err(AddPartitionsError::NotMore {
                name: topic.name().clone(),
                current: i32::try_from(current).unwrap_or(i32::MAX),
                asked,
            });
        };
        self.check_room(topic.name())?;
        let limit = self.config.partitions_max;
        let left = limit.saturating_sub(self.catalog.read().partition_count);
        if added > left {
            return Err(AddPartitionsError::TooManyPartitions {
                added: i32::try_from(added).unwrap_or(i32::MAX),
                left,
                limit,
            });
        }
        Ok(added)
    }

    /// A topic with no records yet.
    fn new_topic(&self, id: Uuid, new: NewTopic, config: TopicConfig) -> Arc<Topic> {
        let config = Arc::new(ArcSwap::from_pointee(config));
        let topic = Topic::new(new.name, id, config, Vec::new());
        let partitions = (0..new.partitions)
            .map(|id| self.new_partition(&topic, PartitionId(id)))
            .collect();
        topic.set_partitions(partitions);
        topic
    }

    /// A partition with no records yet. Nothing of it is on the disk, so that its log is not looked for: clients
    /// wait for thousands at once, and so does whoever shares their thread.
    fn new_partition(&self, topic: &Topic, id: PartitionId) -> Arc<Partition> {
        let waiters = Arc::new(FetchWaiters::default());
        let options = self.log_options(topic, id, KnownStart::default(), &waiters);
        let log = PartitionLog::begin(&self.log_context, options);
        self.partition(topic, log, waiters, RecoveredProducers::default())
    }

    /// Opens a partition with what is on disk of it.
    pub(super) fn open_partition(
        &self,
        topic: &Topic,
        id: PartitionId,
        start: KnownStart,
        unclean: Option<Unclean<'_>>,
    ) -> Result<(Arc<Partition>, LogRecovery), StorageError> {
        let waiters = Arc::new(FetchWaiters::default());
        let options = self.log_options(topic, id, start, &waiters);
        let (log, recovery) = PartitionLog::open(&self.log_context, options, unclean)?;
        let producers = log.recover_producers(self.clock.wall().0)?;
        Ok((self.partition(topic, log, waiters, producers), recovery))
    }

    fn log_options(
        &self,
        topic: &Topic,
        id: PartitionId,
        start: KnownStart,
        waiters: &Arc<FetchWaiters>,
    ) -> LogOptions {
        let woken = Arc::clone(waiters);
        LogOptions {
            key: LogKey {
                topic: topic.id(),
                partition: id.0,
            },
            directory: self
                .directory
                .topics()
                .join(directory_name(topic.name(), id)),
            label: label(topic.id()),
            config: topic.config().log.clone(),
            log_start: start.log_start,
            recovery_point: start.recovery_point,
            is_labelled: start.is_labelled,
            was_compacted: start.was_compacted,
            leader_epoch_max: Some(self.partition_context.epoch.0),
            on_change: Box::new(move || woken.wake()),
        }
    }

    fn partition(
        &self,
        topic: &Topic,
        log: Arc<PartitionLog>,
        waiters: Arc<FetchWaiters>,
        producers: RecoveredProducers,
    ) -> Arc<Partition> {
        let place = PartitionPlace {
            topic: topic.name().clone(),
            topic_id: topic.id(),
            id: PartitionId(log.key().partition),
        };
        let config = Arc::clone(topic.config_cell());
        let shared = Arc::clone(&self.partition_context);
        Partition::new(place, log, config, shared, waiters, producers)
    }

    /// Closes the partitions of a deleted topic and moves them out of the way.
    async fn bury(&self, topic: &Topic) -> Result<(), StorageError> {
        let mut buried = Vec::new();
        let due = self.clock.now() + topic.config().log.file_delete_delay;
        for partition in topic.partitions().iter() {
            partition.mark_deleted();
            let name = format!("{}-{}", id_text(topic.id()), partition.id());
            let grave = self.directory.deleted().join(name);
            self.graveyard.lock().keep(grave.clone(), due);
            buried.push(self.queue.bury(&partition.log, grave));
        }
        for durable in buried {
            let outcome = match durable {
                Ok(durable) => durable.await.unwrap_or(Err(FlushError::Stopped)),
                Err(error) => Err(error),
            };
            if let Err(FlushError::Storage(error)) = outcome {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Name of a partition's directory.
pub(super) fn directory_name(topic: &TopicName, id: PartitionId) -> String {
    format!("{topic}-{id}")
}

/// Text of a partition's `partition.metadata`, in Kafka's format.
pub(super) fn label(topic: Uuid) -> String {
    format!("version: 0\ntopic_id: {}\n", id_text(topic))
}
