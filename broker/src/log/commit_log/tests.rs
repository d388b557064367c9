//! What is read back of a commit log, after everything that can happen to its files.

use std::path::Path;

use bytes::Bytes;
use sluice_protocol::Uuid;
use sluice_protocol::record_batch::{BatchBuilder, Compression, NewRecord, Stamp};

use super::extent::PAGE_BYTES;
use super::frame::HEADER_BYTES;
use super::*;
use crate::log::{Disk, FaultyStorage, FileSystem, Space, SpaceConfig};

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
    batch_of(offset, vec![b'x'; size])
}

fn batch_of(offset: i64, value: Vec<u8>) -> StampedBatch {
    let mut builder = BatchBuilder::new(Compression::None);
    let record = NewRecord {
        value: Some(Bytes::from(value)),
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

/// The first extent that is needed, of which something is durable.
fn begun(generation: u32, number: u64) -> Option<Live> {
    Some(Live {
        is_begun: true,
        ..Live::ahead(generation, None, number)
    })
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
        self.open_from(None)
    }

    fn open_from(&self, live: Option<Live>) -> (Replay, Arc<Extents>) {
        self.try_to_open(live).unwrap()
    }

    fn try_to_open(&self, live: Option<Live>) -> Result<(Replay, Arc<Extents>), StorageError> {
        open_on(&Disk::new(FileSystem), self.0.path(), live)
    }

    /// The names of the damaged extents, as they are told.
    fn damaged(&self, live: Option<Live>) -> Vec<String> {
        let (replay, _) = self.open_from(live);
        told(&replay)
    }

    /// Changes all of the first page of an extent.
    fn ruin_first_page(&self, extent: &str) {
        let path = self.path().join(extent);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..usize::try_from(PAGE_BYTES).unwrap()].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
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

fn open_on(
    disk: &Disk,
    root: &Path,
    live: Option<Live>,
) -> Result<(Replay, Arc<Extents>), StorageError> {
    reopen(disk, root, live, false)
}

fn reopen(
    disk: &Disk,
    root: &Path,
    live: Option<Live>,
    is_clean: bool,
) -> Result<(Replay, Arc<Extents>), StorageError> {
    let space = SpaceConfig {
        free_min: 0,
        reserve_bytes: 4096,
    };
    disk.create_dir(root).unwrap();
    let space = Space::open(disk, root, space).unwrap();
    let directory = root.join("commit-log");
    Replay::open(disk, &space, &directory, CONFIG, is_clean, live)
}

/// The names of the extents of which the replay tells something.
fn told(replay: &Replay) -> Vec<String> {
    let names = replay.losses().iter();
    names
        .map(|loss| loss.path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn offsets(replay: &Replay, partition: i32, from: i64) -> Vec<i64> {
    let mut batches = replay.batches(key(partition), from);
    let mut offsets = Vec::new();
    while let Some(batch) = batches.next().unwrap() {
        offsets.push(batch.header().base_offset);
    }
    offsets
}

/// Mutation: `Replay::batches` that skips the one whose last offset is `from`.
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

/// Mutations: `CommitLog::fitting` that takes all; `Extents::take` that makes none larger than usual.
#[test]
fn a_batch_larger_than_an_extent_gets_one_of_its_own() {
    let directory = Directory::new();
    let mut log = directory.begin();
    let large = batch(1, 40 * 4096);
    for batch in [batch(0, 10), large.clone(), batch(2, 10)] {
        log.commit(&[(key(0), batch)]).unwrap();
    }
    assert_eq!(log.take_retired().len(), 2);
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [0, 1, 2]);
    assert_eq!(replay.batches(key(0), 1).next().unwrap(), Some(large));
}

/// Fails where `ExtentWalk::may_be_later` takes a frame for the first of a flush whatever its place is.
#[test]
fn a_torn_flush_is_not_there_and_no_damage() {
    let directory = Directory::new();
    let mut log = directory.begin();
    log.commit(&[(key(0), batch(0, 100))]).unwrap();
    // Two batches of one flush, the second one beginning at a page boundary by chance.
    let page = usize::try_from(PAGE_BYTES).unwrap();
    let frame_bytes = |batch: &StampedBatch| HEADER_BYTES + batch.size();
    let overhead = frame_bytes(&batch(1, page)) - page;
    let filling = batch(1, page - overhead);
    assert_eq!(frame_bytes(&filling), page);
    log.commit(&[(key(0), filling), (key(0), batch(2, 100))])
        .unwrap();
    directory.damage("00000000.extent".as_ref(), 2 * PAGE_BYTES + 100);
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [0]);
    assert!(replay.is_whole());
}

/// Mutation: `ExtentWalk::next` without `survivor`.
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
    assert!(told(&replay) == ["00000000.extent"]);
}

/// Mutation: `walk_row` that passes over `Link::BehindGap`.
#[test]
fn an_extent_that_is_gone_is_told() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..20 {
        log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
    }
    std::fs::remove_file(directory.path().join("00000001.extent")).unwrap();
    // Without a first one nobody knows which were needed.
    assert!(directory.open().0.is_whole());
    let (replay, _) = directory.open_from(begun(1, 0));
    assert!(!replay.is_whole());
    assert_eq!(offsets(&replay, 0, 0).first(), Some(&0));
    assert_eq!(offsets(&replay, 0, 0).last(), Some(&19));
}

/// Mutation: `Chain::continues` that compares the generation alone.
#[test]
fn a_recycled_extent_shows_nothing_of_what_it_held() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..60 {
        log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
        let retired = log.take_retired();
        log.extents.recycle(retired).unwrap();
    }
    let first = log.live().number;
    let (replay, _) = directory.open_from(Some(log.live()));
    assert!(replay.is_whole());
    let found = offsets(&replay, 0, 0);
    assert_eq!(found.last(), Some(&59));
    assert!(found.len() < 8, "only those of extent {first}: {found:?}");
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert!(files <= 3, "{files} extents for one that is full at a time");
}

/// Mutation: `Pool::keep` that returns the one it was given.
#[test]
fn what_is_kept_of_many_extents_is_the_newest_part_of_the_log() {
    let directory = Directory::new();
    let mut log = directory.begin();
    for offset in 0..40 {
        log.commit(&[(key(0), batch(offset, 20_000))]).unwrap();
    }
    let retired = log.take_retired();
    assert!(retired.len() > 30);
    log.extents.recycle(retired).unwrap();
    let found = FoundExtent::all(&Disk::new(FileSystem), &directory.path()).unwrap();
    let numbers: Vec<_> = found
        .iter()
        .map(|found| found.header().unwrap().number)
        .collect();
    let last = log.live().number;
    assert_eq!(numbers, Vec::from_iter(last - 8..=last));
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

/// Mutation: `Replay::next_live` that stays in the generation.
#[test]
fn a_new_generation_begins_behind_everything_and_hides_what_was_before() {
    let directory = Directory::new();
    let mut log = directory.begin();
    // More than one extent, so that the next generation does not write over all of it.
    for offset in 0..20 {
        log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
    }
    assert!(!log.take_retired().is_empty());
    let mut log = directory.begin();
    log.commit(&[(key(0), batch(20, 10))]).unwrap();
    let (replay, _) = directory.open();
    assert_eq!(offsets(&replay, 0, 0), [20]);
    assert!(replay.is_whole());
}

/// Mutation: `ExtentWalk::batch` without bounds.
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
    let page = usize::try_from(PAGE_BYTES).unwrap();
    for _ in 0..200 {
        let mut bytes = written.clone();
        for _ in 0..rng.usize(1..100) {
            let at = match rng.bool() {
                true => rng.usize(..bytes.len()),
                false => page + rng.usize(..2 * HEADER_BYTES),
            };
            bytes[at] = rng.u8(..);
        }
        bytes.truncate(rng.usize(..=bytes.len()));
        std::fs::write(&path, &bytes).unwrap();
        let (replay, _) = directory.open();
        assert!(offsets(&replay, 0, 0).len() <= 1);
        std::fs::write(&path, &written).unwrap();
    }
}

/// A frame that somebody made who knows all but the secret.
fn forged(sequence: u64) -> Vec<u8> {
    let mut chain = Chain {
        generation: 1,
        sequence,
        crc: 0,
        secret: 0,
    };
    let batch = batch(99, 10);
    let header = chain.add(key(66), 0, &batch);
    [&header[..], batch.header_bytes(), batch.record_bytes()].concat()
}

/// A batch with a frame in its record wherever a page of an extent begins that it fills from the start.
fn batch_with_forged_frames() -> StampedBatch {
    let size = 6 * 4096;
    let mut value = vec![b'x'; size];
    let plain = batch_of(0, value.clone());
    let before = plain.size() - size - 1;
    let forged = forged(10);
    for page in 1..6 {
        let at = page * 4096 - HEADER_BYTES - before;
        value[at..at + forged.len()].copy_from_slice(&forged);
    }
    batch_of(0, value)
}

/// Mutations: `Chain::begin` with the secret 0; `is_whole` that leaves the secret out, as `add` then does.
#[test]
fn what_looks_like_a_frame_in_a_record_is_none_when_its_extent_is_written_again() {
    let directory = Directory::new();
    let mut log = directory.begin();
    log.commit(&[(key(0), batch_with_forged_frames())]).unwrap();
    let extent = directory.path().join("00000000.extent");
    let bytes = std::fs::read(&extent).unwrap();
    assert!(bytes[2 * 4096..].starts_with(&forged(10)));
    log.commit(&[(key(0), batch(1, 6 * 4096))]).unwrap();
    let retired = log.take_retired();
    log.extents.recycle(retired).unwrap();
    log.commit(&[(key(0), batch(2, 10))]).unwrap();
    let bytes = std::fs::read(&extent).unwrap();
    assert!(bytes[2 * 4096..].starts_with(&forged(10)), "still there");
    let (replay, _) = directory.open_from(Some(log.live()));
    assert_eq!(offsets(&replay, 66, 0), Vec::<i64>::new());
    assert_eq!(offsets(&replay, 0, 0), [2]);
    assert!(replay.is_whole());
}

/// Four extents with five flushes each but the last, and what is live.
fn filled(directory: &Directory) -> CommitLog {
    let mut log = directory.begin();
    for offset in 0..20 {
        log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
    }
    log
}

/// Mutation: `PLACES` with one place.
#[test]
fn a_first_page_that_lost_a_sector_is_as_good_as_whole() {
    for at in [0, 20, 43, 512, 530] {
        let directory = Directory::new();
        drop(filled(&directory));
        directory.damage("00000001.extent".as_ref(), at);
        let (replay, _) = directory.open_from(begun(1, 0));
        assert!(replay.is_whole(), "{at}");
        assert_eq!(offsets(&replay, 0, 0), Vec::from_iter(0..20), "{at}");
    }
}

/// Mutation: `walk_row` that passes over pages that are no headers.
#[test]
fn an_extent_whose_first_page_is_lost_is_told_and_put_aside_wherever_it_is() {
    for (extent, lost) in [(0, 0..7), (1, 7..14), (2, 14..20)] {
        let directory = Directory::new();
        drop(filled(&directory));
        let name = format!("{extent:08}.extent");
        directory.ruin_first_page(&name);
        assert_eq!(directory.damaged(begun(1, 0)), [name.as_str()]);
        let (replay, extents) = directory.open_from(begun(1, 0));
        let mut left = Vec::from_iter(0..20);
        left.retain(|offset| !lost.contains(offset));
        assert_eq!(offsets(&replay, 0, 0), left);
        CommitLog::begin(extents, replay).unwrap();
        let kept = std::fs::read_dir(directory.path().join("damaged")).unwrap();
        let kept = kept.map(|entry| entry.unwrap().file_name());
        let expected = format!("0000000001-{name}");
        assert_eq!(Vec::from_iter(kept), [expected.as_str()]);
    }
}

/// Mutation: `FoundExtent::is_lost` that looks for no frame.
#[test]
fn a_first_page_that_was_being_written_is_no_loss_where_no_frame_is_behind_it() {
    let directory = Directory::new();
    let log = filled(&directory);
    let live = Live {
        number: 0,
        ..log.live()
    };
    drop(log);
    let unused = directory.path().join("00000009.extent");
    std::fs::write(&unused, vec![0; 8 * 4096]).unwrap();
    directory.ruin_first_page("00000009.extent");
    assert_eq!(directory.damaged(Some(live)), [""; 0]);
    directory.ruin_first_page("00000002.extent");
    assert_eq!(directory.damaged(Some(live)), ["00000002.extent"]);
}

/// Mutations: `Follower::new` with no `next`; `walk_row` without `LossKind::Extents`, or with it whether or not `is_begun`.
#[test]
fn live_extents_that_are_gone_are_told_where_something_in_them_was_durable() {
    let directory = Directory::new();
    drop(filled(&directory));
    std::fs::remove_file(directory.path().join("00000000.extent")).unwrap();
    assert_eq!(directory.damaged(begun(1, 0)), ["00000001.extent"]);
    assert_eq!(directory.damaged(begun(1, 1)), [""; 0]);
    std::fs::remove_file(directory.path().join("00000002.extent")).unwrap();
    assert_eq!(
        directory.damaged(begun(1, 1)),
        [""; 0],
        "it may never have been"
    );
    assert_eq!(directory.damaged(begun(1, 2)), ["commit-log"]);
    assert_eq!(directory.damaged(Some(Live::ahead(1, None, 2))), [""; 0]);
    assert_eq!(
        directory.damaged(Some(Live::ahead(2, None, 3))),
        [""; 0],
        "a generation without one"
    );
}

/// Mutation: `CommitLog::live` whose `is_begun` is true for an extent of which nothing is synced, or never.
#[test]
fn an_extent_is_begun_with_the_first_flush() {
    let directory = Directory::new();
    let mut log = directory.begin();
    let live = log.live();
    assert_eq!((live.generation, live.number, live.is_begun), (1, 0, false));
    log.begin_extent(1).unwrap();
    assert!(!log.live().is_begun);
    log.commit(&[(key(0), batch(0, 10))]).unwrap();
    let begun = Live {
        is_begun: true,
        ..live
    };
    assert_eq!(log.live(), begun);
}

/// Mutation: `FoundExtent::cut` that is `None`.
#[test]
fn an_extent_that_was_cut_is_told_and_put_aside_wherever_it_ends() {
    for (extent, first) in [(0, 0), (1, 7), (2, 14)] {
        for pages in [1, 2, 4, 7] {
            let directory = Directory::new();
            drop(filled(&directory));
            let name = format!("{extent:08}.extent");
            let path = directory.path().join(&name);
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(pages * PAGE_BYTES).unwrap();
            assert_eq!(
                directory.damaged(begun(1, 0)),
                [name.as_str()],
                "{pages} pages"
            );
            let (replay, _) = directory.open_from(begun(1, 0));
            let kept = offsets(&replay, 0, 0);
            let kept = kept
                .iter()
                .filter(|offset| (first..first + 7).contains(*offset));
            let whole = pages.saturating_sub(1).min(20 - first.unsigned_abs());
            assert_eq!(u64::try_from(kept.count()).unwrap(), whole, "{pages} pages");
        }
    }
}

/// Mutation: `walk_row` that reads the newest generation though another one is known.
#[test]
fn an_extent_of_a_later_generation_hides_nothing_and_is_put_aside() {
    let elsewhere = Directory::new();
    for offset in 0..3 {
        let mut log = elsewhere.begin();
        log.commit(&[(key(0), batch(90 + offset, 10))]).unwrap();
    }
    let foreign = std::fs::read_dir(elsewhere.path()).unwrap();
    let foreign = foreign.map(|entry| entry.unwrap().path());
    let foreign = foreign
        .max_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap())
        .unwrap();
    for is_clean in [false, true] {
        let directory = Directory::new();
        let log = filled(&directory);
        let live = log.live();
        drop(log);
        std::fs::copy(&foreign, directory.path().join("00000077.extent")).unwrap();
        let disk = Disk::new(FileSystem);
        let (replay, extents) = reopen(&disk, directory.0.path(), Some(live), is_clean).unwrap();
        let expected = if is_clean {
            vec![]
        } else {
            Vec::from_iter(14..20)
        };
        assert_eq!(offsets(&replay, 0, 0), expected);
        assert_eq!(told(&replay), ["00000077.extent"]);
        let next = replay.next_live();
        assert_eq!((next.generation, next.number), (2, 3));
        CommitLog::begin(extents, replay).unwrap();
        let aside = directory.path().join("damaged/0000000001-00000077.extent");
        assert!(aside.exists());
    }
}

/// Mutation: `FirstPage::read` that takes a rest of a page for a whole one.
#[test]
fn an_extent_that_is_empty_is_missing_and_one_with_a_rest_is_lost() {
    for (size, expected) in [(0, "00000001.extent"), (20, "00000000.extent")] {
        let directory = Directory::new();
        drop(filled(&directory));
        let path = directory.path().join("00000000.extent");
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_len(size).unwrap();
        assert_eq!(directory.damaged(begun(1, 0)), [expected]);
        let unused = directory.path().join("00000050.extent");
        std::fs::write(unused, vec![0; 100]).unwrap();
        assert_eq!(directory.damaged(begun(1, 0)), [expected]);
    }
}

/// Mutation: `FoundExtent::is_foreign` that compares the generation alone.
#[test]
fn an_extent_of_the_same_generation_with_another_secret_is_from_elsewhere() {
    let elsewhere = Directory::new();
    let mut log = elsewhere.begin();
    log.commit(&[(key(0), batch(90, 10)), (key(5), batch(0, 10))])
        .unwrap();
    for (name, is_moved) in [("00000007", false), ("00000000", true)] {
        let directory = Directory::new();
        let log = filled(&directory);
        let first = Live {
            number: 0,
            ..log.live()
        };
        drop(log);
        let name = format!("{name}.extent");
        let place = directory.path().join(&name);
        if is_moved {
            std::fs::rename(&place, directory.path().join("00000008.extent")).unwrap();
        }
        std::fs::copy(elsewhere.path().join("00000000.extent"), place).unwrap();
        assert_eq!(directory.damaged(Some(first)), [name]);
        let (replay, _) = directory.open_from(Some(first));
        assert_eq!(offsets(&replay, 0, 0), Vec::from_iter(0..20));
        assert_eq!(offsets(&replay, 5, 0), Vec::<i64>::new());
        assert!(replay.is_whole());
    }
}

/// Mutation: `Replay::next_live` with the secret of the generation before.
#[test]
fn an_extent_of_the_next_generation_is_from_elsewhere_after_a_start_that_did_not_end() {
    let directory = Directory::new();
    drop(filled(&directory));
    let (replay, _) = directory.open_from(begun(1, 0));
    let next = replay.next_live();
    let elsewhere = Directory::new();
    drop(filled(&elsewhere));
    let mut log = elsewhere.begin();
    log.commit(&[(key(0), batch(90, 10))]).unwrap();
    let foreign = std::fs::read_dir(elsewhere.path()).unwrap();
    let foreign = foreign.map(|entry| entry.unwrap().path());
    let is_second = |path: &std::path::PathBuf| {
        let found = FoundExtent::open(&Disk::new(FileSystem), path).unwrap();
        let header = found.header();
        header.is_some_and(|header| header.chain.generation == 2)
    };
    let foreign = foreign.into_iter().find(is_second).unwrap();
    std::fs::copy(foreign, directory.path().join("00000077.extent")).unwrap();
    assert_eq!(directory.damaged(Some(next)), ["00000077.extent"]);
    let (replay, _) = directory.open_from(Some(next));
    assert_eq!(offsets(&replay, 0, 0), Vec::<i64>::new());
}

/// Mutation: `Row::add` that takes the first one.
#[test]
fn of_an_extent_and_an_older_copy_of_it_the_one_that_goes_further_is_read() {
    for name in ["00000001", "00000005", "00012345"] {
        let directory = Directory::new();
        let mut log = directory.begin();
        log.commit(&[(key(0), batch(0, 10))]).unwrap();
        let extent = directory.path().join("00000000.extent");
        let old = std::fs::read(&extent).unwrap();
        log.commit(&[(key(0), batch(1, 10))]).unwrap();
        std::fs::rename(&extent, directory.path().join("00000002.extent")).unwrap();
        let copy = format!("{name}.extent");
        std::fs::write(directory.path().join(&copy), old).unwrap();
        assert_eq!(directory.damaged(Some(log.live())), [copy]);
        let (replay, _) = directory.open_from(Some(log.live()));
        assert_eq!(offsets(&replay, 0, 0), [0, 1]);
        assert!(replay.is_whole());
    }
}

/// Mutation: `Extent::found` that leaves it.
#[test]
fn an_extent_that_was_not_finished_goes() {
    let directory = Directory::new();
    drop(filled(&directory));
    let unfinished = directory.path().join("00000009.extent.tmp");
    std::fs::write(&unfinished, b"").unwrap();
    assert_eq!(directory.damaged(begun(1, 0)), [""; 0]);
    assert!(!unfinished.exists());
}

/// Mutation: `Link::Behind` with the extent that comes next.
#[test]
fn an_extent_that_lost_its_end_is_put_aside_and_not_the_one_behind() {
    let directory = Directory::new();
    drop(filled(&directory));
    directory.damage("00000001.extent".as_ref(), 7 * PAGE_BYTES + 100);
    assert_eq!(directory.damaged(begun(1, 0)), ["00000001.extent"]);
    let (replay, _) = directory.open_from(begun(1, 0));
    let mut left = Vec::from_iter(0..20);
    left.retain(|offset| *offset != 13);
    assert_eq!(offsets(&replay, 0, 0), left);
}

/// Mutations: `Extent::first_page` or `Extent::contents` by `read_at` alone.
#[test]
fn what_the_disk_cannot_read_is_damaged_and_prevents_no_start() {
    for (at, lost) in [(100, 0..7), (2 * PAGE_BYTES + 5, 1..2)] {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        let root = Path::new("/data");
        let (replay, extents) = open_on(&disk, root, None).unwrap();
        let mut log = CommitLog::begin(extents, replay).unwrap();
        for offset in 0..20 {
            log.commit(&[(key(0), batch(offset, 3000))]).unwrap();
        }
        let extent = root.join("commit-log/00000000.extent");
        storage.ruin(&extent, at);
        let (replay, _) = open_on(&disk, root, begun(1, 0)).unwrap();
        assert_eq!(told(&replay), ["00000000.extent"]);
        let mut left = Vec::from_iter(0..20);
        left.retain(|offset| !lost.contains(offset));
        assert_eq!(offsets(&replay, 0, 0), left);
    }
}

/// Mutation: `Extent::found` without `INDEX_END`.
#[test]
fn a_file_whose_name_leaves_no_others_is_refused_by_name() {
    let directory = Directory::new();
    drop(filled(&directory));
    let last = format!("{}.extent", u64::MAX);
    std::fs::write(directory.path().join(&last), b"").unwrap();
    let error = directory.try_to_open(begun(1, 0)).unwrap_err().to_string();
    assert!(error.contains(&last) && error.contains("move"), "{error}");
}

/// Mutation: `Extent::contents` of all that the file has.
#[test]
fn an_extent_that_grew_is_as_good_as_before() {
    let directory = Directory::new();
    drop(filled(&directory));
    let path = directory.path().join("00000000.extent");
    let file = std::fs::File::options().write(true).open(path).unwrap();
    // To read that would not end.
    file.set_len(1 << 42).unwrap();
    assert_eq!(directory.damaged(begun(1, 0)), [""; 0]);
    let (replay, _) = directory.open_from(begun(1, 0));
    assert_eq!(offsets(&replay, 0, 0), Vec::from_iter(0..20));
}

/// With `is_whole` for each of them this takes a minute.
///
/// Mutation: `ExtentWalk::is_sound` that is always true.
#[test]
fn bytes_that_look_like_frames_on_every_page_are_no_damage_and_take_little_time() {
    for generation in [1, 7] {
        let directory = Directory::new();
        let mut log = directory.begin();
        log.commit(&[(key(0), batch(0, 10))]).unwrap();
        let path = directory.path().join("00000000.extent");
        let size = 48 << 20;
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_len(size).unwrap();
        for page in 2..size / PAGE_BYTES {
            let at = page * PAGE_BYTES;
            let mut header = forged(2);
            let length = u32::try_from(size - at).unwrap().saturating_sub(48);
            header[..4].copy_from_slice(&length.to_be_bytes());
            header[12..16].copy_from_slice(&u32::to_be_bytes(generation));
            header.truncate(HEADER_BYTES);
            std::os::unix::fs::FileExt::write_all_at(&file, &header, at).unwrap();
        }
        let (replay, _) = directory.open();
        assert_eq!(offsets(&replay, 0, 0), [0]);
        assert!(replay.is_whole());
    }
}
