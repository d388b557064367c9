//! The recovery points are lost and the disk harmed a log besides: nothing is cut that may have been durable, a check says
//! so before, and without metadata there is no start.

use std::fs;
use std::path::PathBuf;

use super::damage::{
    RECORDS, append_more, assert_lost, batch_size, filled, flip, make_segments_small, range,
    segment,
};
use super::failure::FaultyWorld;
use super::*;
use crate::log::DamagedRange;
use crate::offline::{Form, Tally, verify};

const METADATA: &str = "metadata/00000000000000000000.log";
const POINTS: &str = "recovery-points";

/// What is done to a file.
type HarmOfFile<'a> = (&'a str, &'a dyn Fn(&PathBuf));

/// A killed broker whose commit log has nothing any more of its topic and of the records that were there before.
fn settled() -> (tempfile::TempDir, Clock) {
    let world = World::new();
    world.create("orders", 1, &[]);
    world.create("payments", 1, &[]);
    append(&world.partition("orders"), batch(&["one"])).unwrap();
    let world = world.restarted();
    append(&world.partition("orders"), batch(&["two"])).unwrap();
    world.topics.0.stop_flushing();
    let (directory, clock) = world.left();
    fs::remove_file(directory.path().join("data").join(POINTS)).unwrap();
    (directory, clock)
}

fn verified(directory: &Path) -> (Tally, String) {
    let mut out = Vec::new();
    let tally = verify(&directory.join("data"), Form::Text, &mut out, &mut |_| ()).unwrap();
    (tally, String::from_utf8(out).unwrap())
}

/// All files of a directory, but for those that a start makes anew.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.is_dir() {
            true if path.ends_with("commit-log") => {}
            true => found.extend(files(&path)),
            false
                if path.ends_with("disk-reserve") || path.ends_with("leader-epoch-checkpoint") => {}
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

fn cut(path: &Path, size: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(size).unwrap();
}

/// Mutations: `may_have_lost_end` without the metadata; `keeps` without the backing; `metadata` that does not ask
/// whether there are any, with either file of a check that does not.
#[test]
fn metadata_that_are_not_whole_end_a_start_without_recovery_points_and_nothing_is_changed() {
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let harms: [HarmOfFile<'_>; 7] = [
        ("a bit of the first event", &|path| flip(path, 70, 1)),
        ("a bit of the last event", &|path| {
            flip(path, i64::try_from(size(path)).unwrap() - 3, 1);
        }),
        ("the last event cut", &|path| cut(path, size(path) - 10)),
        ("all but some bytes", &|path| cut(path, 7)),
        ("all", &|path| cut(path, 0)),
        ("the file", &|path| fs::remove_file(path).unwrap()),
        ("the directory", &|path| {
            fs::remove_dir_all(path.parent().unwrap()).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let (directory, clock) = settled();
        let path = directory.path().join("data").join(METADATA);
        let whole = fs::read(&path).unwrap();
        harm(&path);
        let before = files(directory.path());
        let (tally, said) = verified(directory.path());
        assert!(tally.damaged > 0, "{what}: {said}");
        for _ in 0..2 {
            let refused = open(directory.path(), &clock).unwrap_err().to_string();
            assert!(
                refused.contains("metadata is not what"),
                "{what}: {refused}"
            );
            assert!(refused.contains("from a backup"), "{what}: {refused}");
        }
        assert!(before == files(directory.path()), "{what}");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, whole).unwrap();
        let world = World::at(directory, clock);
        let found = values(&world.partition("orders"), 0);
        assert_eq!(found, pairs(&[(0, "one"), (1, "two")]), "{what}");
        assert!(world.topics.recovery().quarantined.is_empty(), "{what}");
    }
}

/// A start behind a clean stop is refused with these words where the metadata log has lost its end, or all, and the
/// recovery points are gone; a check says so before, and the stop stays clean.
fn assert_refused_after_clean_stop(left: impl Fn(u64) -> u64, expected: &str) {
    let (directory, clock) = filled().stopped();
    let data = directory.path().join("data");
    fs::remove_file(data.join(POINTS)).unwrap();
    let path = data.join(METADATA);
    cut(&path, left(fs::metadata(&path).unwrap().len()));
    let (tally, said) = verified(directory.path());
    assert_eq!(tally.damaged, 1, "{said}");
    let refused = open(directory.path(), &clock).unwrap_err().to_string();
    assert!(refused.contains(expected), "{refused}");
    assert!(data.join("clean-shutdown").exists());
}

/// Mutation: `backing` that is nothing after a clean stop.
#[test]
fn metadata_that_were_cut_end_a_start_after_a_clean_stop_too() {
    assert_refused_after_clean_stop(|size| size - 10, "put back the recovery-points");
}

/// Mutation: `metadata` that asks only after an unclean stop.
#[test]
fn no_metadata_end_a_start_after_a_clean_stop_too_where_there_are_partitions() {
    assert_refused_after_clean_stop(|_| 0, "topics/orders-0 was made for one");
}

/// Mutation: `may_have_lost_end` that is never true.
#[test]
fn metadata_and_recovery_points_that_cannot_be_read_once_prevent_one_start_and_no_more() {
    let mut world = FaultyWorld::new(1);
    world.create("orders");
    let appending = world.partition("orders").append(batch(&["one"]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
    world.topics.close().unwrap();
    world.storage.kill();
    world.reopen();
    let appending = world.partition("orders").append(batch(&["two"]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
    world.storage.kill();
    assert_eq!(world.storage.harm_files(METADATA), 1);
    assert_eq!(world.storage.harm_files(POINTS), 1);
    for _ in 0..2 {
        let refused = world.begin_to_open().unwrap_err().to_string();
        assert!(
            refused.contains("put back the recovery-points"),
            "{refused}"
        );
        world.storage.kill();
    }
    world.storage.heal_files();
    world.reopen();
    let found = values(&world.partition("orders"), 0);
    assert_eq!(found, pairs(&[(0, "one"), (1, "two")]));
}

/// A killed broker without recovery points, whose commit log has the last `records` of the partition, if any.
fn killed(records: i64) -> World {
    let world = filled().restarted();
    world.create("other", 1, &[]);
    make_segments_small(&world);
    append_more(&world, RECORDS..RECORDS + records);
    world.topics.0.stop_flushing();
    fs::remove_file(world.directory.path().join("data").join(POINTS)).unwrap();
    world
}

/// What is done to the segments, and the offsets that are lost then.
type Harm<'a> = (&'a str, &'a dyn Fn(&World), &'a [DamagedRange]);

/// Mutations: `keeps` without the backing; `stays` where the points are known alone; `may_be_of` without `keeps`.
#[test]
fn what_is_sound_behind_something_that_is_not_is_never_cut_without_recovery_points() {
    let harms: [Harm<'_>; 5] = [
        (
            "a bit of the last segment",
            &|world| flip(&segment(world, 9), 70, 4),
            &[range(9, 10)],
        ),
        (
            "a length of the last segment",
            &|world| flip(&segment(world, 9), 8, 0x40),
            &[range(9, 10)],
        ),
        (
            "a bit of a segment before",
            &|world| flip(&segment(world, 3), batch_size() + 70, 4),
            &[range(4, 5)],
        ),
        (
            "a segment",
            &|world| fs::remove_file(segment(world, 3)).unwrap(),
            &[range(3, 6)],
        ),
        ("an epoch", &|world| flip(&segment(world, 9), 13, 4), &[]),
    ];
    for records in [0, 2] {
        for (what, harm, lost) in harms {
            let what = format!("{what}, {records} in the commit log");
            let mut world = killed(records);
            harm(&world);
            world.let_go();
            let (tally, said) = verified(world.directory.path());
            assert_eq!(tally.damaged, lost.len(), "{what}: {said}");
            let world = world.reopened();
            assert_lost(&world, lost, &what);
            assert_eq!(world.topics.recovery().cut, [], "{what}");
            let told = &world.topics.recovery().damaged_logs;
            assert_eq!(told.len(), lost.len().min(1), "{what}");
            append_more(&world, world.partition("orders").offsets().log_end.0..20);
            assert_lost(&world, lost, &what);
        }
    }
}

/// Mutations: `Backing::may_have_lost` without the run; `stays` wherever another segment follows.
#[test]
fn what_is_torn_comes_back_from_the_commit_log_without_recovery_points() {
    for (records, behind) in [(2, 0), (7, 1)] {
        let mut world = killed(records);
        let files = fs::read_dir(world.directory.path().join("data/topics/orders-0")).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        let is_log = |path: &PathBuf| path.extension().is_some_and(|it| it == "log");
        let mut logs: Vec<_> = files.filter(is_log).collect();
        logs.sort();
        let torn = &logs[logs.len() - 1 - behind];
        let size = i64::try_from(fs::metadata(torn).unwrap().len()).unwrap();
        flip(torn, size - 3, 1);
        world.let_go();
        let (tally, said) = verified(world.directory.path());
        assert_eq!(tally.damaged, 0, "{said}");
        let world = world.reopened();
        assert_lost(&world, &[], "torn");
    }
}

/// Mutation: `may_have_lost_end` that does not ask what could be read.
#[test]
fn an_end_that_cannot_be_read_is_not_cut_off_without_recovery_points() {
    let mut world = FaultyWorld::new(1);
    world.create("orders");
    let appending = world.partition("orders").append(batch(&["one"]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
    world.topics.close().unwrap();
    world.storage.kill();
    world.reopen();
    world.create("another");
    world.storage.kill();
    world.storage.lose_files("/data", POINTS);
    assert_eq!(
        world
            .storage
            .harm_files("orders-0/00000000000000000000.log"),
        1
    );
    world.reopen();
    let damaged = world.partition("orders").log.damaged();
    assert_eq!(damaged.first().map(|range| range.begin), Some(0));
    let appending = world.partition("orders").append(batch(&["two"]), Acks::All);
    let appended = world.drive(appending.unwrap().durable()).unwrap();
    assert!(appended.base_offset.0 > 0);
    world.topics.close().unwrap();
    world.storage.kill();
    world.storage.heal_files();
    world.reopen();
    let partition = world.partition("orders");
    let first = partition.read(read_request(0)).unwrap().records.concat();
    let first = record_batch::batches(first.into()).next().unwrap().unwrap();
    assert_eq!(first.header().base_offset, 0);
    assert_eq!(
        partition.log.damaged().first().map(|range| range.begin),
        Some(1)
    );
    let last = values(&partition, appended.base_offset.0);
    assert_eq!(last, pairs(&[(appended.base_offset.0, "two")]));
}

/// Behind a clean stop without recovery points a process may be killed that wrote nothing.
///
/// Mutations: `FoundJournal::note_ends` that notes nothing, with `leaves_out` that does not ask whether there is a point.
#[test]
fn what_was_found_behind_a_clean_stop_without_recovery_points_is_durable_from_then_on() {
    let world = filled();
    let path = segment(&world, 3);
    let (directory, clock) = world.stopped();
    // As if it had been compacted: a batch in the middle is gone.
    let size = usize::try_from(batch_size()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.drain(size..2 * size);
    fs::write(&path, &bytes).unwrap();
    fs::write(path.with_file_name("compacted"), b"").unwrap();
    fs::remove_file(directory.path().join("data").join(POINTS)).unwrap();
    let world = World::at(directory, clock).killed();
    let partition = world.partition("orders");
    assert_eq!(partition.log.damaged(), []);
    assert_eq!(world.topics.recovery().cut, []);
    let mut found: Vec<_> = values(&partition, 0)
        .into_iter()
        .map(|(at, _)| at)
        .collect();
    found.insert(4, 4);
    assert_eq!(found, (0..RECORDS).collect::<Vec<_>>());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// Mutation: `scan` that keeps such an end without a word.
#[test]
fn an_end_that_is_torn_behind_a_clean_stop_without_recovery_points_is_told_and_hides_nothing() {
    let world = filled();
    let last = segment(&world, 9);
    let (directory, clock) = world.stopped();
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() - 5]).unwrap();
    fs::remove_file(directory.path().join("data").join(POINTS)).unwrap();
    let world = World::at(directory, clock);
    assert_eq!(world.topics.recovery().damaged_logs.len(), 1);
    let partition = world.partition("orders");
    assert_eq!(partition.log.damaged()[0].begin, RECORDS - 1);
    let kept = append(&partition, batch(&["kept"])).unwrap().base_offset.0;
    assert!(kept >= RECORDS, "{kept} was given out before");
    drop(partition);
    let world = world.killed();
    let found = values(&world.partition("orders"), kept);
    assert_eq!(found, pairs(&[(kept, "kept")]));
}

/// Mutations: `FoundJournal::open` that does not ask what is not whole, or what is gone; `metadata` that does not ask whether
/// there are events.
#[test]
fn a_start_tells_that_recovery_points_are_gone_or_not_whole_but_not_where_there_were_none_yet() {
    let mut world = World::new();
    let is_told = |world: &World| world.topics.recovery().are_points_lost;
    assert!(!is_told(&world), "a new directory");
    for is_clean in [true, false] {
        let harms: [HarmOfFile<'_>; 3] = [
            ("nothing", &|_| ()),
            ("half", &|path| cut(path, 30)),
            ("all", &|path| fs::remove_file(path).unwrap()),
        ];
        for (what, harm) in harms {
            world.end(is_clean);
            harm(&world.directory.path().join("data").join(POINTS));
            world = world.reopened();
            assert_eq!(is_told(&world), what != "nothing", "{what}, {is_clean}");
        }
    }
    world.end(true);
    fs::remove_dir_all(world.directory.path().join("data/metadata")).unwrap();
    fs::remove_file(world.directory.path().join("data").join(POINTS)).unwrap();
    assert!(!is_told(&world.reopened()), "a first start that was killed");
}

/// Mutation: `end_by_snapshot` that is always 0.
#[test]
fn an_end_that_is_gone_behind_a_clean_stop_without_recovery_points_is_damage_by_the_snapshot() {
    for left in [None, Some(0), Some(1)] {
        let world = filled();
        let last = segment(&world, 9);
        let (directory, clock) = world.stopped();
        fs::remove_file(directory.path().join("data").join(POINTS)).unwrap();
        let size = |batches: i64| usize::try_from(batches * batch_size()).unwrap();
        match left {
            None => fs::remove_file(&last).unwrap(),
            Some(batches) => {
                let bytes = fs::read(&last).unwrap();
                fs::write(&last, &bytes[..size(batches)]).unwrap();
            }
        }
        let world = World::at(directory, clock);
        let lost = [range(9 + left.unwrap_or_default(), RECORDS)];
        assert_lost(&world, &lost, &format!("{left:?}"));
        append_more(&world, RECORDS..RECORDS + 2);
        assert_lost(&world.restarted(), &lost, &format!("{left:?}, later"));
    }
}

/// Mutations: `scan` that goes on behind a hole that the commit log fills; `end` that says nothing of a compacted log.
#[test]
fn of_a_compacted_log_the_commit_log_fills_a_hole_from_where_it_begins_without_recovery_points() {
    let size = |batches: i64| usize::try_from(batches * batch_size()).unwrap();
    for (is_hole, lost) in [(true, range(7, 10)), (false, range(8, 10))] {
        let world = World::new();
        world.create("orders", 1, &[("cleanup.policy", "compact")]);
        append_more(&world, 0..10);
        let world = world.restarted();
        append_more(&world, 10..21);
        let path = segment(&world, 0);
        world.topics.0.stop_flushing();
        let (directory, clock) = world.left();
        fs::remove_file(directory.path().join("data").join(POINTS)).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        match is_hole {
            true => bytes[size(7)..size(15)].fill(0),
            false => bytes.truncate(size(8)),
        }
        fs::write(&path, bytes).unwrap();
        let world = World::at(directory, clock);
        assert_lost(&world, &[lost], "filled from 10 on");
        assert_eq!(world.partition("orders").offsets().log_end, Offset(21));
    }
}

/// Mutation: `run` that begins with the log start where no segment is left.
#[test]
fn a_producer_whose_records_are_deleted_is_known_by_the_commit_log_without_recovery_points() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    append(&partition, sequenced(&["a"], 0, 0)).unwrap();
    append(&partition, batch(&["b"])).unwrap();
    wait(partition.delete_records(Some(Offset(1)))).unwrap();
    drop(partition);
    world.topics.0.stop_flushing();
    let (directory, clock) = world.left();
    // A power cut: the segments had nothing yet.
    let data = directory.path().join("data");
    fs::remove_dir_all(data.join("topics/orders-0")).unwrap();
    fs::remove_file(data.join(POINTS)).unwrap();
    let world = World::at(directory, clock);
    let again = append(&world.partition("orders"), sequenced(&["a"], 0, 0));
    assert_eq!(again.unwrap().base_offset, Offset(0));
}
