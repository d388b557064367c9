//! What one cycle of the sampler read from a cluster.
//!
//! Plain values, as Kafka gave them, with what failed marked as such. Committed offsets are read
//! before end offsets, so a racing producer can only make lag too large, never negative.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_protocol::Uuid;

/// Milliseconds since the epoch.
pub type Millis = i64;

/// A topic and the number of a partition.
pub type PartitionKey = (Arc<str>, i32);

/// One reading of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// When the committed offsets were asked for.
    pub committed_at: Millis,
    /// When the end offsets had arrived.
    pub ended_at: Millis,
    /// Kafka's id of the cluster.
    pub cluster_id: Arc<str>,
    /// The controller, where known.
    pub controller: Option<i32>,
    /// Brokers by id.
    pub brokers: BTreeMap<i32, BrokerSample>,
    /// Topics by name.
    pub topics: BTreeMap<Arc<str>, TopicSample>,
    /// Groups by id.
    pub groups: BTreeMap<Arc<str>, GroupSample>,
}

impl Sample {
    /// What is left of a sample when the cluster stops answering: what there is, not where it stands.
    #[must_use]
    pub fn without_offsets(mut self) -> Self {
        for broker in self.brokers.values_mut() {
            broker.is_up = false;
        }
        for topic in self.topics.values_mut() {
            for partition in topic.partitions.values_mut() {
                partition.log_end = None;
                partition.last_stable = None;
            }
        }
        for group in self.groups.values_mut() {
            group.committed = None;
        }
        self
    }
}

/// A broker as the metadata names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerSample {
    /// Where clients reach it.
    pub host: Arc<str>,
    /// The port beside the host.
    pub port: i32,
    /// Rack, where one is configured.
    pub rack: Option<Arc<str>>,
    /// Whether every request of this cycle to it was answered.
    pub is_up: bool,
    /// Bytes in its log directories, where it told.
    pub log_dir_bytes: Option<u64>,
}

/// A topic and what its partitions hold.
#[derive(Clone, Debug, Default)]
pub struct TopicSample {
    /// Kafka's id, which a recreated topic does not keep; zero where the cluster has none.
    pub id: Uuid,
    /// Whether it belongs to Kafka itself.
    pub is_internal: bool,
    /// Bytes on disk of all replicas that told.
    pub size_bytes: Option<u64>,
    /// Partitions by number.
    pub partitions: BTreeMap<i32, PartitionSample>,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionSample {
    /// The leader, where there is one.
    pub leader: Option<i32>,
    /// Epoch of the leader, or -1.
    pub leader_epoch: i32,
    /// Brokers that should hold it.
    pub replicas: Vec<i32>,
    /// Brokers that hold all of it.
    pub in_sync: Vec<i32>,
    /// Offset of the first record kept; `None` where it could not be read.
    pub log_start: Option<i64>,
    /// High watermark; `None` where it could not be read.
    pub log_end: Option<i64>,
    /// Last stable offset; `None` where it could not be read.
    pub last_stable: Option<i64>,
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct GroupSample {
    /// Kafka's name of the state, such as `Stable`.
    pub state: Arc<str>,
    /// Kafka's name of the type: `classic`, `consumer`, ...
    pub kind: Arc<str>,
    /// Protocol type, empty for a group of bare commits.
    pub protocol_type: Arc<str>,
    /// Assignor in use, empty where none is.
    pub assignor: Arc<str>,
    /// The broker that coordinates it, where known.
    pub coordinator: Option<i32>,
    /// Whether members of two protocols are in it.
    pub is_mixed: bool,
    /// Members and what they own, or `None` where they could not be read.
    pub members: Option<Vec<MemberSample>>,
    /// Committed offsets, or `None` where they could not be read.
    pub committed: Option<BTreeMap<PartitionKey, i64>>,
}

/// A member of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSample {
    /// Id the coordinator gave it.
    pub member_id: Arc<str>,
    /// Static id, where it has one.
    pub instance_id: Option<Arc<str>>,
    /// Name the client gave itself.
    pub client_id: Arc<str>,
    /// Address it joined from.
    pub host: Arc<str>,
    /// Partitions it owns.
    pub assigned: Vec<PartitionKey>,
}
