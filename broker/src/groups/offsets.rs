//! The committed offsets of one group.
//!
//! Only durable ones: a commit on its way is not here yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::request::{CommittedOffset, FetchedTopic, OffsetsQuery};
use crate::model::{PartitionId, TopicName};

/// What an offset takes besides its note, roughly.
pub(super) const OFFSET_OVERHEAD_BYTES: usize = 96;

/// Committed offsets by topic and partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    topics: BTreeMap<TopicName, BTreeMap<PartitionId, CommittedOffset>>,
    count: usize,
    bytes: usize,
}

fn bytes_of(committed: &CommittedOffset) -> usize {
    OFFSET_OVERHEAD_BYTES + committed.metadata.len()
}

impl Offsets {
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the offsets take in memory, roughly.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn contains(&self, topic: &TopicName, partition: PartitionId) -> bool {
        let partitions = self.topics.get(topic);
        partitions.is_some_and(|partitions| partitions.contains_key(&partition))
    }

    pub(crate) fn insert(
        &mut self,
        topic: TopicName,
        partition: PartitionId,
        committed: CommittedOffset,
    ) {
        self.bytes += bytes_of(&committed);
        let partitions = self.topics.entry(topic).or_default();
        match partitions.insert(partition, committed) {
            Some(before) => self.bytes -= bytes_of(&before),
            None => self.count += 1,
        }
    }

    pub(crate) fn remove(&mut self, topic: &TopicName, partition: PartitionId) {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return;
        };
        if let Some(before) = partitions.remove(&partition) {
            self.bytes -= bytes_of(&before);
            self.count -= 1;
        }
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
    }

    /// All offsets, by topic and partition.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TopicName, PartitionId, &CommittedOffset)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            let partitions = partitions.iter();
            partitions.map(move |(partition, committed)| (topic, *partition, committed))
        })
    }

    /// Topics with offsets.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.keys()
    }

    /// Partitions of a topic with offsets.
    pub(crate) fn partitions(&self, topic: &TopicName) -> impl Iterator<Item = PartitionId> {
        self.topics
            .get(topic)
            .into_iter()
            .flat_map(|partitions| partitions.keys().copied())
    }

    /// The offsets asked for, in the order of the query, or all there are.
    pub(crate) fn fetch(&self, query: &OffsetsQuery) -> Vec<FetchedTopic> {
        match query {
            OffsetsQuery::All => self.topics.iter().map(fetch_all).collect(),
            OffsetsQuery::Of(topics) => topics
                .iter()
                .map(|(topic, partitions)| self.fetch_some(topic, partitions))
                .collect(),
        }
    }

    fn fetch_some(&self, topic: &Arc<str>, partitions: &[PartitionId]) -> FetchedTopic {
        let committed = self.topics.get(&**topic);
        let fetch = |partition: &PartitionId| {
            let offset = committed.and_then(|committed| committed.get(partition));
            (*partition, offset.cloned())
        };
        FetchedTopic {
            topic: Arc::clone(topic),
            partitions: partitions.iter().map(fetch).collect(),
        }
    }
}

fn fetch_all(
    (topic, partitions): (&TopicName, &BTreeMap<PartitionId, CommittedOffset>),
) -> FetchedTopic {
    let partitions = partitions.iter();
    FetchedTopic {
        topic: topic.as_str().into(),
        partitions: partitions
            .map(|(partition, committed)| (*partition, Some(committed.clone())))
            .collect(),
    }
}

/// The offsets of a group that does not exist: none for whatever is asked.
pub(crate) fn fetch_absent(query: &OffsetsQuery) -> Vec<FetchedTopic> {
    Offsets::default().fetch(query)
}
