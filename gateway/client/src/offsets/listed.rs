//! The offsets a log has: its ends, and those of times.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use futures_util::future::join_all;
use sluice_protocol::ApiKey;
use sluice_protocol::messages::Message;
use sluice_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};

use super::Offsets;
use crate::admin::ItemResults;
use crate::error::ClientError;
use crate::model::{Isolation, TopicPartition, by_topic};
use crate::scatter::scatter;

/// Partitions in one request: about half a mebibyte of them.
const PARTITIONS_PER_REQUEST: usize = 20_000;
/// The first version that finds the record with the largest timestamp (KIP-734).
const FIRST_WITH_MAX_TIMESTAMP: i16 = 7;

/// Which offset of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// The first one kept.
    Earliest,
    /// The one behind the last record the reader may see.
    Latest,
    /// That of the record with the largest timestamp.
    MaxTimestamp,
    /// That of the first record at or after a time, in milliseconds since the epoch.
    At(i64),
}

impl OffsetSpec {
    const fn code(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            // Negative times have meanings of their own on the wire.
            Self::At(time) if time < 0 => 0,
            Self::At(time) => time,
        }
    }
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; `None` where there is none, as for a time behind the last record.
    pub offset: Option<i64>,
    /// Timestamp of the record there, where a record was looked for.
    pub timestamp: Option<i64>,
    /// Epoch of the leader when the record was written; -1 for unknown.
    pub leader_epoch: i32,
}

type Item = (TopicPartition, OffsetSpec);

impl Offsets {
    /// Offsets of many partitions, at the cost of one request per broker and 20,000 partitions.
    /// Each partition may be named once.
    pub async fn list(
        &self,
        partitions: Vec<(TopicPartition, OffsetSpec)>,
        isolation: Isolation,
    ) -> ItemResults<TopicPartition, ListedOffset> {
        let deadline = self.cluster.deadline();
        let locate = |items: Vec<Item>, round| async move {
            let partitions = items.into_iter().map(|(at, _)| at).collect();
            self.cluster.leaders(partitions, round).await
        };
        let ask = |broker, items: Vec<Item>| async move {
            let chunks = items.chunks(PARTITIONS_PER_REQUEST);
            let asked = chunks.map(|chunk| self.list_chunk(broker, chunk, isolation));
            join_all(asked).await.into_iter().flatten().collect()
        };
        let results = scatter(deadline, partitions, locate, ask).await.into_iter();
        results.map(|((at, _), result)| (at, result)).collect()
    }

    async fn list_chunk(
        &self,
        broker: i32,
        items: &[Item],
        isolation: Isolation,
    ) -> Vec<Result<ListedOffset, ClientError>> {
        let rows = items.iter().map(|(at, spec)| {
            let row = ListOffsetsPartition {
                partition_index: at.partition,
                timestamp: spec.code(),
                ..ListOffsetsPartition::default()
            };
            (Arc::clone(&at.topic), row)
        });
        let topics = by_topic(rows).into_iter();
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: isolation.code(),
            topics: topics
                .map(|(topic, partitions)| ListOffsetsTopic {
                    name: topic.to_string(),
                    partitions,
                })
                .collect(),
            timeout_ms: 0,
        };
        let wanted = versions(items);
        let called = self.cluster.call_in(broker, self.purpose, &request, wanted);
        let response = match called.await {
            Ok(response) => response,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut rows = HashMap::with_capacity(items.len());
        for topic in response.topics {
            let name: Arc<str> = topic.name.into();
            for row in topic.partitions {
                rows.insert(
                    TopicPartition::new(Arc::clone(&name), row.partition_index),
                    row,
                );
            }
        }
        let found = items.iter().map(|(at, _)| {
            let row = rows.remove(at).ok_or_else(|| ClientError::Incomplete {
                api: ApiKey::ListOffsets,
                item: at.to_string(),
            })?;
            ClientError::check(row.error_code, None)?;
            Ok(ListedOffset {
                offset: Some(row.offset).filter(|offset| *offset >= 0),
                timestamp: Some(row.timestamp).filter(|timestamp| *timestamp >= 0),
                leader_epoch: row.leader_epoch,
            })
        });
        found.collect()
    }
}

fn versions(items: &[Item]) -> RangeInclusive<i16> {
    let known = ListOffsetsRequest::VERSIONS;
    if items
        .iter()
        .any(|(_, spec)| *spec == OffsetSpec::MaxTimestamp)
    {
        return FIRST_WITH_MAX_TIMESTAMP..=*known.end();
    }
    known
}
