//! Many partitions, each with records in it.

use std::sync::Arc;

use bytes::Bytes;
use sluice_client::admin::NewTopic;
use sluice_client::{
    Client, Config, FetchOptions, FetchTarget, Fetched, ProduceError, ProduceRecord,
    ProducerSettings, ReadError, Record, RecordMetadata, TcpDial, TopicPartition,
};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Partitions of a topic, at most.
const OF_A_TOPIC: usize = 1000;

/// Asked of a partition at a time.
const FETCH_BYTES: i32 = 64 * 1024;

/// A partition and an offset to read from.
type Place = (TopicPartition, i64);

/// What a producer says of records.
type Sent = Result<Vec<Result<RecordMetadata, ProduceError>>, ProduceError>;

/// Topics of up to 1,000 partitions each, and a client that works with them.
#[derive(Debug)]
pub struct Partitions {
    client: Client,
    /// Each with the number of its partitions.
    topics: Vec<(String, i32)>,
}

impl Partitions {
    /// Creates topics with `count` partitions in all, at the broker at `bootstrap`.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn create(bootstrap: &str, count: usize) -> Self {
        let sizes = (0..count.div_ceil(OF_A_TOPIC))
            .map(|number| OF_A_TOPIC.min(count - number * OF_A_TOPIC))
            .map(|size| i32::try_from(size).expect("at most 1,000"));
        let topics: Vec<_> = (0..)
            .zip(sizes)
            .map(|(number, size)| (format!("many-{number}"), size))
            .collect();
        let client = client(bootstrap);
        let new = topics.iter().map(|(name, partitions)| NewTopic {
            name: name.clone(),
            partitions: Some(*partitions),
            ..NewTopic::default()
        });
        let created = client.admin().create_topics(new.collect(), false).await;
        assert!(created.iter().all(|(_, outcome)| outcome.is_ok()));
        Self { client, topics }
    }

    /// Writes `value` to each partition and waits until all of it is acknowledged.
    ///
    /// # Panics
    /// If any is not.
    pub async fn write(&self, value: &str) {
        let producer = self.client.producer(ProducerSettings::default());
        let value = Bytes::copy_from_slice(value.as_bytes());
        for (topic, partitions) in &self.topics {
            let records = (0..*partitions).map(|partition| record(partition, &value));
            acknowledged(topic, producer.send(topic, records.collect()).await);
        }
    }

    /// Writes `batches` batches of `records` records of this value to each partition, to all at the same time and
    /// to each one batch after the other.
    ///
    /// # Panics
    /// If any is not acknowledged.
    pub async fn fill(&self, value: &str, records: usize, batches: usize) {
        let value = Bytes::copy_from_slice(value.as_bytes());
        let mut writers = JoinSet::new();
        for (topic, partition) in self.each() {
            let producer = self.client.producer(ProducerSettings::default());
            let batch = vec![record(partition, &value); records];
            writers.spawn(async move {
                for _ in 0..batches {
                    acknowledged(&topic, producer.send(&topic, batch.clone()).await);
                }
            });
        }
        while let Some(written) = writers.join_next().await {
            written.expect("a writer");
        }
    }

    fn each(&self) -> impl Iterator<Item = (String, i32)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            (0..*partitions).map(|partition| (topic.clone(), partition))
        })
    }

    /// Reads all of each partition and gives how many records that are.
    ///
    /// # Panics
    /// If any partition cannot be read, or has less than it says.
    pub async fn read(&self) -> usize {
        let mut count = 0;
        for (topic, partitions) in &self.topics {
            let mut places: Vec<_> = (0..*partitions)
                .map(|partition| (TopicPartition::new(topic.as_str(), partition), 0))
                .collect();
            while !places.is_empty() {
                let (records, left) = self.read_once(places).await;
                count += records;
                places = left;
            }
        }
        count
    }

    /// Reads from some offsets, and gives the number of records and where there is more.
    async fn read_once(&self, places: Vec<Place>) -> (usize, Vec<Place>) {
        let targets = places.iter().map(|(at, offset)| FetchTarget {
            at: at.clone(),
            offset: *offset,
            bytes_max: FETCH_BYTES,
        });
        let fetcher = self.client.fetcher();
        let fetched = fetcher.fetch(targets.collect(), FetchOptions::default());
        let mut count = 0;
        let mut left = Vec::new();
        for ((at, from), (_, fetched)) in places.iter().zip(fetched.await) {
            let fetched = fetched.unwrap_or_else(|error| panic!("{at:?}: {error}"));
            let offsets = offsets(&fetched, at);
            let next = offsets.last().map_or(*from, |last| last + 1);
            count += offsets.iter().filter(|offset| *offset >= from).count();
            if next < fetched.high_watermark {
                left.push((at.clone(), next));
            }
        }
        (count, left)
    }

    /// Deletes the topics.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn delete(self) {
        let names = self.topics.into_iter().map(|(name, _)| name).collect();
        let deleted = self.client.admin().delete_topics(names).await;
        assert!(deleted.iter().all(|(_, outcome)| outcome.is_ok()));
    }
}

fn record(partition: i32, value: &Bytes) -> ProduceRecord {
    ProduceRecord {
        partition: Some(partition),
        value: Some(value.clone()),
        ..ProduceRecord::default()
    }
}

fn acknowledged(topic: &str, sent: Sent) {
    for outcome in sent.unwrap_or_else(|error| panic!("{topic}: {error}")) {
        outcome.unwrap_or_else(|error| panic!("{topic}: {error}"));
    }
}

fn offsets(fetched: &Fetched, at: &TopicPartition) -> Vec<i64> {
    let records = fetched.records.iter();
    let offset = |record: Result<Record, ReadError>| match record {
        Ok(record) => record.offset,
        Err(error) => panic!("{at:?}: {error}"),
    };
    records.map(offset).collect()
}

/// A client with links and caches of its own.
fn client(bootstrap: &str) -> Client {
    let address = bootstrap.parse().expect("host:port");
    let config = Config::new(vec![address]);
    Client::new(config, Arc::new(TcpDial), Handle::current())
}
