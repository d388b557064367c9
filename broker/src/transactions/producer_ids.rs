//! Ids of idempotent producers, never given twice, not even across crashes.
//!
//! Ids are reserved in blocks: the end of the block is durable before its first id is given, and a
//! start goes on from there. What is left of a block at a stop is lost, which 2^63 ids can bear.
//!
//! The file holds one decimal number, the first id that no block holds, and is replaced atomically.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::{Disk, StorageError};
use crate::model::ProducerId;

/// Ids reserved at a time, as in Kafka.
const BLOCK_IDS: i64 = 1_000;

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
    /// Goes on after the last block reserved in `directory`. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageError`] where the file cannot be read, or holds no number.
    pub(crate) fn open(disk: &Disk, directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join("producer-ids");
        let end = match disk.read_file(&path)? {
            Some(text) => parse(&text).map_err(|cause| StorageError::new("read", &path, cause))?,
            None => 0,
        };
        Ok(Self(Arc::new(Mutex::new(Block {
            disk: disk.clone(),
            path,
            next: end,
            end,
        }))))
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
        let text = format!("{end}\n");
        self.disk.replace_file(&self.path, text.as_bytes())?;
        self.end = end;
        Ok(())
    }
}

fn parse(text: &[u8]) -> io::Result<i64> {
    let text = str::from_utf8(text).unwrap_or_default();
    let number = text.trim().parse::<i64>().ok();
    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no producer id"))
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

    fn open(disk: &Disk) -> Result<ProducerIds, StorageError> {
        ProducerIds::open(disk, DIRECTORY.as_ref())
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

    #[test]
    fn a_file_that_holds_no_id_is_named() {
        let (_, disk) = disk(1);
        let path = Path::new(DIRECTORY).join("producer-ids");
        disk.write_file(&path, b"many").unwrap();
        let error = open(&disk).unwrap_err().to_string();
        assert!(error.contains("producer-ids"), "{error}");
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
