//! Reading while compaction replaces the segments, and what a compacted log still tells.

use std::sync::atomic::{AtomicBool, Ordering};

use sluice_protocol::record::Record;

use super::*;
use crate::log::compaction::CompactError;

pub(super) const KEYS: u8 = 20;

pub(super) fn keyed(key: u8, value: Option<&str>, timestamp: i64) -> NewRecord {
    NewRecord {
        timestamp,
        key: Some(Bytes::copy_from_slice(&[key])),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
        ..NewRecord::default()
    }
}

/// A topic that is compacted at every chance, in segments of a few batches.
pub(super) fn eager_partition(world: &World, configs: &[(&str, &str)]) -> Arc<Partition> {
    let own = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0"),
    ];
    world.create("eager", 1, &[&own, configs].concat());
    with_small_segments(world)
}

/// The partition, which has segments of a few batches from now on.
pub(super) fn with_small_segments(world: &World) -> Arc<Partition> {
    let partition = world.partition("eager");
    let mut config = world.topics.topic("eager").unwrap().config().log.clone();
    config.segment_bytes = 2000;
    config.index_interval_bytes = 200;
    partition.log.set_config(config);
    partition
}

pub(super) fn append_round(partition: &Partition, round: i64) {
    for key in 0..KEYS {
        let record = keyed(key, Some(&format!("{round:050}")), NOW + round);
        let batch = batch_of(&[record]).build().unwrap().unwrap();
        append(partition, batch).unwrap();
    }
}

pub(super) fn compact(world: &World) -> usize {
    let look = || world.topics.compact_dirtiest(1 << 20, &mut |_| true);
    let mut runs = 0;
    while let Some(run) = look().unwrap().run {
        run.outcome.unwrap();
        runs += 1;
    }
    runs
}

/// Keys with their offsets, as a consumer that reads everything sees them.
pub(super) fn keys(partition: &Partition) -> Vec<(u8, i64)> {
    let mut keys = Vec::new();
    for_each_record(partition, 0, |record| {
        keys.push((record.key.unwrap()[0], record.offset));
    });
    keys
}

/// Shows all records from an offset on, as a consumer gets them.
pub(super) fn for_each_record(partition: &Partition, from: i64, mut show: impl FnMut(Record)) {
    let mut next = from;
    loop {
        let outcome = partition.read(read_request(next)).unwrap();
        if outcome.records.is_empty() {
            return;
        }
        for batch in record_batch::batches(outcome.records.concat().into()) {
            let batch = batch.unwrap();
            assert!(batch.has_valid_crc() && batch.header().last_offset() >= next);
            next = batch.header().last_offset() + 1;
            for record in batch.records(1 << 20).unwrap() {
                show(record.unwrap());
            }
        }
    }
}

/// Mutation: without `set_modified` in `finish` each compaction makes it young again.
#[test]
fn what_compaction_makes_is_as_old_as_what_it_was_made_of() {
    let world = World::new();
    let partition = eager_partition(&world, &[]);
    for round in 0..3 {
        append_round(&partition, round);
    }
    let directory = world.directory.path().join("data/topics/eager-0");
    let times = |set: Option<std::time::SystemTime>| {
        let files = world.files("eager-0").into_iter();
        let logs = files.filter(|name| name.ends_with(".log"));
        let times = logs.map(|name| {
            let path = directory.join(name);
            let file = std::fs::File::options().write(true).open(path).unwrap();
            if let Some(at) = set {
                file.set_modified(at).unwrap();
            }
            file.metadata().unwrap().modified().unwrap()
        });
        times.collect::<Vec<_>>()
    };
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let before = times(Some(old));
    assert!(compact(&world) > 0);
    let after = times(None);
    assert!(after.len() < before.len());
    assert!(after.iter().all(|at| *at == old), "{after:?}");
}

/// Mutation: `find_timed` that looks once.
#[test]
fn a_look_up_by_time_goes_on_behind_what_a_compaction_took_from_it() {
    let world = World::new();
    let partition = eager_partition(&world, &[]);
    append_round(&partition, 0);
    append_round(&partition, 1);
    let mut looks = 0;
    let found = partition.find_timed(Isolation::ReadUncommitted, |from, end| {
        looks += 1;
        if looks == 1 {
            append_round(&partition, 2);
            append_round(&partition, 3);
            assert!(compact(&world) > 0);
        }
        partition.log.first_at_or_after(NOW, from, end)
    });
    assert!(found.unwrap().is_some(), "there always was such a record");
    assert_eq!(looks, 2);
}

/// A reader that always looks for more finds an end, however much is written meanwhile.
///
/// Mutation: `find_timed` that looks until nothing is new.
#[test]
fn a_look_up_by_time_ends_in_a_log_that_is_always_written_to() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    append(&partition, batch(&["a"])).unwrap();
    let mut looks = 0;
    let found = partition.find_timed(Isolation::ReadUncommitted, |_, _| {
        looks += 1;
        assert!(looks < 100, "it looks for ever");
        append(&partition, batch(&["b"])).unwrap();
        Ok(None)
    });
    assert!(found.unwrap().is_none());
}

/// Mutation: `clean_group` that takes one segment at a time.
#[test]
fn readers_do_not_notice_that_segments_are_replaced() {
    let world = World::new();
    let partition = eager_partition(&world, &[("file.delete.delay.ms", "1000")]);
    append_round(&partition, 0);
    let is_over = AtomicBool::new(false);
    let read = || {
        let mut reads = 0;
        while !is_over.load(Ordering::Relaxed) || reads == 0 {
            let keys = keys(&partition);
            assert!(keys.is_sorted_by_key(|(_, offset)| *offset));
            for key in 0..KEYS {
                assert!(keys.iter().any(|(found, _)| *found == key), "{key}");
            }
            let spec = OffsetSpec::At(TimestampMs(NOW));
            let found = partition.offset_for(spec, Isolation::ReadUncommitted);
            assert!(found.unwrap().is_some());
            reads += 1;
        }
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(read)).collect();
        for round in 1..25 {
            append_round(&partition, round);
            assert!(compact(&world) > 0);
            world.clock.advance(Duration::from_millis(100));
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    let files = world.files("eager-0");
    let logs = files.iter().filter(|name| name.ends_with(".log")).count();
    assert!(logs < 8, "small segments became one: {files:?}");
}

/// Mutation: `note_cleaned` that writes nothing.
#[test]
fn a_compacted_log_is_the_same_after_a_restart_and_only_what_is_new_is_dirty() {
    let world = World::new();
    let partition = eager_partition(&world, &[]);
    for round in 0..5 {
        append_round(&partition, round);
    }
    assert_eq!(compact(&world), 1);
    let size = partition.size();
    let before = keys(&partition);
    drop(partition);
    let world = world.restarted();
    let partition = world.partition("eager");
    assert_eq!((partition.size(), keys(&partition)), (size, before));
    assert_eq!(compact(&world), 0, "what is clean is known");
    let spec = OffsetSpec::At(TimestampMs(NOW + 4));
    let found = partition.offset_for(spec, Isolation::ReadUncommitted);
    assert_eq!(found.unwrap().unwrap().offset, Offset(80));
}

/// Mutations: `is_damaged` that is always false compacts the segment or fails for ever;
/// `keeps_markers: false` brings back what was deleted.
#[test]
fn a_damaged_segment_is_left_alone_and_nothing_deleted_comes_back_from_it() {
    let world = World::new();
    let partition = eager_partition(&world, &[("delete.retention.ms", "0")]);
    append_round(&partition, 0);
    let append_one = |record: NewRecord| {
        let batch = batch_of(&[record]).build().unwrap().unwrap();
        append(&partition, batch).unwrap();
    };
    for key in 0..KEYS {
        append_one(keyed(key, None, NOW + 1));
    }
    let filler = "x".repeat(900);
    let append_others = || {
        for _ in 0..5 {
            append_one(keyed(KEYS, Some(&filler), NOW + 2));
        }
    };
    append_others();
    let data = world.directory.path().join("data/topics/eager-0");
    let path = data.join("00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let look = || world.topics.compact_dirtiest(1 << 20, &mut |_| true);
    let run = look().unwrap().run.unwrap();
    assert!(matches!(run.outcome, Err(CompactError::Damaged { .. })));
    let [damaged] = partition.log.damaged().try_into().unwrap();
    for _ in 0..3 {
        assert!(compact(&world) > 0);
        world.clock.advance(Duration::from_secs(10));
        append_others();
    }
    assert_eq!(look().unwrap().uncleanable, 0);
    let mut deleted = 0;
    let mut next = damaged.end;
    while let Ok(outcome) = partition.read(read_request(next)) {
        let batches = outcome.records.into_iter().flat_map(record_batch::batches);
        let before = next;
        for batch in batches.map(Result::unwrap) {
            next = batch.header().last_offset() + 1;
            let records = batch.records(1 << 20).unwrap().map(Result::unwrap);
            deleted += records.filter(|record| record.value.is_none()).count();
        }
        if next == before {
            break;
        }
    }
    assert_eq!(deleted, usize::from(KEYS));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let files = world.files("eager-0");
    let is_draft = |name: &String| name.ends_with(".cleaned");
    assert!(!files.iter().any(is_draft), "{files:?}");
    let refused = partition.read(read_request(damaged.begin)).unwrap_err();
    assert!(matches!(refused, ReadError::Damaged { .. }));
}

/// Mutation: `look_for_damage` that sets nothing aside has the log read again without rest.
#[test]
fn a_log_in_which_no_scrub_finds_what_compaction_found_is_left_alone() {
    let world = World::new();
    let partition = eager_partition(&world, &[]);
    append_round(&partition, 0);
    append_round(&partition, 1);
    let mut segments = world.files("eager-0");
    segments.retain(|name| name.ends_with(".log"));
    let data = world.directory.path().join("data/topics/eager-0");
    let path = data.join(&segments[1]);
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    // The disk is well again with the first batch of the scrub, behind those before the damaged one.
    let base = segments[2].strip_suffix(".log");
    let before: i64 = base.unwrap().parse::<i64>().unwrap() - 1;
    let mut read = 0;
    let mut pace = |_| {
        if read == before {
            std::fs::write(&path, &whole).unwrap();
        }
        read += 1;
        true
    };
    let look = world.topics.compact_dirtiest(1 << 20, &mut pace).unwrap();
    let outcome = look.run.unwrap().outcome;
    assert!(matches!(outcome, Err(CompactError::Damaged { .. })));
    assert_eq!((partition.log.damaged(), look.uncleanable), (vec![], 1));
    assert_eq!(compact(&world), 0);
}

/// The checksum of a batch does not cover its offset.
///
/// Mutation: `Input` that reads by a `BatchWalk`, which does not look at what offset a batch stands.
#[test]
fn a_batch_whose_offset_rotted_is_not_written_anew() {
    // Behind the next batch, before the last one, the same as the next one's, and of another segment.
    for (number, mask) in [(2, 0x04), (2, 0x02), (0, 0x01), (3, 0x40)] {
        let world = World::new();
        let partition = eager_partition(&world, &[]);
        append_round(&partition, 0);
        append_round(&partition, 1);
        let data = world.directory.path().join("data/topics/eager-0");
        let path = data.join("00000000000000000000.log");
        let mut bytes = std::fs::read(&path).unwrap();
        let mut batches = record_batch::batches(bytes.clone().into()).map(Result::unwrap);
        let before = batches
            .by_ref()
            .take(number)
            .map(|batch| batch.bytes().len());
        let position = before.sum::<usize>() + 7;
        bytes[position] ^= mask;
        std::fs::write(&path, &bytes).unwrap();
        let look = || world.topics.compact_dirtiest(1 << 20, &mut |_| true);
        let run = look().unwrap().run.unwrap();
        let what = format!("batch {number}, bit {mask}: {:?}", run.outcome);
        assert!(
            matches!(run.outcome, Err(CompactError::Damaged { .. })),
            "{what}"
        );
        let number = i64::try_from(number).unwrap();
        let [damaged] = partition.log.damaged().try_into().unwrap();
        assert!(damaged.contains(number), "{what}");
        assert!(compact(&world) > 0, "{what}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{what}");
        let refused = partition.read(read_request(number)).unwrap_err();
        assert!(matches!(refused, ReadError::Damaged { .. }), "{what}");
    }
}

/// Mutation: `assessed` that drops the error.
#[test]
fn a_partition_that_cannot_be_looked_at_is_told_once_and_left_alone_for_a_while() {
    let world = World::new();
    let partition = eager_partition(&world, &[("max.compaction.lag.ms", "1000")]);
    append_round(&partition, 0);
    append_round(&partition, 1);
    drop(partition);
    let world = world.restarted();
    let data = world.directory.path().join("data/topics/eager-0");
    let path = data.join(format!("{:020}.log", 0));
    std::fs::remove_file(&path).unwrap();
    let look = || {
        let look = world.topics.compact_dirtiest(1 << 20, &mut |_| true);
        look.unwrap()
    };
    let [told] = look().unassessed.try_into().unwrap();
    assert_eq!((told.topic.as_str(), told.reason.path), ("eager", path));
    let again = look();
    assert_eq!((again.unassessed.len(), again.uncleanable), (0, 1));
}

/// Mutation: `Cleaner::pace` that goes on whatever it is told.
#[test]
fn a_compaction_that_is_told_to_stop_leaves_the_log_as_it_was() {
    let world = World::new();
    let partition = eager_partition(&world, &[]);
    for round in 0..5 {
        append_round(&partition, round);
    }
    let before = world.files("eager-0");
    let look = world
        .topics
        .compact_dirtiest(1 << 20, &mut |_| false)
        .unwrap();
    let run = look.run.unwrap();
    assert!(matches!(run.outcome, Err(CompactError::Stopped)));
    let mut after = world.files("eager-0");
    after.retain(|name| !name.ends_with(".snapshot"));
    assert_eq!(after, before);
    assert_eq!(compact(&world), 1);
}
