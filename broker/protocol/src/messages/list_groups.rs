//! `ListGroups` (16): all groups of a broker.
//!
//! * 4 filters by state (KIP-518); 5 filters by type (KIP-848).

use crate::ErrorCode;

api!(ListGroups, versions: 0..=5, flexible: 3,
    request: ListGroupsRequest, response: ListGroupsResponse);

wire! {
    /// Asks for all groups of a broker.
    pub struct ListGroupsRequest {
        /// States of interest; empty for all (KIP-518).
        states_filter: Vec<String> [4..],
        /// Types of interest, as `classic` or `consumer`; empty for all (KIP-848).
        types_filter: Vec<String> [5..],
    }

    /// The groups.
    pub struct ListGroupsResponse {
        /// Milliseconds the client is held back by a quota.
        throttle_time_ms: i32 [1..],
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The groups this broker coordinates.
        groups: Vec<ListedGroup>,
    }

    /// A group.
    pub struct ListedGroup {
        /// Name of the group.
        group_id: String,
        /// Kind of the protocol; `consumer` for consumers.
        protocol_type: String,
        /// State of the group, as `Stable` or `Empty`.
        group_state: String [4..],
        /// Type of the group, as `classic` or `consumer`.
        group_type: String [5..],
    }
}
