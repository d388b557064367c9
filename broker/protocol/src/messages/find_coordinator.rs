//! `FindCoordinator` (10): which broker coordinates a group or a transactional producer.
//!
//! * 1 knows transactional producers; 4 asks for many keys at once (KIP-699);
//! * 5 and 6 allow new errors and share groups (KIP-890, KIP-932).

use crate::ErrorCode;

api!(FindCoordinator, versions: 0..=6, flexible: 3,
    request: FindCoordinatorRequest, response: FindCoordinatorResponse);

wire! {
    /// Asks which broker coordinates: by `key`, or by several keys from version 4 on.
    pub struct FindCoordinatorRequest {
        /// Name of the group or transactional producer.
        key: String [..=3],
        /// 0 for groups, 1 for transactional producers, 2 for share groups (KIP-932).
        key_type: i8 [1..],
        /// Names of the groups or transactional producers (KIP-699).
        coordinator_keys: Vec<String> [4..],
    }

    /// The coordinator of `key`, or those of several keys.
    pub struct FindCoordinatorResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything.
        error_code: ErrorCode [..=3],
        /// The error in words, or null.
        error_message: Option<String> [1..=3],
        /// Id of the broker.
        node_id: i32 [..=3],
        /// Host it listens on.
        host: String [..=3],
        /// Port it listens on.
        port: i32 [..=3],
        /// One answer per key.
        coordinators: Vec<Coordinator> [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator {
        /// Name of the group or transactional producer.
        key: String,
        /// Id of the broker.
        node_id: i32,
        /// Host it listens on.
        host: String,
        /// Port it listens on.
        port: i32,
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
    }
}
