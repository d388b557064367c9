//! Small values that several parts of the client speak in.

use std::fmt;
use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition.
    pub partition: i32,
}

impl TopicPartition {
    /// The given partition of the given topic.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// All records below the high watermark.
    #[default]
    ReadUncommitted,
    /// Records of decided transactions only, up to the last stable offset.
    ReadCommitted,
}

impl Isolation {
    /// The number on the wire.
    pub(crate) const fn code(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// Groups items by topic, keeping the order of both.
pub(crate) fn by_topic<T>(
    items: impl IntoIterator<Item = (Arc<str>, T)>,
) -> Vec<(Arc<str>, Vec<T>)> {
    let mut topics: Vec<(Arc<str>, Vec<T>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (topic, item) in items {
        let place = *places.entry(Arc::clone(&topic)).or_insert(topics.len());
        match topics.get_mut(place) {
            Some((_, items)) => items.push(item),
            None => topics.push((topic, vec![item])),
        }
    }
    topics
}
