//! Data directories of earlier formats: kept for ever, opened by every version.
//!
//! `format-1/` was written by the first version, which had no commit log: `closed` by a clean stop,
//! `killed` by `kill -9` before.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A world over a copy of a directory that an earlier version left.
fn world_of(format: &str) -> World {
    let directory = tempfile::tempdir().unwrap();
    let kept: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src/topics/tests", format]
        .iter()
        .collect();
    copy(&kept, &directory.path().join("data"));
    let clock = Clock::manual(TimestampMs(NOW));
    let topics = open(directory.path(), &clock).unwrap();
    World {
        directory,
        clock,
        topics,
    }
}

fn texts(world: &World, topic: &str) -> Vec<(i64, String)> {
    values(&world.partition(topic), 0)
}

fn orders() -> Vec<(i64, String)> {
    (0..5)
        .map(|offset| (offset, format!("{{\"n\":{}}}", offset + 1)))
        .collect()
}

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
        assert!(meta.contains("sluice.format=2\n"), "{meta}");
        assert!(meta.contains("cluster.id=1LkR6mZ8RUm-XZtD5RErfQ\n"));
        world = world.killed();
    }
    let appended = append(&world.partition("lines"), batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset, Offset(3));
}

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
