//! A Produce request being gathered.

use std::sync::Arc;
use std::time::Duration;

use sluice_protocol::compression::Compression;
use sluice_protocol::messages::Message;
use sluice_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use super::queue::Queue;
use super::{ProduceError, ProducerSettings};
use crate::error::ClientError;
use crate::link::{Link, Pending};
use crate::model::{TopicPartition, by_topic};

/// Bytes of records after which no further partition joins a request.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// zstd needs Produce 7 (KIP-110); the rest is content with 3.
const FIRST_WITH_ZSTD: i16 = 7;

/// A Produce request being gathered.
#[derive(Debug)]
pub(super) struct RequestBuilder {
    settings: ProducerSettings,
    rows: Vec<(Arc<str>, PartitionProduceData)>,
    bytes: usize,
}

impl RequestBuilder {
    pub(super) const fn new(settings: ProducerSettings) -> Self {
        Self {
            settings,
            rows: Vec::new(),
            bytes: 0,
        }
    }

    /// Whether no further batch should join.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes >= REQUEST_BYTES
    }

    /// Adds a batch of a partition's queue.
    pub(super) fn add(
        &mut self,
        at: &TopicPartition,
        queue: &Queue,
        number: u64,
    ) -> Result<(), ProduceError> {
        let Some(batch) = queue.batch(number) else {
            return Ok(());
        };
        let records = batch.encode(self.settings.compression, queue.producer())?;
        self.bytes += records.len();
        let data = PartitionProduceData {
            index: at.partition,
            records: Some(records),
        };
        self.rows.push((Arc::clone(&at.topic), data));
        Ok(())
    }

    /// Queues the request on a link.
    pub(super) fn submit(
        self,
        link: &Link,
        timeout: Duration,
    ) -> Result<Pending<ProduceRequest>, ClientError> {
        let version = self.version(link)?;
        let request = self.build(timeout);
        link.try_submit(&request, version, timeout)
    }

    /// Queues a request that is not answered.
    pub(super) fn send_unanswered(self, link: &Link) -> Result<(), ClientError> {
        let version = self.version(link)?;
        let request = self.build(Duration::ZERO);
        link.try_send(&request, version)
    }

    fn version(&self, link: &Link) -> Result<i16, ClientError> {
        let known = ProduceRequest::VERSIONS;
        let floor = if self.settings.compression == Compression::Zstd {
            FIRST_WITH_ZSTD
        } else {
            *known.start()
        };
        link.version::<ProduceRequest>(floor..=*known.end())
    }

    fn build(self, timeout: Duration) -> ProduceRequest {
        let topics = by_topic(self.rows).into_iter();
        let topics = topics.map(|(name, partition_data)| TopicProduceData {
            name: name.to_string(),
            partition_data,
            ..TopicProduceData::default()
        });
        ProduceRequest {
            transactional_id: None,
            acks: self.settings.acks.code(),
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: topics.collect(),
        }
    }
}
