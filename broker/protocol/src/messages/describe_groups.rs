//! `DescribeGroups` (15): state and members of groups of the classic protocol.
//!
//! * 3 tells what the client may do (KIP-430); 4 has static members (KIP-345);
//! * 6 answers `GroupIdNotFound` for a missing group instead of a dead one (KIP-1043).

use bytes::Bytes;

use crate::ErrorCode;

api!(DescribeGroups, versions: 0..=6, flexible: 5,
    request: DescribeGroupsRequest, response: DescribeGroupsResponse);

wire! {
    /// Asks for the state and members of groups.
    pub struct DescribeGroupsRequest {
        /// Names of the groups.
        groups: Vec<String>,
        /// Whether to tell what the client may do on each group.
        include_authorized_operations: bool [3..],
    }

    /// The groups.
    pub struct DescribeGroupsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// One answer per group.
        groups: Vec<DescribedGroup>,
    }

    /// A group; dead where it does not exist.
    pub struct DescribedGroup {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String> [6..],
        /// Name of the group.
        group_id: String,
        /// State of the group, as `Stable` or `Empty`.
        group_state: String,
        /// Kind of the protocol, or empty.
        protocol_type: String,
        /// The assignor the group chose, or empty.
        protocol_data: String,
        /// The members.
        members: Vec<DescribedGroupMember>,
        /// Bits of the operations the client may do; `i32::MIN` if not asked for.
        authorized_operations: i32 [3..] = i32::MIN,
    }

    /// A member.
    pub struct DescribedGroupMember {
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [4..],
        /// Name the client gave itself.
        client_id: String,
        /// Host the client is on, after a slash.
        client_host: String,
        /// What the member said of itself to the assignor.
        member_metadata: Bytes,
        /// What the member got, in the form of the protocol.
        member_assignment: Bytes,
    }
}
