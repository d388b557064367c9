//! Deleting the oldest records of partitions.

use std::collections::HashMap;
use std::sync::Arc;

use sluice_protocol::ApiKey;
use sluice_protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};

use super::{Admin, ItemResults};
use crate::error::ClientError;
use crate::model::{TopicPartition, by_topic};
use crate::scatter::scatter;

impl Admin {
    /// Deletes the records before an offset, or up to the high watermark for `None`; answers the
    /// first offset kept. Each partition may be named once.
    pub async fn delete_records(
        &self,
        partitions: Vec<(TopicPartition, Option<i64>)>,
    ) -> ItemResults<TopicPartition, i64> {
        let locate = |items: Vec<(TopicPartition, Option<i64>)>, round| async move {
            let partitions = items.into_iter().map(|(partition, _)| partition).collect();
            self.cluster.leaders(partitions, round).await
        };
        let ask = |broker, items| self.delete_records_of(broker, items);
        let results = scatter(self.deadline(), partitions, locate, ask).await;
        let results = results.into_iter();
        results
            .map(|((partition, _), result)| (partition, result))
            .collect()
    }

    async fn delete_records_of(
        &self,
        broker: i32,
        items: Vec<(TopicPartition, Option<i64>)>,
    ) -> Vec<Result<i64, ClientError>> {
        let rows = items.iter().map(|(partition, offset)| {
            let row = DeleteRecordsPartition {
                partition_index: partition.partition,
                offset: offset.unwrap_or(-1),
            };
            (Arc::clone(&partition.topic), row)
        });
        let topics = by_topic(rows).into_iter();
        let request = DeleteRecordsRequest {
            topics: topics
                .map(|(topic, partitions)| DeleteRecordsTopic {
                    name: topic.to_string(),
                    partitions,
                })
                .collect(),
            timeout_ms: self.timeout_ms(),
        };
        let response = match self.cluster.call(broker, self.purpose, &request).await {
            Ok(response) => response,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut rows = HashMap::new();
        for topic in response.topics {
            let name: Arc<str> = topic.name.into();
            for row in topic.partitions {
                let partition = TopicPartition::new(Arc::clone(&name), row.partition_index);
                rows.insert(partition, row);
            }
        }
        let found = items.iter().map(|(partition, _)| {
            let row = rows.remove(partition);
            let row = row.ok_or_else(|| ClientError::Incomplete {
                api: ApiKey::DeleteRecords,
                item: partition.to_string(),
            })?;
            ClientError::check(row.error_code, None)?;
            Ok(row.low_watermark)
        });
        found.collect()
    }
}
