//! `CreateTopics` 2-7: creates topics, each by itself.
//!
//! * A topic is durable before it is answered, and has its partitions from the first moment.
//! * 4 knows -1 as the default of partitions and replication factor; 5 answers them with the whole
//!   configuration; 7 answers the topic id. `validate_only` checks the same and creates nothing.
//! * A replication factor above 1 is an `INVALID_REPLICATION_FACTOR` whose message names the setting
//!   that would take it. A name that occurs twice is an `INVALID_REQUEST`; a name of an internal topic
//!   an `INVALID_TOPIC_EXCEPTION`.

use std::collections::HashMap;
use std::sync::Arc;

use sluice_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreatableTopicConfigs, CreatableTopicResult,
    CreateTopicsRequest, CreateTopicsResponse,
};

use super::call::Call;
use super::describe_configs::source_code;
use super::error::{Refusal, RequestError};
use super::replication;
use crate::model::TopicName;
use crate::topics::topic_config::{ConfigEntry, Settings, TopicConfig};
use crate::topics::{Commit, CreateTopicError, NewTopic, Topic};

/// Bytes that one config takes of an answer, about.
const CONFIG_BYTES: usize = 128;

/// Stands for the broker's default.
const DEFAULT: i32 = -1;

/// Creates topics.
pub(crate) async fn handle(call: &Call, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let commit = match request.validate_only {
        true => Commit::ValidateOnly,
        false => Commit::Yes,
    };
    let mut named = HashMap::new();
    for topic in &request.topics {
        *named.entry(topic.name.clone()).or_insert(0) += 1;
    }
    let mut topics = Vec::with_capacity(named.len());
    for topic in request.topics {
        let name = topic.name.clone();
        let created = match named.remove(&name) {
            // The first of several has answered for all.
            None => continue,
            Some(1) => create(call, topic, commit).await,
            Some(_) => Err(named_twice(&name).into()),
        };
        topics.push(created.unwrap_or_else(|error| {
            let (error_code, error_message) = call.explain(error);
            CreatableTopicResult {
                name,
                error_code,
                error_message,
                ..CreatableTopicResult::default()
            }
        }));
    }
    CreateTopicsResponse {
        topics,
        ..CreateTopicsResponse::default()
    }
}

/// Creates the topic that a client asked about without creating it first, where that is allowed.
pub(crate) async fn create_automatically(
    call: &Call,
    name: &str,
    may_create: bool,
) -> Result<Arc<Topic>, Refusal> {
    let name = TopicName::parse(name)?;
    if !may_create || !call.services.config.topics.auto_create || name.is_internal() {
        return Err(RequestError::UnknownTopic.into());
    }
    let topic = NewTopic {
        name,
        partitions: call.services.config.topics.partitions,
        configs: Settings::new(),
    };
    let name = topic.name.clone();
    match call.services.topics.create(topic, Commit::Yes).await {
        Ok(Some(topic)) => Ok(topic),
        // Another client was faster.
        Ok(None) | Err(CreateTopicError::AlreadyExists { .. }) => {
            let found = call.services.topics.topic(name.as_str());
            Ok(found.ok_or(RequestError::UnknownTopic)?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn create(
    call: &Call,
    asked: CreatableTopic,
    commit: Commit,
) -> Result<CreatableTopicResult, Refusal> {
    let name = TopicName::parse(&asked.name)?;
    if name.is_internal() {
        return Err(RequestError::InternalTopic.into());
    }
    let partitions = partitions(call, &asked)?;
    let configs = settings(asked.configs)?;
    let config = call.services.topics.resolve(&name, configs.clone())?;
    let topic = NewTopic {
        name,
        partitions,
        configs,
    };
    let created = call.services.topics.create(topic, commit).await?;
    let configs = described(&config);
    // A topic is created though there may be no room to describe it.
    let described = call.take_room(configs.len() * CONFIG_BYTES);
    Ok(CreatableTopicResult {
        name: asked.name,
        topic_id: created.map_or_else(Default::default, |topic| topic.id()),
        num_partitions: partitions,
        replication_factor: replication::FACTOR,
        configs: described.is_ok().then_some(configs),
        ..CreatableTopicResult::default()
    })
}

/// The number of partitions: as asked, by assignment, or the default.
fn partitions(call: &Call, asked: &CreatableTopic) -> Result<i32, RequestError> {
    if asked.assignments.is_empty() {
        replication::check_factor(&call.services.config, asked.replication_factor)?;
        return match asked.num_partitions {
            DEFAULT => Ok(call.services.config.topics.partitions),
            count if count > 0 => Ok(count),
            asked => Err(RequestError::PartitionCount { asked }),
        };
    }
    if asked.num_partitions != DEFAULT || i32::from(asked.replication_factor) != DEFAULT {
        let reason = "with an assignment of replicas, the number of partitions and the \
                      replication factor must be -1";
        return Err(RequestError::invalid(reason));
    }
    let mut assigned = asked
        .assignments
        .iter()
        .map(|partition| (partition.partition_index, partition.broker_ids.as_slice()))
        .collect::<Vec<_>>();
    assigned.sort_unstable();
    let is_dense = (0..).zip(&assigned).all(|(at, (index, _))| at == *index);
    if !is_dense {
        let reason = "an assignment must name each partition from 0 on once".to_owned();
        return Err(RequestError::ReplicaAssignment { reason });
    }
    for (_, brokers) in &assigned {
        replication::check_assignment(&call.services.config, brokers)?;
    }
    let asked = i32::MAX;
    i32::try_from(assigned.len()).map_err(|_too_many| RequestError::PartitionCount { asked })
}

fn settings(configs: Vec<CreatableTopicConfig>) -> Result<Settings, RequestError> {
    let mut settings = Settings::new();
    for config in configs {
        let key = config.name;
        let Some(value) = config.value else {
            let reason = format!("a value is needed for {key}");
            return Err(RequestError::InvalidConfig { reason });
        };
        if settings.insert(key.clone(), value).is_some() {
            return Err(RequestError::invalid(format!(
                "{key} is set more than once"
            )));
        }
    }
    Ok(settings)
}

fn described(config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    let of_entry = |entry: ConfigEntry| CreatableTopicConfigs {
        name: entry.key.name.to_owned(),
        value: Some(entry.value),
        read_only: ConfigEntry::READ_ONLY,
        config_source: source_code(entry.source),
        is_sensitive: ConfigEntry::SENSITIVE,
    };
    config.describe().into_iter().map(of_entry).collect()
}

fn named_twice(name: &str) -> RequestError {
    RequestError::invalid(format!("topic {name:?} is named more than once"))
}
