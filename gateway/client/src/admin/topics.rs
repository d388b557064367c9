//! Creating, describing, extending and deleting topics.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_protocol::messages::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use sluice_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
    CreateTopicsRequest,
};
use sluice_protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use sluice_protocol::{ApiKey, ErrorCode, Uuid};

use super::{Admin, ItemResults, matched};
use crate::error::ClientError;
use crate::metadata::{Scope, Topic};

/// Pause between looks at whether a created topic has its leaders.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A topic to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Name of the topic.
    pub name: String,
    /// Count of partitions; `None` for the cluster's default.
    pub partitions: Option<i32>,
    /// Replicas per partition; `None` for the cluster's default.
    pub replication_factor: Option<i16>,
    /// Brokers per partition, the preferred leader first; empty to let the cluster choose.
    pub assignments: Vec<Vec<i32>>,
    /// Configs that differ from the defaults.
    pub configs: Vec<(String, Option<String>)>,
}

/// A topic that was created, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Id of the topic; zero where the cluster does not tell.
    pub id: Uuid,
    /// Count of partitions, where the cluster tells.
    pub partitions: Option<i32>,
    /// Replicas per partition, where the cluster tells.
    pub replication_factor: Option<i16>,
}

/// Partitions to add to a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPartitions {
    /// Name of the topic.
    pub topic: String,
    /// Count of partitions to have then.
    pub count: i32,
    /// Brokers per new partition; empty to let the cluster choose.
    pub assignments: Vec<Vec<i32>>,
}

impl Admin {
    /// All topics, asked for anew.
    ///
    /// # Errors
    /// [`ClientError`] of the request. A topic with an error of its own is left out.
    pub async fn list_topics(&self) -> Result<Vec<Arc<Topic>>, ClientError> {
        let answers = self.cluster.refresh(Scope::All).await?;
        let mut topics: Vec<Arc<Topic>> = answers
            .values()
            .filter_map(|answer| answer.clone().ok())
            .collect();
        topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(topics)
    }

    /// Topics by name, asked for anew, never created.
    pub async fn describe_topics(&self, names: Vec<String>) -> ItemResults<String, Arc<Topic>> {
        let asked: Vec<Arc<str>> = names.iter().map(|name| name.as_str().into()).collect();
        let answers = self.cluster.refresh(Scope::Topics(asked)).await;
        let answers = answers.map(|answers| {
            let found = names.iter().map(|name| {
                let answer = answers.get(name.as_str()).cloned();
                let answer = answer.unwrap_or(Err(ErrorCode::UnknownTopicOrPartition));
                answer.map_err(ClientError::kafka)
            });
            found.collect()
        });
        matched(names, answers)
    }

    /// One topic by name, asked for anew, never created.
    ///
    /// # Errors
    /// [`ClientError`], `UnknownTopicOrPartition` where there is none.
    pub async fn describe_topic(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        let described = self.describe_topics(vec![name.to_owned()]).await;
        let missing = ClientError::kafka(ErrorCode::UnknownTopicOrPartition);
        described
            .into_iter()
            .next()
            .map_or(Err(missing), |(_, topic)| topic)
    }

    /// Creates topics, or only checks whether that could be done. Returns when every created topic
    /// has its leaders, or `Config::creation_timeout` after its creation.
    pub async fn create_topics(
        &self,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> ItemResults<String, CreatedTopic> {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let request = CreateTopicsRequest {
            topics: topics.into_iter().map(creatable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
        };
        let called = self.call_controller(&request, |response| {
            response
                .topics
                .iter()
                .map(|topic| topic.error_code)
                .collect()
        });
        let answers = called.await.map(|response| {
            let rows = response.topics.into_iter();
            let mut rows: HashMap<String, CreatableTopicResult> =
                rows.map(|row| (row.name.clone(), row)).collect();
            let found = names.iter().map(|name| created(rows.remove(name), name));
            found.collect()
        });
        let results = matched(names, answers);
        if !validate_only {
            let created = results.iter().filter(|(_, result)| result.is_ok());
            let unseen = created.map(|(name, _)| (name.as_str().into(), 1));
            self.wait_for_leaders(unseen.collect()).await;
        }
        results
    }

    /// Waits until topics have as many partitions as told, and each its leader: a cluster tells of a
    /// change a little later than it makes it.
    async fn wait_for_leaders(&self, mut unseen: Vec<(Arc<str>, i32)>) {
        let deadline = Instant::now() + self.cluster.config().creation_timeout;
        while !unseen.is_empty() && Instant::now() < deadline {
            let names = unseen.iter().map(|(name, _)| Arc::clone(name)).collect();
            let Ok(answers) = self.cluster.refresh(Scope::Topics(names)).await else {
                return;
            };
            unseen.retain(|(name, count)| match answers.get(name) {
                Some(Ok(topic)) => topic.partition_count() < *count || !has_leaders(topic),
                Some(Err(_)) | None => true,
            });
            if !unseen.is_empty() {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
    }

    /// Adds partitions to topics, or only checks whether that could be done. Returns when every new
    /// partition has its leader, or `Config::creation_timeout` after its creation.
    pub async fn create_partitions(
        &self,
        topics: Vec<NewPartitions>,
        validate_only: bool,
    ) -> ItemResults<String, ()> {
        let names: Vec<String> = topics.iter().map(|topic| topic.topic.clone()).collect();
        let counts: Vec<i32> = topics.iter().map(|topic| topic.count).collect();
        let request = CreatePartitionsRequest {
            topics: topics.into_iter().map(extendable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only,
        };
        let called = self.call_controller(&request, |response| {
            response
                .results
                .iter()
                .map(|topic| topic.error_code)
                .collect()
        });
        let answers = called.await.map(|response| {
            let rows = response.results.into_iter();
            let mut rows: HashMap<_, _> = rows.map(|row| (row.name.clone(), row)).collect();
            let found = names.iter().map(|name| {
                let row = rows.remove(name);
                let row = row.ok_or_else(|| incomplete(ApiKey::CreatePartitions, name))?;
                ClientError::check(row.error_code, row.error_message)
            });
            found.collect()
        });
        let results = matched(names, answers);
        if !validate_only {
            let extended = results
                .iter()
                .zip(counts)
                .filter(|((_, result), _)| result.is_ok());
            let unseen = extended.map(|((name, _), count)| (name.as_str().into(), count));
            self.wait_for_leaders(unseen.collect()).await;
        }
        results
    }

    /// Deletes topics.
    pub async fn delete_topics(&self, names: Vec<String>) -> ItemResults<String, ()> {
        let states = names.iter().map(|name| DeleteTopicState {
            name: Some(name.clone()),
            topic_id: Uuid::ZERO,
        });
        let request = DeleteTopicsRequest {
            topics: states.collect(),
            topic_names: names.clone(),
            timeout_ms: self.timeout_ms(),
        };
        let called = self.call_controller(&request, |response| {
            response
                .responses
                .iter()
                .map(|topic| topic.error_code)
                .collect()
        });
        let answers = called.await.map(|response| {
            let rows = response.responses.into_iter();
            let mut rows: HashMap<_, _> = rows
                .map(|row| (row.name.clone().unwrap_or_default(), row))
                .collect();
            let found = names.iter().map(|name| {
                let row = rows.remove(name);
                let row = row.ok_or_else(|| incomplete(ApiKey::DeleteTopics, name))?;
                ClientError::check(row.error_code, row.error_message)
            });
            found.collect()
        });
        let results = matched(names, answers);
        for (name, result) in &results {
            if result.is_ok() {
                self.cluster.metadata().forget(name);
            }
        }
        results
    }
}

fn creatable(topic: NewTopic) -> CreatableTopic {
    let assigned = !topic.assignments.is_empty();
    let assignments = (0..)
        .zip(topic.assignments)
        .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
            partition_index,
            broker_ids,
        });
    let configs = topic.configs.into_iter();
    CreatableTopic {
        name: topic.name,
        num_partitions: topic.partitions.filter(|_| !assigned).unwrap_or(-1),
        replication_factor: topic.replication_factor.filter(|_| !assigned).unwrap_or(-1),
        assignments: assignments.collect(),
        configs: configs
            .map(|(name, value)| CreatableTopicConfig { name, value })
            .collect(),
    }
}

fn extendable(topic: NewPartitions) -> CreatePartitionsTopic {
    let assignments = topic.assignments.into_iter();
    let assignments: Vec<_> = assignments
        .map(|broker_ids| CreatePartitionsAssignment { broker_ids })
        .collect();
    CreatePartitionsTopic {
        name: topic.topic,
        count: topic.count,
        assignments: Some(assignments).filter(|assignments| !assignments.is_empty()),
    }
}

fn created(row: Option<CreatableTopicResult>, name: &str) -> Result<CreatedTopic, ClientError> {
    let row = row.ok_or_else(|| incomplete(ApiKey::CreateTopics, name))?;
    ClientError::check(row.error_code, row.error_message)?;
    Ok(CreatedTopic {
        id: row.topic_id,
        partitions: Some(row.num_partitions).filter(|count| *count > 0),
        replication_factor: Some(row.replication_factor).filter(|factor| *factor > 0),
    })
}

fn has_leaders(topic: &Topic) -> bool {
    let mut partitions = topic.partitions.iter();
    partitions.all(|partition| partition.leader.is_some())
}

fn incomplete(api: ApiKey, topic: &str) -> ClientError {
    ClientError::Incomplete {
        api,
        item: format!("topic {topic}"),
    }
}
