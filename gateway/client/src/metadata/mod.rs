//! What is known of the cluster: brokers, controller, topics and the leaders of their partitions.
//!
//! Cached until an error or age says otherwise. [`refresh`] asks the cluster; here is what the
//! answers mean. Invariants:
//! * knowledge of a partition never goes back to an older leader epoch of the same topic id, which a
//!   lagging broker may still tell (KIP-320);
//! * a topic that the cluster does not know is forgotten at once;
//! * where many topics are known, those nobody asked for in a long time are forgotten as new ones come:
//!   they may have been deleted.

mod refresh;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use sluice_protocol::messages::metadata::{MetadataResponse, MetadataResponseTopic};
use sluice_protocol::{ErrorCode, Uuid};

pub(crate) use refresh::{Refreshed, Refresher, Scope};

use crate::link::Address;
use crate::model::TopicPartition;

/// Topics known without any being forgotten for its age.
const TOPICS_MIN: usize = 1024;
/// How long a topic is known after it was last asked for. What is in use is asked for more often.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// A broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Id of the broker.
    pub id: i32,
    /// Where it listens, as it advertises itself.
    pub address: Address,
    /// The rack it stands in, where one is configured.
    pub rack: Option<String>,
}

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Name of the topic.
    pub name: Arc<str>,
    /// Id of the topic; zero on clusters before Kafka 2.8.
    pub id: Uuid,
    /// Whether brokers keep their own state in it.
    pub is_internal: bool,
    /// The partitions in the order of their numbers.
    pub partitions: Vec<Partition>,
    /// When the cluster said so.
    pub fetched_at: Instant,
}

/// A partition and its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Number of the partition.
    pub index: i32,
    /// Broker that leads it, where one does.
    pub leader: Option<i32>,
    /// Epoch of the leader; -1 for unknown.
    pub leader_epoch: i32,
    /// Brokers with a replica, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Brokers whose replica is in sync.
    pub in_sync: Vec<i32>,
    /// Brokers whose replica is offline.
    pub offline: Vec<i32>,
}

impl Topic {
    /// The partition of the given number.
    #[must_use]
    pub fn partition(&self, index: i32) -> Option<&Partition> {
        let found = self
            .partitions
            .binary_search_by_key(&index, |partition| partition.index);
        found.ok().and_then(|place| self.partitions.get(place))
    }

    /// How many partitions the topic has.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    fn of(answer: MetadataResponseTopic, fetched_at: Instant) -> Result<Self, ErrorCode> {
        if answer.error_code != ErrorCode::None {
            return Err(answer.error_code);
        }
        let name = answer.name.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let partitions = answer.partitions.into_iter().map(|partition| Partition {
            index: partition.partition_index,
            leader: (partition.leader_id >= 0).then_some(partition.leader_id),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes,
            in_sync: partition.isr_nodes,
            offline: partition.offline_replicas,
        });
        let mut partitions: Vec<Partition> = partitions.collect();
        partitions.sort_unstable_by_key(|partition| partition.index);
        Ok(Self {
            name: name.into(),
            id: answer.topic_id,
            is_internal: answer.is_internal,
            partitions,
            fetched_at,
        })
    }

    /// Keeps what `older` knew better.
    fn merge(&mut self, older: &Self) {
        if self.id != older.id {
            return;
        }
        for partition in &mut self.partitions {
            if let Some(known) = older.partition(partition.index)
                && known.leader_epoch > partition.leader_epoch
            {
                partition.clone_from(known);
            }
        }
    }
}

/// The cluster without its topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Id of the cluster, where it has one.
    pub cluster_id: Option<String>,
    /// Broker that takes administrative requests, where one does.
    pub controller: Option<i32>,
    /// The brokers that are alive, by id.
    pub brokers: Vec<Broker>,
}

impl ClusterInfo {
    /// The broker of the given id.
    #[must_use]
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers.iter().find(|broker| broker.id == id)
    }
}

/// What was last heard of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    cluster: RwLock<Arc<ClusterInfo>>,
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
}

/// What one answer says of the topics it was asked for.
pub(crate) type TopicAnswers = HashMap<Arc<str>, Result<Arc<Topic>, ErrorCode>>;

impl Metadata {
    /// The cluster without its topics.
    pub(crate) fn cluster(&self) -> Arc<ClusterInfo> {
        Arc::clone(&self.cluster.read())
    }

    /// A topic as last heard of.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().get(name).cloned()
    }

    /// Whether the cluster has a partition, as last heard of.
    pub(crate) fn has(&self, at: &TopicPartition) -> bool {
        let topic = self.topic(&at.topic);
        topic.is_some_and(|topic| topic.partition(at.partition).is_some())
    }

    /// Forgets a topic that was deleted.
    pub(crate) fn forget(&self, name: &str) {
        self.topics.write().remove(name);
    }

    /// Takes in an answer. `is_complete` says that it was asked for all topics.
    pub(crate) fn apply(
        &self,
        response: MetadataResponse,
        is_complete: bool,
        now: Instant,
    ) -> TopicAnswers {
        let brokers = response.brokers.into_iter().map(|broker| Broker {
            id: broker.node_id,
            address: Address {
                host: broker.host,
                port: u16::try_from(broker.port).unwrap_or(0),
            },
            rack: broker.rack,
        });
        let mut cluster = ClusterInfo {
            cluster_id: response.cluster_id,
            controller: (response.controller_id >= 0).then_some(response.controller_id),
            brokers: brokers.collect(),
        };
        cluster.brokers.sort_unstable_by_key(|broker| broker.id);
        *self.cluster.write() = Arc::new(cluster);
        self.apply_topics(response.topics, is_complete, now)
    }

    fn apply_topics(
        &self,
        answers: Vec<MetadataResponseTopic>,
        is_complete: bool,
        now: Instant,
    ) -> TopicAnswers {
        let mut topics = self.topics.write();
        let count = topics.len();
        let mut outcome = TopicAnswers::with_capacity(answers.len());
        for answer in answers {
            let name: Arc<str> = answer.name.clone().unwrap_or_default().into();
            let known = topics.get(&name).cloned();
            match Topic::of(answer, now) {
                Ok(mut topic) => {
                    if let Some(known) = known {
                        topic.merge(&known);
                    }
                    let topic = Arc::new(topic);
                    topics.insert(Arc::clone(&topic.name), Arc::clone(&topic));
                    outcome.insert(Arc::clone(&topic.name), Ok(topic));
                }
                Err(code) => {
                    topics.remove(&name);
                    outcome.insert(name, Err(code));
                }
            }
        }
        if is_complete {
            topics.retain(|name, _| matches!(outcome.get(name), Some(Ok(_))));
        } else if topics.len() > count.max(TOPICS_MIN) {
            topics.retain(|_, topic| now.saturating_duration_since(topic.fetched_at) < IDLE_MAX);
        }
        outcome
    }
}
