//! Ids of idempotent producers, never given twice, not even across crashes.
//!
//! Ids are reserved in blocks: the end of the block is durable before its first id is given, and a
//! start goes on from there. What is left of a block at a stop is lost, which 2^63 ids can bear.
//!
//! The file holds one decimal number, the first id that no block holds, and is replaced atomically.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::log::StorageError;
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
    path: PathBuf,
    next: i64,
    end: i64,
}

impl ProducerIds {
    /// Goes on after the last block reserved in `directory`. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageError`] where the file cannot be read, or holds no number.
    pub(crate) fn open(directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join("producer-ids");
        let end = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|cause| StorageError::new("read", &path, cause))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(cause) => return Err(StorageError::new("read", &path, cause)),
        };
        let next = end;
        Ok(Self(Arc::new(Mutex::new(Block { path, next, end }))))
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
        replace(&self.path, &format!("{end}\n"))
            .map_err(|cause| StorageError::new("write", &self.path, cause))?;
        self.end = end;
        Ok(())
    }
}

fn parse(text: &str) -> io::Result<i64> {
    let number = text.trim().parse::<i64>().ok();
    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no producer id"))
}

/// Puts `text` in place of what `path` holds; after a crash it holds the one or the other.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |directory| {
        File::open(directory).and_then(|directory| directory.sync_all())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_never_given_again_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let mut given = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let ids = ProducerIds::open(directory.path()).unwrap();
            for _ in 0..1_500 {
                assert!(given.insert(ids.next().unwrap()));
            }
        }
    }

    #[test]
    fn a_file_that_holds_no_id_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("producer-ids"), "many").unwrap();
        let error = ProducerIds::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("producer-ids"), "{error}");
    }

    #[test]
    fn no_id_is_given_where_its_block_is_not_durable() {
        let directory = tempfile::tempdir().unwrap();
        let ids = ProducerIds::open(&directory.path().join("missing")).unwrap();
        assert!(matches!(ids.next(), Err(ProducerIdError::Storage(_))));
    }
}
