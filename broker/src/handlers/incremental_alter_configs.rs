//! `IncrementalAlterConfigs` 0-1: changes configs of a topic one by one (KIP-339).
//!
//! * Set, delete, append to and subtract from lists; a key named twice is an `INVALID_REQUEST`.
//! * Otherwise as `AlterConfigs`.

use sluice_protocol::messages::alter_configs::AlterConfigsResourceResponse;
use sluice_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use super::call::Call;
use super::config_change::{self, ResourceChange};
use super::error::RequestError;
use crate::topics::Commit;
use crate::topics::topic_config::{Alteration, ConfigChange, ConfigOperation};

/// Changes configs.
pub(crate) async fn handle(
    call: &Call,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
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
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..IncrementalAlterConfigsResponse::default()
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
            .map(|config| {
                Ok(ConfigChange {
                    operation: operation(&config)?,
                    key: config.name,
                    value: config.value,
                })
            })
            .collect::<Result<_, _>>()
            .map(Alteration::Change),
    }
}

fn operation(config: &AlterableConfig) -> Result<ConfigOperation, RequestError> {
    match config.config_operation {
        0 => Ok(ConfigOperation::Set),
        1 => Ok(ConfigOperation::Delete),
        2 => Ok(ConfigOperation::Append),
        3 => Ok(ConfigOperation::Subtract),
        number => Err(RequestError::invalid(format!(
            "{number} is not an operation on {}",
            config.name
        ))),
    }
}
