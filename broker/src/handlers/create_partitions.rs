//! `CreatePartitions` 0-3: adds partitions to topics, each by itself (KIP-195).
//!
//! * The count is the total afterwards; not more than there are is an `INVALID_PARTITIONS`.
//! * `validate_only` checks the same and adds nothing. An assignment of replicas must name the one
//!   broker, for each partition that is added.

use std::collections::HashMap;

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

use super::call::Call;
use super::error::{Refusal, RequestError};
use super::replication;
use crate::topics::Commit;

/// Adds partitions.
pub(crate) async fn handle(
    call: &Call,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let commit = match request.validate_only {
        true => Commit::ValidateOnly,
        false => Commit::Yes,
    };
    let mut named = HashMap::new();
    for topic in &request.topics {
        *named.entry(topic.name.clone()).or_insert(0) += 1;
    }
    let mut results = Vec::with_capacity(named.len());
    for topic in request.topics {
        let added = match named.remove(&topic.name) {
            None => continue,
            Some(1) => add(call, &topic, commit).await,
            Some(_) => Err(named_twice(&topic.name).into()),
        };
        let (error_code, error_message) = match added {
            Ok(()) => (ErrorCode::None, None),
            Err(error) => call.explain(error),
        };
        results.push(CreatePartitionsTopicResult {
            name: topic.name,
            error_code,
            error_message,
        });
    }
    CreatePartitionsResponse {
        results,
        ..CreatePartitionsResponse::default()
    }
}

async fn add(call: &Call, asked: &CreatePartitionsTopic, commit: Commit) -> Result<(), Refusal> {
    let topic = call.topic(&asked.name)?;
    if topic.is_internal() {
        return Err(RequestError::InternalTopic.into());
    }
    if let Some(assignments) = &asked.assignments {
        let current = topic.partitions().len();
        let added = usize::try_from(asked.count)
            .unwrap_or(0)
            .saturating_sub(current);
        if added > 0 && assignments.len() != added {
            let named = assignments.len();
            let reason = format!("replicas are assigned to {named} partitions, {added} are added");
            return Err(RequestError::ReplicaAssignment { reason }.into());
        }
        for assignment in assignments {
            replication::check_assignment(&call.services.config, &assignment.broker_ids)?;
        }
    }
    let topics = &call.services.topics;
    Ok(topics
        .add_partitions(topic.name(), asked.count, commit)
        .await?)
}

fn named_twice(name: &str) -> RequestError {
    RequestError::invalid(format!("topic {name:?} is named more than once"))
}
