//! The part of the active segment's indexes that is in their files.
//!
//! The indexes of the segment that is written are in memory. From time to time what is new of them is
//! written behind what their files have, and the next recovery point tells how many entries are
//! durable, with a checksum: what is found under their names after a crash is the beginning that was
//! written then, or it is of no use. Entries are of batches that were durable before they were, and so
//! they stay true.

use std::path::Path;

use super::disk::Disk;
use super::index::{IndexEntry, SegmentIndex};
use super::segment::{OFFSET_INDEX, TIME_INDEX};
use super::storage::OpenMode;
use super::{StorageError, index};

/// How much of both indexes is in their files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SavedIndex {
    /// Of the offset index.
    pub offsets: SavedEntries,
    /// Of the time index.
    pub times: SavedEntries,
}

/// The first entries of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SavedEntries {
    /// How many.
    pub count: u32,
    /// CRC-32C of their bytes.
    pub crc: u32,
}

impl SavedIndex {
    /// All of an index.
    pub(super) fn of(index: &SegmentIndex) -> Self {
        Self {
            offsets: SavedEntries::default().and(&index.offsets).0,
            times: SavedEntries::default().and(&index.times).0,
        }
    }

    /// The indexes of the segment at `log` as far as they were saved; `None` where their files do not
    /// have that.
    pub(super) fn load(
        self,
        disk: &Disk,
        log: &Path,
    ) -> Result<Option<SegmentIndex>, StorageError> {
        let offsets = self.offsets.load(disk, &log.with_extension(OFFSET_INDEX))?;
        let times = self.times.load(disk, &log.with_extension(TIME_INDEX))?;
        let both = offsets.zip(times);
        Ok(both.map(|(offsets, times)| SegmentIndex::loaded(offsets, times)))
    }

    /// What `index` has behind this.
    pub(super) fn rest_of(self, index: &SegmentIndex) -> SegmentIndex {
        let offsets = self.offsets.rest_of(&index.offsets);
        SegmentIndex::loaded(offsets, self.times.rest_of(&index.times))
    }

    /// Writes `rest` behind this, into the files of the segment at `log`, and returns what is saved then.
    /// Nothing is synced.
    pub(super) fn append(
        self,
        rest: &SegmentIndex,
        disk: &Disk,
        log: &Path,
    ) -> Result<Self, StorageError> {
        let times = log.with_extension(TIME_INDEX);
        let offsets = log.with_extension(OFFSET_INDEX);
        Ok(Self {
            times: self.times.append(&rest.times, disk, &times)?,
            offsets: self.offsets.append(&rest.offsets, disk, &offsets)?,
        })
    }
}

impl SavedEntries {
    /// These and the entries behind them, whose bytes are returned too.
    fn and<E: IndexEntry>(self, entries: &[E]) -> (Self, Vec<u8>) {
        let bytes = index::encode_entries(entries);
        let added = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let all = Self {
            count: self.count.saturating_add(added),
            crc: crc32c::crc32c_append(self.crc, &bytes),
        };
        (all, bytes)
    }

    fn load<E: IndexEntry>(self, disk: &Disk, path: &Path) -> Result<Option<Vec<E>>, StorageError> {
        if self.count == 0 {
            return Ok(Some(Vec::new()));
        }
        let Some(mut bytes) = disk.read_derived(path)? else {
            return Ok(None);
        };
        let size = self.size::<E>();
        if bytes.len() < size {
            return Ok(None);
        }
        bytes.truncate(size);
        let is_as_saved = crc32c::crc32c(&bytes) == self.crc;
        Ok(index::decode_entries(bytes).filter(|_| is_as_saved))
    }

    fn rest_of<E: IndexEntry>(self, entries: &[E]) -> Vec<E> {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        entries.get(count..).unwrap_or_default().to_vec()
    }

    fn append<E: IndexEntry>(
        self,
        entries: &[E],
        disk: &Disk,
        path: &Path,
    ) -> Result<Self, StorageError> {
        let (all, bytes) = self.and(entries);
        let file = disk.open(path, OpenMode::Draft)?;
        let position = u64::try_from(self.size::<E>()).unwrap_or(u64::MAX);
        file.write_at(position, &[&bytes])?;
        // Who opens the directory after a clean stop takes all that is there.
        file.truncate(u64::try_from(all.size::<E>()).unwrap_or(u64::MAX))?;
        Ok(all)
    }

    fn size<E: IndexEntry>(self) -> usize {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        count.saturating_mul(E::BYTES)
    }
}
