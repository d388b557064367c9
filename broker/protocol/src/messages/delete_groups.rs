//! `DeleteGroups` (42): deletes groups without members, and their offsets (KIP-229).
//!
//! * 2 is flexible; otherwise the versions are alike.

use crate::ErrorCode;

api!(DeleteGroups, versions: 0..=2, flexible: 2,
    request: DeleteGroupsRequest, response: DeleteGroupsResponse);

wire! {
    /// Deletes groups and their offsets.
    pub struct DeleteGroupsRequest {
        /// Names of the groups.
        group_names: Vec<String>,
    }

    /// Which groups are deleted.
    pub struct DeleteGroupsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32,
        /// One answer per group.
        results: Vec<DeletableGroupResult>,
    }

    /// The answer for one group.
    pub struct DeletableGroupResult {
        /// Name of the group.
        group_id: String,
        /// What went wrong, if anything.
        error_code: ErrorCode,
    }
}
