//! One topic.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Partition;
use super::topic_config::TopicConfig;
use crate::model::{PartitionId, TopicName, Uuid};

/// A topic: a name, an id that no other topic ever has, a configuration and partitions.
#[derive(Debug)]
pub struct Topic {
    name: TopicName,
    id: Uuid,
    config: Arc<ArcSwap<TopicConfig>>,
    partitions: ArcSwap<Vec<Arc<Partition>>>,
}

impl Topic {
    pub(super) fn new(
        name: TopicName,
        id: Uuid,
        config: Arc<ArcSwap<TopicConfig>>,
        partitions: Vec<Arc<Partition>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            id,
            config,
            partitions: ArcSwap::from_pointee(partitions),
        })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &TopicName {
        &self.name
    }

    /// The id: random, stable, new when a topic of the same name is created again.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether the broker keeps its own state in it.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.name.is_internal()
    }

    /// The configuration that holds now.
    #[must_use]
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    /// The partitions, by number from 0.
    #[must_use]
    pub fn partitions(&self) -> Arc<Vec<Arc<Partition>>> {
        self.partitions.load_full()
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<Arc<Partition>> {
        let index = usize::try_from(id.0).ok()?;
        self.partitions.load().get(index).cloned()
    }

    /// The place of the configuration, which partitions share.
    pub(super) const fn config_cell(&self) -> &Arc<ArcSwap<TopicConfig>> {
        &self.config
    }

    pub(super) fn set_config(&self, config: TopicConfig) {
        for partition in self.partitions.load().iter() {
            partition.log.set_config(config.log.clone());
        }
        self.config.store(Arc::new(config));
    }

    pub(super) fn set_partitions(&self, partitions: Vec<Arc<Partition>>) {
        self.partitions.store(Arc::new(partitions));
    }
}
