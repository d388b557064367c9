//! `ConsumerGroupDescribe` (69): state and members of groups of the new consumer protocol (KIP-848).
//!
//! * 1 tells which protocol each member speaks (KIP-1099).

use crate::{ErrorCode, Uuid};

api!(ConsumerGroupDescribe, versions: 0..=1, flexible: 0,
    request: ConsumerGroupDescribeRequest, response: ConsumerGroupDescribeResponse);

wire! {
    /// Asks for the state and members of groups.
    pub struct ConsumerGroupDescribeRequest {
        /// Names of the groups.
        group_ids: Vec<String>,
        /// Whether to tell what the client may do on each group.
        include_authorized_operations: bool,
    }

    /// The groups.
    pub struct ConsumerGroupDescribeResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per group.
        groups: Vec<DescribedConsumerGroup>,
    }

    /// A group.
    pub struct DescribedConsumerGroup {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
        /// Name of the group.
        group_id: String,
        /// State of the group, as `Stable` or `Reconciling`.
        group_state: String,
        /// Epoch of the group: grows with each change of members or topics.
        group_epoch: i32,
        /// Epoch of the assignment the group is moving to.
        assignment_epoch: i32,
        /// The assignor the coordinator uses for it.
        assignor_name: String,
        /// The members.
        members: Vec<DescribedConsumerGroupMember>,
        /// Bits of the operations the client may do; `i32::MIN` if not asked for.
        authorized_operations: i32 = i32::MIN,
    }

    /// A member.
    pub struct DescribedConsumerGroupMember {
        /// Id of the member, chosen by itself.
        member_id: String,
        /// Name that survives restarts, of a static member.
        instance_id: Option<String>,
        /// Rack the member is in, or null.
        rack_id: Option<String>,
        /// Epoch of the member: how far it is on the way to the assignment.
        member_epoch: i32,
        /// Name the client gave itself.
        client_id: String,
        /// Host the client is on, after a slash.
        client_host: String,
        /// Topics it subscribed to by name.
        subscribed_topic_names: Vec<String>,
        /// The expression it subscribed with, or null.
        subscribed_topic_regex: Option<String>,
        /// What it has.
        assignment: MemberAssignment,
        /// What it is to have.
        target_assignment: MemberAssignment,
        /// Protocol it speaks: 0 for classic, 1 for consumer, -1 if not told.
        member_type: i8 [1..] = -1,
    }

    /// Partitions of a member.
    pub struct MemberAssignment {
        /// The partitions by topic.
        topic_partitions: Vec<AssignedTopic>,
    }

    /// Partitions of a topic.
    pub struct AssignedTopic {
        /// Id of the topic.
        topic_id: Uuid,
        /// Name of the topic.
        topic_name: String,
        /// Numbers of the partitions.
        partitions: Vec<i32>,
    }
}
