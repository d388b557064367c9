//! `AlterConfigs` 0-2: replaces all configs of a topic (KIP-133), as older clients still ask.
//!
//! * Whatever is not named falls back to its default; `validate_only` checks the same and changes
//!   nothing. Each resource succeeds or fails by itself.
//! * The broker's own configs cannot be changed while it runs: an `INVALID_REQUEST`, as Kafka answers
//!   for its read-only ones.

use sluice_protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::call::Call;
use super::config_change::{self, ResourceChange};
use super::error::RequestError;
use crate::topics::Commit;
use crate::topics::topic_config::{Alteration, Settings};

/// Replaces configs.
pub(crate) async fn handle(call: &Call, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let changes = request.resources.into_iter().map(change).collect();
    let commit = match request.validate_only {
        true => Commit::ValidateOnly,
        false => Commit::Yes,
    };
    let outcomes = config_change::apply(call, changes, commit).await;
    let responses = outcomes
        .into_iter()
        .map(|outcome| AlterConfigsResourceResponse {
            error_code: outcome.error_code,
            error_message: outcome.error_message,
            resource_type: outcome.resource_type,
            resource_name: outcome.resource_name,
        });
    AlterConfigsResponse {
        responses: responses.collect(),
        ..AlterConfigsResponse::default()
    }
}

fn change(resource: AlterConfigsResource) -> ResourceChange {
    ResourceChange {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        keys: resource
            .configs
            .iter()
            .map(|config| config.name.clone())
            .collect(),
        alteration: resource
            .configs
            .into_iter()
            .map(|config| match config.value {
                Some(value) => Ok((config.name, value)),
                None => Err(RequestError::invalid(format!(
                    "a value is needed for {}",
                    config.name
                ))),
            })
            .collect::<Result<Settings, _>>()
            .map(Alteration::Replace),
    }
}
