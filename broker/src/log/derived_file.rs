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
        let opened = self.open(path, OpenMode::Read);
        unless_lost(opened.and_then(|file| file.contents()))
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
        let opened = self.open(path, OpenMode::Read);
        unless_lost(opened.and_then(|file| {
            file.drop_cache(0)?;
            file.contents()
        }))
    }
}

/// What was read, or `None` where it is lost or was never there.
fn unless_lost(read: Result<Option<Bytes>, StorageError>) -> Result<Option<Bytes>, StorageError> {
    match read {
        Err(error) if is_lost(&error.cause) => Ok(None),
        read => read,
    }
}

/// Whether a file is not there, not readable, or not one that has bytes.
pub(crate) fn is_lost(error: &io::Error) -> bool {
    let is_none = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    is_none || is_no_file(error) || is_unreadable(error)
}
