//! What was deleted by its key from a compacted log stays deleted, whatever becomes of a segment that was damaged meanwhile.

use std::fs;
use std::path::PathBuf;

use super::compaction_reads::{
    KEYS, append_round, compact, eager_partition, for_each_record, keyed, with_small_segments,
};
use super::*;
use crate::log::{DamagedRange, with_checksum};
use crate::offline::{RepairOptions, repair};

/// A log whose first segment has the values of keys that are deleted, and a damaged batch, and was left alone by
/// compactions; its file, and what that held before.
struct Left {
    world: World,
    path: PathBuf,
    whole: Vec<u8>,
}

fn append_one(world: &World, record: NewRecord) {
    let batch = batch_of(&[record]).build().unwrap().unwrap();
    append(&world.partition("eager"), batch).unwrap();
}

/// Records of a key that nobody deletes, enough for some segments.
fn append_others(world: &World) {
    let filler = "x".repeat(900);
    for _ in 0..5 {
        append_one(world, keyed(KEYS, Some(&filler), NOW + 2));
    }
}

/// Compacts what there is to compact, again when horizons have passed.
fn compact_all(world: &World) {
    for _ in 0..3 {
        append_others(world);
        compact(world);
        world.clock.advance(Duration::from_secs(10));
    }
}

impl Left {
    fn new(policy: &str) -> Self {
        let world = World::new();
        let configs = [("delete.retention.ms", "0"), ("cleanup.policy", policy)];
        let partition = eager_partition(&world, &configs);
        append_round(&partition, 0);
        let path = world.directory.path().join("data/topics/eager-0");
        let path = path.join("00000000000000000000.log");
        let whole = fs::read(&path).unwrap();
        let mut rotten = whole.clone();
        rotten[100] ^= 1;
        fs::write(&path, rotten).unwrap();
        let pace = &mut |_| true;
        append_others(&world);
        drop(world.topics.compact_dirtiest(1 << 20, pace).unwrap());
        let damaged: [DamagedRange; 1] = partition.log.damaged().try_into().unwrap();
        assert_eq!(damaged[0].begin, 0);
        for key in 0..KEYS {
            append_one(&world, keyed(key, None, NOW + 1));
        }
        compact_all(&world);
        assert_eq!(compact(&world), 0, "nothing is compacted for ever");
        Self { world, path, whole }
    }

    /// Compacts all of it, and looks for what was deleted.
    fn assert_stays_deleted(self, what: &str) {
        let world = self.world;
        let partition = with_small_segments(&world);
        assert_eq!(partition.log.damaged(), [], "{what}");
        compact_all(&world);
        assert_eq!(kept(&world), [KEYS], "{what}");
    }
}

/// Mutations: `Cleaned::whole_to` that is `to`; `cleaned_to` that believes in `around` whatever is damaged.
#[test]
fn a_damaged_segment_that_is_whole_again_brings_nothing_back() {
    let left = Left::new("compact");
    fs::write(&left.path, &left.whole).unwrap();
    left.world
        .partition("eager")
        .log
        .scrub(&mut |_| true)
        .unwrap();
    left.assert_stays_deleted("read again by a scrub");
    let Left { world, path, whole } = Left::new("compact");
    let (directory, clock) = world.stopped();
    fs::write(&path, &whole).unwrap();
    let world = World::at(directory, clock);
    let left = Left { world, path, whole };
    left.assert_stays_deleted("whole again at a start");
}

/// Mutation: `Cleaned::whole_to` that is `to`.
#[test]
fn a_segment_that_is_repaired_brings_nothing_back() {
    let Left { world, path, whole } = Left::new("compact");
    let (directory, clock) = world.stopped();
    let (data, options) = (directory.path().join("data"), RepairOptions::default());
    let mut told = Vec::new();
    let tally = repair(&data, &options, &mut told, &mut |_| ()).unwrap();
    assert!(tally.is_sound(), "{}", String::from_utf8_lossy(&told));
    let world = World::at(directory, clock);
    let left = Left { world, path, whole };
    left.assert_stays_deleted("repaired");
}

/// Mutation: `look_below` that looks for nothing has the partition compacted no more.
#[test]
fn damage_below_the_log_start_neither_ends_compaction_nor_brings_anything_back() {
    let left = Left::new("compact,delete");
    let partition = left.world.partition("eager");
    wait(partition.delete_records(Some(Offset(2)))).unwrap();
    assert_eq!(partition.log.damaged(), []);
    compact_all(&left.world);
    let look = left.world.topics.compact_dirtiest(1 << 20, &mut |_| true);
    assert_eq!(look.unwrap().uncleanable, 0);
    drop(partition);
    let Left { world, path, whole } = left;
    let (directory, clock) = world.stopped();
    let world = World::at(directory, clock);
    Left { world, path, whole }.assert_stays_deleted("deleted records");
}

/// A check of retention that is interrupted has noted where the log begins, and has not dropped what is before.
///
/// Mutation: `compact` of what lies below the log start too.
#[test]
fn what_retention_was_about_to_drop_does_not_come_back_with_what_it_is_compacted_with() {
    let world = World::new();
    let partition = eager_partition(&world, &[("cleanup.policy", "compact,delete")]);
    append_round(&partition, 0);
    append_round(&partition, 1);
    let files = world.files("eager-0");
    let bases = files.iter().filter_map(|name| name.strip_suffix(".log"));
    let second: i64 = bases.map(|base| base.parse().unwrap()).nth(1).unwrap();
    drop(partition);
    let (directory, clock) = world.stopped();
    let start = directory
        .path()
        .join("data/topics/eager-0/log-start-offset");
    fs::write(start, with_checksum(format!("1\n{second}\n"))).unwrap();
    let world = World::at(directory, clock);
    with_small_segments(&world);
    assert_eq!(world.partition("eager").offsets().log_start.0, second);
    compact_all(&world);
    let world = world.restarted();
    assert_eq!(world.partition("eager").offsets().log_start.0, second);
}

/// The keys that have a value, as a consumer that reads everything sees them.
fn kept(world: &World) -> Vec<u8> {
    let mut has_value = std::collections::BTreeMap::new();
    let partition = world.partition("eager");
    for_each_record(&partition, partition.offsets().log_start.0, |it| {
        has_value.insert(it.key.unwrap()[0], it.value.is_some());
    });
    has_value.retain(|_, has_value| *has_value);
    has_value.into_keys().collect()
}

/// A killed process whose recovery points are gone, and its compacted log, whose first segment lost its end to
/// compaction; the last records were written with `durability`.
fn without_points(durability: Durability) -> World {
    let world = World::new();
    let partition = eager_partition(&world, &[("delete.retention.ms", "5000")]);
    let large = "x".repeat(900);
    for key in [0, 1, 1, 2, 3] {
        append_one(&world, keyed(key, Some(&large), NOW));
    }
    append_one(&world, keyed(2, None, NOW));
    append_others(&world);
    compact(&world);
    let mut offsets = Vec::new();
    for_each_record(&partition, 0, |it| offsets.push(it.offset));
    assert_eq!(offsets[..4], [0, 2, 4, 5]);
    let mut config = world.topics.topic("eager").unwrap().config().log.clone();
    config.durability = durability;
    partition.log.set_config(config);
    for key in [4, 5] {
        append_one(&world, keyed(key, Some("value"), NOW));
    }
    drop(partition);
    world.end(false);
    fs::remove_file(world.directory.path().join("data/recovery-points")).unwrap();
    world.reopened()
}

/// Mutations: `recovered` that goes on with what was compacted; `begin_again` that writes nothing.
#[test]
fn what_the_commit_log_brings_back_without_recovery_points_is_compacted_again() {
    let world = without_points(Durability::Group).killed();
    with_small_segments(&world);
    assert_eq!(kept(&world), [0, 1, 3, 4, 5, KEYS]);
    compact_all(&world);
    assert_eq!(kept(&world), [0, 1, 3, 4, 5, KEYS]);
    let partition = world.partition("eager");
    let mut is_there = false;
    for_each_record(&partition, 0, |it| is_there |= it.key.unwrap()[0] == 2);
    assert!(!is_there, "neither value nor marker");
}

/// Mutation: `stays` that asks whether the commit log has the gap, and not how far the segments go.
#[test]
fn a_gap_that_compaction_left_ends_no_log_without_recovery_points() {
    let world = without_points(Durability::Os);
    assert_eq!(kept(&world), [0, 1, 3, 4, 5, KEYS]);
    assert_eq!(world.partition("eager").log.damaged(), []);
}
