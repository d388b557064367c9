//! Data directories of earlier formats: kept for ever, opened by every version.
//!
//! `format-1/` was written by the first version, which had no commit log: `closed` by a clean stop,
//! `killed` by `kill -9` before. `format-2/` was written by the first with damaged ranges, and places in
//! its recovery points: `killed` twice, `closed` after one more start. `format-3/` likewise, by the first
//! with a secret for each generation of the commit log, two first pages, and checksums of small files;
//! records were deleted, one rotted, and a log was compacted. `format-4/` likewise, by the first whose extents say their
//! size, with records deleted and a group. Their extents are kept without the zeroes at
//! their end, and get them back here.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Bytes of an extent.
const EXTENT_BYTES: u64 = 1 << 20;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => copy_file(&entry.path(), &target),
        }
    }
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    if to
        .extension()
        .is_some_and(|extension| extension == "extent")
    {
        let extent = fs::File::options().write(true).open(to).unwrap();
        extent.set_len(EXTENT_BYTES).unwrap();
    }
}

/// A world over a copy of a directory that an earlier version left.
pub(super) fn world_of(format: &str) -> World {
    world_in(copy_of(format))
}

fn copy_of(format: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let kept: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src/topics/tests", format]
        .iter()
        .collect();
    copy(&kept, &directory.path().join("data"));
    directory
}

fn world_in(directory: tempfile::TempDir) -> World {
    World::at(directory, Clock::manual(TimestampMs(NOW)))
}

fn texts(world: &World, topic: &str) -> Vec<(i64, String)> {
    values(&world.partition(topic), 0)
}

fn orders() -> Vec<(i64, String)> {
    (0..5)
        .map(|offset| (offset, format!("{{\"n\":{}}}", offset + 1)))
        .collect()
}

/// Mutations: `PartitionLog::open` that cuts at the recovery point where no commit log has more; `DataDirectory::begin`
/// that writes no properties.
#[test]
fn a_killed_directory_of_format_1_opens_with_everything_and_is_of_this_format_then() {
    let mut world = world_of("format-1/killed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Unclean);
    for _ in 0..2 {
        assert_eq!(texts(&world, "orders"), orders());
        assert_eq!(
            texts(&world, "lines"),
            pairs(&[(0, "a"), (1, "b"), (2, "c")])
        );
        let meta = world.directory.path().join("data/meta.properties");
        let meta = fs::read_to_string(meta).unwrap();
        assert!(meta.contains("sluice.format=4\n"), "{meta}");
        assert!(meta.contains("cluster.id=1LkR6mZ8RUm-XZtD5RErfQ\n"));
        world = world.killed();
    }
    let appended = append(&world.partition("lines"), batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset, Offset(3));
}

/// Mutation: `DataDirectory::always_had_points` that is true.
#[test]
fn a_killed_directory_of_format_1_opens_though_an_event_was_on_its_way() {
    let directory = copy_of("format-1/killed");
    let log = directory
        .path()
        .join("data/metadata/00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_slice(&bytes.clone()[..40]);
    fs::write(&log, bytes).unwrap();
    let world = world_in(directory);
    assert_eq!(texts(&world, "orders"), orders());
    assert!(!world.topics.recovery().are_points_lost);
    assert_eq!(world.topics.recovery().losses, []);
}

/// Mutations: `Meta::parse` that takes this format alone; `TopicCreated` whose `log_starts` may not be left out.
#[test]
fn a_closed_directory_of_format_1_opens_with_everything() {
    let world = world_of("format-1/closed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Clean);
    let lines = [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")];
    assert_eq!(texts(&world, "lines"), pairs(&lines));
    let world = world.killed();
    assert_eq!(texts(&world, "lines"), pairs(&lines));
    assert_eq!(texts(&world, "orders"), orders());
    let offsets = world.partition_of("__consumer_offsets", 9);
    assert!(offsets.offsets().high_watermark > Offset(0));
}

/// What the directories of formats 2 to 4 hold.
fn assert_are_orders_and_lines(world: &World) {
    let kept: Vec<_> = values(&world.partition("orders"), 2)
        .into_iter()
        .filter(|(offset, _)| *offset >= 2)
        .collect();
    let expected: Vec<_> = (2..6)
        .map(|offset| (offset, format!("{{\"n\":{}}}", offset + 1)))
        .collect();
    assert_eq!(kept, expected);
    assert_eq!(world.partition("orders").offsets().log_start, Offset(2));
    let lines = [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")];
    assert_eq!(texts(world, "lines"), pairs(&lines));
    let end_of = |topic: &str, epoch| {
        let partition = world.partition(topic);
        partition
            .epoch_end_offset(LeaderEpoch(epoch))
            .unwrap()
            .end_offset
    };
    assert_eq!(end_of("lines", 0), Offset(3));
    assert_eq!(end_of("lines", 1), Offset(5));
    assert!(world.topics.partition("gone", PartitionId(0)).is_none());
}

/// What the directories of formats 2 and 3 hold; of the logs those of `damaged` lost something.
fn assert_is_all(world: &World, prices: &[(i64, &str)], damaged: &[&str]) {
    assert_are_orders_and_lines(world);
    let second = world.partition_of("lines", 1);
    assert_eq!(values(&second, 0), pairs(&[(0, "f")]));
    assert_eq!(texts(world, "prices"), pairs(prices));
    let offsets = world.partition_of("__consumer_offsets", 28);
    assert_eq!(offsets.offsets().high_watermark, Offset(3));
    let recovery = world.topics.recovery();
    let found = recovery.damaged_logs.iter();
    let found: Vec<_> = found.map(|log| log.directory.as_str()).collect();
    assert_eq!(found, damaged);
    assert!(recovery.losses.is_empty() && recovery.quarantined.is_empty());
}

/// Those of format 2.
const PRICES: [(i64, &str); 4] = [(0, "1"), (1, "2"), (2, "3"), (3, "4")];

/// Mutation: `ExtentHeader::read` that knows no version 1.
#[test]
fn a_killed_directory_of_format_2_opens_with_everything() {
    let mut world = world_of("format-2/killed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Unclean);
    assert!(world.topics.recovery().replayed_bytes > 0);
    for _ in 0..2 {
        assert_is_all(&world, &PRICES, &[]);
        world = world.killed();
    }
    let appended = append(&world.partition("lines"), batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset, Offset(5));
}

/// The first builds of format 2 named the generation of before until the first checkpoint.
///
/// Mutation: `RecoveryPoints::parse` that believes what version 2 says of the commit log.
#[test]
fn a_killed_directory_of_format_2_whose_points_name_an_older_generation_opens_with_everything() {
    let directory = copy_of("format-2/killed");
    let data = directory.path().join("data");
    let points = data.join("recovery-points");
    let text = fs::read_to_string(&points).unwrap();
    let (text, _checksum) = text.rsplit_once("crc32c").unwrap();
    let second = text.replace("version 3\ncommit-log 2 1\n", "version 2\ncommit-log 1 0\n");
    assert_ne!(second, text);
    fs::write(&points, second).unwrap();
    let log = data.join("topics/lines-0/00000000000000000000.log");
    let log = fs::File::options().write(true).open(log).unwrap();
    log.set_len(85).unwrap();
    assert_is_all(&world_in(directory), &PRICES, &[]);
}

/// Mutation: `DataDirectory::open` that writes the format of now.
#[test]
fn a_start_that_is_refused_leaves_the_format_as_it_was() {
    let directory = copy_of("format-3/closed");
    let data = directory.path().join("data");
    let log = data.join("metadata/00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[80] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let clock = Clock::manual(TimestampMs(NOW));
    open(directory.path(), &clock).unwrap_err();
    let meta = fs::read_to_string(data.join("meta.properties")).unwrap();
    assert!(meta.contains("sluice.format=3\n"), "{meta}");
    bytes[80] ^= 1;
    fs::write(&log, &bytes).unwrap();
    assert_is_all_of_format_3(&world_in(directory), &PRICES[1..]);
}

/// Mutations: `Meta::parse` that takes this format alone; `MetadataState::apply` that passes over `LogStartMoved`.
#[test]
fn a_closed_directory_of_format_2_opens_with_everything() {
    let world = world_of("format-2/closed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Clean);
    assert_is_all(&world, &PRICES, &[]);
    assert_is_all(&world.killed(), &PRICES, &[]);
}

/// What both directories of format 3 hold: a record that was deleted, one that rotted, and what compaction left.
fn assert_is_all_of_format_3(world: &World, prices: &[(i64, &str)]) {
    assert_is_all(world, prices, &["rolled-0"]);
    let rolled = world.partition("rolled");
    let offsets = rolled.offsets();
    assert_eq!((offsets.log_start, offsets.log_end), (Offset(1), Offset(5)));
    let sound = rolled.read(read_request(1)).unwrap().records.concat();
    let sound =
        record_batch::batches(sound.into()).map(|batch| batch.unwrap().header().last_offset());
    assert_eq!(sound.collect::<Vec<_>>(), [1]);
    let refused = rolled.read(read_request(2)).unwrap_err();
    assert!(matches!(refused, ReadError::Damaged { .. }), "{refused}");
    assert_eq!(values(&rolled, 3), pairs(&[(3, "r3"), (4, "r4")]));
    assert!(!world.partition("prices").log.is_dense());
    assert!(world.partition("orders").log.is_dense());
}

/// Mutation: `ExtentHeader::read` that leaves out the secret.
#[test]
fn a_killed_directory_of_format_3_opens_with_everything() {
    let mut world = world_of("format-3/killed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Unclean);
    assert!(world.topics.recovery().replayed_bytes > 0);
    for _ in 0..2 {
        assert_is_all_of_format_3(&world, &PRICES);
        world = world.killed();
    }
    let appended = append(&world.partition("rolled"), batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset, Offset(5));
}

/// Mutation: `DamagedRanges::parse` that reads nothing.
#[test]
fn a_closed_directory_of_format_3_opens_with_everything() {
    let world = world_of("format-3/closed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Clean);
    assert_is_all_of_format_3(&world, &PRICES[1..]);
    assert_is_all_of_format_3(&world.killed(), &PRICES[1..]);
}

/// What both directories of format 4 hold.
fn assert_is_all_of_format_4(world: &World) {
    assert_are_orders_and_lines(world);
    let offsets = world.partition_of("__consumer_offsets", 9);
    assert_eq!(offsets.offsets().high_watermark, Offset(3));
    let recovery = world.topics.recovery();
    assert!(recovery.losses.is_empty() && recovery.damaged_logs.is_empty());
    assert!(recovery.quarantined.is_empty());
}

/// Mutation: `ExtentHeader::read` that knows no version 3.
#[test]
fn a_killed_directory_of_format_4_opens_with_everything() {
    let mut world = world_of("format-4/killed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Unclean);
    assert!(world.topics.recovery().replayed_bytes > 0);
    for _ in 0..2 {
        assert_is_all_of_format_4(&world);
        world = world.killed();
    }
    let appended = append(&world.partition("lines"), batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset, Offset(5));
}

/// Mutation: `kept_epochs` that takes any file of epochs for an empty one.
#[test]
fn a_closed_directory_of_format_4_opens_with_everything() {
    let world = world_of("format-4/closed");
    assert_eq!(world.topics.recovery().last_stop, LastStop::Clean);
    assert_is_all_of_format_4(&world);
    assert_is_all_of_format_4(&world.killed());
}
