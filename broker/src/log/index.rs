//! The two sparse indexes of a segment, in Kafka's formats.
//!
//! * `.index`: 8 bytes an entry, offset of the last record of a batch less the segment's base offset
//!   (u32) and position of that batch in the segment (u32).
//! * `.timeindex`: 12 bytes an entry, the largest timestamp so far (i64) and the offset of the last
//!   record of the first batch that has it, less the base offset (u32).
//!
//! In both, entries strictly increase. Indexes are derived from the segment, and no record waits for them: but
//! for what the recovery points vouch for, which a checkpoint synced, what is found under their names after
//! a crash may be old, torn or empty. Whoever finds one that does not fit its segment to the end builds it
//! again. The indexes of the active segment are in memory; their files are as far as they were last saved
//! ([`super::saving`]), and only the next start looks at them.

use std::marker::PhantomData;
use std::path::Path;

use bytes::{Buf, Bytes};
use sluice_protocol::record_batch::BatchHeader;

use super::disk::DiskFile;
use super::{Disk, StorageError};

/// What an index may take whatever the configuration says, or each batch would have a segment of its own.
const INDEX_BYTES_MIN: u32 = 4096;

/// Where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// Offset of the batch's last record, less the base offset of the segment.
    pub(crate) relative_offset: u32,
    /// Position of the batch in the segment.
    pub(crate) position: u32,
}

/// What the timestamps are up to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    /// The largest timestamp up to the offset.
    pub(crate) timestamp: i64,
    /// Offset of the last record of the batch that has it, less the base offset of the segment.
    pub(crate) relative_offset: u32,
}

/// An entry of a fixed size.
pub(crate) trait IndexEntry: Sized + Copy {
    /// Bytes of an entry.
    const BYTES: usize;
    /// The entry in `BYTES` bytes.
    fn decode(bytes: &mut Bytes) -> Self;
    /// Appends the entry.
    fn encode(&self, buffer: &mut Vec<u8>);
    /// Whether `self` may follow `previous`.
    fn follows(&self, previous: &Self) -> bool;
    /// Whether all its bytes are zero.
    fn is_zero(&self) -> bool;
}

impl IndexEntry for OffsetEntry {
    const BYTES: usize = 8;

    fn decode(bytes: &mut Bytes) -> Self {
        Self {
            relative_offset: bytes.get_u32(),
            position: bytes.get_u32(),
        }
    }

    fn encode(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.relative_offset.to_be_bytes());
        buffer.extend_from_slice(&self.position.to_be_bytes());
    }

    fn follows(&self, previous: &Self) -> bool {
        self.relative_offset > previous.relative_offset && self.position > previous.position
    }

    fn is_zero(&self) -> bool {
        self.relative_offset == 0 && self.position == 0
    }
}

impl IndexEntry for TimeEntry {
    const BYTES: usize = 12;

    fn decode(bytes: &mut Bytes) -> Self {
        Self {
            timestamp: bytes.get_i64(),
            relative_offset: bytes.get_u32(),
        }
    }

    fn encode(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.timestamp.to_be_bytes());
        buffer.extend_from_slice(&self.relative_offset.to_be_bytes());
    }

    fn follows(&self, previous: &Self) -> bool {
        self.timestamp > previous.timestamp && self.relative_offset > previous.relative_offset
    }

    fn is_zero(&self) -> bool {
        self.timestamp == 0 && self.relative_offset == 0
    }
}

/// The entries of a file, read in pieces: one may be as large as anybody made it.
#[derive(Debug)]
pub(crate) struct EntryReader<'a, E> {
    file: &'a DiskFile,
    position: u64,
    piece: Bytes,
    /// Entries read at once.
    at_once: usize,
    entry: PhantomData<E>,
}

impl<'a, E: IndexEntry> EntryReader<'a, E> {
    /// Entries read at once, as a rule.
    const PIECE_ENTRIES: usize = 8192;

    pub(crate) const fn new(file: &'a DiskFile) -> Self {
        Self {
            file,
            position: 0,
            piece: Bytes::new(),
            at_once: Self::PIECE_ENTRIES,
            entry: PhantomData,
        }
    }

    /// The next entry and its position; `None` at the end, or where less than an entry is left.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, E)>, StorageError> {
        if self.piece.len() < E::BYTES {
            self.piece = self.next_piece()?;
        }
        if self.piece.len() < E::BYTES {
            return Ok(None);
        }
        let position = self.position;
        self.position = position.saturating_add(u64::try_from(E::BYTES).unwrap_or(u64::MAX));
        Ok(Some((position, E::decode(&mut self.piece))))
    }

    /// Where the next entry begins, or what cannot be read.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// What the disk can read before something that it cannot is read in ever smaller pieces.
    fn next_piece(&mut self) -> Result<Bytes, StorageError> {
        loop {
            let bytes = E::BYTES.saturating_mul(self.at_once);
            match self.file.read_at(self.position, bytes) {
                Err(error) if error.is_unreadable() && self.at_once > 1 => self.at_once /= 2,
                read => return read,
            }
        }
    }
}

/// The entries of a file; `None` where they cannot be those of an index.
pub(crate) fn decode_entries<E: IndexEntry>(mut bytes: Bytes) -> Option<Vec<E>> {
    if !bytes.len().is_multiple_of(E::BYTES) {
        return None;
    }
    let mut entries: Vec<E> = Vec::with_capacity(bytes.len() / E::BYTES);
    while !bytes.is_empty() {
        let entry = E::decode(&mut bytes);
        if entries.last().is_some_and(|last| !entry.follows(last)) {
            return None;
        }
        entries.push(entry);
    }
    Some(entries)
}

/// The entries of the file at `path`; `None` where there is none, or none of entries.
pub(crate) fn read_entries<E: IndexEntry>(
    disk: &Disk,
    path: &Path,
) -> Result<Option<Vec<E>>, StorageError> {
    Ok(disk.read_derived(path)?.and_then(decode_entries))
}

/// The bytes of a file of entries.
pub(crate) fn encode_entries<E: IndexEntry>(entries: &[E]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len().saturating_mul(E::BYTES));
    for entry in entries {
        entry.encode(&mut bytes);
    }
    bytes
}

/// Both indexes of a segment, and what they are made from: every batch, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentIndex {
    pub(crate) offsets: Vec<OffsetEntry>,
    pub(crate) times: Vec<TimeEntry>,
    /// The largest timestamp so far; those of batches without timestamps do not count.
    largest: Option<TimeEntry>,
    bytes_since_entry: u64,
}

impl SegmentIndex {
    /// The indexes as loaded from their files.
    pub(crate) fn loaded(offsets: Vec<OffsetEntry>, times: Vec<TimeEntry>) -> Self {
        Self {
            largest: times.last().copied(),
            offsets,
            times,
            bytes_since_entry: 0,
        }
    }

    /// Takes note of a batch at `position` of a segment that begins at `base_offset`. Every
    /// `interval` bytes a batch gets an entry.
    pub(crate) fn push(
        &mut self,
        header: &BatchHeader,
        position: u32,
        base_offset: i64,
        interval: u32,
    ) {
        let relative_offset = relative(header.last_offset(), base_offset);
        let largest = self.largest_timestamp();
        if header.max_timestamp > largest.unwrap_or(-1) {
            self.largest = Some(TimeEntry {
                timestamp: header.max_timestamp,
                relative_offset,
            });
        }
        if self.bytes_since_entry > u64::from(interval) {
            self.bytes_since_entry = 0;
            self.offsets.push(OffsetEntry {
                relative_offset,
                position,
            });
            self.note_largest();
        }
        let size = header.size().and_then(|size| u64::try_from(size).ok());
        self.bytes_since_entry = self
            .bytes_since_entry
            .saturating_add(size.unwrap_or_default());
    }

    /// Ends the time index with the largest timestamp, as a sealed segment's does.
    pub(crate) fn seal(&mut self) {
        self.note_largest();
    }

    /// Whether the file of either index has no room for an entry in `bytes`, by Kafka's rule, which keeps the last
    /// entry of the time index for the end of its segment.
    pub(crate) fn is_full(&self, bytes: u32) -> bool {
        let room = usize::try_from(bytes.max(INDEX_BYTES_MIN)).unwrap_or(usize::MAX);
        let times = self.times.len().saturating_add(1);
        self.offsets.len() >= room / OffsetEntry::BYTES || times >= room / TimeEntry::BYTES
    }

    /// The largest timestamp of the segment, where there is one.
    pub(crate) fn largest_timestamp(&self) -> Option<i64> {
        self.largest.map(|entry| entry.timestamp)
    }

    /// As [`SegmentIndex::largest_timestamp`], with the batch that has it first.
    pub(crate) const fn largest(&self) -> Option<TimeEntry> {
        self.largest
    }

    fn note_largest(&mut self) {
        if let Some(largest) = self.largest
            && self.times.last().is_none_or(|last| largest.follows(last))
        {
            self.times.push(largest);
        }
    }
}

/// The last entry for which `is_before` holds, which it does for the first ones only.
pub(crate) fn floor<E: IndexEntry>(entries: &[E], is_before: impl Fn(&E) -> bool) -> Option<E> {
    let count = entries.partition_point(is_before);
    entries.get(count.checked_sub(1)?).copied()
}

/// An offset less the base offset of its segment; one before the segment counts as its first.
pub(crate) fn relative(offset: i64, base_offset: i64) -> u32 {
    let distance = offset.saturating_sub(base_offset).max(0);
    u32::try_from(distance).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation: `OffsetEntry::encode` with the position first.
    #[test]
    fn entries_come_back_from_their_bytes() {
        let offsets: Vec<_> = (1..50)
            .map(|number| OffsetEntry {
                relative_offset: number * 10,
                position: number * 5000,
            })
            .collect();
        let bytes = Bytes::from(encode_entries(&offsets));
        assert_eq!(bytes.len(), 49 * 8);
        assert_eq!(decode_entries::<OffsetEntry>(bytes).unwrap(), offsets);
        let times: Vec<_> = (1..50)
            .map(|number| TimeEntry {
                timestamp: i64::from(number) * 1000,
                relative_offset: number * 10,
            })
            .collect();
        let bytes = Bytes::from(encode_entries(&times));
        assert_eq!(bytes.len(), 49 * 12);
        assert_eq!(decode_entries::<TimeEntry>(bytes).unwrap(), times);
    }

    /// Mutations: `decode_entries` without `follows`, and with part of an entry at the end.
    #[test]
    fn bytes_that_cannot_be_an_index_are_not_taken_for_one() {
        let zeros = Bytes::from(vec![0; 64]);
        assert!(decode_entries::<OffsetEntry>(zeros.clone()).is_none());
        assert!(decode_entries::<TimeEntry>(zeros.slice(..60)).is_none());
        assert!(decode_entries::<OffsetEntry>(zeros.slice(..9)).is_none());
    }
}
