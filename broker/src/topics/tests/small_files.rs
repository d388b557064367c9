//! The small files of a log rot, or cannot be read: the log is what it was.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::damage::{RECORDS, append_more, assert_lost, filled, make_segments_small, segment};
use super::failure::FaultyWorld;
use super::*;
use crate::log::with_checksum;

/// A world as [`filled`] one that is down, and the path of one of its small files.
fn stopped(is_clean: bool, file: &str) -> (World, PathBuf) {
    let world = filled();
    world.end(is_clean);
    let path = segment(&world, 0).with_file_name(file);
    (world, path)
}

/// Mutations: `noted_start` that believes all; `begin_again` for what the file says.
#[test]
fn whatever_the_file_says_of_the_log_start_no_record_is_deleted_or_hidden() {
    let flipped = with_checksum("1\n0\n".to_owned()).replace("1\n0\n", "1\n4\n");
    // As another log has them.
    let others = [4, 9000].map(|offset| with_checksum(format!("1\n{offset}\n")));
    let unchecked = ["0\n4\n", "0\n11\n", "0\n9000\n", "", "\u{0}\u{0}", &flipped];
    for text in unchecked
        .into_iter()
        .chain(others.each_ref().map(String::as_str))
    {
        for is_clean in [true, false] {
            let (world, path) = stopped(is_clean, "log-start-offset");
            assert!(
                fs::read_to_string(&path)
                    .unwrap()
                    .starts_with("1\n0\ncrc32c ")
            );
            fs::write(&path, text).unwrap();
            let world = world.reopened();
            assert_lost(&world, &[], &format!("{text:?}, clean: {is_clean}"));
            make_segments_small(&world);
            append_more(&world, RECORDS..RECORDS + 5);
            assert_lost(&world.restarted(), &[], text);
        }
    }
}

/// Mutation: `noted_start` that asks for a checksum always.
#[test]
fn a_log_start_without_a_checksum_tells_of_segments_that_are_gone() {
    for text in ["0\n0\n".to_owned(), with_checksum("1\n0\n".to_owned())] {
        let (world, path) = stopped(true, "log-start-offset");
        fs::write(&path, &text).unwrap();
        fs::remove_file(segment(&world, 0)).unwrap();
        let lost = crate::log::DamagedRange::new(0, 3).unwrap();
        assert_lost(&world.reopened(), &[lost], &text);
    }
}

/// Mutation: `end` without `forget_from`; an end that is also that of the last range known.
#[test]
fn no_damaged_range_moves_the_end_of_a_log() {
    let checked = |text: &str| with_checksum(text.to_owned());
    let flipped = checked("1\n1\n30 40\n").replace("40", "70");
    for text in ["0\n1\n30 70\n", &checked("1\n1\n30 70\n"), &flipped] {
        for is_clean in [true, false] {
            let (world, path) = stopped(is_clean, "damaged-ranges");
            fs::write(&path, text).unwrap();
            let world = world.reopened();
            assert_eq!(world.partition("orders").offsets().log_end.0, RECORDS);
            assert_lost(&world, &[], &format!("{text:?}, clean: {is_clean}"));
        }
    }
}

/// Mutation: `scanned_epochs` without the active segment.
#[test]
fn epochs_are_those_of_the_batches_where_their_file_is_gone_or_torn() {
    for text in [None, Some(""), Some("0\n3\n0 0\n1 ")] {
        let mut world = filled();
        for epoch in 1..3 {
            world = world.killed();
            append_more(&world, RECORDS + epoch - 1..RECORDS + epoch);
        }
        world.topics.close().unwrap();
        let path = segment(&world, 0).with_file_name("leader-epoch-checkpoint");
        let written = fs::read_to_string(&path).unwrap();
        match text {
            None => fs::remove_file(&path).unwrap(),
            Some(text) => fs::write(&path, text).unwrap(),
        }
        let world = world.reopened();
        let partition = world.partition("orders");
        let end = |epoch| partition.epoch_end_offset(LeaderEpoch(epoch)).unwrap();
        for (epoch, expected) in [(0, RECORDS), (1, RECORDS + 1), (2, RECORDS + 2)] {
            assert_eq!(end(epoch).end_offset, Offset(expected), "{text:?}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), written, "{text:?}");
    }
}

/// Mutations: `directory_label` that tells what failed; `sort_out` without `is_nearly`; `label` after unclean
/// stops alone.
#[test]
fn a_log_is_its_topics_whatever_becomes_of_the_file_that_says_so() {
    let texts: [fn(&str) -> Option<String>; 5] = [
        |_| None,
        |_| Some(String::new()),
        |label| Some(label.replace("version: 0", "version: 8")),
        |label| Some(label.replace("topic_id: ", "topic_if: ")),
        |label| {
            let mut bytes = label.as_bytes().to_vec();
            let letter = &mut bytes[label.len() - 6];
            *letter = if *letter == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).ok()
        },
    ];
    for text in texts {
        for is_clean in [true, false] {
            let (world, path) = stopped(is_clean, "partition.metadata");
            let label = fs::read_to_string(&path).unwrap();
            match text(&label) {
                None => fs::remove_file(&path).unwrap(),
                Some(text) => {
                    assert_ne!(text, label);
                    fs::write(&path, text).unwrap();
                }
            }
            let world = world.reopened();
            let what = format!("{:?}, clean: {is_clean}", text(&label));
            assert_lost(&world, &[], &what);
            assert!(world.topics.recovery().quarantined.is_empty(), "{what}");
            assert_eq!(fs::read_to_string(&path).unwrap(), label, "{what}");
        }
    }
}

/// A world with a log of many segments, whose indexes are in their files, and what was appended.
fn indexed() -> (FaultyWorld, Vec<(i64, String)>) {
    let world = FaultyWorld::new(1);
    world.create("orders");
    let mut config = world.topics.topic("orders").unwrap().config().log.clone();
    config.segment_bytes = 2_000;
    config.index_interval_bytes = 50;
    world.partition("orders").log.set_config(config);
    let expected: Vec<_> = (0..100)
        .map(|number| (number, format!("{number:04}")))
        .collect();
    for (_, value) in &expected {
        let appending = world.partition("orders").append(batch(&[value]), Acks::All);
        world.drive(appending.unwrap().durable()).unwrap();
    }
    world.topics.retention_check().unwrap();
    (world, expected)
}

fn assert_all_there(world: &FaultyWorld, expected: &[(i64, String)], what: &str) {
    let partition = world.partition("orders");
    for from in [0, 37, 99] {
        let from = usize::try_from(from).unwrap();
        let mut read = Vec::new();
        let mut next = expected[from].0;
        while next < 100 {
            let some = values(&partition, next);
            next = some.last().unwrap().0 + 1;
            read.extend(some);
        }
        assert_eq!(read, expected[from..], "{what}");
    }
    let at = OffsetSpec::At(TimestampMs(NOW));
    let found = partition
        .offset_for(at, Isolation::ReadUncommitted)
        .unwrap();
    assert!(found.is_some(), "{what}");
}

/// Mutation: `Disk::read_derived` that tells what failed.
#[test]
fn a_derived_file_that_cannot_be_read_is_as_good_as_none() {
    for file in [
        "recovery-points",
        "partition.metadata",
        "damaged-ranges",
        "log-start-offset",
        "leader-epoch-checkpoint",
        "cleaner-offset-checkpoint",
        ".snapshot",
        ".index",
        ".timeindex",
    ] {
        for is_clean in [true, false] {
            let what = format!("{file}, clean: {is_clean}");
            let (mut world, expected) = indexed();
            let nothing = with_checksum("1\n0\n".to_owned());
            for path in [
                "/data/topics/orders-0/damaged-ranges",
                "/data/cleaner-offset-checkpoint",
            ] {
                let written = world
                    .disk()
                    .replace_file(Path::new(path), nothing.as_bytes());
                written.unwrap();
            }
            match is_clean {
                true => world.topics.close().unwrap(),
                false => world.topics.0.checkpoint.run().unwrap(),
            }
            world.storage.kill();
            assert!(world.storage.harm_files(file) > 0, "{what}");
            world.reopen();
            assert_all_there(&world, &expected, &what);
        }
    }
}

/// Mutation: `floor_in_file` that tells what failed.
#[test]
fn an_index_that_cannot_be_read_any_more_is_built_again() {
    for file in [".index", ".timeindex"] {
        let (world, expected) = indexed();
        assert_all_there(&world, &expected, file);
        assert!(world.storage.harm_files(file) > 0, "{file}");
        assert_all_there(&world, &expected, file);
    }
}

/// Mutations: an `open` that waits for a writer of the pipe; `DiskFile::contents` without a bound.
#[test]
fn a_pipe_or_a_huge_file_under_the_name_of_a_derived_one_holds_up_no_start() {
    let (world, path) = stopped(true, "damaged-ranges");
    pipe(&path);
    let epochs = path.with_file_name("leader-epoch-checkpoint");
    let mut huge = fs::File::create(&epochs).unwrap();
    huge.write_all(b"0\n").unwrap();
    huge.set_len(1 << 40).unwrap();
    assert_lost(&world.reopened(), &[], "a pipe and a huge file");
}

/// Mutations: `has_room_for` that believes any length; `next_batch` that reads whatever fits.
#[test]
fn nobody_makes_room_for_a_batch_that_is_large_by_a_rotten_length_alone() {
    let world = World::new();
    world.create("orders", 1, &[("max.message.bytes", "10000000")]);
    let partition = world.partition("orders");
    for letter in ["a", "b", "c", "d"] {
        append(&partition, batch(&[&letter.repeat(1 << 20)])).unwrap();
    }
    let read = |offset, room| {
        partition.read(ReadRequest {
            max_bytes: 1 << 16,
            first_batch_max: Some(room),
            ..read_request(offset)
        })
    };
    let truly_large = read(0, 1 << 20).unwrap_err();
    assert!(
        matches!(truly_large, ReadError::NoRoom { bytes } if bytes > 1 << 20),
        "{truly_large}"
    );
    let path = segment(&world, 0);
    let mut bytes = fs::read(&path).unwrap();
    let length = i32::from_be_bytes(bytes[8..12].try_into().unwrap()) + (2 << 20);
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    fs::write(&path, bytes).unwrap();
    for room in [1 << 20, 2 << 20, usize::MAX] {
        let refused = read(0, room).unwrap_err();
        assert!(matches!(refused, ReadError::Damaged { .. }), "{refused}");
    }
    assert_eq!(values(&partition, 3).len(), 1);
}

/// Mutation: a `leader_epoch_max` in `MetadataLog::open`.
#[test]
fn topics_are_kept_though_an_epoch_in_their_log_rots_and_the_recovery_points_are_lost() {
    let world = World::new();
    world.create("orders", 1, &[]);
    append(&world.partition("orders"), batch(&["one"])).unwrap();
    let world = world.restarted();
    // The commit log has nothing of before from here on.
    append(&world.partition("orders"), batch(&["two"])).unwrap();
    let (directory, clock) = world.left();
    let data = directory.path().join("data");
    fs::remove_file(data.join("recovery-points")).unwrap();
    let metadata = data.join("metadata/00000000000000000000.log");
    let mut bytes = fs::read(&metadata).unwrap();
    // Of the leader epoch of the first batch.
    bytes[13] ^= 0x80;
    fs::write(&metadata, bytes).unwrap();
    let world = World::at(directory, clock);
    let kept = pairs(&[(0, "one"), (1, "two")]);
    assert_eq!(values(&world.partition("orders"), 0), kept);
}

/// The file may be of a flush that a power cut took, of which the log itself has nothing left.
///
/// Mutation: `open` that looks at the epochs only where something of the log is in doubt.
#[test]
fn a_file_of_leader_epochs_is_held_against_the_batches_after_a_kill_though_nothing_else_is_in_doubt()
 {
    let world = filled();
    world.end(false);
    let path = segment(&world, 0).with_file_name("leader-epoch-checkpoint");
    assert_eq!(fs::read_to_string(&path).unwrap(), "0\n1\n0 0\n");
    fs::write(&path, "0\n1\n3 0\n").unwrap();
    let world = world.reopened();
    assert_eq!(world.partition("orders").log.epoch_of(0), Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "0\n1\n0 0\n");
}

/// Mutation: `are_epochs_true` that asks for the epoch of a batch only where an entry begins with it.
#[test]
fn a_file_of_leader_epochs_is_held_against_what_retention_left_of_an_epoch() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let world = world.killed();
    make_segments_small(&world);
    append_more(&world, 0..RECORDS);
    let partition = world.partition("orders");
    wait(partition.delete_records(Some(Offset(4)))).unwrap();
    world.topics.retention_check().unwrap();
    assert!(!segment(&world, 0).exists());
    drop(partition);
    let world = world.killed();
    append_more(&world, RECORDS..RECORDS + 1);
    world.end(false);
    let path = segment(&world, 0).with_file_name("leader-epoch-checkpoint");
    let written = fs::read_to_string(&path).unwrap();
    let harmed = written.replace("\n1 ", "\n0 ");
    assert_ne!(harmed, written);
    fs::write(&path, harmed).unwrap();
    let world = world.reopened();
    assert_eq!(world.partition("orders").log.epoch_of(4), Some(1));
}
