//! Ids of idempotent producers, never given twice, not even across crashes.
//!
//! Ids are reserved in blocks: the end of the block is durable before its first id is given, and a
//! start goes on from there. What is left of a block at a stop is lost, which 2^63 ids can bear.
//!
//! The file has a line `version 1`, a line with a decimal number, the first id that no block holds, and a line
//! `crc32c` with the checksum of both; one of an earlier build has the number alone. It is made with the data
//! directory and replaced atomically. Where it is gone all the same, or not whole, ids go on far beyond all that
//! can have been given: where a producer got an id twice its records would be taken for those of another, and dropped.
//! Where somebody put back an older one, they go on behind those of the producers that are still known. Nothing tells of
//! a client that got its id since and writes on: whoever restores a backup removes the file, so that ids go on beyond that one
//! as well.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::{Disk, StorageError, checked, with_checksum};
use crate::model::{ProducerId, TimestampMs};
use crate::telemetry::{ProducerIdsLost, ProducerIdsOlder};

/// Ids reserved at a time, as in Kafka.
const BLOCK_IDS: i64 = 1_000;
/// Name of the file.
pub(crate) const PRODUCER_IDS_FILE: &str = "producer-ids";
const VERSION_LINE: &str = "version 1\n";
/// More ids than are given in a millisecond, since each block is synced. Counted from 1970 on, they fit into the
/// 53 bits that some clients have for a number.
const IDS_PER_MS: i64 = 1_000;
/// The same where the clock has not been set: beyond any count.
const LOST_IDS_BEGIN_MIN: i64 = 1 << 50;

/// Gives ids to producers.
#[derive(Clone, Debug)]
pub(crate) struct ProducerIds(Arc<Mutex<Block>>);

/// Why a producer gets no id.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ProducerIdError {
    /// All ids have been given.
    #[error("there are no producer ids left")]
    Exhausted,
    /// The next block could not be reserved.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The ids that may be given without touching the disk.
#[derive(Debug)]
struct Block {
    disk: Disk,
    path: PathBuf,
    next: i64,
    end: i64,
}

impl ProducerIds {
    /// Goes on after the last block reserved in `directory`, which may be new, and after `known`, the largest id
    /// of a producer that is known; `now` is what the wall clock says. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(crate) fn open(
        disk: &Disk,
        directory: &Path,
        is_new: bool,
        now: TimestampMs,
        known: Option<ProducerId>,
    ) -> Result<Self, StorageError> {
        let path = directory.join(PRODUCER_IDS_FILE);
        let found = disk.read_derived(&path)?;
        let end = match found.as_deref().and_then(parse) {
            Some(end) => behind(known, end, &path),
            None if is_new => {
                disk.replace_file(&path, text(0).as_bytes())?;
                0
            }
            None => {
                let ProducerId(next) = Self::beyond_all(now);
                let path = &path;
                ProducerIdsLost { path, next }.emit();
                next
            }
        };
        Ok(Self(Arc::new(Mutex::new(Block {
            disk: disk.clone(),
            path,
            next: end,
            end,
        }))))
    }

    /// An id that is larger than all that were given before `now`.
    pub(crate) fn beyond_all(now: TimestampMs) -> ProducerId {
        ProducerId(now.0.saturating_mul(IDS_PER_MS).max(LOST_IDS_BEGIN_MIN))
    }

    /// Whether a file of such a text says where ids go on.
    pub(crate) fn is_whole(text: &str) -> bool {
        parse(text.as_bytes()).is_some()
    }

    /// An id that no producer ever had. Blocks on the disk, once in a thousand times.
    ///
    /// # Errors
    /// [`ProducerIdError`].
    pub(crate) fn next(&self) -> Result<ProducerId, ProducerIdError> {
        let mut block = self.0.lock();
        if block.next == block.end {
            block.reserve()?;
        }
        let id = block.next;
        block.next += 1;
        Ok(ProducerId(id))
    }
}

impl Block {
    fn reserve(&mut self) -> Result<(), ProducerIdError> {
        let end = self
            .end
            .checked_add(BLOCK_IDS)
            .ok_or(ProducerIdError::Exhausted)?;
        let text = text(end);
        self.disk.replace_file(&self.path, text.as_bytes())?;
        self.end = end;
        Ok(())
    }
}

/// `end`, where the file at `path` says so, unless larger ids are known.
fn behind(known: Option<ProducerId>, end: i64, path: &Path) -> i64 {
    match known.map(|known| known.0.saturating_add(1)) {
        Some(next) if next > end => {
            ProducerIdsOlder { path, next }.emit();
            next
        }
        Some(_) | None => end,
    }
}

/// The file for blocks that end at `end`.
fn text(end: i64) -> String {
    with_checksum(format!("{VERSION_LINE}{end}\n"))
}

fn parse(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let number = match text.starts_with(VERSION_LINE) {
        true => checked(text)?.strip_prefix(VERSION_LINE)?,
        false => text,
    };
    let number = number.strip_suffix('\n')?.parse().ok();
    number.filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::log::{Faults, FaultyStorage};

    const DIRECTORY: &str = "/data";

    fn disk(seed: u64) -> (FaultyStorage, Disk) {
        let storage = FaultyStorage::new(seed);
        let disk = Disk::new(storage.clone());
        disk.create_dir(DIRECTORY.as_ref()).unwrap();
        disk.sync_all("/".as_ref()).unwrap();
        (storage, disk)
    }

    const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

    fn open(disk: &Disk) -> Result<ProducerIds, StorageError> {
        ProducerIds::open(disk, DIRECTORY.as_ref(), true, NOW, None)
    }

    fn reopen(disk: &Disk, now: TimestampMs) -> i64 {
        let ids = ProducerIds::open(disk, DIRECTORY.as_ref(), false, now, None);
        ids.unwrap().next().unwrap().0
    }

    #[test]
    fn an_id_is_never_given_again_whatever_ends_the_broker() {
        for seed in 0..100 {
            let (storage, disk) = disk(seed);
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut given = BTreeSet::new();
            for _ in 0..6 {
                let ids = open(&disk).unwrap();
                storage.set_faults(Faults {
                    syncs_left: rng.bool().then(|| rng.u32(1..6)),
                    ..Faults::default()
                });
                // Where a block is not durable the ids behind it are not given either.
                let mut fresh = (0..rng.usize(..2_500)).filter_map(|_| ids.next().ok());
                let is_fresh = |id| given.insert(id);
                assert!(fresh.all(is_fresh), "seed {seed}");
                match rng.bool() {
                    true => storage.kill(),
                    false => storage.cut_power(),
                }
            }
        }
    }

    /// Mutations: `open` that begins with 0 whenever there is no file; `parse` without the checksum.
    #[test]
    fn no_id_is_given_again_where_the_file_is_gone_or_rots() {
        let (storage, disk) = disk(1);
        let path = Path::new(DIRECTORY).join("producer-ids");
        drop(open(&disk).unwrap());
        assert_eq!(reopen(&disk, NOW), 0, "none was given");
        assert_eq!(reopen(&disk, NOW), 1_000);
        let whole = disk.read_file(&path).unwrap().unwrap().to_vec();
        let mut given = 2_000;
        let mut assert_fresh = |what: &str| {
            for now in [NOW, TimestampMs(NOW.0 + given % 7), TimestampMs(0)] {
                let id = reopen(&disk, now);
                assert!((1 << 50..1 << 53).contains(&id), "{what}: {id}");
            }
            given += 1;
            disk.remove_file(&path).unwrap();
        };
        disk.remove_file(&path).unwrap();
        assert_fresh("gone");
        for end in 0..whole.len() {
            disk.write_file(&path, &whole[..end]).unwrap();
            assert_fresh("torn");
        }
        for index in 0..whole.len() {
            let mut harmed = whole.clone();
            harmed[index] ^= 1;
            disk.write_file(&path, &harmed).unwrap();
            assert_fresh("rotten");
        }
        disk.write_file(&path, &whole).unwrap();
        storage.harm_files("producer-ids");
        assert_fresh("unreadable");
    }

    /// Mutations: `open` that passes over what is known; `behind` that goes on with the largest id itself.
    #[test]
    fn where_an_older_file_was_put_back_ids_go_on_behind_those_that_are_known() {
        let (_, disk) = disk(1);
        let next = |known: i64| {
            let known = Some(ProducerId(known));
            let ids = ProducerIds::open(&disk, DIRECTORY.as_ref(), true, NOW, known);
            ids.unwrap().next().unwrap().0
        };
        assert_eq!(next(-1), 0);
        assert_eq!(next(999), 1_000, "the file says so");
        assert_eq!(next(7_000), 7_001);
        assert_eq!(reopen(&disk, NOW), 8_001);
    }

    #[test]
    fn the_file_of_an_earlier_build_is_read() {
        let (_, disk) = disk(1);
        let path = Path::new(DIRECTORY).join("producer-ids");
        disk.write_file(&path, b"7000\n").unwrap();
        assert_eq!(reopen(&disk, NOW), 7_000);
    }

    #[test]
    fn no_id_is_given_where_its_block_is_not_durable() {
        let (storage, disk) = disk(1);
        let ids = open(&disk).unwrap();
        for syncs in [1, 2] {
            storage.set_faults(Faults {
                syncs_left: Some(syncs),
                ..Faults::default()
            });
            assert!(matches!(ids.next(), Err(ProducerIdError::Storage(_))));
        }
    }
}
