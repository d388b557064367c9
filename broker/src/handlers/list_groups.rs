//! `ListGroups` 0-5: all groups of the broker.
//!
//! * 4 filters by state (KIP-518) and 5 by type (KIP-848), in any case of letters; an empty filter lets
//!   everything pass. All groups are of the type `classic`.

use sluice_protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use super::call::Call;
use crate::groups::Listing;

/// The type of all groups here.
const CLASSIC: &str = "classic";

/// Lists groups.
pub(crate) fn handle(call: &Call, request: ListGroupsRequest) -> ListGroupsResponse {
    let all = call.services.groups.list().into_iter().map(listed);
    let passes = |filter: &[String], value: &str| {
        filter.is_empty() || filter.iter().any(|name| name.eq_ignore_ascii_case(value))
    };
    let groups = all.filter(|group| {
        passes(&request.states_filter, &group.group_state)
            && passes(&request.types_filter, &group.group_type)
    });
    ListGroupsResponse {
        groups: groups.collect(),
        ..ListGroupsResponse::default()
    }
}

fn listed(listing: Listing) -> ListedGroup {
    ListedGroup {
        group_id: listing.group.to_string(),
        protocol_type: listing.protocol_type.to_string(),
        group_state: listing.state.to_string(),
        group_type: CLASSIC.to_owned(),
    }
}
