//! An extent: a file of the commit log, written with zeroes once and over and over again then, so
//! that a sync of what is written into it has no metadata to carry.
//!
//! Its first page says, in a [`FirstPage`], which part of the log it holds. Frames follow from byte
//! 4096 on; those of a later flush begin at a page boundary, so that no write ever touches a page that
//! is durable.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::first_page::FirstPage;
use crate::log::StorageError;
use crate::log::disk::{Disk, DiskFile, is_no_file};
use crate::log::storage::OpenMode;

/// What writes are aligned to.
pub(super) const PAGE_BYTES: u64 = 4096;
/// What the name of an extent's file ends in, and what is added to it while it is made.
pub(super) const SUFFIX: &str = ".extent";
const UNFINISHED: &str = ".tmp";
/// Bytes that are read of a file: as many as the setting allows, and more than any batch.
const SIZE_MAX: u64 = 1 << 30;
/// The number in the name of a file is smaller, or there would be no names for those to come.
const INDEX_END: u64 = 1 << 62;

/// A file that is ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub(super) path: PathBuf,
    pub(super) file: DiskFile,
    /// Bytes of the file.
    pub(super) size: u64,
}

impl Extent {
    /// Makes the file `index` of `size` bytes of zeroes, durably but for its name, which it gets when it is
    /// whole. Leaves nothing behind for which there is no room.
    pub(super) fn create(
        disk: &Disk,
        directory: &Path,
        index: u64,
        size: u64,
    ) -> Result<Self, StorageError> {
        let path = directory.join(format!("{index:08}{SUFFIX}"));
        let unfinished = directory.join(format!("{index:08}{SUFFIX}{UNFINISHED}"));
        if let Err(error) = fill(disk, &unfinished, size) {
            disk.remove_file(&unfinished)?;
            return Err(error);
        }
        disk.rename(&unfinished, &path)?;
        let file = disk.open_direct(&path)?;
        Ok(Self { path, file, size })
    }

    /// Opens a file that was made earlier; with the number in its name. What is no file loses that, and
    /// what was not finished goes.
    pub(super) fn found(
        disk: &Disk,
        directory: &Path,
        name: &str,
    ) -> Result<Option<(u64, Self)>, StorageError> {
        if is_unfinished(name) {
            disk.remove_file(&directory.join(name))?;
            return Ok(None);
        }
        let Some(index) = name
            .strip_suffix(SUFFIX)
            .and_then(|index| index.parse().ok())
        else {
            return Ok(None);
        };
        let path = directory.join(name);
        if index >= INDEX_END {
            let cause = io::Error::other("no extent has such a number; move the file away");
            return Err(StorageError::new("use", &path, cause));
        }
        let file = match disk.open_direct(&path) {
            Err(error) if is_no_file(&error.cause) => {
                disk.remove_file(&path)?;
                return Ok(None);
            }
            opened => opened?,
        };
        let size = file.size()?;
        Ok(Some((index, Self { path, file, size })))
    }

    /// What the first page says.
    pub(super) fn first_page(&self) -> Result<FirstPage, StorageError> {
        let length = usize::try_from(PAGE_BYTES).unwrap_or(usize::MAX);
        // What a disk cannot read once it may read the next time.
        for _ in 0..2 {
            match self.file.read_at(0, length) {
                Err(error) if error.is_unreadable() => {}
                page => return Ok(FirstPage::read(&page?)),
            }
        }
        Ok(FirstPage::Damaged)
    }

    /// The bytes of the file, of which it was made with `made`, as far as is known; what the disk cannot read is
    /// zeroes.
    pub(super) fn contents(&self, made: Option<u64>) -> Result<Bytes, StorageError> {
        let size = self.size.min(made.unwrap_or(SIZE_MAX)).min(SIZE_MAX);
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        self.file.read_readable_at(0, length)
    }
}

/// Whether a file with this name is an extent that was not finished.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let whole = name.strip_suffix(UNFINISHED);
    whole.is_some_and(|whole| whole.ends_with(SUFFIX))
}

fn fill(disk: &Disk, path: &Path, size: u64) -> Result<(), StorageError> {
    let file = disk.open(path, OpenMode::Create)?;
    file.write_zeroes(size)?;
    file.sync()
}

/// The next page boundary at or behind `position`.
pub(super) const fn page_align(position: u64) -> u64 {
    match position.checked_next_multiple_of(PAGE_BYTES) {
        Some(boundary) => boundary,
        None => u64::MAX,
    }
}
