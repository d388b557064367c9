//! Changing the configs of resources, for both APIs that do.

use std::collections::HashSet;

use sluice_protocol::ErrorCode;

use super::broker_configs;
use super::call::Call;
use super::config_resource::ConfigResource;
use super::error::{Refusal, RequestError};
use crate::topics::Commit;
use crate::topics::topic_config::Alteration;

/// What is asked of one resource.
#[derive(Debug)]
pub(crate) struct ResourceChange {
    pub(crate) resource_type: i8,
    pub(crate) resource_name: String,
    /// The keys named.
    pub(crate) keys: Vec<String>,
    /// What is to be done with them, where it makes sense.
    pub(crate) alteration: Result<Alteration, RequestError>,
}

/// What became of one resource.
#[derive(Debug)]
pub(crate) struct ResourceOutcome {
    pub(crate) error_code: ErrorCode,
    pub(crate) error_message: Option<String>,
    pub(crate) resource_type: i8,
    pub(crate) resource_name: String,
}

/// Changes each resource by itself; one that is named twice is not changed again.
pub(crate) async fn apply(
    call: &Call,
    changes: Vec<ResourceChange>,
    commit: Commit,
) -> Vec<ResourceOutcome> {
    let mut seen = HashSet::new();
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        let (resource_type, resource_name) = (change.resource_type, change.resource_name.clone());
        let changed = match seen.insert((resource_type, resource_name.clone())) {
            true => apply_one(call, change, commit).await,
            false => Err(RequestError::invalid("a resource is named more than once").into()),
        };
        let (error_code, error_message) = match changed {
            Ok(()) => (ErrorCode::None, None),
            Err(error) => call.explain(error),
        };
        outcomes.push(ResourceOutcome {
            error_code,
            error_message,
            resource_type,
            resource_name,
        });
    }
    outcomes
}

async fn apply_one(call: &Call, change: ResourceChange, commit: Commit) -> Result<(), Refusal> {
    let resource = ConfigResource::of(call, change.resource_type, &change.resource_name)?;
    let alteration = change.alteration?;
    match resource {
        ConfigResource::Topic(topic) => {
            let topics = &call.services.topics;
            Ok(topics
                .alter_configs(topic.name(), alteration, commit)
                .await?)
        }
        ConfigResource::Broker | ConfigResource::AllBrokers => {
            let Some(key) = change.keys.first() else {
                return Ok(());
            };
            let reason = match broker_configs::is_known(call, key) {
                true => format!("{key} cannot be changed while the broker runs"),
                false => format!("unknown broker config name: {key}"),
            };
            Err(RequestError::invalid(reason).into())
        }
    }
}
