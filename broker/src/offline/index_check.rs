//! Whether the indexes of a segment are true: each entry is held against the batches as they pass.

use std::path::{Path, PathBuf};

use sluice_protocol::record_batch::BatchHeader;

use crate::log::disk::DiskFile;
use crate::log::index::{EntryReader, IndexEntry, OffsetEntry, TimeEntry, relative};
use crate::log::segment::{OFFSET_INDEX, TIME_INDEX};
use crate::log::segment_survey::Damage;
use crate::log::storage::OpenMode;
use crate::log::{Disk, StorageError};

/// The files of both indexes, where there are any.
#[derive(Debug)]
pub(super) struct IndexFiles {
    offsets: Option<DiskFile>,
    times: Option<DiskFile>,
    log: PathBuf,
}

impl IndexFiles {
    /// Those beside the segment at `log`.
    pub(super) fn open(disk: &Disk, log: &Path, names: &[String]) -> Result<Self, StorageError> {
        let open = |suffix| {
            let path = log.with_extension(suffix);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_there = names.iter().any(|known| *known == name);
            is_there
                .then(|| disk.open(&path, OpenMode::Read))
                .transpose()
        };
        Ok(Self {
            offsets: open(OFFSET_INDEX)?,
            times: open(TIME_INDEX)?,
            log: log.to_owned(),
        })
    }

    /// A check of these.
    pub(super) fn check(&self, base_offset: i64) -> Result<IndexCheck<'_>, StorageError> {
        Ok(IndexCheck {
            base_offset,
            offsets: self.offsets.as_ref().map(Cursor::new).transpose()?,
            times: self.times.as_ref().map(Cursor::new).transpose()?,
            largest: None,
            has_damage: false,
            log: &self.log,
        })
    }
}

/// Entries of a file, the next one seen.
#[derive(Debug)]
struct Cursor<'a, E> {
    file: &'a DiskFile,
    entries: EntryReader<'a, E>,
    next: Option<(u64, E)>,
    last: Option<E>,
    /// Where the first entry is that is not true.
    untrue: Option<u64>,
}

impl<'a, E: IndexEntry> Cursor<'a, E> {
    fn new(file: &'a DiskFile) -> Result<Self, StorageError> {
        let mut entries = EntryReader::new(file);
        Ok(Self {
            file,
            next: entries.next()?,
            entries,
            last: None,
            untrue: None,
        })
    }

    /// Takes the entries for which `is_due` holds; each must be true, and above the one before.
    fn take(
        &mut self,
        is_due: impl Fn(&E) -> bool,
        is_true: impl Fn(&E) -> bool,
    ) -> Result<(), StorageError> {
        while let Some((position, entry)) = self.next.filter(|(_, entry)| is_due(entry)) {
            let follows = self.last.is_none_or(|last| entry.follows(&last));
            if !follows || !is_true(&entry) {
                self.untrue = self.untrue.or(Some(position));
            }
            self.last = Some(entry);
            self.next = self.entries.next()?;
        }
        Ok(())
    }

    /// Where the first entry is that is not true, or what is left of the file when all batches passed.
    fn untrue_at_end(&self) -> Result<Option<u64>, StorageError> {
        let entry = u64::try_from(E::BYTES).unwrap_or(u64::MAX);
        let size = self.file.size()?;
        let torn = (size % entry != 0).then(|| size.saturating_sub(size % entry));
        let left = self.next.as_ref().map(|(position, _)| *position);
        Ok(self.untrue.or(left).or(torn))
    }
}

/// The check of one segment's indexes.
#[derive(Debug)]
pub(super) struct IndexCheck<'a> {
    base_offset: i64,
    offsets: Option<Cursor<'a, OffsetEntry>>,
    times: Option<Cursor<'a, TimeEntry>>,
    largest: Option<TimeEntry>,
    has_damage: bool,
    log: &'a Path,
}

impl IndexCheck<'_> {
    /// Holds the entries against a batch.
    pub(super) fn batch(
        &mut self,
        position: u64,
        header: &BatchHeader,
    ) -> Result<(), StorageError> {
        let last = relative(header.last_offset(), self.base_offset);
        if let Some(offsets) = &mut self.offsets {
            offsets.take(
                |entry| u64::from(entry.position) <= position,
                |entry| u64::from(entry.position) == position && entry.relative_offset == last,
            )?;
        }
        let before = self.largest;
        let is_larger = header.max_timestamp > before.map_or(-1, |largest| largest.timestamp);
        if is_larger {
            self.largest = Some(TimeEntry {
                timestamp: header.max_timestamp,
                relative_offset: last,
            });
        }
        let largest = self.largest;
        if let Some(times) = &mut self.times {
            times.take(
                |entry| entry.relative_offset <= last,
                |entry| is_larger && largest == Some(*entry),
            )?;
        }
        Ok(())
    }

    /// Takes the entries of a damaged stretch as they are.
    pub(super) fn damage(&mut self, damage: &Damage) -> Result<(), StorageError> {
        self.has_damage = true;
        if let Some(offsets) = &mut self.offsets {
            offsets.take(|entry| u64::from(entry.position) < damage.to, |_| true)?;
        }
        let end = damage
            .end
            .map_or(u32::MAX, |end| relative(end, self.base_offset));
        if let Some(times) = &mut self.times {
            times.take(|entry| entry.relative_offset < end, |_| true)?;
        }
        Ok(())
    }

    /// The files that are not true, each with the position of the first such entry and what is wrong.
    pub(super) fn end(self) -> Result<Vec<(PathBuf, u64, &'static str)>, StorageError> {
        const UNTRUE: &str = "an entry is not that of a batch of the segment";
        const SHORT: &str = "the last entry is not the largest timestamp of the segment";
        let mut untrue = Vec::new();
        if let Some(offsets) = &self.offsets
            && let Some(position) = offsets.untrue_at_end()?
        {
            untrue.push((self.log.with_extension(OFFSET_INDEX), position, UNTRUE));
        }
        if let Some(times) = &self.times {
            let path = self.log.with_extension(TIME_INDEX);
            if let Some(position) = times.untrue_at_end()? {
                untrue.push((path, position, UNTRUE));
            } else if times.last != self.largest && !self.has_damage {
                untrue.push((path, times.file.size()?, SHORT));
            }
        }
        Ok(untrue)
    }
}
