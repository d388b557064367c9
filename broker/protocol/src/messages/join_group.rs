//! `JoinGroup` (11): enters a group of the classic protocol, and waits for the rebalance.
//!
//! * 1 has a rebalance timeout; 4 makes a new member join twice, with the id it got (KIP-394);
//! * 5 has static members (KIP-345); 7 repeats type and name of the protocol (KIP-559);
//! * 8 tells why (KIP-800); 9 can spare a leader the assignment (KIP-814).

use bytes::Bytes;

use crate::ErrorCode;

api!(JoinGroup, versions: 0..=9, flexible: 6,
    request: JoinGroupRequest, response: JoinGroupResponse);

wire! {
    /// Joins a group, and waits until all its members have.
    pub struct JoinGroupRequest {
        /// Name of the group.
        group_id: String,
        /// Milliseconds without a heartbeat after which the member is dead.
        session_timeout_ms: i32,
        /// Milliseconds a rebalance waits for the member; -1 for the session timeout.
        rebalance_timeout_ms: i32 [1..] = -1,
        /// Id of the member; empty when it joins for the first time.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [5..],
        /// Kind of the protocol; `consumer` for consumers.
        protocol_type: String,
        /// Assignors the member supports, the preferred one first.
        protocols: Vec<JoinGroupRequestProtocol>,
        /// Why it joins, for the log (KIP-800).
        reason: Option<String> [8..],
    }

    /// An assignor the member supports.
    pub struct JoinGroupRequestProtocol {
        /// Name of the assignor.
        name: String,
        /// What the assignor must know of the member: its subscription.
        metadata: Bytes,
    }

    /// The generation the member is in.
    pub struct JoinGroupResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [2..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Generation of the group; -1 on an error.
        generation_id: i32 = -1,
        /// Kind of the protocol, or null.
        protocol_type: Option<String> [7..],
        /// The assignor the group chose, or null.
        protocol_name: Option<String> [..; null 7..],
        /// Id of the member that assigns.
        leader: String,
        /// Whether the leader must not assign anew (KIP-814).
        skip_assignment: bool [9..],
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// All members for the leader, none for the others.
        members: Vec<JoinGroupResponseMember>,
    }

    /// A member, as its leader must know it.
    pub struct JoinGroupResponseMember {
        /// Id of the member, given by the coordinator.
        member_id: String,
        /// Name that survives restarts, of a static member (KIP-345).
        group_instance_id: Option<String> [5..],
        /// What the member said of itself to the assignor.
        metadata: Bytes,
    }
}
