//! The disk loses or changes what was durable: that much is lost and no more, everybody is told, and no
//! offset is given out again.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::log::compaction::CompactionPolicy;
use crate::log::{DamageNews, DamagedRange};

/// Records, each a batch of its own, three batches a segment.
pub(super) const RECORDS: i64 = 11;
const BATCHES_A_SEGMENT: i64 = 3;

/// A world whose topic `orders` has records `0`, `1`, `2`, ... in several segments, the last of which is
/// active.
pub(super) fn filled() -> World {
    let world = World::new();
    world.create("orders", 1, &[]);
    make_segments_small(&world);
    append_more(&world, 0..RECORDS);
    world
}

pub(super) fn make_segments_small(world: &World) {
    let topic = world.topics.topic("orders").unwrap();
    let mut config = topic.config().log.clone();
    config.segment_bytes = u32::try_from(BATCHES_A_SEGMENT * batch_size() + 10).unwrap();
    config.index_interval_bytes = 1;
    world.partition("orders").log.set_config(config);
}

/// All batches have the same size.
pub(super) fn batch_size() -> i64 {
    i64::try_from(batch(&["0000"]).bytes().len()).unwrap()
}

pub(super) fn append_more(world: &World, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let value = format!("{number:04}");
        append(&world.partition("orders"), batch(&[&value])).unwrap();
    }
}

pub(super) fn segment(world: &World, base: i64) -> PathBuf {
    let data = world.directory.path().join("data/topics/orders-0");
    data.join(format!("{base:020}.log"))
}

pub(super) fn flip(path: &PathBuf, position: i64, mask: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(position).unwrap()] ^= mask;
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &PathBuf, size: i64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(u64::try_from(size).unwrap()).unwrap();
}

pub(super) fn range(begin: i64, end: i64) -> DamagedRange {
    DamagedRange::new(begin, end).unwrap()
}

/// What a consumer gets that seeks behind what is lost: offsets of records, and what is lost.
fn read_round(partition: &Partition) -> (Vec<i64>, Vec<DamagedRange>) {
    let (mut offsets, mut lost) = (Vec::new(), Vec::new());
    let mut next = partition.offsets().log_start.0;
    loop {
        match partition.read(read_request(next)) {
            Ok(outcome) if outcome.records.is_empty() => return (offsets, lost),
            Ok(outcome) => {
                let batches = outcome.records.into_iter().flat_map(record_batch::batches);
                for batch in batches.map(Result::unwrap) {
                    assert!(batch.has_valid_crc());
                    for record in batch.records(1 << 20).unwrap().map(Result::unwrap) {
                        let value = record.value.unwrap();
                        assert_eq!(value, format!("{:04}", record.offset));
                        offsets.push(record.offset);
                    }
                    next = batch.header().last_offset() + 1;
                }
            }
            Err(ReadError::Damaged { begin, end, .. }) => {
                lost.push(range(begin.0, end.0));
                assert!(begin.0 <= next && next < end.0);
                next = end.0;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// All is there but for `lost`, from the old log start to the old end, and the log goes on behind that.
pub(super) fn assert_lost(world: &World, lost: &[DamagedRange], what: &str) {
    let partition = world.partition("orders");
    let end = partition.offsets().log_end.0;
    assert!(
        end >= RECORDS,
        "{what}: offsets from {end} would be used again"
    );
    assert_eq!(partition.offsets().log_start.0, 0, "{what}");
    let (offsets, found) = read_round(&partition);
    let expected: Vec<i64> = (0..end)
        .filter(|offset| !lost.iter().any(|range| range.contains(*offset)))
        .collect();
    assert_eq!(found, lost, "{what}");
    assert_eq!(offsets, expected, "{what}");
    for range in lost {
        for offset in range.begin..range.end {
            let refused = partition.read(read_request(offset)).unwrap_err();
            assert!(matches!(refused, ReadError::Damaged { .. }), "{refused}");
        }
    }
    assert_eq!(partition.log.damaged(), lost, "{what}");
}

/// Mutation: `ReadBuffer::is_true_at` that is always true gives out what is none.
#[test]
fn whatever_bit_of_a_batch_rots_that_batch_is_lost_and_no_other() {
    assert_every_bit_tells(&filled());
}

/// Mutations: `true_batches` or `SoundWalk` without what says that a batch is elsewhere than its base
/// offset has it.
#[test]
fn whatever_bit_rots_is_told_where_compaction_may_have_left_offsets_out_too() {
    let world = filled();
    let mut config = world.topics.topic("orders").unwrap().config().log.clone();
    config.compaction = Some(CompactionPolicy {
        min_dirty_ratio: 1.0,
        min_lag_ms: 0,
        max_lag_ms: i64::MAX,
        delete_retention_ms: 0,
        index_bytes_max: u32::MAX,
    });
    world.partition("orders").log.set_config(config);
    assert_every_bit_tells(&world);
}

fn assert_every_bit_tells(world: &World) {
    let partition = world.partition("orders");
    world.topics.retention_check().unwrap();
    let size = batch_size();
    // A sealed segment, and the active one.
    for base in [3, 9] {
        let path = segment(world, base);
        let batches = (RECORDS - base).min(BATCHES_A_SEGMENT);
        for position in 0..batches * size {
            let number = base + position / size;
            // The epoch of the leader is not covered by the checksum.
            if (12..16).contains(&(position % size)) {
                continue;
            }
            for mask in [0x01, 0x80] {
                flip(&path, position, mask);
                let what = format!("byte {position} of segment {base}, bit {mask}");
                assert_lost(world, &[range(number, number + 1)], &what);
                flip(&path, position, mask);
                partition.log.forget_damage(&[range(number, number + 1)]);
            }
        }
    }
    assert_lost(world, &[], "all is as it was");
}

type Harm<'a> = (&'a str, &'a dyn Fn(&World), &'a [(i64, i64)]);

/// What is done to the last segment, which begins at 9, while the broker is down, and the offsets that
/// are lost then.
fn harms_of_the_end<'a>() -> Vec<Harm<'a>> {
    vec![
        (
            "a bit in the last segment",
            &|world| flip(&segment(world, 9), 70, 4),
            &[(9, 10)],
        ),
        (
            "a length in the last segment",
            &|world| flip(&segment(world, 9), 8, 0x40),
            &[(9, 10)],
        ),
        (
            "a length in the last batch",
            &|world| flip(&segment(world, 9), batch_size() + 8, 0x40),
            &[(10, 11)],
        ),
        (
            "the last batch cut off",
            &|world| truncate(&segment(world, 9), batch_size()),
            &[(10, 11)],
        ),
        (
            "half of the last batch cut off",
            &|world| truncate(&segment(world, 9), batch_size() * 3 / 2),
            &[(10, 11)],
        ),
        (
            "the last segment emptied",
            &|world| truncate(&segment(world, 9), 0),
            &[(9, 11)],
        ),
        (
            "the last segment deleted",
            &|world| fs::remove_file(segment(world, 9)).unwrap(),
            &[(9, 11)],
        ),
        (
            "the last two segments deleted",
            &|world| {
                fs::remove_file(segment(world, 6)).unwrap();
                fs::remove_file(segment(world, 9)).unwrap();
            },
            &[(6, 11)],
        ),
    ]
}

/// The same for the others.
fn harms_of_full_segments<'a>() -> Vec<Harm<'a>> {
    vec![
        (
            "a bit in a full segment",
            &|world| flip(&segment(world, 3), 70, 4),
            &[(3, 4)],
        ),
        (
            "a segment in the middle deleted",
            &|world| fs::remove_file(segment(world, 3)).unwrap(),
            &[(3, 6)],
        ),
        (
            "a segment in the middle cut",
            &|world| truncate(&segment(world, 3), batch_size()),
            &[(4, 6)],
        ),
        (
            "a segment in the middle overwritten with zeroes",
            &|world| {
                let size = usize::try_from(batch_size() * 2).unwrap();
                let mut bytes = fs::read(segment(world, 3)).unwrap();
                bytes[..size].fill(0);
                fs::write(segment(world, 3), bytes).unwrap();
            },
            &[(3, 5)],
        ),
        (
            "the first segment deleted",
            &|world| fs::remove_file(segment(world, 0)).unwrap(),
            &[(0, 3)],
        ),
        (
            "all segments deleted",
            &|world| {
                for base in [0, 3, 6, 9] {
                    fs::remove_file(segment(world, base)).unwrap();
                }
            },
            &[(0, 11)],
        ),
        (
            "the directory deleted",
            &|world| {
                let directory = segment(world, 0);
                fs::remove_dir_all(directory.parent().unwrap()).unwrap();
            },
            &[(0, 11)],
        ),
    ]
}

/// Mutations: `end_at` that does nothing gives offsets out again; `scan_durable` that stops at a hole
/// cuts what follows; a log start that is always the first segment's jumps.
#[test]
fn what_is_lost_below_the_durable_point_is_told_and_no_offset_is_used_again() {
    for (what, harm, lost) in harms_of_the_end()
        .into_iter()
        .chain(harms_of_full_segments())
    {
        for is_clean in [true, false] {
            let what = format!("{what}, {}", if is_clean { "clean" } else { "killed" });
            let world = filled();
            world.end(is_clean);
            harm(&world);
            let lost: Vec<_> = lost
                .iter()
                .map(|(begin, end)| range(*begin, *end))
                .collect();
            let world = world.reopened();
            assert_lost(&world, &lost, &what);
            assert_eq!(world.topics.recovery().cut, [], "{what}");
            make_segments_small(&world);
            append_more(&world, RECORDS..RECORDS + 5);
            assert_lost(&world, &lost, &what);

            // It is known from now on, and without the file it is found again.
            let world = world.restarted();
            let told = world.topics.recovery().damaged_logs.clone();
            assert_eq!(told.len(), 1, "{what}");
            assert_eq!(
                (told[0].directory.as_str(), &told[0].ranges),
                ("orders-0", &lost)
            );
            assert_lost(&world, &lost, &what);
            let known = segment(&world, 0).with_file_name("damaged-ranges");
            assert!(fs::read_to_string(&known).unwrap().starts_with("1\n1\n"));
            world.topics.close().unwrap();
            fs::remove_file(known).unwrap();
            assert_lost(&world.reopened(), &lost, &what);
        }
    }
}

/// Mutation: `change_damaged` that counts what is added alone.
#[test]
fn damage_is_told_when_it_is_found_and_counted_until_nobody_can_ask_for_it() {
    let world = filled();
    let news: Arc<parking_lot::Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&news);
    world.topics.observe_damage(move |news| {
        heard.lock().push(match news {
            DamageNews::Count(count) => count.to_string(),
            DamageNews::Found { directory, range } => {
                let name = directory.file_name().unwrap().to_str().unwrap();
                format!("{name} {} {}", range.begin, range.end)
            }
        });
    });
    let partition = world.partition("orders");
    flip(&segment(&world, 3), batch_size() + 70, 4);
    read_round(&partition);
    read_round(&partition);
    wait(partition.delete_records(Some(Offset(5)))).unwrap();
    assert_eq!(*news.lock(), ["0", "1", "orders-0 4 5", "0"]);
    assert_eq!(partition.log.damaged(), []);
    assert_eq!(read_round(&partition).0, (5..RECORDS).collect::<Vec<_>>());
}

/// Mutation: `PartitionLog::advance_log_start` that writes the file, which the thread of a client would wait for.
#[test]
fn deleting_records_leaves_the_file_of_damaged_ranges_to_the_upkeep() {
    let world = filled();
    let partition = world.partition("orders");
    flip(&segment(&world, 0), batch_size() + 70, 4);
    read_round(&partition);
    let file = segment(&world, 0).with_file_name("damaged-ranges");
    let told = || fs::read_to_string(&file).unwrap();
    let found = told();
    assert!(found.starts_with("1\n1\n1 2\n"));
    wait(partition.delete_records(Some(Offset(2)))).unwrap();
    assert_eq!(told(), found);
    world.topics.retention_check().unwrap();
    assert!(told().starts_with("1\n0\n"));

    // Nothing is believed of an older one.
    fs::write(&file, found).unwrap();
    let world = world.killed();
    assert!(world.topics.recovery().damaged_logs.is_empty());
    assert!(told().starts_with("1\n0\n"));
}

/// Mutation: `scrub_segment` by headers alone.
#[test]
fn a_scrub_finds_what_nobody_read_and_forgets_what_is_well_again() {
    let world = filled();
    let partition = world.partition("orders");
    let path = segment(&world, 3);
    flip(&path, batch_size() + 70, 4);
    let mut bytes = 0;
    let mut pace = |read| {
        bytes += read;
        true
    };
    assert!(partition.log.scrub(&mut pace).unwrap());
    assert_eq!(bytes, usize::try_from(batch_size() * 8).unwrap());
    assert_eq!(partition.log.damaged(), [range(4, 5)]);
    assert!(!partition.log.scrub(&mut |_| false).unwrap());
    flip(&path, batch_size() + 70, 4);
    assert!(partition.log.scrub(&mut |_| true).unwrap());
    assert_lost(&world, &[], "the byte is back");
}

/// Mutation: `first_in` that believes the header of a batch.
#[test]
fn a_look_up_by_time_gets_round_what_is_lost() {
    let world = World::new();
    world.create("orders", 1, &[]);
    make_segments_small(&world);
    let partition = world.partition("orders");
    for number in 0..RECORDS {
        let timed = record(&format!("{number:04}"), NOW + number);
        append(&partition, batch_of(&[timed]).build().unwrap().unwrap()).unwrap();
    }
    flip(&segment(&world, 3), 70, 4);
    flip(&segment(&world, 9), batch_size() + 70, 4);
    let found = |spec| {
        let found = partition.offset_for(spec, Isolation::ReadUncommitted);
        found.unwrap().map(|found| found.offset.0)
    };
    let at = |time| found(OffsetSpec::At(TimestampMs(NOW + time)));
    assert_eq!([at(2), at(3), at(4)], [Some(2), Some(4), Some(4)]);
    assert_eq!([at(9), at(10)], [Some(9), None]);
    assert_eq!(found(OffsetSpec::MaxTimestamp), Some(9));
    assert_eq!(found(OffsetSpec::Earliest), Some(0));
}

/// Mutations: `segment_facts` that takes what is damaged for young; `retain` without `forget_old_damage`.
#[test]
fn retention_drops_a_damaged_segment_with_those_around_it_and_forgets_the_damage() {
    let world = filled();
    let partition = world.partition("orders");
    let path = segment(&world, 3);
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0; usize::try_from(size).unwrap()]).unwrap();
    assert!(partition.log.scrub(&mut |_| true).unwrap());
    assert_eq!(partition.log.damaged(), [range(3, 6)]);
    let mut config = world.topics.topic("orders").unwrap().config().log.clone();
    config.retention.ms = Some(1000);
    partition.log.set_config(config);
    world.clock.advance(Duration::from_secs(2));
    world.topics.retention_check().unwrap();
    assert_eq!(partition.offsets().log_start, Offset(RECORDS));
    assert_eq!(partition.log.damaged(), []);
    let world = world.restarted();
    assert_eq!(world.topics.recovery().damaged_logs, []);
    assert_eq!(
        world.partition("orders").offsets().log_start,
        Offset(RECORDS)
    );
}

/// Mutation: `tend` that ends at what fails.
#[test]
fn a_failure_of_retention_keeps_nothing_else_of_the_partition_waiting() {
    let world = filled();
    let partition = world.partition("orders");
    flip(&segment(&world, 0), batch_size() + 70, 4);
    read_round(&partition);
    wait(partition.delete_records(Some(Offset(3)))).unwrap();
    // The first segment is due, and cannot be renamed.
    fs::remove_file(segment(&world, 0)).unwrap();
    let failures = world.topics.retention_check().unwrap_err();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let file = |name: &str| segment(&world, 0).with_file_name(name);
    let told = fs::read_to_string(file("damaged-ranges")).unwrap();
    assert!(told.starts_with("1\n0\n"), "{told}");
    assert!(segment(&world, 3).with_extension("index").exists());
    assert!(file(&format!("{RECORDS:020}.snapshot")).exists());
}

/// Mutation: `SoundWalk::each_header` that ends at a hole.
#[test]
fn a_producer_goes_on_behind_what_is_lost() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    for sequence in 0..3 {
        append(&partition, sequenced(&["value"], 0, sequence)).unwrap();
    }
    drop(partition);
    world.topics.0.checkpoint.run().unwrap();
    world.topics.0.stop_flushing();
    flip(&segment(&world, 0), 8, 0x40);
    let world = world.reopened();
    let partition = world.partition("orders");
    assert_eq!(partition.log.damaged(), [range(0, 1)]);
    let again = append(&partition, sequenced(&["value"], 0, 2)).unwrap();
    assert_eq!(again.base_offset, Offset(2));
    let next = append(&partition, sequenced(&["value"], 0, 3)).unwrap();
    assert_eq!(next.base_offset, Offset(3));
}

/// Mutation: `Extents::put_aside` that keeps nothing.
#[test]
fn a_damaged_extent_is_kept_and_what_only_it_had_is_lost() {
    let world = filled();
    let log = world.directory.path().join("data/commit-log");
    world.topics.0.stop_flushing();
    // A power cut: the segments had nothing yet.
    let topics = world.directory.path().join("data/topics/orders-0");
    fs::remove_dir_all(topics).unwrap();
    let extents = fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let place_in = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(4).position(|window| window == b"0004")
    };
    let found = extents.map(|path| (place_in(&path), path));
    let (place, extent) = found.max().unwrap();
    flip(&extent, i64::try_from(place.unwrap()).unwrap(), 1);
    let bytes = fs::read(&extent).unwrap();

    let world = world.reopened();
    let losses = &world.topics.recovery().losses;
    let paths: Vec<_> = losses.iter().map(|loss| &loss.path).collect();
    assert_eq!(paths, [&extent]);
    assert_eq!(world.topics.damaged_extents().unwrap(), 1);
    assert_lost(&world, &[range(4, 5)], "one frame");
    let kept = fs::read_dir(log.join("damaged")).unwrap().next();
    let kept = fs::read(kept.unwrap().unwrap().path()).unwrap();
    assert!(kept == bytes);
    assert_lost(&world.restarted(), &[range(4, 5)], "a restart later");
}

/// Turns a bit of a record of the commit log that says this.
fn harm_extent(directory: &Path, text: &[u8]) {
    for entry in fs::read_dir(directory.join("data/commit-log")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(text.len()).position(|window| window == text);
        if let Some(at) = at {
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
}

/// What a start finds behind a kill where the commit log is harmed, at a record that says this, and something else is.
fn harmed(world: World, text: &[u8], harm: impl FnOnce()) -> World {
    world.topics.0.stop_flushing();
    let (directory, clock) = world.left();
    harm_extent(directory.path(), text);
    harm();
    let world = World::at(directory, clock);
    assert!(!world.topics.recovery().losses.is_empty());
    world
}

/// Mutation: `may_go_on_in` that loses nothing.
#[test]
fn a_segment_that_neither_the_disk_nor_the_damaged_commit_log_has_is_told() {
    for (policy, has_points) in [("delete", true), ("compact", true), ("delete", false)] {
        let world = World::new();
        world.create("orders", 1, &[("cleanup.policy", policy)]);
        make_segments_small(&world);
        append_more(&world, 0..3);
        let world = world.restarted();
        make_segments_small(&world);
        append_more(&world, 3..RECORDS);
        let points = world.directory.path().join("data/recovery-points");
        let log = segment(&world, 3);
        let world = harmed(world, b"0004", || {
            fs::remove_file(log).unwrap();
            if !has_points {
                fs::remove_file(points).unwrap();
            }
        });
        assert_lost(&world, &[range(3, 6)], policy);
    }
}

/// Mutation: `scan_durable` that takes all of a hole for lost.
#[test]
fn of_a_cut_segment_only_what_the_damaged_commit_log_lacks_is_lost() {
    for size in [Some(1), None] {
        let world = World::new();
        world.create("orders", 1, &[]);
        world.create("others", 1, &[]);
        make_segments_small(&world);
        append_more(&world, 0..2);
        world.topics.0.checkpoint.run().unwrap();
        append(&world.partition("others"), batch(&["harmed"])).unwrap();
        append_more(&world, 2..RECORDS);
        let log = segment(&world, 0);
        let world = harmed(world, b"harmed", || match size {
            Some(batches) => truncate(&log, batches * batch_size()),
            None => flip(&log, 2 * batch_size() - 10, 1),
        });
        assert_lost(&world, &[range(1, 2)], "what is before the recovery point");
    }
}

/// Mutation: `may_go_on_in` that goes on wherever something may have been durable.
#[test]
fn what_a_power_cut_took_of_a_full_segment_comes_back_from_the_damaged_commit_log() {
    for policy in ["delete", "compact"] {
        for left in -1..BATCHES_A_SEGMENT {
            let world = World::new();
            world.create("orders", 1, &[("cleanup.policy", policy)]);
            world.create("others", 1, &[]);
            make_segments_small(&world);
            world.topics.0.checkpoint.run().unwrap();
            append(&world.partition("others"), batch(&["harmed"])).unwrap();
            append_more(&world, 0..RECORDS);
            let log = segment(&world, 3);
            let world = harmed(world, b"harmed", || match left {
                -1 => fs::remove_file(&log).unwrap(),
                left => truncate(&log, left * batch_size()),
            });
            assert_lost(&world, &[], &format!("{policy}, {left} left"));
        }
    }
}

/// Mutation: `stays` that does not ask what the commit log has.
#[test]
fn a_hole_that_the_damaged_commit_log_has_is_filled_and_one_that_hides_more_is_damage() {
    for has_more in [false, true] {
        let world = World::new();
        world.create("orders", 1, &[]);
        world.create("others", 1, &[]);
        world.topics.0.checkpoint.run().unwrap();
        append(&world.partition("others"), batch(&["harmed"])).unwrap();
        append_more(&world, 0..RECORDS);
        let log = segment(&world, 0);
        world.topics.0.stop_flushing();
        let (directory, clock) = world.left();
        harm_extent(directory.path(), b"harmed");
        flip(&log, 3 * batch_size() + 70, 1);
        let end = match has_more {
            false => RECORDS,
            true => {
                // As if it had been written while the topic was `os`.
                let mut bytes = fs::read(&log).unwrap();
                let size = usize::try_from(batch_size()).unwrap();
                let last = bytes[bytes.len() - size..].to_vec();
                bytes.extend_from_slice(&RECORDS.to_be_bytes());
                bytes.extend_from_slice(&last[8..]);
                fs::write(&log, bytes).unwrap();
                RECORDS + 1
            }
        };
        let world = World::at(directory, clock);
        assert!(!world.topics.recovery().losses.is_empty());
        let lost: &[DamagedRange] = match has_more {
            false => &[],
            true => &[range(3, 4)],
        };
        assert_eq!(world.partition("orders").log.damaged(), lost);
        assert_eq!(world.partition("orders").offsets().log_end, Offset(end));
    }
}

/// Mutation: `MetadataLog::open` that does not ask what is damaged, with a `replay` that ends there.
#[test]
fn lost_events_of_the_metadata_prevent_the_start() {
    for is_cut in [true, false] {
        let world = filled();
        world.topics.close().unwrap();
        let directory = world.directory.path().join("data/metadata");
        let path = directory.join(format!("{:020}.log", 0));
        let size = i64::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        match is_cut {
            true => truncate(&path, size - 10),
            false => flip(&path, size / 2, 1),
        }
        let (directory, clock) = world.left();
        let refused = open(directory.path(), &clock).unwrap_err().to_string();
        assert!(
            refused.contains("the disk lost or changed the events from"),
            "{refused}"
        );
    }
}

/// Mutation: `scrub` that forgets a range of which it reads a batch.
#[test]
fn a_scrub_forgets_no_more_of_a_damaged_range_than_is_well_again() {
    let at = |number: i64| (number / 3 * 3, number % 3 * batch_size() + 70);
    for (one, other) in [(3, 4), (4, 3), (5, 6), (6, 5)] {
        let world = filled();
        let partition = world.partition("orders");
        let turn = |number| {
            let (base, position) = at(number);
            flip(&segment(&world, base), position, 4);
        };
        turn(one);
        turn(other);
        assert!(partition.log.scrub(&mut |_| true).unwrap());
        let both = range(one.min(other), one.max(other) + 1);
        assert_eq!(partition.log.damaged(), [both]);
        turn(other);
        assert!(partition.log.scrub(&mut |_| true).unwrap());
        assert_eq!(partition.log.damaged(), [range(one, one + 1)]);
    }
}
