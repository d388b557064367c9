//! Reading records: what is there now, without waiting.
//!
//! Each partition is read from an offset the caller names, and ends with a result of its own; an
//! offset outside the log is the caller's to decide on. Records stay as the broker sent them until
//! somebody looks at them: see [`FetchedRecords`]. Waiting for records is the watcher's business.

mod records;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_protocol::ApiKey;
use sluice_protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};

pub use records::{FetchedRecords, ReadError, RecordIter};

use crate::admin::ItemResults;
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::link::Link;
use crate::model::{Isolation, TopicPartition, by_topic};
use crate::pool::Purpose;
use crate::scatter::scatter;

/// What to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTarget {
    /// The partition.
    pub at: TopicPartition,
    /// First offset to read.
    pub offset: i64,
    /// Bytes of this partition, at most, but for a first batch that is larger.
    pub bytes_max: i32,
}

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchOptions {
    /// Which records to see.
    pub isolation: Isolation,
    /// Bytes from one broker, at most, but for a first batch that is larger.
    pub bytes_max: i32,
    /// For the whole read, with its retries.
    pub timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            bytes_max: 50 * 1024 * 1024,
            timeout: Duration::from_secs(10),
        }
    }
}

/// What was read of one partition.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Offset behind the last record that every replica in sync has.
    pub high_watermark: i64,
    /// Offset before which every transaction is decided; -1 for unknown.
    pub last_stable_offset: i64,
    /// First offset kept; -1 for unknown.
    pub log_start_offset: i64,
    /// The records.
    pub records: FetchedRecords,
}

/// Reads records of a cluster.
#[derive(Clone, Debug)]
pub struct Fetcher {
    cluster: Arc<Cluster>,
}

impl Fetcher {
    pub(crate) const fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// Reads what is there. Each partition may be named once; those named first are filled first
    /// where `bytes_max` does not suffice for all. An offset outside the log is
    /// `OffsetOutOfRange`.
    pub async fn fetch(
        &self,
        targets: Vec<FetchTarget>,
        options: FetchOptions,
    ) -> ItemResults<TopicPartition, Fetched> {
        let deadline = Instant::now() + options.timeout;
        let locate = |targets: Vec<FetchTarget>, round| async move {
            let partitions = targets.into_iter().map(|target| target.at).collect();
            self.cluster.leaders(partitions, round).await
        };
        let ask = |broker, targets| self.fetch_from(broker, targets, options);
        let results = scatter(deadline, targets, locate, ask).await.into_iter();
        results
            .map(|(target, result)| (target.at, result))
            .collect()
    }

    async fn fetch_from(
        &self,
        broker: i32,
        targets: Vec<FetchTarget>,
        options: FetchOptions,
    ) -> Vec<Result<Fetched, ClientError>> {
        let request = request(&targets, options);
        let response = match self.call(broker, &request).await {
            Ok(response) => response,
            Err(error) => return targets.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut rows = HashMap::new();
        for topic in response.responses {
            let name: Arc<str> = topic.topic.into();
            for row in topic.partitions {
                rows.insert(
                    TopicPartition::new(Arc::clone(&name), row.partition_index),
                    row,
                );
            }
        }
        let fetched = targets.iter().map(|target| {
            let row = rows
                .remove(&target.at)
                .ok_or_else(|| ClientError::Incomplete {
                    api: ApiKey::Fetch,
                    item: target.at.to_string(),
                })?;
            self.fetched(target.offset, row, options.isolation)
        });
        fetched.collect()
    }

    async fn call(
        &self,
        broker: i32,
        request: &FetchRequest,
    ) -> Result<FetchResponse, ClientError> {
        let link = self.link(broker).await?;
        let timeout = self.cluster.config().request_timeout;
        let response = link.call(request, timeout).await?;
        ClientError::check(response.error_code, None)?;
        Ok(response)
    }

    fn fetched(
        &self,
        offset: i64,
        row: PartitionData,
        isolation: Isolation,
    ) -> Result<Fetched, ClientError> {
        ClientError::check(row.error_code, None)?;
        let aborted = match isolation {
            Isolation::ReadCommitted => row.aborted_transactions.unwrap_or_default(),
            Isolation::ReadUncommitted => Vec::new(),
        };
        Ok(Fetched {
            high_watermark: row.high_watermark,
            last_stable_offset: row.last_stable_offset,
            log_start_offset: row.log_start_offset,
            records: FetchedRecords::new(
                row.records.unwrap_or_default().into_bytes(),
                offset,
                aborted,
                self.cluster.config().batch_content_bytes_max,
            ),
        })
    }

    /// A link of the fetch pool that nobody uses, or else the one with the least to do.
    async fn link(&self, broker: i32) -> Result<Link, ClientError> {
        let mut least: Option<Link> = None;
        for place in 0..self.cluster.config().fetch_links.max(1) {
            let link = self.cluster.link(broker, Purpose::Fetch(place)).await?;
            if link.in_flight() == 0 {
                return Ok(link);
            }
            if least
                .as_ref()
                .is_none_or(|it| link.in_flight() < it.in_flight())
            {
                least = Some(link);
            }
        }
        least.ok_or(ClientError::UnknownBroker { id: broker })
    }
}

fn request(targets: &[FetchTarget], options: FetchOptions) -> FetchRequest {
    let rows = targets.iter().map(|target| {
        let row = FetchPartition {
            partition: target.at.partition,
            fetch_offset: target.offset,
            partition_max_bytes: target.bytes_max,
            ..FetchPartition::default()
        };
        (Arc::clone(&target.at.topic), row)
    });
    let topics = by_topic(rows).into_iter();
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: options.bytes_max,
        isolation_level: options.isolation.code(),
        topics: topics
            .map(|(topic, partitions)| FetchTopic {
                topic: topic.to_string(),
                partitions,
                ..FetchTopic::default()
            })
            .collect(),
        ..FetchRequest::default()
    }
}
