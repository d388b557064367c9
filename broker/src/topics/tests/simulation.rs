//! Random life and death of a broker against a model, on a disk that loses what was not synced.
//!
//! Rules: what was acknowledged is there, at the offset that was told, for ever; what is visible is
//! durable; nothing else than what was sent ever appears, in the order it was sent; a repeated batch
//! is never there twice; offsets never change; retention by time takes no record that is young enough
//! to stay; every record is found by its time; a change of topics that was begun is carried out wholly,
//! whoever waits for it or not, and is in memory what it is on disk. `SLUICE_SEED` runs one seed,
//! `SLUICE_SEEDS` that many.

mod changes;
mod deaths;

use std::collections::{BTreeMap, BTreeSet};

use self::changes::Change;
use super::failure::FaultyWorld;
use super::seeds::{self, Trace};
use super::*;
use crate::log::{Faults, FaultyStorage, Retention};

const SEEDS: u64 = 150;
const STEPS: usize = 120;
/// Batches of the idempotent producer without an answer, at most.
const IN_FLIGHT: usize = 5;
const TOPICS: [&str; 3] = ["a", "b", "c"];
/// The topic that forgets by age; the others do by size.
const AGING: &str = "b";
const RETENTION_MS: i64 = 300_000;

/// A record's time, told by its value, which begins with zeros: within ten minutes, in no order.
fn timestamp_of(value: &str) -> i64 {
    let number: i64 = value.parse().unwrap();
    NOW - number * 7919 % 600 * 1000
}

fn timed(values: &[String]) -> BatchBuilder {
    let records: Vec<_> = values
        .iter()
        .map(|value| record(value, timestamp_of(value)))
        .collect();
    batch_of(&records)
}

/// A topic as it must be.
#[derive(Debug, Default)]
struct Expected {
    id: crate::model::Uuid,
    partitions: usize,
    /// Values by offset: those acknowledged, and those sent and not answered.
    acknowledged: BTreeMap<i64, String>,
    sent: BTreeMap<i64, String>,
    /// The log start is at least this, and at most that.
    start_min: i64,
    start_max: i64,
    /// The idempotent producer's next sequence.
    sequence: i32,
    /// Its batches without an answer.
    unanswered: Vec<Unanswered>,
}

impl Expected {
    fn new(id: crate::model::Uuid) -> Self {
        Self {
            id,
            partitions: 1,
            ..Self::default()
        }
    }
}

/// A batch that its producer sends again until it has an answer.
#[derive(Clone, Debug)]
struct Unanswered {
    sequence: i32,
    offset: i64,
    values: Vec<String>,
}

impl Unanswered {
    fn batch(&self) -> ValidatedBatch {
        let producer = BatchProducer {
            id: 7,
            epoch: 0,
            base_sequence: self.sequence,
        };
        let builder = timed(&self.values).with_producer(producer);
        builder.build().unwrap().unwrap()
    }
}

struct Simulation {
    rng: fastrand::Rng,
    world: FaultyWorld,
    expected: BTreeMap<&'static str, Expected>,
    /// Topic, first offset and count of records, and who waits for them, if anybody.
    appending: Vec<(&'static str, i64, usize, Option<Appending>)>,
    /// A change of topics that nobody waits for.
    change: Option<Change>,
    next_value: u64,
    trace: Vec<String>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed ^ 0x5eed),
            world: FaultyWorld::new(seed),
            expected: BTreeMap::new(),
            appending: Vec::new(),
            change: None,
            next_value: 0,
            trace: Vec::new(),
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            let topic = TOPICS[self.rng.usize(..TOPICS.len())];
            let step = self.rng.u32(..100);
            // Records and deaths may come before the end of a change that was begun.
            if !matches!(step, 11..50 | 90..96) {
                self.resolve();
            }
            match step {
                0..8 => self.create(topic),
                8..11 => self.delete(topic),
                11..50 => self.append(topic),
                50..65 => self.flush(),
                65..73 => self.begin_change(topic),
                73..78 => self.repeat(topic),
                78..82 => self.delete_records(topic),
                82..85 => self.retain(),
                85..86 => self.replace_metadata(),
                86..90 => self.check(topic),
                90..93 => self.die("kill", FaultyStorage::kill),
                93..96 => self.die("power cut", FaultyStorage::cut_power),
                96..98 => self.fail(),
                _ => self.restart(),
            }
        }
        self.die("last power cut", FaultyStorage::cut_power);
    }

    fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    fn make_segments_small(&self) {
        for topic in self.world.topics.list() {
            let log = &topic.partition(PartitionId(0)).unwrap().log;
            let mut config = topic.config().log.clone();
            config.segment_bytes = 700;
            config.index_interval_bytes = 100;
            config.retention = match topic.name().as_str() {
                AGING => Retention {
                    ms: Some(RETENTION_MS),
                    bytes: None,
                },
                _ => Retention {
                    ms: None,
                    bytes: Some(4000),
                },
            };
            log.set_config(config);
        }
    }

    fn append(&mut self, topic: &'static str) {
        self.notice_change();
        let Some(expected) = self.expected.get_mut(topic) else {
            return;
        };
        let count = self.rng.usize(1..4);
        let length = self.rng.usize(1..200);
        let values: Vec<String> = (0..count)
            .map(|_| {
                self.next_value += 1;
                format!("{:0length$}", self.next_value)
            })
            .collect();
        let partition = self.world.partition(topic);
        let offset = partition.offsets().log_end.0;
        let batch = match self.rng.bool() || expected.unanswered.len() >= IN_FLIGHT {
            true => timed(&values).build().unwrap().unwrap(),
            false => {
                let unanswered = Unanswered {
                    sequence: expected.sequence,
                    offset,
                    values: values.clone(),
                };
                expected.sequence += i32::try_from(count).unwrap();
                let batch = unanswered.batch();
                expected.unanswered.push(unanswered);
                batch
            }
        };
        self.trace.push(format!(
            "append {count} to {topic} at {offset}, sequence {}",
            batch.header().base_sequence
        ));
        let appending = partition.append(batch, Acks::All).unwrap();
        for (index, value) in values.into_iter().enumerate() {
            let offset = offset + i64::try_from(index).unwrap();
            expected.sent.insert(offset, value);
        }
        let appending = (self.rng.u8(..4) > 0).then_some(appending);
        self.appending.push((topic, offset, count, appending));
    }

    fn flush(&mut self) {
        self.note("flush");
        assert!(self.world.flush());
        self.settle();
    }

    /// Collects the answers of appends that have one.
    fn settle(&mut self) {
        for (topic, offset, count, appending) in std::mem::take(&mut self.appending) {
            match appending {
                Some(appending) => {
                    let appended = self.world.drive(appending.durable()).unwrap();
                    assert_eq!(appended.base_offset, Offset(offset));
                }
                None => assert!(self.world.flush()),
            }
            self.acknowledge(topic, offset, count);
        }
    }

    fn acknowledge(&mut self, topic: &'static str, offset: i64, count: usize) {
        let Some(expected) = self.expected.get_mut(topic) else {
            return;
        };
        for offset in (offset..).take(count) {
            let value = expected.sent.remove(&offset).unwrap();
            expected
                .unanswered
                .retain(|unanswered| !unanswered.values.contains(&value));
            expected.acknowledged.insert(offset, value);
        }
    }

    /// Sends a batch again that has no answer yet; the answer is that of the first.
    fn repeat(&mut self, topic: &'static str) {
        let Some(expected) = self.expected.get(topic) else {
            return;
        };
        let Some(unanswered) = self.rng.choice(expected.unanswered.clone()) else {
            return;
        };
        self.note(format!("repeat {} in {topic}", unanswered.sequence));
        let partition = self.world.partition(topic);
        let appending = partition.append(unanswered.batch(), Acks::All).unwrap();
        let appended = self.world.drive(appending.durable()).unwrap();
        assert_eq!(appended.base_offset.0, unanswered.offset);
        assert!(partition.offsets().high_watermark.0 > unanswered.offset);
        self.settle();
    }

    /// Sends everything again that has no answer, as a client does after a crash: what survived gets
    /// its offset, what was lost is appended.
    fn send_again(&mut self, topic: &'static str) {
        let Some(expected) = self.expected.get_mut(topic) else {
            return;
        };
        for unanswered in std::mem::take(&mut expected.unanswered) {
            self.note(format!("send {} again to {topic}", unanswered.sequence));
            let partition = self.world.partition(topic);
            let appending = partition.append(unanswered.batch(), Acks::All).unwrap();
            let appended = self.world.drive(appending.durable()).unwrap();
            let expected = self.expected.get_mut(topic).unwrap();
            for (offset, value) in (appended.base_offset.0..).zip(unanswered.values) {
                let survived = expected.acknowledged.values().any(|known| *known == value);
                let known = expected.acknowledged.insert(offset, value.clone());
                assert_eq!(known.is_some(), survived, "once and once only");
                assert!(known.is_none_or(|known| known == value));
            }
        }
    }

    fn retain(&mut self) {
        self.note("retain");
        self.settle();
        let start_of = |topic| self.world.partition(topic).offsets().log_start.0;
        let aging = self.expected.contains_key(AGING).then(|| start_of(AGING));
        self.world.topics.retention_check().unwrap();
        for (topic, expected) in &mut self.expected {
            let start = start_of(topic);
            expected.start_max = expected.start_max.max(start);
        }
        if let Some(start) = aging {
            let youngest = self.world.clock.wall().0 - RETENTION_MS;
            let dropped = self.expected[AGING]
                .acknowledged
                .range(start..start_of(AGING));
            for (offset, value) in dropped {
                assert!(timestamp_of(value) <= youngest, "{offset} was too young");
            }
        }
        self.world.clock.advance(Duration::from_secs(30));
    }

    /// A snapshot of the metadata, with changes queued around it, and perhaps a death in between.
    fn replace_metadata(&mut self) {
        self.note("replace metadata");
        self.settle();
        let metadata = Arc::clone(&self.world.topics.0.metadata);
        let (start, durable) = metadata.begin_snapshot().unwrap();
        match self.rng.bool() {
            true => self.delete_records(TOPICS[0]),
            false => self.begin_change(TOPICS[0]),
        }
        self.world.drive(durable).unwrap().unwrap();
        match self.rng.bool() {
            true => metadata
                .end_snapshot(start, &self.world.topics.0.checkpoint)
                .unwrap(),
            false => self.die(
                "power cut before the old metadata goes",
                FaultyStorage::cut_power,
            ),
        }
    }

    /// What is visible is what was acknowledged, and it is on the disk.
    fn check(&mut self, topic: &'static str) {
        self.settle();
        let Some(expected) = self.expected.get(topic) else {
            assert!(self.world.topics.topic(topic).is_none());
            return;
        };
        let partition = self.world.partition(topic);
        assert_eq!(partition.topic_id(), expected.id);
        let found = self.world.topics.topic(topic).unwrap();
        assert_eq!(found.partitions().len(), expected.partitions);
        let offsets = partition.offsets();
        let start = offsets.log_start.0;
        let starts = expected.start_min..=expected.start_max;
        assert!(
            starts.contains(&start),
            "{topic}: {start} not in {starts:?}, {offsets:?}"
        );
        let end = expected
            .acknowledged
            .keys()
            .last()
            .map_or(0, |last| last + 1);
        assert_eq!(offsets.high_watermark.0, end.max(start));
        let mut visible = expected.acknowledged.clone();
        visible.retain(|offset, _| *offset >= start);
        let asked = NOW - self.rng.i64(0..600) * 1000;
        let at = OffsetSpec::At(TimestampMs(asked));
        let found = partition.offset_for(at, Isolation::ReadUncommitted);
        let expected = visible
            .iter()
            .find(|(_, value)| timestamp_of(value) >= asked);
        assert_eq!(
            found.unwrap().map(|found| found.offset.0),
            expected.map(|(offset, _)| *offset)
        );
        let visible: Vec<_> = visible.into_iter().collect();
        assert_eq!(values(&partition, start), visible);
    }
}

fn run(seed: u64) -> Result<Trace, Trace> {
    seeds::live(Simulation::new(seed), Simulation::run, |life| life.trace)
}

#[test]
fn acknowledged_records_survive_everything() {
    seeds::run_all(SEEDS, run);
}

#[test]
fn the_same_seed_gives_the_same_life() {
    assert_eq!(run(42), run(42));
}
