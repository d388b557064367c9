//! From samples to a snapshot: pure, the same for the same input.
//!
//! The calculator remembers between cycles what a single sample cannot tell: when partitions ended
//! where (for the age of a record), how much was produced, and the last lag told (shown, marked as
//! old, for two cycles). What it remembers is keyed by topic id and checked against the end, so that a
//! recreated topic starts anew. What is gone from the sample is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_protocol::Uuid;

use super::sample::{GroupSample, Millis, PartitionKey, PartitionSample, Sample, TopicSample};
use super::snapshot::{
    GroupPartitionView, GroupTopicView, GroupView, Lag, Snapshot, TimeLag, TopicView, UnknownReason,
};
use super::time_lag::{Arrival, EndHistory};

/// Cycles for which a lag that became unknown is still shown, marked as old.
pub const STALE_CYCLES_MAX: u8 = 2;

/// What is remembered from cycle to cycle.
#[derive(Debug, Default)]
pub struct Calculator {
    name: Arc<str>,
    topics: BTreeMap<Arc<str>, TopicMemory>,
    lags: BTreeMap<(Arc<str>, PartitionKey), LagMemory>,
    anomalies: u64,
}

#[derive(Debug, Default)]
struct TopicMemory {
    id: Uuid,
    records_produced: u64,
    partitions: BTreeMap<i32, PartitionMemory>,
}

#[derive(Debug, Default)]
struct PartitionMemory {
    last_end: Option<i64>,
    ends: EndHistory,
}

#[derive(Clone, Copy, Debug)]
struct LagMemory {
    lag: u64,
    sampled_at: Millis,
    cycles: u8,
}

impl Calculator {
    /// A calculator without memory, for the cluster of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Commits seen beyond the end of their partition, since the start.
    #[must_use]
    pub const fn anomalies(&self) -> u64 {
        self.anomalies
    }

    /// The picture that a sample gives, together with what is remembered.
    pub fn compute(&mut self, sample: Sample) -> Snapshot {
        self.remember_topics(&sample);
        let mut lags = BTreeMap::new();
        let groups = sample.groups.iter().map(|(name, group)| {
            (
                Arc::clone(name),
                self.group(name, group, &sample, &mut lags),
            )
        });
        let groups = groups.collect::<BTreeMap<_, _>>();
        self.lags = lags;
        let memory = &self.topics;
        let topics = sample.topics.into_iter().map(|(name, sample)| {
            let records_produced = memory.get(&name).map_or(0, |topic| topic.records_produced);
            (
                name,
                TopicView {
                    sample,
                    records_produced,
                },
            )
        });
        Snapshot {
            cluster: Arc::clone(&self.name),
            cluster_id: sample.cluster_id,
            committed_at: sample.committed_at,
            sampled_at: sample.ended_at,
            is_outdated: false,
            controller: sample.controller,
            brokers: sample.brokers,
            topics: topics.collect(),
            groups,
        }
    }

    fn remember_topics(&mut self, sample: &Sample) {
        self.topics.retain(|name, memory| {
            sample
                .topics
                .get(name)
                .is_some_and(|topic| topic.id == memory.id)
        });
        for (name, topic) in &sample.topics {
            let memory = self
                .topics
                .entry(Arc::clone(name))
                .or_insert_with(|| TopicMemory {
                    id: topic.id,
                    ..TopicMemory::default()
                });
            memory.remember(topic, sample.ended_at);
        }
    }

    fn group(
        &mut self,
        name: &Arc<str>,
        group: &GroupSample,
        sample: &Sample,
        lags: &mut BTreeMap<(Arc<str>, PartitionKey), LagMemory>,
    ) -> GroupView {
        let owners = owners(group);
        let mut topics = BTreeMap::<Arc<str>, GroupTopicView>::new();
        let known = group.committed.iter().flat_map(BTreeMap::keys);
        let remembered = self.remembered(name, group);
        let keys = known.chain(owners.keys()).cloned().chain(remembered);
        for (topic, number) in keys.collect::<std::collections::BTreeSet<_>>() {
            let key = (topic, number);
            let partition = sample
                .topics
                .get(&key.0)
                .and_then(|t| t.partitions.get(&number));
            let owner = owners.get(&key).copied();
            let mut view = self.partition(&key, group, partition, sample.ended_at);
            view.owner = owner;
            let memory_key = (Arc::clone(name), key.clone());
            self.recall(memory_key, &mut view.lag, sample.ended_at, lags);
            topics
                .entry(key.0)
                .or_default()
                .partitions
                .insert(number, view);
        }
        GroupView {
            state: Arc::clone(&group.state),
            kind: Arc::clone(&group.kind),
            protocol_type: Arc::clone(&group.protocol_type),
            assignor: Arc::clone(&group.assignor),
            coordinator: group.coordinator,
            is_mixed: group.is_mixed,
            are_commits_known: group.committed.is_some(),
            members: group.members.clone(),
            topics,
        }
    }

    /// Partitions the group was known to read, for a cycle in which its commits are not to be had.
    fn remembered(&self, name: &Arc<str>, group: &GroupSample) -> Vec<PartitionKey> {
        if group.committed.is_some() {
            return Vec::new();
        }
        let first = (Arc::clone(name), (Arc::from(""), i32::MIN));
        let keys = self.lags.range(first..).map(|(key, _)| key);
        let of_group = keys.take_while(|(group, _)| group == name);
        of_group.map(|(_, key)| key.clone()).collect()
    }

    fn partition(
        &mut self,
        key: &PartitionKey,
        group: &GroupSample,
        partition: Option<&PartitionSample>,
        now: Millis,
    ) -> GroupPartitionView {
        let committed = group
            .committed
            .as_ref()
            .and_then(|all| all.get(key))
            .copied();
        let lag = if group.committed.is_none() {
            unknown(UnknownReason::CommitsUnavailable)
        } else {
            lag(committed, partition)
        };
        if matches!(
            lag,
            Lag::Unknown {
                reason: UnknownReason::CommitBeyondEnd,
                ..
            }
        ) {
            self.anomalies += 1;
        }
        let log_start = partition.and_then(|partition| partition.log_start);
        GroupPartitionView {
            committed,
            log_start,
            log_end: partition.and_then(|partition| partition.log_end),
            lag,
            time_lag: self.time_lag(key, lag, committed.max(log_start), now),
            owner: None,
        }
    }

    fn time_lag(
        &self,
        (topic, number): &PartitionKey,
        lag: Lag,
        next: Option<i64>,
        now: Millis,
    ) -> TimeLag {
        let (Some(lag), Some(next)) = (lag.known(), next) else {
            return TimeLag::Unknown;
        };
        if lag == 0 {
            return TimeLag::CaughtUp;
        }
        let memory = self
            .topics
            .get(topic)
            .and_then(|topic| topic.partitions.get(number));
        match memory.map_or(Arrival::NotYet, |memory| memory.ends.arrival(next)) {
            Arrival::At { at, error } => TimeLag::Measured {
                seconds: seconds(now.saturating_sub(at)),
                error_seconds: seconds(error),
            },
            Arrival::Before { at } => TimeLag::AtLeast {
                seconds: seconds(now.saturating_sub(at)),
            },
            Arrival::NotYet => TimeLag::Unknown,
        }
    }

    /// Remembers a known lag; gives an unknown one the last value told, while it is fresh enough.
    fn recall(
        &self,
        key: (Arc<str>, PartitionKey),
        lag: &mut Lag,
        now: Millis,
        lags: &mut BTreeMap<(Arc<str>, PartitionKey), LagMemory>,
    ) {
        match lag {
            Lag::Known(lag) => {
                lags.insert(
                    key,
                    LagMemory {
                        lag: *lag,
                        sampled_at: now,
                        cycles: 0,
                    },
                );
            }
            Lag::Uncommitted => {}
            Lag::Unknown { last, .. } => {
                let Some(memory) = self.lags.get(&key) else {
                    return;
                };
                if memory.cycles < STALE_CYCLES_MAX {
                    *last = Some((memory.lag, memory.sampled_at));
                }
                let cycles = memory.cycles.saturating_add(1);
                lags.insert(key, LagMemory { cycles, ..*memory });
            }
        }
    }
}

impl TopicMemory {
    fn remember(&mut self, topic: &TopicSample, now: Millis) {
        self.partitions
            .retain(|number, _| topic.partitions.contains_key(number));
        for (number, partition) in &topic.partitions {
            let Some(end) = partition.log_end else {
                continue;
            };
            let memory = self.partitions.entry(*number).or_default();
            let produced = memory
                .last_end
                .map_or(0, |last| end.saturating_sub(last).max(0));
            self.records_produced += u64::try_from(produced).unwrap_or(0);
            memory.last_end = Some(end);
            memory.ends.record(now, end);
        }
    }
}

/// Which member, by its index, owns which partition.
fn owners(group: &GroupSample) -> BTreeMap<PartitionKey, usize> {
    let members = group.members.iter().flatten().enumerate();
    let owned = members
        .flat_map(|(index, member)| member.assigned.iter().map(move |key| (key.clone(), index)));
    owned.collect()
}

/// Records from the commit, or from the log start where that is later, to the end.
fn lag(committed: Option<i64>, partition: Option<&PartitionSample>) -> Lag {
    let Some(partition) = partition else {
        return unknown(UnknownReason::PartitionMissing);
    };
    let Some(committed) = committed else {
        return Lag::Uncommitted;
    };
    let Some(end) = partition.log_end else {
        return unknown(UnknownReason::EndUnavailable);
    };
    if committed > end {
        return unknown(UnknownReason::CommitBeyondEnd);
    }
    let next = committed
        .max(partition.log_start.unwrap_or(committed))
        .min(end);
    Lag::Known(u64::try_from(end.saturating_sub(next)).unwrap_or(0))
}

const fn unknown(reason: UnknownReason) -> Lag {
    Lag::Unknown { reason, last: None }
}

#[expect(
    clippy::as_conversions,
    reason = "milliseconds of any age fit an f64 exactly"
)]
fn seconds(millis: Millis) -> f64 {
    millis.max(0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests;
