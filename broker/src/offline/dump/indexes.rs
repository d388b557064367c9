//! Entries of indexes.

use bytes::{Buf, Bytes};

use super::{Dump, DumpError};
use crate::log::disk::DiskFile;
use crate::log::index::{EntryReader, IndexEntry, OffsetEntry, TimeEntry};
use crate::log::segment::parse_file_name;
use crate::offline::line::Line;

/// Bytes of an entry of a transaction index.
const TRANSACTION_BYTES: usize = 34;
/// Entries of it that are read at once.
const TRANSACTIONS_READ: usize = 1024;

impl Dump<'_> {
    pub(super) fn offset_index(
        &mut self,
        name: &str,
        file: &DiskFile,
        size: u64,
    ) -> Result<(), DumpError> {
        let base = base_offset(name);
        self.entries(file, size, |entry: &OffsetEntry| {
            Line::new("offset")
                .number("offset", base.saturating_add(entry.relative_offset.into()))
                .number("batch_position", entry.position)
        })
    }

    pub(super) fn time_index(
        &mut self,
        name: &str,
        file: &DiskFile,
        size: u64,
    ) -> Result<(), DumpError> {
        let base = base_offset(name);
        self.entries(file, size, |entry: &TimeEntry| {
            Line::new("time")
                .number("timestamp", entry.timestamp)
                .number("offset", base.saturating_add(entry.relative_offset.into()))
        })
    }

    /// Apache Kafka makes an index as large as it may become, and cuts it when the segment ends: zeroes
    /// up to the end are room for more.
    fn entries<E: IndexEntry>(
        &mut self,
        file: &DiskFile,
        size: u64,
        line: impl Fn(&E) -> Line,
    ) -> Result<(), DumpError> {
        let mut entries = EntryReader::<E>::new(file);
        let mut last: Option<E> = None;
        let mut end = 0;
        while let Some((position, entry)) = entries.next()? {
            end = position.saturating_add(u64::try_from(E::BYTES).unwrap_or(u64::MAX));
            if last.is_some_and(|last| !entry.follows(&last)) || entry.is_zero() && size > end {
                if is_zero_from(file, position, size)? {
                    let room = Line::new("room").number("position", position);
                    return self.line(&room.number("size", size.saturating_sub(position)));
                }
                if last.is_some_and(|last| !entry.follows(&last)) {
                    self.damage(position, end, "the entry is not above the one before")?;
                }
            }
            self.line(&line(&entry).number("position", position))?;
            last = Some(entry);
        }
        match end < size {
            true => self.damage(end, size, "less than an entry"),
            false => Ok(()),
        }
    }

    pub(super) fn transaction_index(
        &mut self,
        file: &DiskFile,
        size: u64,
    ) -> Result<(), DumpError> {
        let mut position = 0_u64;
        loop {
            let length = TRANSACTION_BYTES.saturating_mul(TRANSACTIONS_READ);
            let mut bytes = file.read_at(position, length)?;
            if bytes.len() < TRANSACTION_BYTES {
                return match bytes.is_empty() {
                    true => Ok(()),
                    false => self.damage(position, size, "less than an entry"),
                };
            }
            while bytes.len() >= TRANSACTION_BYTES {
                let version = bytes.get_i16();
                let line = aborted(&mut bytes).number("position", position);
                let size = u64::try_from(TRANSACTION_BYTES).unwrap_or(u64::MAX);
                let end = position.saturating_add(size);
                match version {
                    0 => self.line(&line)?,
                    _ => self.damage(position, end, format!("version {version} is not known"))?,
                }
                position = end;
            }
        }
    }
}

/// A transaction that was aborted.
fn aborted(bytes: &mut Bytes) -> Line {
    Line::new("aborted")
        .number("producer_id", bytes.get_i64())
        .number("first_offset", bytes.get_i64())
        .number("last_offset", bytes.get_i64())
        .number("last_stable_offset", bytes.get_i64())
}

fn base_offset(name: &str) -> i64 {
    parse_file_name(name).map_or(0, |(base, _)| base)
}

/// Whether a file holds zeroes alone from `position` on.
fn is_zero_from(file: &DiskFile, position: u64, size: u64) -> Result<bool, DumpError> {
    const PIECE_BYTES: usize = 64 * 1024;
    let mut position = position;
    while position < size {
        position = file.data_from(position)?;
        if position >= size {
            break;
        }
        let bytes = file.read_at(position, PIECE_BYTES)?;
        if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        position = position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }
    Ok(true)
}
