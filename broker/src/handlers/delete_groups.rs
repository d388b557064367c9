//! `DeleteGroups` 0-2: deletes groups without members, and their offsets, durably (KIP-229).
//!
//! * Each group succeeds or fails by itself: `NON_EMPTY_GROUP`, `GROUP_ID_NOT_FOUND`.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};

use super::call::Call;
use super::error::Refusal;
use super::member::group_of_members;

/// Deletes groups.
pub(crate) async fn handle(call: &Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.group_names.len());
    for group in request.group_names {
        let error_code = match delete(call, &group).await {
            Ok(()) => ErrorCode::None,
            Err(error) => call.refuse(error),
        };
        results.push(DeletableGroupResult {
            group_id: group,
            error_code,
        });
    }
    DeleteGroupsResponse {
        results,
        ..DeleteGroupsResponse::default()
    }
}

async fn delete(call: &Call, group: &str) -> Result<(), Refusal> {
    let group = group_of_members(group)?;
    Ok(call.services.groups.delete_group(&group).await?)
}
