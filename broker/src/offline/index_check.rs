//! Whether the indexes of a segment are true: each entry is held against the batches as they pass.

use std::path::{Path, PathBuf};

use sluice_protocol::record_batch::BatchHeader;

use crate::log::derived_file::is_lost;
use crate::log::disk::DiskFile;
use crate::log::index::{EntryReader, IndexEntry, OffsetEntry, TimeEntry, relative};
use crate::log::segment::{OFFSET_INDEX, TIME_INDEX};
use crate::log::segment_survey::Damage;
use crate::log::storage::OpenMode;
use crate::log::{Disk, StorageError};

/// What is wrong with a file whose entries do not fit.
const UNTRUE: &str = "an entry is not that of a batch of the segment";
/// With one that ends too early.
const SHORT: &str = "the last entry is not the largest timestamp of the segment";
/// With one that tells nothing.
const UNREADABLE: &str = "it cannot be read";

/// The files of both indexes, where there are any.
#[derive(Debug)]
pub(super) struct IndexFiles {
    offsets: Option<DiskFile>,
    times: Option<DiskFile>,
    /// Those that the disk does not even open.
    lost: Vec<PathBuf>,
    log: PathBuf,
}

/// Something in a file that is not as it should be, and the position of the first of it.
type Fault = (u64, &'static str);

impl IndexFiles {
    /// Those beside the segment at `log`.
    pub(super) fn open(disk: &Disk, log: &Path, names: &[String]) -> Result<Self, StorageError> {
        let mut lost = Vec::new();
        let mut open = |suffix| {
            let path = log.with_extension(suffix);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !names.iter().any(|known| *known == name) {
                return Ok(None);
            }
            match disk.open(&path, OpenMode::Read) {
                Err(error) if is_lost(&error.cause) => {
                    lost.push(path);
                    Ok(None)
                }
                opened => opened.map(Some),
            }
        };
        Ok(Self {
            offsets: open(OFFSET_INDEX)?,
            times: open(TIME_INDEX)?,
            lost,
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
            files: self,
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
    /// The first entry that is not true, or cannot be read.
    fault: Option<Fault>,
}

impl<'a, E: IndexEntry> Cursor<'a, E> {
    fn new(file: &'a DiskFile) -> Result<Self, StorageError> {
        let mut cursor = Self {
            file,
            entries: EntryReader::new(file),
            next: None,
            last: None,
            fault: None,
        };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Sees the next entry. What cannot be read is as the end, and a fault.
    fn advance(&mut self) -> Result<(), StorageError> {
        self.next = match self.entries.next() {
            Err(error) if is_lost(&error.cause) => {
                let position = self.entries.position();
                self.fault = self.fault.or(Some((position, UNREADABLE)));
                None
            }
            next => next?,
        };
        Ok(())
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
                // That is enough to know, however long the file is.
                self.fault = self.fault.or(Some((position, UNTRUE)));
                self.next = None;
                return Ok(());
            }
            self.last = Some(entry);
            self.advance()?;
        }
        Ok(())
    }

    /// The first fault, or what is left of the file when all batches passed.
    fn fault_at_end(&self) -> Result<Option<Fault>, StorageError> {
        let entry = u64::try_from(E::BYTES).unwrap_or(u64::MAX);
        let size = self.file.size()?;
        let torn = (size % entry != 0).then(|| size.saturating_sub(size % entry));
        let left = self.next.as_ref().map(|(position, _)| *position);
        let rest = left.or(torn).map(|position| (position, UNTRUE));
        Ok(self.fault.or(rest))
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
    files: &'a IndexFiles,
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
        let log = &self.files.log;
        let lost = self.files.lost.iter();
        let mut untrue: Vec<_> = lost.map(|path| (path.clone(), 0, UNREADABLE)).collect();
        if let Some(offsets) = &self.offsets
            && let Some((position, reason)) = offsets.fault_at_end()?
        {
            untrue.push((log.with_extension(OFFSET_INDEX), position, reason));
        }
        if let Some(times) = &self.times {
            let path = log.with_extension(TIME_INDEX);
            if let Some((position, reason)) = times.fault_at_end()? {
                untrue.push((path, position, reason));
            } else if times.last != self.largest && !self.has_damage {
                untrue.push((path, times.file.size()?, SHORT));
            }
        }
        Ok(untrue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::FaultyStorage;
    use crate::log::index::encode_entries;
    use crate::log::segment_survey::Fault as BatchFault;

    /// Mutations: `Cursor::advance` that tells 0; `EntryReader::next_piece` that reads no smaller pieces.
    #[test]
    fn the_first_entry_that_the_disk_cannot_read_is_told() {
        let entries = (1..20_000).map(|number| OffsetEntry {
            relative_offset: number,
            position: number,
        });
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        let log = Path::new("/data/00000000000000000000.log");
        disk.create_dir("/data".as_ref()).unwrap();
        let index = log.with_extension(OFFSET_INDEX);
        let bytes = encode_entries(&Vec::from_iter(entries));
        disk.write_file(&index, &bytes).unwrap();
        let names = [index.file_name().unwrap().to_string_lossy().into_owned()];
        let all = Damage {
            from: 0,
            to: u64::MAX,
            begin: 0,
            end: None,
            fault: BatchFault::NoBatch,
        };
        for entry in [10_000, 9_000, 1, 0] {
            storage.ruin(&index, entry * 8 + 3);
            let files = IndexFiles::open(&disk, log, &names).unwrap();
            let mut check = files.check(0).unwrap();
            check.damage(&all).unwrap();
            let expected = (index.clone(), entry * 8, UNREADABLE);
            assert_eq!(check.end().unwrap(), [expected]);
        }
    }
}
