//! Random life and death of a broker against a model, on a disk that loses what was not synced.
//!
//! Rules: what was acknowledged is there, at the offset that was told, for ever; what is visible is
//! durable; nothing else than what was sent ever appears, in the order it was sent; a repeated batch
//! is never there twice, and is answered with the offset of the first; offsets never change; leader epochs
//! are those of the batches; a log start that was moved stays moved; retention by time takes no record that
//! is young enough to stay; compaction takes none that is the last of its key; every record is found by
//! its time; a change of topics that was begun is carried out wholly, whoever waits for it or not, and is
//! in memory what it is on disk.
//!
//! Any step may be struck, at any of its operations on the disk: the process dies, the power goes, a
//! write, a sync, a change of a name or a read fails, or the disk is full. After a failure of what makes records
//! durable nothing is acknowledged again. All code of the engine runs on one schedule that follows from the seed,
//! but for the threads themselves: flush, segments, checkpoint, retention, compaction, changes of topics,
//! start and stop. See [`seeds`] for which seeds run.
//!
//! Each of these changes to the code makes it fail, in at least one life of six:
//! * a flush, a checkpoint or a start does not sync what it wrote or found;
//! * records are acknowledged although their flush failed;
//! * a frame of another generation counts as the next one, or one whose checksum is wrong as whole.

mod changes;
mod checks;
mod deaths;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use self::changes::Change;
use super::failure::FaultyWorld;
use super::seeds::{self, Trace};
use super::*;
use crate::log::{Faults, FaultyStorage, Retention, repeat_ids};

const SEEDS: u64 = 100;
const FRESH_SEEDS: u64 = 20;
const STEPS: usize = 120;
/// Batches of the idempotent producer without an answer, at most.
const IN_FLIGHT: usize = 5;
const TOPICS: [&str; 3] = ["a", "b", "c"];
/// The topic that forgets by age; the others do by size.
const AGING: &str = "b";
/// The topic that is compacted, which changes nothing, since no two records have one key.
const COMPACTED: &str = "c";
const RETENTION_MS: i64 = 300_000;
const PARTITIONS_MAX: usize = 4;

/// A fault has struck what was being done.
#[derive(Debug)]
struct Struck;

type Lived<T = ()> = Result<T, Struck>;

/// A record's time, told by its value, which begins with zeros: within ten minutes, in no order.
fn timestamp_of(value: &str) -> i64 {
    let number: i64 = value.parse().unwrap();
    NOW - number * 7919 % 600 * 1000
}

fn timed(values: &[String]) -> BatchBuilder {
    let records: Vec<_> = values
        .iter()
        .map(|value| NewRecord {
            key: Some(Bytes::copy_from_slice(value.as_bytes())),
            ..record(value, timestamp_of(value))
        })
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
    /// The high watermark was seen here.
    seen_to: i64,
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

    fn end(&self) -> i64 {
        self.acknowledged
            .keys()
            .last()
            .map_or(0, |offset| offset + 1)
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

/// A batch that was sent, and who waits for it, if anybody.
struct Sent {
    topic: &'static str,
    offset: i64,
    count: usize,
    appending: Option<Appending>,
}

struct Simulation {
    rng: fastrand::Rng,
    world: FaultyWorld,
    expected: BTreeMap<&'static str, Expected>,
    appending: Vec<Sent>,
    /// A change of topics that nobody waits for.
    change: Option<Change>,
    /// Whether there was too little room for a change of topics, which is refused then.
    was_short: bool,
    /// Whether files of records that are gone may be left for the next start.
    has_retained_in_part: bool,
    next_value: u64,
    trace: Vec<String>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        repeat_ids(seed);
        let world = FaultyWorld::new(seed);
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        if rng.bool() {
            world.storage.forget_order();
        }
        if rng.bool() {
            world.storage.flip_bits();
        }
        Self {
            rng,
            world,
            expected: BTreeMap::new(),
            appending: Vec::new(),
            change: None,
            was_short: false,
            has_retained_in_part: false,
            next_value: 0,
            trace: Vec::new(),
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            let (step, topic) = (self.rng.u32(..100), self.rng.usize(..TOPICS.len()));
            self.draw_faults();
            self.was_short |= self.world.topics.space().refusal().is_some();
            let lived = self.step(step, TOPICS[topic]);
            if lived.is_err() || self.world.storage.has_struck() {
                self.struck();
            }
        }
        self.world.storage.set_faults(Faults::default());
        self.die("last power cut", FaultyStorage::cut_power);
        let account = self.world.storage.account();
        self.note(format!("{account:?}"));
    }

    fn step(&mut self, step: u32, topic: &'static str) -> Lived {
        // Records and deaths may come before the end of a change that was begun.
        if !matches!(step, 11..48 | 88..94) {
            self.resolve()?;
        }
        match step {
            0..8 => self.create(topic),
            8..11 => self.delete(topic),
            11..48 => self.append(topic),
            48..63 => self.flush(),
            63..70 => self.begin_change(topic),
            70..75 => self.repeat(topic),
            75..79 => self.delete_records(topic),
            79..82 => self.retain(),
            82..85 => self.compact(),
            85..86 => self.replace_metadata(),
            86..87 => self.check_worst_cut(),
            87..88 => self.check(topic),
            88..91 => self.end("kill", FaultyStorage::kill),
            91..94 => self.end("power cut", FaultyStorage::cut_power),
            94..96 => self.restart(),
            96..98 => self.look(),
            _ => self.check(topic),
        }
    }

    /// What an operation on the disk came to; only a fault excuses a failure, or that there is little room.
    fn sound<T, E: Debug>(&self, outcome: Result<T, E>) -> Lived<T> {
        let is_excused = || {
            let space = self.world.topics.space();
            self.world.storage.has_struck() || space.refusal().is_some()
        };
        match outcome {
            Ok(done) => Ok(done),
            Err(_) if is_excused() => Err(Struck),
            Err(error) => panic!("{error:?}"),
        }
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

    fn append(&mut self, topic: &'static str) -> Lived {
        self.notice_change();
        let Some(expected) = self.expected.get_mut(topic) else {
            return Ok(());
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
        let unanswered = Unanswered {
            sequence: expected.sequence,
            offset,
            values: values.clone(),
        };
        let is_sequenced = self.rng.bool() && expected.unanswered.len() < IN_FLIGHT;
        let batch = match is_sequenced {
            true => unanswered.batch(),
            false => timed(&values).build().unwrap().unwrap(),
        };
        self.trace.push(format!(
            "append {count} to {topic} at {offset}, sequence {}",
            batch.header().base_sequence
        ));
        let appending = match partition.append(batch, Acks::All) {
            // It is as if it had never come.
            Err(AppendError::DiskFull(_)) => return Ok(()),
            appending => appending.unwrap(),
        };
        let expected = self.expected.get_mut(topic).unwrap();
        if is_sequenced {
            expected.sequence += i32::try_from(count).unwrap();
            expected.unanswered.push(unanswered);
        }
        for (index, value) in values.into_iter().enumerate() {
            let offset = offset + i64::try_from(index).unwrap();
            expected.sent.insert(offset, value);
        }
        let appending = (self.rng.u8(..4) > 0).then_some(appending);
        self.appending.push(Sent {
            topic,
            offset,
            count,
            appending,
        });
        Ok(())
    }

    fn flush(&mut self) -> Lived {
        self.note("flush");
        self.sound(self.world.try_to_flush())?;
        self.settle()
    }

    /// Collects the answers of appends that have one.
    fn settle(&mut self) -> Lived {
        let mut lived = Ok(());
        for sent in std::mem::take(&mut self.appending) {
            let answered = match sent.appending {
                Some(appending) => self.world.drive(appending.durable()).map(|appended| {
                    assert_eq!(appended.base_offset, Offset(sent.offset));
                }),
                // Nobody is told whether it is among what failed.
                None if lived.is_err() => continue,
                None => self.world.try_to_flush().map_err(AppendError::Storage),
            };
            match answered {
                Ok(()) => self.acknowledge(sent.topic, sent.offset, sent.count),
                // Where the checkpoint behind a flush failed, the flush did not.
                Err(_) => lived = self.sound(answered),
            }
        }
        lived
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
    fn repeat(&mut self, topic: &'static str) -> Lived {
        let Some(expected) = self.expected.get(topic) else {
            return Ok(());
        };
        let Some(unanswered) = self.rng.choice(expected.unanswered.clone()) else {
            return Ok(());
        };
        self.note(format!("repeat {} in {topic}", unanswered.sequence));
        let partition = self.world.partition(topic);
        let appending = partition.append(unanswered.batch(), Acks::All).unwrap();
        let appended = self.sound(self.world.drive(appending.durable()))?;
        assert_eq!(appended.base_offset.0, unanswered.offset);
        assert!(partition.offsets().high_watermark.0 > unanswered.offset);
        self.settle()
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
}

fn run(seed: u64) -> Result<Trace, Trace> {
    seeds::live(Simulation::new(seed), Simulation::run, |life| life.trace)
}

#[test]
fn acknowledged_records_survive_everything() {
    seeds::run_all(SEEDS, FRESH_SEEDS, run);
}

#[test]
fn the_same_seed_gives_the_same_life() {
    for seed in [42, 43, 44] {
        assert_eq!(run(seed), run(seed), "{seed}");
    }
}
