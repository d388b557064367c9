//! `Heartbeat` (12): keeps a member of a group alive, and tells it of rebalances.
//!
//! * 3 has static members (KIP-345).

use crate::ErrorCode;

api!(Heartbeat, versions: 0..=4, flexible: 4,
    request: HeartbeatRequest, response: HeartbeatResponse);

wire! {
    /// Keeps a member alive.
    pub struct HeartbeatRequest {
        /// Name of the group.
        group_id: String,
        /// Generation of the group the member belongs to.
        generation_id: i32,
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [3..],
    }

    /// Whether the member must join again.
    pub struct HeartbeatResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
