//! What members tell each other, in the bytes a coordinator passes on unread: as Java does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sluice_protocol::messages::join_group::JoinGroupResponseMember;
use sluice_protocol::records::Schema;
use sluice_protocol::records::consumer::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartitions,
};
use sluice_protocol::{DecodeError, EncodeError};

use super::assignor::Subscriber;
use crate::model::{TopicPartition, by_topic};

/// The protocol type of consumers.
pub(super) const CONSUMER: &str = "consumer";

/// The subscription of an eager member, which owns nothing when it joins.
pub(super) fn subscription(topics: &[Arc<str>]) -> Result<Bytes, EncodeError> {
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(ToString::to_string).collect(),
        ..ConsumerProtocolSubscription::default()
    };
    subscription.to_bytes(*ConsumerProtocolSubscription::VERSIONS.end())
}

/// What the members that joined want.
pub(super) fn subscribers(
    members: Vec<JoinGroupResponseMember>,
) -> Result<Vec<Subscriber>, DecodeError> {
    // Members want the same topics mostly; each name is kept once.
    let mut names: BTreeMap<String, Arc<str>> = BTreeMap::new();
    let mut subscribers = Vec::with_capacity(members.len());
    for member in members {
        let subscription = ConsumerProtocolSubscription::from_bytes(member.metadata)?;
        let topics = subscription.topics.into_iter().map(|topic| {
            let name = names
                .entry(topic)
                .or_insert_with_key(|topic| topic.as_str().into());
            Arc::clone(name)
        });
        subscribers.push(Subscriber {
            member_id: member.member_id,
            instance_id: member.group_instance_id,
            topics: topics.collect(),
        });
    }
    Ok(subscribers)
}

/// The assignment of one member. Its content is the same in every version; the oldest members read
/// the oldest.
pub(super) fn assignment(partitions: Vec<TopicPartition>) -> Result<Bytes, EncodeError> {
    let rows = partitions.into_iter().map(|at| (at.topic, at.partition));
    let topics = by_topic(rows).into_iter();
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: topics
            .map(|(topic, partitions)| TopicPartitions {
                topic: topic.to_string(),
                partitions,
            })
            .collect(),
        user_data: None,
    };
    assignment.to_bytes(*ConsumerProtocolAssignment::VERSIONS.start())
}

/// The partitions of an assignment, sorted. No bytes at all are no partitions.
pub(super) fn partitions(bytes: Bytes) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let assignment = ConsumerProtocolAssignment::from_bytes(bytes)?;
    let topics = assignment.assigned_partitions.into_iter();
    let mut partitions: Vec<TopicPartition> = topics
        .flat_map(|topic| {
            let name: Arc<str> = topic.topic.into();
            let numbers = topic.partitions.into_iter();
            numbers.map(move |number| TopicPartition::new(Arc::clone(&name), number))
        })
        .collect();
    partitions.sort_unstable();
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_as_it_was_written() {
        let written = ["b", "a"]
            .into_iter()
            .flat_map(|topic| [2, 0].map(|partition| TopicPartition::new(topic, partition)));
        let mut written: Vec<TopicPartition> = written.collect();
        let read = partitions(assignment(written.clone()).unwrap()).unwrap();
        written.sort();
        assert_eq!(read, written);
        assert_eq!(partitions(Bytes::new()), Ok(Vec::new()));
    }

    #[test]
    fn a_subscription_has_the_bytes_java_gives_it() {
        // Version 3, one topic, no user data, nothing owned, no generation, no rack.
        let bytes = subscription(&["orders".into()]).unwrap();
        let expected = [
            &[0, 3, 0, 0, 0, 1, 0, 6][..],
            b"orders",
            &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ];
        assert_eq!(bytes, expected.concat());
    }
}
