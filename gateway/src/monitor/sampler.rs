//! Reads a cluster: a constant number of requests a broker, whatever the number of groups.
//!
//! Every cycle: metadata, committed offsets of all known groups, then end offsets. Less often, the
//! discovery: which groups there are, their members, log starts, stable offsets and sizes. Commits are
//! always read before ends. What cannot be read is missing from the sample, never made up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_client::admin::{GroupDescription, GroupListing, MemberDescription};
use sluice_client::offsets::{GroupQuery, OffsetSpec};
use sluice_client::{
    Client, ClientError, ClusterInfo, ErrorCode, Isolation, Topic, TopicPartition,
};

use super::now;
use super::sample::{
    BrokerSample, GroupSample, MemberSample, Millis, PartitionKey, PartitionSample, Sample,
    TopicSample,
};
use crate::metrics::collector::{CollectorMetrics, Phase};

/// What a reading gave.
#[derive(Debug)]
pub(super) struct Reading {
    /// The sample.
    pub(super) sample: Sample,
    /// Whether every offset asked for was told.
    pub(super) is_fast_whole: bool,
    /// When a discovery last told everything.
    pub(super) discovered_at: Option<Millis>,
}

/// Reads one cluster.
#[derive(Debug)]
pub(super) struct Sampler {
    client: Client,
    discovery_interval: Duration,
    discovered: Discovered,
    metrics: CollectorMetrics,
}

/// What a discovery found; kept until the next one.
#[derive(Debug, Default)]
struct Discovered {
    tried: Option<Instant>,
    succeeded_at: Option<Millis>,
    groups: BTreeMap<Arc<str>, GroupSample>,
    log_starts: BTreeMap<PartitionKey, i64>,
    /// The last stable offset.
    last_stable: BTreeMap<PartitionKey, i64>,
    topic_bytes: BTreeMap<Arc<str>, u64>,
    broker_bytes: BTreeMap<i32, u64>,
}

impl Sampler {
    pub(super) fn new(
        client: Client,
        discovery_interval: Duration,
        metrics: CollectorMetrics,
    ) -> Self {
        Self {
            client,
            discovery_interval,
            discovered: Discovered::default(),
            metrics,
        }
    }

    /// Reads the cluster; with `discover`, new groups and members too, whenever they were last looked
    /// for.
    ///
    /// # Errors
    /// [`ClientError`] where not even the metadata can be had.
    pub(super) async fn read(&mut self, discover: bool) -> Result<Reading, ClientError> {
        let topics = match self.client.admin().list_topics().await {
            Ok(topics) => topics,
            Err(error) => {
                self.metrics.failed(Phase::Fast, &name(&error));
                return Err(error);
            }
        };
        let cluster = self.client.cluster();
        let is_due = self
            .discovered
            .tried
            .is_none_or(|at| at.elapsed() >= self.discovery_interval);
        if discover || is_due {
            let brokers = cluster.brokers.iter().map(|broker| broker.id).collect();
            self.discover(&topics, brokers).await;
        }
        let mut failed = Failed::default();
        let committed_at = now();
        let committed = committed(&self.client, &self.discovered.groups, &mut failed).await;
        let ends = offsets(
            &self.client,
            &topics,
            OffsetSpec::Latest,
            Isolation::ReadUncommitted,
            &mut failed,
        )
        .await;
        let sample = Sample {
            committed_at,
            ended_at: now(),
            cluster_id: cluster.cluster_id.as_deref().unwrap_or_default().into(),
            controller: cluster.controller,
            brokers: self.brokers(&cluster, &topics, &ends),
            topics: topics
                .iter()
                .map(|topic| (Arc::clone(&topic.name), self.topic(topic, &ends)))
                .collect(),
            groups: self.groups(committed),
        };
        let is_fast_whole = failed.count == 0;
        failed.report(Phase::Fast, &self.metrics);
        Ok(Reading {
            sample,
            is_fast_whole,
            discovered_at: self.discovered.succeeded_at,
        })
    }

    async fn discover(&mut self, topics: &[Arc<Topic>], brokers: Vec<i32>) {
        let started = Instant::now();
        let mut failed = Failed::default();
        let admin = self.client.admin();
        match admin.list_groups().await {
            Ok(listed) => {
                listed
                    .failures
                    .iter()
                    .for_each(|(_, error)| failed.add(error));
                self.discovered.groups = describe(&self.client, listed.groups, &mut failed).await;
            }
            Err(error) => failed.add(&error),
        }
        self.discovered.log_starts = offsets(
            &self.client,
            topics,
            OffsetSpec::Earliest,
            Isolation::ReadUncommitted,
            &mut failed,
        )
        .await;
        self.discovered.last_stable = offsets(
            &self.client,
            topics,
            OffsetSpec::Latest,
            Isolation::ReadCommitted,
            &mut failed,
        )
        .await;
        self.measure(brokers, &mut failed).await;
        self.discovered.tried = Some(started);
        if failed.count == 0 {
            self.discovered.succeeded_at = Some(now());
        }
        failed.report(Phase::Discovery, &self.metrics);
        self.metrics.took(Phase::Discovery, started.elapsed());
    }

    /// Sizes of topics and brokers.
    async fn measure(&mut self, brokers: Vec<i32>, failed: &mut Failed) {
        let mut by_topic = BTreeMap::<Arc<str>, u64>::new();
        let mut by_broker = BTreeMap::new();
        let admin = self.client.admin();
        for (broker, dirs) in admin.log_dirs(brokers).await {
            let dirs = match dirs {
                Ok(dirs) => dirs,
                Err(error) => {
                    failed.add(&error);
                    continue;
                }
            };
            let mut bytes = 0_u64;
            for replica in dirs.iter().flat_map(|dir| &dir.replicas) {
                let size = u64::try_from(replica.size_bytes).unwrap_or(0);
                bytes = bytes.saturating_add(size);
                let topic = by_topic
                    .entry(Arc::clone(&replica.partition.topic))
                    .or_default();
                *topic = topic.saturating_add(size);
            }
            by_broker.insert(broker, bytes);
        }
        self.discovered.topic_bytes = by_topic;
        self.discovered.broker_bytes = by_broker;
    }

    /// A broker is up where each of the partitions it leads told its end.
    fn brokers(
        &self,
        cluster: &ClusterInfo,
        topics: &[Arc<Topic>],
        ends: &BTreeMap<PartitionKey, i64>,
    ) -> BTreeMap<i32, BrokerSample> {
        let silent = |id: i32| {
            topics.iter().any(|topic| {
                let mut led = topic
                    .partitions
                    .iter()
                    .filter(|partition| partition.leader == Some(id));
                led.any(|partition| !ends.contains_key(&(Arc::clone(&topic.name), partition.index)))
            })
        };
        let brokers = cluster.brokers.iter().map(|broker| {
            let is_up = self.discovered.broker_bytes.contains_key(&broker.id) && !silent(broker.id);
            let sample = BrokerSample {
                host: broker.address.host.as_str().into(),
                port: i32::from(broker.address.port),
                rack: broker.rack.as_deref().map(Arc::from),
                is_up,
                log_dir_bytes: self.discovered.broker_bytes.get(&broker.id).copied(),
            };
            (broker.id, sample)
        });
        brokers.collect()
    }

    fn topic(&self, topic: &Topic, ends: &BTreeMap<PartitionKey, i64>) -> TopicSample {
        let partitions = topic.partitions.iter().map(|partition| {
            let key = (Arc::clone(&topic.name), partition.index);
            let sample = PartitionSample {
                leader: partition.leader,
                leader_epoch: partition.leader_epoch,
                replicas: partition.replicas.clone(),
                in_sync: partition.in_sync.clone(),
                log_start: self.discovered.log_starts.get(&key).copied(),
                log_end: ends.get(&key).copied(),
                last_stable: self.discovered.last_stable.get(&key).copied(),
            };
            (partition.index, sample)
        });
        TopicSample {
            id: topic.id,
            is_internal: topic.is_internal,
            size_bytes: self.discovered.topic_bytes.get(&topic.name).copied(),
            partitions: partitions.collect(),
        }
    }

    fn groups(
        &self,
        mut committed: BTreeMap<Arc<str>, BTreeMap<PartitionKey, i64>>,
    ) -> BTreeMap<Arc<str>, GroupSample> {
        let groups = self.discovered.groups.iter().map(|(name, group)| {
            let committed = committed.remove(name);
            (
                Arc::clone(name),
                GroupSample {
                    committed,
                    ..group.clone()
                },
            )
        });
        groups.collect()
    }
}

/// Members of groups: each type of groups has a request of its own. Groups of types that none can
/// tell, such as share groups, are known without members.
async fn describe(
    client: &Client,
    listed: Vec<GroupListing>,
    failed: &mut Failed,
) -> BTreeMap<Arc<str>, GroupSample> {
    let of_kind = |wanted: &str| {
        let groups = listed.iter().filter(|group| kind(group) == wanted);
        groups.map(|group| group.group.clone()).collect()
    };
    let admin = client.admin();
    let (classic, consumer) = futures_util::join!(
        admin.describe_groups(of_kind(CLASSIC)),
        admin.describe_consumer_groups(of_kind(CONSUMER)),
    );
    let mut described = BTreeMap::new();
    for (name, description) in classic.into_iter().chain(consumer) {
        match description {
            Ok(description) => drop(described.insert(name, description)),
            // It ended, or changed its type, since it was listed.
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {}
            Err(error) => failed.add(&error),
        }
    }
    let groups = listed.into_iter().map(|listing| {
        let description = described.remove(&listing.group);
        let group = group(&listing, description);
        (listing.group.into(), group)
    });
    groups.collect()
}

/// Kafka's names of the types whose members can be told.
const CLASSIC: &str = "classic";
const CONSUMER: &str = "consumer";

/// Before Kafka 3.8 there was one type, without a name.
fn kind(listing: &GroupListing) -> &str {
    listing.group_type.as_deref().unwrap_or(CLASSIC)
}

/// What every known group has committed; a group is missing where that could not be told.
async fn committed(
    client: &Client,
    groups: &BTreeMap<Arc<str>, GroupSample>,
    failed: &mut Failed,
) -> BTreeMap<Arc<str>, BTreeMap<PartitionKey, i64>> {
    let queries = groups
        .keys()
        .map(|group| GroupQuery::all(&**group))
        .collect();
    let mut committed = BTreeMap::new();
    let offsets = client.offsets();
    let answers = offsets.committed(queries).await;
    for (query, answer) in answers {
        match answer {
            Ok(partitions) => {
                let offsets = partitions.into_iter().filter_map(|partition| {
                    let offset = partition.committed.inspect_err(|error| failed.add(error));
                    Some((key(partition.at), offset.ok()??.offset))
                });
                committed.insert(query.group.into(), offsets.collect());
            }
            Err(error) => failed.add(&error),
        }
    }
    committed
}

/// Offsets of every partition that has a leader, where they could be told.
async fn offsets(
    client: &Client,
    topics: &[Arc<Topic>],
    spec: OffsetSpec,
    isolation: Isolation,
    failed: &mut Failed,
) -> BTreeMap<PartitionKey, i64> {
    let partitions = partitions(topics).map(|at| (at, spec)).collect();
    let offsets = client.offsets();
    let answers = offsets.list(partitions, isolation).await;
    let told = answers.into_iter().filter_map(|(at, answer)| {
        let listed = answer.inspect_err(|error| failed.add(error)).ok()?;
        Some((key(at), listed.offset?))
    });
    told.collect()
}

/// Every partition that has a leader to ask.
fn partitions(topics: &[Arc<Topic>]) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|topic| {
        let led = topic
            .partitions
            .iter()
            .filter(|partition| partition.leader.is_some());
        led.map(|partition| TopicPartition::new(Arc::clone(&topic.name), partition.index))
    })
}

/// Failures of a phase, counted by name and told once.
#[derive(Debug, Default)]
struct Failed {
    count: usize,
    by_name: BTreeMap<String, String>,
}

impl Failed {
    fn add(&mut self, error: &ClientError) {
        self.count += 1;
        self.by_name
            .entry(name(error))
            .or_insert_with(|| error.to_string());
    }

    fn report(self, phase: Phase, metrics: &CollectorMetrics) {
        for (name, example) in self.by_name {
            metrics.failed(phase, &name);
            tracing::debug!(%name, %example, "part of a reading failed");
        }
    }
}

/// A name of few values for an error, for a label.
fn name(error: &ClientError) -> String {
    match error.code() {
        Some(ErrorCode::Other(_)) => "OTHER".to_owned(),
        Some(code) => code.kafka_name(),
        None => "UNREACHABLE".to_owned(),
    }
}

fn key(at: TopicPartition) -> PartitionKey {
    (at.topic, at.partition)
}

fn group(listing: &GroupListing, description: Option<GroupDescription>) -> GroupSample {
    let mut group = GroupSample {
        state: listing.state.as_deref().unwrap_or_default().into(),
        kind: kind(listing).into(),
        protocol_type: listing.protocol_type.as_str().into(),
        coordinator: Some(listing.coordinator),
        ..GroupSample::default()
    };
    if let Some(description) = description {
        group.state = description.state.into();
        group.assignor = description.assignor.into();
        group.is_mixed = description.is_mixed;
        let mut members: Vec<_> = description.members.into_iter().map(member).collect();
        members.sort_unstable_by(|left, right| left.member_id.cmp(&right.member_id));
        group.members = Some(members);
    }
    group
}

fn member(member: MemberDescription) -> MemberSample {
    MemberSample {
        member_id: member.member_id.into(),
        instance_id: member.instance_id.map(Arc::from),
        client_id: member.client_id.into(),
        host: member.host.into(),
        assigned: member.assignment.into_iter().map(key).collect(),
    }
}
