//! `LeaveGroup` (13): takes members out of a group.
//!
//! * 3 takes many, by member or instance id (KIP-345); 5 tells why (KIP-800).

use crate::ErrorCode;

api!(LeaveGroup, versions: 0..=5, flexible: 4,
    request: LeaveGroupRequest, response: LeaveGroupResponse);

wire! {
    /// Takes a member out of its group, or several from version 3 on.
    pub struct LeaveGroupRequest {
        /// Name of the group.
        group_id: String,
        /// Id of the member, given by the coordinator.
        member_id: String [..=2],
        /// The members that leave (KIP-345).
        members: Vec<MemberIdentity> [3..],
    }

    /// A member that leaves.
    pub struct MemberIdentity {
        /// Id of the member; empty where its instance id names it.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String>,
        /// Why it leaves, for the log (KIP-800).
        reason: Option<String> [5..],
    }

    /// Who left.
    pub struct LeaveGroupResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// One answer per member.
        members: Vec<MemberResponse> [3..],
    }

    /// The answer for one member.
    pub struct MemberResponse {
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String>,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
