//! Searching an index in its file, so that old segments cost no memory.

use std::sync::Arc;

use super::StorageError;
use super::derived_file::is_lost;
use super::disk::DiskFile;
use super::index::{IndexEntry, floor};
use super::open_files::{OpenFiles, SegmentFile};

/// Entries of an index that are read at once: a page or so.
const BLOCK_ENTRIES: usize = 512;

/// What was looked for in the file of an index.
pub(super) enum InFile<E> {
    /// The last entry for which something holds.
    Floor(Option<E>),
    /// The disk does not have the file any more, or cannot read it.
    Lost,
}

/// As [`floor`], in a file.
pub(super) fn floor_in_file<E: IndexEntry>(
    index: &Arc<SegmentFile>,
    count: usize,
    files: &OpenFiles,
    is_before: impl Fn(&E) -> bool,
) -> Result<InFile<E>, StorageError> {
    let found = files
        .get(index)
        .and_then(|file| floor_by_search(&file, count, is_before));
    match found {
        Err(error) if is_lost(&error.cause) => Ok(InFile::Lost),
        found => found.map(InFile::Floor),
    }
}

/// As [`floor`], by binary search in a file, down to a block that is read at once.
fn floor_by_search<E: IndexEntry>(
    file: &DiskFile,
    count: usize,
    is_before: impl Fn(&E) -> bool,
) -> Result<Option<E>, StorageError> {
    let (mut low, mut high) = (0, count);
    while high.saturating_sub(low) > BLOCK_ENTRIES {
        let middle = low.midpoint(high);
        match read_entries_at(file, middle, 1)?.first() {
            Some(entry) if is_before(entry) => low = middle,
            Some(_) | None => high = middle,
        }
    }
    Ok(floor(
        &read_entries_at(file, low, high.saturating_sub(low))?,
        is_before,
    ))
}

/// `count` entries from the one of the number `first` on; fewer where the file ends.
fn read_entries_at<E: IndexEntry>(
    file: &DiskFile,
    first: usize,
    count: usize,
) -> Result<Vec<E>, StorageError> {
    let position = u64::try_from(first.saturating_mul(E::BYTES)).unwrap_or(u64::MAX);
    let mut bytes = file.read_at(position, count.saturating_mul(E::BYTES))?;
    let mut entries = Vec::with_capacity(count);
    while bytes.len() >= E::BYTES {
        entries.push(E::decode(&mut bytes));
    }
    Ok(entries)
}
