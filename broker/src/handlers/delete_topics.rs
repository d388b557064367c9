//! `DeleteTopics` 1-6: deletes topics, each by itself, with their records and committed offsets.
//!
//! * 5 has messages; 6 deletes by id too, for which an unknown one is an `UNKNOWN_TOPIC_ID`.
//! * A topic that is named by name and by id at once, or twice, is an `INVALID_REQUEST`; an internal
//!   one an `INVALID_TOPIC_EXCEPTION`.

use std::collections::HashSet;
use std::sync::Arc;

use sluice_protocol::Uuid;
use sluice_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::call::Call;
use super::error::{Refusal, RequestError};
use crate::topics::{Topic, to_its_end};

/// Deletes topics.
pub(crate) async fn handle(call: &Call, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| DeleteTopicState {
            name: Some(name),
            topic_id: Uuid::default(),
        });
    let asked = request.topics.into_iter().chain(by_name);
    let mut seen = HashSet::new();
    let mut responses = Vec::new();
    for asked in asked {
        let is_new = seen.insert((asked.name.clone(), asked.topic_id));
        let deleted = match is_new {
            true => delete(call, &asked).await,
            false => Err(RequestError::invalid("a topic is named more than once").into()),
        };
        responses.push(match deleted {
            Ok(topic) => DeletableTopicResult {
                name: Some(topic.name().to_string()),
                topic_id: topic.id(),
                ..DeletableTopicResult::default()
            },
            Err(error) => {
                let (error_code, error_message) = call.explain(error);
                DeletableTopicResult {
                    name: asked.name,
                    topic_id: asked.topic_id,
                    error_code,
                    error_message,
                }
            }
        });
    }
    DeleteTopicsResponse {
        responses,
        ..DeleteTopicsResponse::default()
    }
}

async fn delete(call: &Call, asked: &DeleteTopicState) -> Result<Arc<Topic>, Refusal> {
    let topics = &call.services.topics;
    let topic = match (&asked.name, asked.topic_id == Uuid::default()) {
        (Some(name), true) => topics.topic(name).ok_or(RequestError::UnknownTopic)?,
        (None, false) => topics
            .topic_by_id(asked.topic_id)
            .ok_or(RequestError::UnknownTopicId)?,
        (Some(_), false) => {
            return Err(RequestError::invalid("a topic is named by name and by id").into());
        }
        (None, true) => {
            return Err(RequestError::invalid("a topic is named by neither name nor id").into());
        }
    };
    if topic.is_internal() {
        return Err(RequestError::InternalTopic.into());
    }
    let services = Arc::clone(&call.services);
    let deletion = async move {
        let deleted = services.topics.delete(topic.name()).await?;
        let names = std::slice::from_ref(deleted.name());
        services.groups.topics_deleted(names);
        Ok(deleted)
    };
    to_its_end(deletion).await
}
