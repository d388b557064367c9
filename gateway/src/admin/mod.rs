//! What administering over REST means, without HTTP: one thing at a time, asked for and answered.

use std::sync::Arc;

pub use sluice_client::admin::{
    Config, ConfigChange, ConfigOperation, ConfigResource, CreatedTopic, NewTopic,
};
use sluice_client::admin::{ConfigQuery, NewPartitions};
use sluice_client::offsets::OffsetSpec;
pub use sluice_client::{Broker, ClientError, ClusterInfo, Partition, Topic};
use sluice_client::{Client, ErrorCode, Isolation, TopicPartition};

/// Administers one cluster.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

/// Where a partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionRange {
    /// Offset of the first record kept.
    pub beginning: i64,
    /// High watermark.
    pub end: i64,
}

impl Admin {
    /// Administers the cluster behind `client`.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Brokers, controller and id.
    ///
    /// # Errors
    /// [`ClientError`] of the request.
    pub async fn cluster(&self) -> Result<Arc<ClusterInfo>, ClientError> {
        self.client.admin().describe_cluster().await
    }

    /// All topics but Kafka's own, by name.
    ///
    /// # Errors
    /// [`ClientError`] of the request.
    pub async fn topics(&self) -> Result<Vec<Arc<Topic>>, ClientError> {
        let mut topics = self.client.admin().list_topics().await?;
        topics.retain(|topic| !topic.is_internal);
        Ok(topics)
    }

    /// One topic, asked for anew.
    ///
    /// # Errors
    /// [`ClientError`], `UnknownTopicOrPartition` where there is none.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        self.client.admin().describe_topic(name).await
    }

    /// Creates a topic, or only checks whether that could be done.
    ///
    /// # Errors
    /// [`ClientError`] with Kafka's reason.
    pub async fn create_topic(
        &self,
        topic: NewTopic,
        validate_only: bool,
    ) -> Result<CreatedTopic, ClientError> {
        let created = self
            .client
            .admin()
            .create_topics(vec![topic], validate_only)
            .await;
        only(created)
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// [`ClientError`] with Kafka's reason.
    pub async fn delete_topic(&self, name: &str) -> Result<(), ClientError> {
        only(
            self.client
                .admin()
                .delete_topics(vec![name.to_owned()])
                .await,
        )
    }

    /// Grows a topic to `count` partitions.
    ///
    /// # Errors
    /// [`ClientError`] with Kafka's reason.
    pub async fn add_partitions(&self, name: &str, count: i32) -> Result<(), ClientError> {
        let wanted = NewPartitions {
            topic: name.to_owned(),
            count,
            ..NewPartitions::default()
        };
        only(
            self.client
                .admin()
                .create_partitions(vec![wanted], false)
                .await,
        )
    }

    /// All configs of a resource, with where their values come from.
    ///
    /// # Errors
    /// [`ClientError`] with Kafka's reason.
    pub async fn configs(&self, resource: ConfigResource) -> Result<Vec<Config>, ClientError> {
        let query = ConfigQuery {
            synonyms: true,
            ..ConfigQuery::default()
        };
        only(
            self.client
                .admin()
                .describe_configs(vec![resource], &query)
                .await,
        )
    }

    /// Changes configs of a resource, all or none, or only checks whether that could be done.
    ///
    /// # Errors
    /// [`ClientError`] with Kafka's reason.
    pub async fn alter_configs(
        &self,
        resource: ConfigResource,
        changes: Vec<ConfigChange>,
        validate_only: bool,
    ) -> Result<(), ClientError> {
        let changes = vec![(resource, changes)];
        only(
            self.client
                .admin()
                .alter_configs(changes, validate_only)
                .await,
        )
    }

    /// Where a partition begins and ends.
    ///
    /// # Errors
    /// [`ClientError`], `UnknownTopicOrPartition` where there is none.
    pub async fn range(&self, topic: &str, partition: i32) -> Result<PartitionRange, ClientError> {
        Ok(PartitionRange {
            beginning: self.offset(topic, partition, OffsetSpec::Earliest).await?,
            end: self.offset(topic, partition, OffsetSpec::Latest).await?,
        })
    }

    async fn offset(
        &self,
        topic: &str,
        partition: i32,
        spec: OffsetSpec,
    ) -> Result<i64, ClientError> {
        let asked = vec![(TopicPartition::new(topic, partition), spec)];
        let listed = self
            .client
            .offsets()
            .list(asked, Isolation::ReadUncommitted)
            .await;
        only(listed)?
            .offset
            .ok_or(ClientError::kafka(ErrorCode::UnknownTopicOrPartition))
    }
}

/// The result of the one item that was asked about.
fn only<K, T>(results: Vec<(K, Result<T, ClientError>)>) -> Result<T, ClientError> {
    let first = results.into_iter().next();
    first.map_or(
        Err(ClientError::kafka(ErrorCode::UnknownServerError)),
        |(_, result)| result,
    )
}
