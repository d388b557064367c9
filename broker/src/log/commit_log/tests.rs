//! What is read back of a commit log, after everything that can happen to its files.

use std::path::Path;

use bytes::Bytes;
use sluice_protocol::Uuid;
use sluice_protocol::record_batch::{BatchBuilder, Compression, NewRecord, Stamp};

use super::extent::PAGE_BYTES;
use super::*;
use crate::log::{Disk, FileSystem, Space, SpaceConfig};

const CONFIG: CommitLogConfig = CommitLogConfig {
    extent_bytes: 8 * PAGE_BYTES,
    checkpoint_bytes: 16 * PAGE_BYTES,
    full_bytes_max: 64 * PAGE_BYTES,
    synced_singly_max: 256,
    grown_bytes: u64::MAX,
    checkpoint_interval: std::time::Duration::from_secs(5),
};

const fn key(partition: i32) -> LogKey {
    LogKey {
        topic: Uuid([9; 16]),
        partition,
    }
}

fn batch(offset: i64, size: usize) -> StampedBatch {
    let mut builder = BatchBuilder::new(Compression::None);
    let record = NewRecord {
        value: Some(Bytes::from(vec![b'x'; size])),
        ..NewRecord::default()
    };
    builder.append(&record).unwrap();
    let stamp = Stamp {
        base_offset: offset,
        leader_epoch: 0,
        append_time: None,
    };
    StampedBatch::new(&builder.build().unwrap().unwrap(), stamp)
}

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("commit-log")
    }

    fn open(&self) -> (Replay, Arc<Extents>) {
        self.open_from((0, 0))
    }

    fn open_from(&self, live: (u32, u64)) -> (Replay, Arc<Extents>) {
        let disk = Disk::new(FileSystem);
        let space = SpaceConfig {
            free_min: 0,
            reserve_bytes: 4096,
        };
        let space = Space::open(&disk, self.0.path(), space).unwrap();
        Replay::open(&disk, &space, &self.path(), CONFIG, false, live).unwrap()
    }

    fn begin(&self) -> CommitLog {
        let (replay, extents) = self.open();
        CommitLog::begin(extents, replay).unwrap()
    }

    /// Flips a byte of the extent that begins with these bytes somewhere.
    fn damage(&self, extent: &Path, at: u64) {
        let path = self.path().join(extent);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
}

fn offsets(replay: &Replay, partition: i32, from: i64) -> Vec<i64> {
    let mut batches = replay.batches(key(partition), from);
    let mut offsets = Vec::new();
    while let Some(batch) = batches.next().unwrap() {
        offsets.push(batch.header().base_offset);
    }
    offsets
}

#[test]
fn what_was_committed_is_read_back_by_partition_over_many_extents() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..40 {
        let flush = [(key(0), batch(offset, 900)), (key(1), batch(offset, 3000))];
        log.commit(&flush).unwrap();
    }
    assert!(log.take_retired().len() > 4);
    let (replay, _) = directory.open();
    assert!(replay.is_whole());
    assert_eq!(offsets(&replay, 0, 0), Vec::from_iter(0..40));
    assert_eq!(offsets(&replay, 1, 35), Vec::from_iter(35..40));
    assert_eq!(offsets(&replay, 2, 0), Vec::<i64>::new());
    let mut read = replay.batches(key(1), 7);
    assert_eq!(read.next().unwrap(), Some(batch(7, 3000)));
}

#[test]
fn a_batch_larger_than_an_extent_gets_one_of_its_own() {
    let directory = Directory::new();
    let mut log = directory.begin();
    let large = batch(1, 40 * 4096);
    for batch in [batch(0, 10), large.clone(), batch(2, 10)] {
        log.commit(&[(key(0), batch)]).unwrap();
    }
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [0, 1, 2]);
    assert_eq!(replay.batches(key(0), 1).next().unwrap(), Some(large));
}

#[test]
fn a_torn_flush_is_not_there_and_no_damage() {
    let directory = Directory::new();
    let mut log = directory.begin();
    log.commit(&[(key(0), batch(0, 100))]).unwrap();
    // Three batches of one flush, the last one beginning at a page boundary by chance.
    let filling = usize::try_from(PAGE_BYTES).unwrap();
    let rest = filling - (batch(1, 0).size() + frame::HEADER_BYTES) % filling;
    let third = [(key(0), batch(1, rest)), (key(0), batch(2, 100))];
    log.commit(&third).unwrap();
    directory.damage("00000000.extent".as_ref(), 2 * PAGE_BYTES + 100);
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [0]);
    assert!(replay.is_whole());
}

#[test]
fn rot_below_what_is_durable_is_told_and_what_follows_is_used() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..4 {
        log.commit(&[(key(0), batch(offset, 100))]).unwrap();
    }
    directory.damage("00000000.extent".as_ref(), 2 * PAGE_BYTES + 100);
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [0, 2, 3]);
    assert!(!replay.is_whole());
    assert!(replay.damaged()[0].ends_with("00000000.extent"));
}

#[test]
fn an_extent_that_is_gone_is_told() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..20 {
        log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
    }
    std::fs::remove_file(directory.path().join("00000001.extent")).unwrap();
    let (replay, _) = directory.open();
    assert!(!replay.is_whole());
    assert_eq!(offsets(&replay, 0, 0).first(), Some(&0));
    assert_eq!(offsets(&replay, 0, 0).last(), Some(&19));
}

#[test]
fn a_recycled_extent_shows_nothing_of_what_it_held() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..60 {
        log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
        let retired = log.take_retired();
        log.extents.recycle(retired).unwrap();
    }
    let (_, first) = log.live();
    let (replay, _) = directory.open_from(log.live());
    assert!(replay.is_whole());
    let found = offsets(&replay, 0, 0);
    assert_eq!(found.last(), Some(&59));
    assert!(found.len() < 8, "only those of extent {first}: {found:?}");
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert!(files <= 3, "{files} extents for one that is full at a time");
}

/// Fails where `Extents::recycle` does not count what comes back.
#[test]
fn extents_are_used_from_when_they_are_taken_until_they_are_recycled() {
    let directory = Directory::new();
    let mut log = directory.begin();
    assert_eq!(log.extents.facts().used_extents, 0);
    for offset in 0..5 {
        log.commit(&[(key(0), batch(offset, 10_000))]).unwrap();
    }
    let full = log.take_retired();
    let used = log.extents.facts();
    let count = u64::try_from(full.len()).unwrap() + 1;
    assert!(count > 1);
    assert_eq!(used.used_extents, count);
    assert_eq!(used.used_bytes, count * CONFIG.extent_bytes);
    log.extents.recycle(full).unwrap();
    let recycled = log.extents.facts();
    assert_eq!(recycled.used_extents, 1, "the one that is written");
    assert_eq!(recycled.used_bytes, CONFIG.extent_bytes);
    assert!(recycled.free_extents > 0);
    assert_eq!(
        recycled.free_bytes,
        recycled.free_extents * CONFIG.extent_bytes
    );
}

#[test]
fn a_new_generation_begins_behind_everything_and_hides_what_was_before() {
    let directory = Directory::new();
    let mut log = directory.begin();
    log.commit(&[(key(0), batch(0, 10)), (key(0), batch(1, 10))])
        .unwrap();
    let mut log = directory.begin();
    log.commit(&[(key(0), batch(2, 10))]).unwrap();
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [2]);
    assert!(replay.is_whole());
}

#[test]
fn bytes_of_any_kind_are_no_frames() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let directory = Directory::new();
    let mut log = directory.begin();
    log.commit(&[(key(0), batch(0, 10))]).unwrap();
    let path = directory.path().join("00000000.extent");
    let written = std::fs::read(&path).unwrap();
    for _ in 0..200 {
        let mut bytes = written.clone();
        for _ in 0..rng.usize(1..100) {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        bytes.truncate(rng.usize(..=bytes.len()));
        std::fs::write(&path, &bytes).unwrap();
        let (replay, _) = directory.open();
        assert!(offsets(&replay, 0, 0).len() <= 1);
        std::fs::write(&path, &written).unwrap();
    }
}
