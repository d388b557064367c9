//! Producers and readers of our own client, at work while the broker is killed under them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sluice_client::{
    Client, Config, FetchOptions, FetchTarget, ProduceRecord, ProducerSettings, TcpDial,
    TopicPartition,
};
use sluice_e2e::seed::Random;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::history::{Acknowledged, Log, Mark};

/// Records in one call, at most.
const CALL_MAX: usize = 32;
/// Bytes of padding in one record, at most.
const PADDING_MAX: usize = 600;
/// Asked of a partition at a time.
const FETCH_BYTES: i32 = 4 << 20;

/// A client with links, caches and producer ids of its own.
pub(super) fn client(bootstrap: &str) -> Client {
    let address = bootstrap.parse().expect("host:port");
    Client::new(
        Config::new(vec![address]),
        Arc::new(TcpDial),
        Handle::current(),
    )
}

/// Producers at work, until told to stop.
#[derive(Debug)]
pub(super) struct Load {
    count: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    producers: Vec<JoinHandle<Vec<Acknowledged>>>,
}

impl Load {
    /// Starts idempotent producers that write to `partitions` partitions of `topic`, each over a client of its own.
    pub(super) fn start(
        bootstrap: &str,
        topic: &str,
        partitions: usize,
        randoms: Vec<Random>,
    ) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let start = |(producer, random)| {
            let writer = Writer {
                producer,
                client: client(bootstrap),
                topic: topic.to_owned(),
                random,
                written: vec![0; partitions],
            };
            tokio::spawn(writer.run(Arc::clone(&count), Arc::clone(&is_over)))
        };
        let producers = (1..).zip(randoms).map(start).collect();
        Self {
            count,
            is_over,
            producers,
        }
    }

    /// How many records have been acknowledged to all.
    ///
    /// # Panics
    /// If a producer has given up.
    pub(super) fn count(&self) -> usize {
        let ended = self.producers.iter().any(JoinHandle::is_finished);
        assert!(!ended, "a producer has given up, see above");
        self.count.load(Ordering::Relaxed)
    }

    /// Has each producer finish its call, and gives what was acknowledged.
    pub(super) async fn finish(self) -> Vec<Acknowledged> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for producer in self.producers {
            acknowledged.extend(producer.await.expect("the producer has not given up"));
        }
        acknowledged
    }
}

/// One producer: calls of several records for several partitions, one after the other.
struct Writer {
    producer: i64,
    client: Client,
    topic: String,
    random: Random,
    /// Records written to each partition.
    written: Vec<i64>,
}

impl Writer {
    async fn run(mut self, count: Arc<AtomicUsize>, is_over: Arc<AtomicBool>) -> Vec<Acknowledged> {
        let producer = self.client.producer(ProducerSettings::default());
        let mut acknowledged = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let (marks, records) = self.call();
            let results = producer.send(&self.topic, records).await;
            let results = results.unwrap_or_else(|error| panic!("cannot produce: {error}"));
            count.fetch_add(results.len(), Ordering::Relaxed);
            for (mark, result) in marks.into_iter().zip(results) {
                let told = result.unwrap_or_else(|error| panic!("{mark:?}: {error}"));
                acknowledged.push(Acknowledged {
                    partition: told.partition,
                    offset: told.offset,
                    mark,
                });
            }
        }
        acknowledged
    }

    /// The next call's records.
    fn call(&mut self) -> (Vec<Mark>, Vec<ProduceRecord>) {
        let count = 1 + self.random.below(CALL_MAX);
        (0..count).map(|_| self.record()).unzip()
    }

    fn record(&mut self) -> (Mark, ProduceRecord) {
        let partition = self.random.below(self.written.len());
        let written = &mut self.written[partition];
        *written += 1;
        let mark = Mark {
            producer: self.producer,
            number: *written,
        };
        let padding = ".".repeat(self.random.below(PADDING_MAX));
        let value = format!("{} {} {padding}", mark.producer, mark.number);
        let record = ProduceRecord {
            partition: Some(i32::try_from(partition).expect("few partitions")),
            value: Some(value.into()),
            ..ProduceRecord::default()
        };
        (mark, record)
    }
}

/// Reads what partitions of `topic` hold at the moment of the call.
pub(super) async fn read(client: &Client, topic: &str, partitions: usize) -> Log {
    let mut log = Log::new();
    for partition in 0..partitions {
        let partition = i32::try_from(partition).expect("few partitions");
        read_partition(client, TopicPartition::new(topic, partition), &mut log).await;
    }
    log
}

async fn read_partition(client: &Client, at: TopicPartition, log: &mut Log) {
    let mut offset = 0;
    // The load goes on meanwhile: the end is where it was when the first piece came.
    let mut end = None;
    while end.is_none_or(|end| offset < end) {
        let target = FetchTarget {
            at: at.clone(),
            offset,
            bytes_max: FETCH_BYTES,
        };
        let fetcher = client.fetcher();
        let mut fetched = fetcher.fetch(vec![target], FetchOptions::default()).await;
        let fetched = fetched.remove(0).1;
        let fetched = fetched.unwrap_or_else(|error| panic!("cannot read {at}: {error}"));
        end = end.or(Some(fetched.high_watermark));
        for record in fetched.records.iter() {
            let record = record.unwrap_or_else(|error| panic!("cannot read {at}: {error}"));
            let value = record.value.expect("records have values");
            log.insert((at.partition, record.offset), parse(&value));
            offset = record.offset + 1;
        }
    }
}

/// The mark at the front of a value.
fn parse(value: &[u8]) -> Mark {
    let text = std::str::from_utf8(value).expect("values are text");
    let mut numbers = text.split(' ').map(|n| n.parse().expect("a number"));
    let mut next = || numbers.next().expect("two numbers");
    Mark {
        producer: next(),
        number: next(),
    }
}
