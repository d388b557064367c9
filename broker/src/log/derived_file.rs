//! Reading files that can be done without: what they tell, something else tells too, at some cost.
//!
//! Rot in one of them is as if it were not there, and so is whatever else has its name. What is no failure of
//! the file is told as ever: memory, handles and rights may be there the next time.

use std::io::{self, ErrorKind};
use std::path::Path;

use bytes::Bytes;

use super::StorageError;
use super::disk::{Disk, is_no_file, is_unreadable};
use super::storage::OpenMode;

impl Disk {
    /// All bytes of a file that can be done without; `None` where there is none, where the disk cannot read it,
    /// and where something else has its name, as a directory or a file that is too large.
    pub(crate) fn read_derived(&self, path: &Path) -> Result<Option<Bytes>, StorageError> {
        unless_lost(|| self.open(path, OpenMode::Read)?.contents())
    }

    /// The same for who says what is wrong with it: no bytes where it cannot be read, or is no file, as of one that
    /// is torn; `None` where nothing has its name.
    pub(crate) fn read_doubtful(&self, path: &Path) -> Result<Option<Bytes>, StorageError> {
        match self.read_file(path) {
            Err(error) if is_lost(&error.cause) => Ok(Some(Bytes::new())),
            read => read,
        }
    }

    /// As [`Disk::read_derived`], from the disk and not from memory.
    pub(crate) fn read_derived_uncached(&self, path: &Path) -> Result<Option<Bytes>, StorageError> {
        unless_lost(|| {
            let file = self.open(path, OpenMode::Read)?;
            file.drop_cache(0)?;
            file.contents()
        })
    }
}

/// What is read, or `None` where it is lost or was never there. What a disk cannot read once it may read the next
/// time, and much may hang on it: without the recovery points nobody knows what was durable.
fn unless_lost(
    read: impl Fn() -> Result<Option<Bytes>, StorageError>,
) -> Result<Option<Bytes>, StorageError> {
    let once = read();
    let again = match once {
        Err(error) if error.is_unreadable() => read(),
        once => once,
    };
    match again {
        Err(error) if is_lost(&error.cause) => Ok(None),
        again => again,
    }
}

/// Whether a file is not there, not readable, or not one that has bytes.
pub(crate) fn is_lost(error: &io::Error) -> bool {
    let is_none = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    is_none || is_no_file(error) || is_unreadable(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Faults, FaultyStorage};

    /// Mutation: `unless_lost` that reads once.
    #[test]
    fn what_cannot_be_read_once_is_read_again_and_what_never_can_is_lost() {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        let path = Path::new("/data/file");
        disk.create_dir(Path::new("/data")).unwrap();
        disk.replace_file(path, b"told").unwrap();
        let told = Some(Bytes::from_static(b"told"));
        for read in [Disk::read_derived, Disk::read_derived_uncached] {
            for reads in 0..3 {
                storage.set_faults(Faults {
                    reads_to_error: Some(reads),
                    ..Faults::default()
                });
                assert_eq!(read(&disk, path).unwrap(), told);
            }
            storage.set_faults(Faults::default());
            assert_eq!(read(&disk, Path::new("/data/another")).unwrap(), None);
        }
        assert_eq!(storage.harm_files("file"), 1);
        assert_eq!(disk.read_derived(path).unwrap(), None);
    }
}
