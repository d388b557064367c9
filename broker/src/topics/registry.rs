//! The topics of a data directory.

use std::path::PathBuf;
use std::sync::Arc;

use super::topic_config::{Alteration, Settings, TopicConfig};
use super::{AddPartitionsError, AlterConfigError, CreateTopicError, DeleteTopicError};
use super::{Partition, Topic};
use crate::clock::Clock;
use crate::log::StorageError;
use crate::model::{PartitionId, TopicName, Uuid};

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

#[derive(Clone, Copy, Debug)]
enum Unbuilt {}

/// The registry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Topics(Unbuilt);

impl Topics {
    /// Opens the data directory, recovers what a crash left, and starts the thread that flushes.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageError`]; the directory is in use, of another format or unreadable.
    pub fn open(config: TopicsConfig, _clock: Clock) -> Result<Self, StorageError> {
        let unbuilt = std::io::Error::other("the log is not built yet");
        Err(StorageError::new("open", &config.directory, unbuilt))
    }

    /// Id of the cluster, made once for the data directory: 22 characters.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        match self.0 {}
    }

    /// The topic of this name.
    #[must_use]
    pub fn topic(&self, _name: &str) -> Option<Arc<Topic>> {
        match self.0 {}
    }

    /// The topic of this id.
    #[must_use]
    pub fn topic_by_id(&self, _id: Uuid) -> Option<Arc<Topic>> {
        match self.0 {}
    }

    /// The partition of this topic and number.
    #[must_use]
    pub fn partition(&self, _topic: &str, _partition: PartitionId) -> Option<Arc<Partition>> {
        match self.0 {}
    }

    /// All topics, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Topic>> {
        match self.0 {}
    }

    /// The configuration a topic of these settings would have.
    ///
    /// # Errors
    /// [`CreateTopicError::InvalidConfig`].
    pub fn resolve(&self, _configs: Settings) -> Result<TopicConfig, CreateTopicError> {
        match self.0 {}
    }

    /// Creates a topic. It is durable before it is visible, and visible with all its partitions.
    /// With [`Commit::ValidateOnly`] returns `None` where it would be created.
    ///
    /// # Errors
    /// [`CreateTopicError`].
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn create(
        &self,
        _topic: NewTopic,
        _commit: Commit,
    ) -> Result<Option<Arc<Topic>>, CreateTopicError> {
        match self.0 {}
    }

    /// Deletes a topic, durably; what was being appended to it fails.
    ///
    /// # Errors
    /// [`DeleteTopicError`].
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn delete(&self, _name: &TopicName) -> Result<Arc<Topic>, DeleteTopicError> {
        match self.0 {}
    }

    /// Raises the number of partitions to `count`, durably.
    ///
    /// # Errors
    /// [`AddPartitionsError`].
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn add_partitions(
        &self,
        _name: &TopicName,
        _count: i32,
        _commit: Commit,
    ) -> Result<(), AddPartitionsError> {
        match self.0 {}
    }

    /// Alters a topic's own settings, durably.
    ///
    /// # Errors
    /// [`AlterConfigError`].
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn alter_configs(
        &self,
        _name: &TopicName,
        _alteration: Alteration,
        _commit: Commit,
    ) -> Result<(), AlterConfigError> {
        match self.0 {}
    }

    /// Rolls, drops and deletes what is due; called every few seconds or minutes. Blocks on the disk.
    pub fn retention_check(&self) {
        match self.0 {}
    }

    /// Resolves when the disk failed: nothing is acknowledged any more, and the process should end.
    #[expect(clippy::unused_async, reason = "the signature comes before the body")]
    pub async fn failed(&self) -> StorageError {
        match self.0 {}
    }

    /// Flushes what is queued, ends the flush thread and marks the directory as cleanly closed.
    /// Blocks on the disk. Appends fail from here on.
    ///
    /// # Errors
    /// [`StorageError`]; the next start then recovers as after a crash.
    pub fn close(&self) -> Result<(), StorageError> {
        match self.0 {}
    }
}
