//! Random compactions against a model, on a disk that may die at any change.
//!
//! Rules: what is visible was sent, at the offset it had; of each key the last record stays, and
//! everything from the active segment on; a deletion marker goes only when its horizon has passed, and
//! then it does; an idempotent producer is known for ever. See [`seeds`] for which seeds run.
//!
//! Each of these changes to the code makes it fail:
//! * the map begins a record behind the start of the dirty part, or what it had no room for counts as
//!   compacted;
//! * a record stays only where the map knows its key;
//! * a deletion marker goes at its first compaction, or no horizon is noted for it;
//! * batches left without records all go, or the snapshot of producers before is not durable;
//! * offsets are counted anew in what is left of a batch;
//! * the draft is not synced, nor the directory before the inputs go, or (in one seed of some hundreds)
//!   behind that;
//! * the result gets its last name before all inputs are gone;
//! * a start does not complete what was under way, or leaves inputs beside the result.

use std::collections::BTreeMap;

use super::failure::FaultyWorld;
use super::seeds::{self, Trace};
use super::*;
use crate::log::compaction::CompactError;
use crate::log::{Faults, FaultyStorage, Storage};

const SEEDS: u64 = 100;
const FRESH_SEEDS: u64 = 20;
const STEPS: usize = 80;
const TOPIC: &str = "compacted";
const DIRECTORY: &str = "/data/topics/compacted-0";
const KEYS: u8 = 9;
const MARKERS_STAY: i64 = 5_000;
/// Memory for the keys of a whole run, and for a few.
const MEMORY: [usize; 2] = [1 << 20, 24 * 5];

/// A record as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    key: u8,
    value: Option<String>,
    timestamp: i64,
}

/// What is known of a deletion marker.
#[derive(Clone, Copy, Debug, Default)]
struct Marker {
    /// When a compaction may have seen it first.
    seen_at: Option<i64>,
    /// When a compaction surely has.
    noted_at: Option<i64>,
}

/// A batch of the idempotent producer.
#[derive(Clone, Debug)]
struct Produced {
    sequence: i32,
    offset: i64,
    batch: ValidatedBatch,
}

struct Life {
    rng: fastrand::Rng,
    flips_bits: bool,
    world: FaultyWorld,
    sent: BTreeMap<i64, Sent>,
    markers: BTreeMap<i64, Marker>,
    produced: Vec<Produced>,
    /// How many of those nothing but records told of, which may be gone.
    forgotten: usize,
    next_sequence: i32,
    /// Nothing from here on was ever compacted.
    touched_to: i64,
    /// Everything before was compacted, and when that began.
    cleaned: (i64, i64),
    log_start: i64,
    next_value: u64,
    trace: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let world = FaultyWorld::harsh(seed);
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xc0);
        let policy = match rng.u8(..4) {
            0 => "compact,delete",
            _ => "compact",
        };
        let stay = MARKERS_STAY.to_string();
        let configs = [
            ("cleanup.policy", policy),
            ("delete.retention.ms", stay.as_str()),
            ("min.cleanable.dirty.ratio", "0.1"),
            ("retention.ms", "-1"),
        ];
        let created = world
            .topics
            .create(new_topic(TOPIC, 1, &configs), Commit::Yes);
        world.drive(created).unwrap().unwrap();
        let life = Self {
            rng,
            flips_bits: seed % 2 == 1,
            world,
            sent: BTreeMap::new(),
            markers: BTreeMap::new(),
            produced: Vec::new(),
            forgotten: 0,
            next_sequence: 0,
            touched_to: 0,
            cleaned: (0, 0),
            log_start: 0,
            next_value: 0,
            trace: vec![format!("policy {policy}")],
        };
        life.make_segments_small();
        life
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            match self.rng.u32(..100) {
                0..55 => self.append(),
                55..60 => self.pass_time(),
                60..72 => self.compact_all(),
                72..80 => self.die_while_compacting(),
                80..85 => self.fail_while_compacting(),
                85..88 => self.retain(),
                88..90 => self.delete_records(),
                90..93 => self.restart(),
                93..96 => self.die("power cut", FaultyStorage::cut_power),
                _ => self.check(),
            }
        }
        self.die("last power cut", FaultyStorage::cut_power);
        self.compact_all();
        self.check();
        let account = self.world.storage.account();
        self.note(format!("{account:?}"));
    }

    fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    fn partition(&self) -> Arc<Partition> {
        self.world.partition(TOPIC)
    }

    fn now(&self) -> i64 {
        self.world.clock.wall().0
    }

    fn make_segments_small(&self) {
        let topic = self.world.topics.topic(TOPIC).unwrap();
        let mut config = topic.config().log.clone();
        config.segment_bytes = 700;
        config.index_interval_bytes = 100;
        if topic.config().cleanup.delete {
            config.retention.bytes = Some(3000);
        }
        self.partition().log.set_config(config);
    }

    fn pass_time(&mut self) {
        let by = self.rng.u64(1..4_000);
        self.note(format!("{by} ms pass"));
        self.world.clock.advance(Duration::from_millis(by));
    }

    fn append(&mut self) {
        let records: Vec<Sent> = (0..self.rng.usize(1..5))
            .map(|_| self.new_record())
            .collect();
        let codec = *self
            .rng
            .choice(&[Compression::None, Compression::Zstd])
            .unwrap();
        let mut builder = BatchBuilder::new(codec);
        let sequence = self.rng.bool().then_some(self.next_sequence);
        if let Some(base_sequence) = sequence {
            builder = builder.with_producer(BatchProducer {
                id: 7,
                epoch: 0,
                base_sequence,
            });
            self.next_sequence += i32::try_from(records.len()).unwrap();
        }
        for record in &records {
            let value = record.value.as_ref();
            let new = NewRecord {
                timestamp: record.timestamp,
                key: Some(Bytes::copy_from_slice(&[record.key])),
                value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
                ..NewRecord::default()
            };
            builder.append(&new).unwrap();
        }
        let batch = builder.build().unwrap().unwrap();
        let offset = self.send(batch.clone()).unwrap();
        self.note(format!(
            "append {} at {offset}, {sequence:?}",
            records.len()
        ));
        if let Some(sequence) = sequence {
            self.produced.push(Produced {
                sequence,
                offset,
                batch,
            });
        }
        for (offset, record) in (offset..).zip(records) {
            if record.value.is_none() {
                self.markers.insert(offset, Marker::default());
            }
            assert!(self.sent.insert(offset, record).is_none());
        }
    }

    fn new_record(&mut self) -> Sent {
        self.next_value += 1;
        let length = self.rng.usize(1..120);
        let value = format!("{:0length$}", self.next_value);
        Sent {
            key: self.rng.u8(..KEYS),
            value: (self.rng.u8(..4) != 0).then_some(value),
            timestamp: self.now() - self.rng.i64(0..1000),
        }
    }

    fn send(&self, batch: ValidatedBatch) -> Result<i64, AppendError> {
        let appending = self.partition().append(batch, Acks::All)?;
        let appended = self.world.drive(appending.durable())?;
        Ok(appended.base_offset.0)
    }

    /// Compacts whatever is due, in memory enough or not.
    fn compact_all(&mut self) {
        let memory = *self.rng.choice(&MEMORY).unwrap();
        self.note(format!("compact in {memory} bytes"));
        while self.compact(memory).is_some_and(|outcome| {
            outcome.unwrap();
            true
        }) {}
    }

    /// Compacts once, if that is due.
    fn compact(&mut self, memory: usize) -> Option<Result<(), CompactError>> {
        let (now, end) = (self.now(), self.active_base());
        let look = self.world.topics.compact_dirtiest(memory, &mut |_| true);
        let run = match look {
            Ok(look) => look.run?,
            // The checkpoint before it failed.
            Err(error) => return Some(Err(CompactError::Unsettled(error))),
        };
        self.touched_to = self.touched_to.max(end);
        for (_, marker) in self.markers.range_mut(..end) {
            marker.seen_at = marker.seen_at.or(Some(now));
        }
        if run.outcome.is_ok() {
            let to = self.cleaned_to();
            self.note(format!("compacted to {to}"));
            assert!(to <= end, "never the active segment");
            for (_, marker) in self.markers.range_mut(..to) {
                marker.noted_at = marker.noted_at.or(Some(now));
            }
            self.cleaned = (to, now);
        }
        Some(run.outcome)
    }

    /// Where the active segment begins.
    fn active_base(&self) -> i64 {
        let policy = self
            .world
            .topics
            .topic(TOPIC)
            .unwrap()
            .config()
            .log
            .compaction;
        let sealed = self
            .partition()
            .log
            .segment_spans(&policy.unwrap())
            .unwrap();
        sealed
            .last()
            .map_or(self.log_start, |last| last.next_offset)
    }

    /// One past the last offset that is known to be compacted.
    fn cleaned_to(&self) -> i64 {
        let partition = self.partition();
        let state = self.world.topics.0.compaction.lock();
        let known = state.cleaned.get(partition.topic_id(), partition.id());
        known.unwrap_or_default()
    }

    fn die_while_compacting(&mut self) {
        let left = self.rng.u32(..40);
        self.note(format!("{left} more changes"));
        self.world.storage.set_faults(Faults {
            changes_left: Some(left),
            ..Faults::default()
        });
        let memory = *self.rng.choice(&MEMORY).unwrap();
        while let Some(Ok(())) = self.compact(memory) {}
        match self.rng.bool() {
            true => self.die("power cut", FaultyStorage::cut_power),
            false => self.die("kill", FaultyStorage::kill),
        }
    }

    /// A sync fails, or the disk is full: the log is as it was, or the process ends.
    fn fail_while_compacting(&mut self) {
        let faults = match self.rng.bool() {
            true => Faults {
                bytes_left: Some(self.rng.u64(..2000)),
                ..Faults::default()
            },
            false => Faults {
                syncs_left: Some(self.rng.u32(1..12)),
                ..Faults::default()
            },
        };
        self.note(format!("{faults:?}"));
        self.world.storage.set_faults(faults);
        let outcome = self.compact(MEMORY[0]);
        self.world.storage.set_faults(Faults::default());
        match outcome {
            Some(Err(CompactError::Unsettled(_))) => {
                assert!(self.world.topics.close().is_err(), "not a clean stop");
                self.die("power cut after the failure", FaultyStorage::cut_power);
            }
            Some(Err(CompactError::Storage(_))) => {
                self.check();
                self.world.clock.advance(Duration::from_mins(5));
            }
            Some(Err(other)) => panic!("{other}"),
            Some(Ok(())) | None => {}
        }
    }

    fn retain(&mut self) {
        self.world.topics.retention_check().unwrap();
        self.log_start = self.partition().offsets().log_start.0;
        let start = self.log_start;
        self.note(format!("retained from {start}"));
    }

    fn delete_records(&mut self) {
        let end = self.partition().offsets().high_watermark.0;
        let to = self.rng.i64(self.log_start..=end.min(self.log_start + 10));
        self.note(format!("delete records to {to}"));
        let partition = self.partition();
        let deleted = partition.delete_records(Some(Offset(to)));
        self.log_start = self.world.drive(deleted).unwrap().0;
    }

    fn restart(&mut self) {
        self.note("restart");
        self.world.topics.close().unwrap();
        self.world.storage.cut_power();
        self.lose_points();
        self.reopen();
    }

    fn die(&mut self, how: &str, end: fn(&FaultyStorage)) {
        self.note(how);
        end(&self.world.storage);
        if self.rng.u8(..4) == 0 {
            self.note("the snapshots of producers are lost");
            self.world.storage.lose_files(DIRECTORY, ".snapshot");
            let last = self.produced.last();
            let is_in_log = last.is_some_and(|last| last.offset >= self.log_start);
            self.forgotten = self.produced.len() - usize::from(is_in_log);
        }
        self.lose_points();
        self.reopen();
    }

    /// Not where bits flip: two faults at once may hide each other.
    fn lose_points(&mut self) {
        if !self.flips_bits && self.rng.u8(..8) == 0 {
            self.note("the recovery points are lost");
            self.world.storage.lose_files("/data", "recovery-points");
            // What was compacted away may come back.
            for marker in self.markers.values_mut() {
                marker.noted_at = None;
            }
        }
    }

    fn reopen(&mut self) {
        self.world.reopen();
        self.make_segments_small();
        let names = self
            .world
            .storage
            .list(DIRECTORY.as_ref())
            .unwrap_or_default();
        let is_leftover = |name: &&String| {
            let ends = [".swap", ".cleaned", ".deleted", ".tmp"];
            ends.iter().any(|end| name.ends_with(end))
        };
        assert_eq!(names.iter().find(is_leftover), None);
        assert_eq!(self.world.topics.recovery().cut, []);
        // What was compacted last may not be known any more.
        self.cleaned.0 = self.cleaned.0.min(self.cleaned_to());
        self.check();
        self.check_producer();
    }

    /// The producer's last batches are known, and what comes next is.
    fn check_producer(&self) {
        if self.forgotten == self.produced.len() {
            return;
        }
        let known = self.forgotten.max(self.produced.len().saturating_sub(5));
        for produced in &self.produced[known..] {
            let again = self.send(produced.batch.clone());
            assert_eq!(again.unwrap(), produced.offset, "{}", produced.sequence);
        }
        let skipped = sequenced(&["skipped"], 0, self.next_sequence + 1);
        let skipped = self.send(skipped);
        assert!(matches!(
            skipped,
            Err(AppendError::OutOfOrderSequence { .. })
        ));
    }

    fn visible(&self) -> BTreeMap<i64, Sent> {
        let partition = self.partition();
        let mut visible = BTreeMap::new();
        let mut next = self.log_start;
        loop {
            let read = LogRead {
                from: next,
                end: i64::MAX,
                max_bytes: 1 << 20,
                first_batch_max: Some(usize::MAX),
            };
            let bytes = partition.log.read(read).unwrap();
            if bytes.is_empty() {
                return visible;
            }
            for batch in record_batch::batches(bytes.concat().into()).map(Result::unwrap) {
                assert!(batch.has_valid_crc());
                assert!(batch.header().last_offset() >= next);
                next = batch.header().last_offset() + 1;
                for record in batch.records(1 << 20).unwrap().map(Result::unwrap) {
                    let value = record.value;
                    let sent = Sent {
                        key: record.key.unwrap()[0],
                        value: value.map(|value| String::from_utf8(value.to_vec()).unwrap()),
                        timestamp: record.timestamp,
                    };
                    assert!(visible.insert(record.offset, sent).is_none());
                }
            }
        }
    }

    fn check(&self) {
        let offsets = self.partition().offsets();
        let end = self.sent.keys().last().map_or(0, |last| last + 1);
        assert_eq!(offsets.high_watermark.0, end);
        assert_eq!(offsets.log_start.0, self.log_start);
        let mut visible = self.visible();
        visible.retain(|offset, _| *offset >= self.log_start);
        for (offset, record) in &visible {
            assert_eq!(Some(record), self.sent.get(offset), "{offset}");
        }
        let (cleaned_to, cleaned_at) = self.cleaned;
        let mut last_of: BTreeMap<u8, i64> = BTreeMap::new();
        let mut last_clean: BTreeMap<u8, i64> = BTreeMap::new();
        for (offset, record) in &self.sent {
            last_of.insert(record.key, *offset);
            if *offset < cleaned_to {
                last_clean.insert(record.key, *offset);
            }
        }
        for (offset, record) in self.sent.range(self.log_start..) {
            let is_there = visible.contains_key(offset);
            let must_stay = *offset >= self.touched_to || last_of[&record.key] == *offset;
            let must_go = *offset < cleaned_to && last_clean[&record.key] != *offset;
            let marker = self.markers.get(offset).copied().unwrap_or_default();
            let since = |at: Option<i64>| at.is_some_and(|at| at + MARKERS_STAY <= self.now());
            let may_go = since(marker.seen_at);
            let is_over = marker
                .noted_at
                .is_some_and(|at| at + MARKERS_STAY <= cleaned_at);
            let is_over = is_over && *offset < cleaned_to;
            assert!(is_there || !must_stay || may_go, "{offset} is lost");
            assert!(!is_there || !must_go, "{offset} should be gone");
            assert!(!is_there || !is_over, "{offset} marks nothing any more");
        }
    }
}

fn run(seed: u64) -> Result<Trace, Trace> {
    seeds::live(Life::new(seed), Life::run, |life| life.trace)
}

#[test]
fn compaction_keeps_the_last_of_each_key_whatever_happens() {
    seeds::run_all(SEEDS, FRESH_SEEDS, run);
}

#[test]
fn the_same_seed_gives_the_same_life_of_compactions() {
    assert_eq!(run(42), run(42));
}
