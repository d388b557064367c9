//! `SyncGroup` (14): spreads the assignment of the leader to the members of a group.
//!
//! * 3 has static members (KIP-345); 5 repeats and checks protocol type and name (KIP-559).

use bytes::Bytes;

use crate::ErrorCode;

api!(SyncGroup, versions: 0..=5, flexible: 4,
    request: SyncGroupRequest, response: SyncGroupResponse);

wire! {
    /// Fetches the assignment of a member, and brings those of all from the leader.
    pub struct SyncGroupRequest {
        /// Name of the group.
        group_id: String,
        /// Generation of the group the member belongs to.
        generation_id: i32,
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [3..],
        /// Kind of the protocol, checked if not null.
        protocol_type: Option<String> [5..],
        /// The assignor of this generation, checked if not null.
        protocol_name: Option<String> [5..],
        /// What each member gets, from the leader; empty from the others.
        assignments: Vec<SyncGroupRequestAssignment>,
    }

    /// The assignment of one member.
    pub struct SyncGroupRequestAssignment {
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// What the member gets, in the form of the protocol.
        assignment: Bytes,
    }

    /// The assignment.
    pub struct SyncGroupResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Kind of the protocol, or null.
        protocol_type: Option<String> [5..],
        /// The assignor of this generation, or null.
        protocol_name: Option<String> [5..],
        /// What the member gets, in the form of the protocol.
        assignment: Bytes,
    }
}
