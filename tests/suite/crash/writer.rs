//! An idempotent producer: calls of several records for several partitions, one after the other.

use std::sync::Arc;

use bytes::Bytes;
use sluice_client::{Client, ProduceError, ProduceRecord, ProducerSettings, RecordMetadata};
use sluice_e2e::history::{Event, Kept, Mark, Outcome};
use sluice_e2e::seed::Random;

use super::load::{Shift, Topic, client};

/// Records in one call, at most.
const CALL_MAX: usize = 32;
/// Bytes of padding in one record, at most.
const PADDING_MAX: usize = 600;

/// Writes to all partitions of a topic.
pub(super) struct Writer {
    number: usize,
    producer: i64,
    client: Client,
    topic: Topic,
    random: Random,
    written: i64,
}

impl Writer {
    pub(super) fn new(number: usize, producer: i64, topic: Topic, random: Random) -> Self {
        Self {
            number,
            producer,
            client: client(&topic.bootstrap),
            topic,
            random,
            written: 0,
        }
    }

    pub(super) async fn run(mut self, shift: Arc<Shift>) {
        let producer = self.client.producer(ProducerSettings::default());
        let history = self.topic.history.clone();
        while !shift.is_over() {
            let (marks, records): (Vec<_>, Vec<_>) = self.call();
            let began = history.now();
            let results = producer.send(self.topic.name, records).await;
            let outcomes = match results {
                Ok(results) => results.into_iter().map(outcome).collect(),
                Err(error) => {
                    eprintln!("producer {}: {error}", self.producer);
                    vec![Outcome::Info; marks.len()]
                }
            };
            let told = outcomes.iter().filter(|it| matches!(it, Outcome::Ok(_)));
            shift.acknowledged(told.count());
            let events = marks.into_iter().zip(outcomes);
            let events = events.map(|((partition, mark), outcome)| Event::Produce {
                partition,
                mark,
                outcome,
            });
            history.note(self.number, began, events);
        }
    }

    /// The next call's records.
    fn call(&mut self) -> (Vec<(i32, Mark)>, Vec<ProduceRecord>) {
        let count = 1 + self.random.below(CALL_MAX);
        (0..count).map(|_| self.record()).unzip()
    }

    fn record(&mut self) -> ((i32, Mark), ProduceRecord) {
        let partitions = usize::try_from(self.topic.partitions).expect("some");
        let partition = i32::try_from(self.random.below(partitions)).expect("few");
        self.written += 1;
        let mark = Mark {
            producer: self.producer,
            number: self.written,
        };
        let padding = ".".repeat(self.random.below(PADDING_MAX));
        let value = format!("{} {} {padding}", mark.producer, mark.number);
        let record = ProduceRecord {
            partition: Some(partition),
            key: key(mark, self.topic.kept),
            value: Some(value.into()),
            ..ProduceRecord::default()
        };
        ((partition, mark), record)
    }
}

fn key(mark: Mark, kept: Kept) -> Option<Bytes> {
    match kept {
        Kept::Everything => None,
        Kept::LatestOf(keys) => Some(format!("{} {}", mark.producer, mark.number % keys).into()),
    }
}

/// What a producer knows. That a record was refused it only knows where nothing was tried before.
fn outcome(result: Result<RecordMetadata, ProduceError>) -> Outcome<Option<i64>> {
    match result {
        Ok(told) => Outcome::Ok(told.offset),
        Err(error) => {
            eprintln!("not acknowledged: {error}");
            Outcome::Info
        }
    }
}
