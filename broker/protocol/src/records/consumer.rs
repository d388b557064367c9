//! What consumers put into the opaque fields of `JoinGroup` and `SyncGroup`.
//!
//! A newer member may send a newer version: what is known of it is read in the newest known one,
//! and the rest ignored, since later versions only append fields. So does Kafka.

use bytes::Bytes;

schema!(ConsumerProtocolSubscription, versions: 0..=3, flexible: i16::MAX, append_only: true);
schema!(ConsumerProtocolAssignment, versions: 0..=3, flexible: i16::MAX, append_only: true);

wire! {
    /// What a consumer wants, for the assignor.
    pub struct ConsumerProtocolSubscription {
        /// Topics it wants to consume.
        topics: Vec<String>,
        /// What the assignor of the member adds, or null.
        user_data: Option<Bytes>,
        /// Partitions it owned before the rebalance (KIP-429).
        owned_partitions: Vec<TopicPartitions> [1..],
        /// Generation in which it owned them; -1 for unknown (KIP-792).
        generation_id: i32 [2..] = -1,
        /// Rack of the consumer, or null (KIP-881).
        rack_id: Option<String> [3..],
    }

    /// What a consumer gets, from the assignor.
    pub struct ConsumerProtocolAssignment {
        /// Partitions it gets.
        assigned_partitions: Vec<TopicPartitions>,
        /// What the assignor of the leader adds, or null.
        user_data: Option<Bytes>,
    }

    /// Partitions of one topic.
    pub struct TopicPartitions {
        /// Name of the topic.
        topic: String,
        /// Numbers of the partitions.
        partitions: Vec<i32>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Schema;

    #[test]
    fn a_subscription_of_a_newer_member_is_read_as_far_as_it_is_known() {
        let known = ConsumerProtocolSubscription {
            topics: vec!["orders".to_owned()],
            rack_id: Some("r1".to_owned()),
            ..ConsumerProtocolSubscription::default()
        };
        let newer = [&known.to_bytes(9).unwrap()[..], b"a field of version 4"].concat();
        assert_eq!(
            ConsumerProtocolSubscription::from_bytes(newer.into()),
            Ok(known)
        );
    }
}
