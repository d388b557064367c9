//! What groups have committed, for many groups at once.
//!
//! One request per coordinator asks for all its groups (KIP-709, Kafka 3.0), cut by bytes; older
//! brokers are asked group by group, a bounded number of requests at a time.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use sluice_protocol::messages::Message;
use sluice_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponseTopic,
};
use sluice_protocol::{ApiKey, ErrorCode};

use super::Offsets;
use crate::admin::ItemResults;
use crate::coordinator::tells_of_another_coordinator;
use crate::error::ClientError;
use crate::model::{TopicPartition, by_topic};
use crate::scatter::scatter;

/// The first version that asks for many groups.
const FIRST_BATCHED: i16 = 8;
/// Bytes of one request, about, before another one is begun.
const REQUEST_BYTES: usize = 512 * 1024;
/// Requests to one old broker at a time.
const SINGLE_REQUESTS: usize = 16;

/// A group, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupQuery {
    /// Name of the group.
    pub group: String,
    /// Partitions of interest; `None` for all that the group has committed.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Whether to refuse offsets that an open transaction may still change (KIP-447).
    pub is_stable: bool,
}

impl GroupQuery {
    /// Everything a group has committed.
    #[must_use]
    pub fn all(group: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            partitions: None,
            is_stable: false,
        }
    }

    /// Bytes it takes in a request, about.
    fn bytes(&self) -> usize {
        let partitions = self.partitions.iter().flatten();
        let partitions = partitions.map(|at| 4 + at.topic.len() / 4);
        self.group.len() + 16 + partitions.sum::<usize>()
    }
}

/// A partition and what was committed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedPartition {
    /// The partition.
    pub at: TopicPartition,
    /// The offset; `None` where nothing was committed.
    pub committed: Result<Option<CommittedOffset>, ClientError>,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to consume.
    pub offset: i64,
    /// Leader epoch of the last consumed record; -1 for unknown.
    pub leader_epoch: i32,
    /// Note the client left.
    pub metadata: String,
}

impl Offsets {
    /// What groups have committed. A group that does not exist has committed nothing.
    pub async fn committed(
        &self,
        groups: Vec<GroupQuery>,
    ) -> ItemResults<GroupQuery, Vec<CommittedPartition>> {
        let deadline = self.cluster.deadline();
        let locate = |queries: Vec<GroupQuery>, _| async move {
            let names: Vec<&str> = queries.iter().map(|query| query.group.as_str()).collect();
            let mut found = self.cluster.coordinators_of(&names).await;
            let located = names.iter().map(|group| {
                let missing = ClientError::kafka(ErrorCode::CoordinatorNotAvailable);
                found.remove(*group).unwrap_or(Err(missing))
            });
            located.collect()
        };
        let ask = |broker, queries: Vec<GroupQuery>| async move {
            let chunks = chunks(&queries, REQUEST_BYTES);
            let asked = chunks
                .into_iter()
                .map(|chunk| self.committed_chunk(broker, chunk));
            let results: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            for (query, result) in queries.iter().zip(&results) {
                if result.as_ref().is_err_and(tells_of_another_coordinator) {
                    self.cluster.coordinators().forget(&query.group);
                }
            }
            results
        };
        scatter(deadline, groups, locate, ask).await
    }

    async fn committed_chunk(
        &self,
        broker: i32,
        queries: &[GroupQuery],
    ) -> Vec<Result<Vec<CommittedPartition>, ClientError>> {
        match self.committed_batched(broker, queries).await {
            Ok(results) => results,
            Err(ClientError::Unsupported { .. }) => {
                // Owned, or the compiler cannot prove that the future may move between threads.
                let asked = queries
                    .iter()
                    .cloned()
                    .map(|query| async move { self.committed_single(broker, &query).await });
                let asked: Vec<_> = asked.collect();
                stream::iter(asked)
                    .buffered(SINGLE_REQUESTS)
                    .collect()
                    .await
            }
            Err(error) => queries.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn committed_batched(
        &self,
        broker: i32,
        queries: &[GroupQuery],
    ) -> Result<Vec<Result<Vec<CommittedPartition>, ClientError>>, ClientError> {
        let groups = queries.iter().map(|query| OffsetFetchRequestGroup {
            group_id: query.group.clone(),
            topics: topics(query),
            ..OffsetFetchRequestGroup::default()
        });
        let request = OffsetFetchRequest {
            groups: groups.collect(),
            require_stable: queries.iter().any(|query| query.is_stable),
            ..OffsetFetchRequest::default()
        };
        let wanted = FIRST_BATCHED..=*OffsetFetchRequest::VERSIONS.end();
        let called = self.cluster.call_in(broker, self.purpose, &request, wanted);
        let rows = called.await?.groups.into_iter();
        let mut rows: HashMap<_, _> = rows.map(|row| (row.group_id.clone(), row)).collect();
        let found = queries.iter().map(|query| {
            let row = rows.remove(&query.group);
            let row = row.ok_or_else(|| ClientError::Incomplete {
                api: ApiKey::OffsetFetch,
                item: format!("group {}", query.group),
            })?;
            ClientError::check(row.error_code, None)?;
            Ok(partitions(row.topics))
        });
        Ok(found.collect())
    }

    async fn committed_single(
        &self,
        broker: i32,
        query: &GroupQuery,
    ) -> Result<Vec<CommittedPartition>, ClientError> {
        let request = OffsetFetchRequest {
            group_id: query.group.clone(),
            topics: topics(query),
            require_stable: query.is_stable,
            ..OffsetFetchRequest::default()
        };
        let wanted = *OffsetFetchRequest::VERSIONS.start()..=FIRST_BATCHED - 1;
        let called = self.cluster.call_in(broker, self.purpose, &request, wanted);
        let response = called.await?;
        ClientError::check(response.error_code, None)?;
        Ok(partitions(response.topics))
    }
}

fn topics(query: &GroupQuery) -> Option<Vec<OffsetFetchRequestTopic>> {
    let partitions = query.partitions.as_ref()?.iter();
    let partitions = partitions.map(|at| (Arc::clone(&at.topic), at.partition));
    let topics = by_topic(partitions).into_iter();
    let topics = topics.map(|(name, partition_indexes)| OffsetFetchRequestTopic {
        name: name.to_string(),
        partition_indexes,
        ..OffsetFetchRequestTopic::default()
    });
    Some(topics.collect())
}

fn partitions(topics: Vec<OffsetFetchResponseTopic>) -> Vec<CommittedPartition> {
    let mut partitions = Vec::with_capacity(topics.iter().map(|it| it.partitions.len()).sum());
    for topic in topics {
        let name: Arc<str> = topic.name.into();
        partitions.extend(topic.partitions.into_iter().map(|row| {
            let committed = CommittedOffset {
                offset: row.committed_offset,
                leader_epoch: row.committed_leader_epoch,
                metadata: row.metadata.unwrap_or_default(),
            };
            let checked = ClientError::check(row.error_code, None);
            CommittedPartition {
                at: TopicPartition::new(Arc::clone(&name), row.partition_index),
                committed: checked.map(|()| Some(committed).filter(|it| it.offset >= 0)),
            }
        }));
    }
    partitions
}

/// Cuts queries into requests of about `limit` bytes. Those that ask for stable offsets go apart,
/// because the request asks for all or none.
fn chunks(queries: &[GroupQuery], limit: usize) -> Vec<&[GroupQuery]> {
    let mut bytes = 0;
    let chunks = queries.chunk_by(|left, right| {
        bytes += left.bytes();
        let continues = bytes + right.bytes() <= limit && left.is_stable == right.is_stable;
        if !continues {
            bytes = 0;
        }
        continues
    });
    chunks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_cut_by_bytes_and_by_stability() {
        let query = |is_stable| GroupQuery {
            is_stable,
            ..GroupQuery::all("g".repeat(84))
        };
        let sizes = |queries: &[GroupQuery], limit| {
            let chunks = chunks(queries, limit).into_iter();
            chunks.map(<[_]>::len).collect::<Vec<_>>()
        };
        let queries = vec![query(false); 10];
        assert_eq!(sizes(&queries, 1000), [10]);
        assert_eq!(sizes(&queries, 450), [4, 4, 2]);
        assert_eq!(sizes(&queries, 1), [1; 10]);
        let mixed = [query(false), query(true), query(true)];
        assert_eq!(sizes(&mixed, 1000), [1, 2]);
    }
}
