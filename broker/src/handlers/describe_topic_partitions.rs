//! `DescribeTopicPartitions` 0: topics and their partitions, in pages (KIP-966).
//!
//! * Topics come sorted by name; no names ask for all. A page ends when it holds as many partitions as
//!   the client and the broker allow, and says where the next one begins.
//! * A name that does not exist is answered with `UNKNOWN_TOPIC_OR_PARTITION`; nothing is created.

use std::collections::BTreeSet;

use sluice_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};

use super::authorized;
use super::call::Call;
use crate::topics::{Partition, Topic};

/// Partitions of one page, at most (Kafka's `max.request.partition.size.limit`).
const PAGE_PARTITIONS_MAX: usize = 2_000;

/// Describes one page of topics.
pub(crate) fn handle(
    call: &Call,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let (from_topic, from_partition) = match request.cursor {
        Some(cursor) => {
            let partition = usize::try_from(cursor.partition_index).unwrap_or(0);
            (cursor.topic_name, partition)
        }
        None => (String::new(), 0),
    };
    let asked = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut page = Page {
        room: asked.clamp(1, PAGE_PARTITIONS_MAX),
        topics: Vec::new(),
        next: None,
    };
    for name in names(call, request.topics.into_iter().map(|topic| topic.name)) {
        let first = match name.cmp(&from_topic) {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => from_partition,
            std::cmp::Ordering::Greater => 0,
        };
        page.add(call, name, first);
        if page.next.is_some() {
            break;
        }
    }
    DescribeTopicPartitionsResponse {
        topics: page.topics,
        next_cursor: page.next,
        ..DescribeTopicPartitionsResponse::default()
    }
}

/// The names asked for, or all, sorted.
fn names(call: &Call, asked: impl Iterator<Item = String>) -> BTreeSet<String> {
    let asked = asked.collect::<BTreeSet<_>>();
    if !asked.is_empty() {
        return asked;
    }
    let all = call.services.topics.list();
    all.iter().map(|topic| topic.name().to_string()).collect()
}

/// A page as it fills.
struct Page {
    room: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next: Option<Cursor>,
}

impl Page {
    /// Adds the partitions of a topic from `first` on, as many as there is room for.
    fn add(&mut self, call: &Call, name: String, first: usize) {
        if self.room == 0 {
            self.next = Some(Cursor {
                topic_name: name,
                partition_index: 0,
            });
            return;
        }
        let topic = match call.topic(&name) {
            Ok(topic) => topic,
            Err(error) => {
                self.topics.push(DescribeTopicPartitionsResponseTopic {
                    error_code: call.refuse(error),
                    name: Some(name),
                    ..DescribeTopicPartitionsResponseTopic::default()
                });
                return;
            }
        };
        let all = topic.partitions();
        let shown = all.iter().skip(first).take(self.room);
        let partitions = shown
            .map(|partition| describe(call, partition))
            .collect::<Vec<_>>();
        self.room -= partitions.len();
        let end = first.saturating_add(partitions.len());
        if end < all.len() {
            self.next = Some(Cursor {
                topic_name: name,
                partition_index: end.try_into().unwrap_or(i32::MAX),
            });
        }
        self.topics.push(described(&topic, partitions));
    }
}

fn described(
    topic: &Topic,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name().to_string()),
        topic_id: topic.id(),
        is_internal: topic.is_internal(),
        partitions,
        topic_authorized_operations: authorized::TOPIC,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn describe(call: &Call, partition: &Partition) -> DescribeTopicPartitionsResponsePartition {
    let node_id = call.services.config.node_id;
    DescribeTopicPartitionsResponsePartition {
        partition_index: partition.id().0,
        leader_id: node_id,
        leader_epoch: partition.leader_epoch().0,
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..DescribeTopicPartitionsResponsePartition::default()
    }
}
