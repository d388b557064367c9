//! A segment that never changes again, and its indexes, which are looked for when they are needed, believed
//! where they prove true, and made again otherwise.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use sluice_protocol::record_batch::{BatchOutline, OUTLINE_BYTES};

use super::{DELETED, LOG, OFFSET_INDEX, TIME_INDEX, file_name};
use crate::log::StorageError;
use crate::log::disk::{Disk, DiskFile};
use crate::log::index::{
    OffsetEntry, SegmentIndex, TimeEntry, encode_entries, floor, read_entries, relative,
};
use crate::log::index_search::{InFile, floor_in_file};
use crate::log::open_files::{OpenFiles, SegmentFile};
use crate::log::partition_log::LogContext;
use crate::log::sound_walk::{Anchor, Found, Ground, SoundWalk};
use crate::log::storage::OpenMode;

/// A segment that never changes again.
#[derive(Debug)]
pub(crate) struct SealedSegment {
    pub(crate) base_offset: i64,
    /// One past its last offset: the base offset of the segment behind it.
    pub(crate) next_offset: i64,
    pub(crate) size: u64,
    pub(crate) file: Arc<SegmentFile>,
    /// Bytes of batches between two entries of the offset index.
    interval: u32,
    index: Mutex<SealedIndex>,
}

/// Where a sealed segment's indexes are.
#[derive(Clone, Debug)]
enum SealedIndex {
    /// On disk as far as is known; nobody has looked yet.
    Unseen,
    /// In memory, not written yet.
    Memory(Arc<SegmentIndex>),
    /// On disk.
    Written(Arc<WrittenIndex>),
}

/// Indexes that are searched in their files, so that old segments cost no memory.
#[derive(Debug)]
struct WrittenIndex {
    offsets: Arc<SegmentFile>,
    offset_count: usize,
    times: Arc<SegmentFile>,
    time_count: usize,
    largest: Option<TimeEntry>,
}

impl SealedSegment {
    /// A segment found on disk, whose index should have an entry every `interval` bytes.
    pub(crate) const fn found(
        base_offset: i64,
        next_offset: i64,
        size: u64,
        file: Arc<SegmentFile>,
        interval: u32,
    ) -> Self {
        Self {
            base_offset,
            next_offset,
            size,
            file,
            interval,
            index: Mutex::new(SealedIndex::Unseen),
        }
    }

    /// The same segment with its index in memory.
    pub(crate) fn with_index(mut self, mut index: SegmentIndex) -> Self {
        index.seal();
        self.index = Mutex::new(SealedIndex::Memory(Arc::new(index)));
        self
    }

    /// Takes its files out of the log and returns their new names, which no other file ever had in
    /// this process. Reads that have begun go on under those, until somebody removes the files. Waits
    /// for room where the disk has none for a name, half of it done, nothing could be undone; but not
    /// for longer than until the log `is_closed`, when its directory goes with all that is in it.
    pub(crate) fn retire(
        &self,
        context: &LogContext,
        is_closed: &dyn Fn() -> bool,
    ) -> Result<Vec<PathBuf>, StorageError> {
        let number = context.retired.fetch_add(1, Ordering::Relaxed);
        let deleted =
            |suffix: &str| file_name(self.base_offset, &format!("{suffix}.{number}.{DELETED}"));
        let log = self.file.path();
        let mut retired = vec![log.with_file_name(deleted(LOG))];
        // Not held while the renames wait for room: readers ask for it.
        let index = self.index.lock().clone();
        let rename = |file: &SegmentFile, name: &Path| {
            let space = &context.space;
            space.when_there_is_room_or(is_closed, || file.rename(name, &context.disk))
        };
        for name in &retired {
            rename(&self.file, name)?;
        }
        if let SealedIndex::Written(written) = index {
            for (file, suffix) in [
                (&written.offsets, OFFSET_INDEX),
                (&written.times, TIME_INDEX),
            ] {
                let name = log.with_file_name(deleted(suffix));
                match rename(file, &name) {
                    // It is derived: somebody took it away, and no harm is done.
                    Err(error) if error.cause.kind() == ErrorKind::NotFound => {}
                    renamed => {
                        renamed?;
                        retired.push(name);
                    }
                }
            }
        } else {
            for suffix in [OFFSET_INDEX, TIME_INDEX] {
                context.disk.remove_file(&log.with_extension(suffix))?;
            }
        }
        Ok(retired)
    }

    /// Where to begin to look for `offset`: a batch whose last offset is at most that, or the start.
    /// The batch is verified, so the answer can be relied on whatever the index says.
    pub(crate) fn position_of(
        &self,
        offset: i64,
        disk: &Disk,
        files: &OpenFiles,
    ) -> Result<u64, StorageError> {
        let target = relative(offset, self.base_offset);
        let found = self.offset_floor(target, disk, files)?;
        let Some(entry) = found else { return Ok(0) };
        if self.is_true(entry, files)? {
            return Ok(u64::from(entry.position));
        }
        let index = self.rebuild(files)?;
        let entry = floor(&index.offsets, |entry| entry.relative_offset <= target);
        Ok(entry.map_or(0, |entry| u64::from(entry.position)))
    }

    /// The last entry of the time index whose timestamp is at most `timestamp`. The batch it leads to is
    /// verified, so no batch before that one has a larger timestamp, whatever the index says.
    pub(crate) fn time_floor(
        &self,
        timestamp: i64,
        disk: &Disk,
        files: &OpenFiles,
    ) -> Result<Option<TimeEntry>, StorageError> {
        let is_before = |entry: &TimeEntry| entry.timestamp <= timestamp;
        let found = match self.index(disk, files)? {
            SealedIndex::Unseen => return Ok(None),
            SealedIndex::Memory(index) => return Ok(floor(&index.times, is_before)),
            SealedIndex::Written(written) => {
                floor_in_file(&written.times, written.time_count, files, is_before)?
            }
        };
        match found {
            InFile::Floor(None) => Ok(None),
            InFile::Floor(Some(entry)) if self.is_timed(entry, disk, files)? => Ok(Some(entry)),
            InFile::Floor(Some(_)) | InFile::Lost => {
                Ok(floor(&self.rebuild(files)?.times, is_before))
            }
        }
    }

    /// The largest timestamp, where any batch has one.
    pub(crate) fn largest_timestamp(
        &self,
        disk: &Disk,
        files: &OpenFiles,
    ) -> Result<Option<i64>, StorageError> {
        Ok(match self.index(disk, files)? {
            SealedIndex::Unseen => None,
            SealedIndex::Memory(index) => index.largest_timestamp(),
            SealedIndex::Written(written) => written.largest.map(|entry| entry.timestamp),
        })
    }

    /// Writes the indexes to their files, if they are in memory only. Nothing is synced: whoever finds
    /// them at the next start has them prove that they fit.
    pub(crate) fn write_index(&self, disk: &Disk) -> Result<(), StorageError> {
        let SealedIndex::Memory(index) = self.index.lock().clone() else {
            return Ok(());
        };
        let log = self.file.path();
        let offsets = encode_entries(&index.offsets);
        disk.swap_file(&log.with_extension(OFFSET_INDEX), &offsets)?;
        let times = encode_entries(&index.times);
        disk.swap_file(&log.with_extension(TIME_INDEX), &times)?;
        *self.index.lock() = SealedIndex::Written(Arc::new(WrittenIndex {
            offsets: self.index_file(OFFSET_INDEX),
            offset_count: index.offsets.len(),
            times: self.index_file(TIME_INDEX),
            time_count: index.times.len(),
            largest: index.times.last().copied(),
        }));
        Ok(())
    }

    fn offset_floor(
        &self,
        target: u32,
        disk: &Disk,
        files: &OpenFiles,
    ) -> Result<Option<OffsetEntry>, StorageError> {
        let is_before = |entry: &OffsetEntry| entry.relative_offset <= target;
        let found = match self.index(disk, files)? {
            SealedIndex::Unseen => return Ok(None),
            SealedIndex::Memory(index) => return Ok(floor(&index.offsets, is_before)),
            SealedIndex::Written(written) => {
                floor_in_file(&written.offsets, written.offset_count, files, is_before)?
            }
        };
        Ok(match found {
            InFile::Floor(entry) => entry,
            InFile::Lost => floor(&self.rebuild(files)?.offsets, is_before),
        })
    }

    /// Whether a batch begins where an entry says, and is the one it says.
    fn is_true(&self, entry: OffsetEntry, files: &OpenFiles) -> Result<bool, StorageError> {
        let file = files.get(&self.file)?;
        let bytes = file.read_readable_at(u64::from(entry.position), OUTLINE_BYTES)?;
        let batch = bytes.first_chunk().and_then(BatchOutline::decode);
        Ok(batch.is_some_and(|batch| {
            relative(batch.last_offset, self.base_offset) == entry.relative_offset
        }))
    }

    /// Whether the batch that an entry of the time index names has the timestamp it says.
    fn is_timed(
        &self,
        entry: TimeEntry,
        disk: &Disk,
        files: &OpenFiles,
    ) -> Result<bool, StorageError> {
        let relative_offset = i64::from(entry.relative_offset);
        let last_offset = self.base_offset.saturating_add(relative_offset);
        let anchor = Anchor {
            position: self.position_of(last_offset, disk, files)?,
            last_offset: None,
        };
        let file = files.get(&self.file)?;
        let mut walk = SoundWalk::from(self.ground(&file), anchor);
        loop {
            match walk.next_header()? {
                Found::Batch(_, header) if header.last_offset() >= last_offset => {
                    let is_it = header.last_offset() == last_offset;
                    return Ok(is_it && header.max_timestamp == entry.timestamp);
                }
                Found::Batch(..) | Found::Hole(_) => {}
                Found::End => return Ok(false),
            }
        }
    }

    fn index(&self, disk: &Disk, files: &OpenFiles) -> Result<SealedIndex, StorageError> {
        let mut index = self.index.lock();
        if matches!(*index, SealedIndex::Unseen) {
            *index = match self.open_written(disk, files)? {
                Some(written) => SealedIndex::Written(Arc::new(written)),
                None => SealedIndex::Memory(Arc::new(self.indexed_from(0, files)?)),
            };
        }
        Ok(index.clone())
    }

    /// The indexes on disk, where they are those of this segment.
    fn open_written(
        &self,
        disk: &Disk,
        files: &OpenFiles,
    ) -> Result<Option<WrittenIndex>, StorageError> {
        let offsets_file = self.index_file(OFFSET_INDEX);
        let times_file = self.index_file(TIME_INDEX);
        let (Some(offsets), Some(times)) = (
            read_entries::<OffsetEntry>(disk, &offsets_file.path())?,
            read_entries::<TimeEntry>(disk, &times_file.path())?,
        ) else {
            return Ok(None);
        };
        let largest = times.last().copied();
        let fits = self.is_fit(&offsets, largest, files)?;
        Ok(fits.then(|| WrittenIndex {
            offsets: offsets_file,
            offset_count: offsets.len(),
            times: times_file,
            time_count: times.len(),
            largest,
        }))
    }

    /// Whether indexes found on disk are those of this segment, to its end. They may be of a time when
    /// it was shorter, or have lost what was never synced, and end too early for either reason. So the
    /// batches are read on from the one with the `largest` timestamp: none may have a larger one, and
    /// none be due for an entry that is not there.
    fn is_fit(
        &self,
        offsets: &[OffsetEntry],
        largest: Option<TimeEntry>,
        files: &OpenFiles,
    ) -> Result<bool, StorageError> {
        let last = offsets.last();
        if last.is_some_and(|last| u64::from(last.position) >= self.size) {
            return Ok(false);
        }
        let is_before = |entry: &OffsetEntry| {
            largest.is_some_and(|largest| entry.relative_offset <= largest.relative_offset)
        };
        let start = floor(offsets, is_before);
        if let Some(entry) = start
            && !self.is_true(entry, files)?
        {
            return Ok(false);
        }
        let rest = self.indexed_from(start.map_or(0, |entry| entry.position), files)?;
        let last_due = rest.offsets.last().map(|entry| entry.position);
        Ok(rest.largest() == largest && last_due <= last.map(|entry| entry.position))
    }

    /// Makes the indexes anew, in the place of files that are of no use.
    fn rebuild(&self, files: &OpenFiles) -> Result<Arc<SegmentIndex>, StorageError> {
        let index = Arc::new(self.indexed_from(0, files)?);
        *self.index.lock() = SealedIndex::Memory(Arc::clone(&index));
        Ok(index)
    }

    /// Indexes of the batches from `position` on, by their headers; of those that are whole.
    fn indexed_from(&self, position: u32, files: &OpenFiles) -> Result<SegmentIndex, StorageError> {
        let file = files.get(&self.file)?;
        let anchor = Anchor {
            position: u64::from(position),
            last_offset: None,
        };
        let walk = SoundWalk::from(self.ground(&file), anchor);
        let mut index = SegmentIndex::default();
        walk.each_header(|position, header| {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            index.push(&header, position, self.base_offset, self.interval);
        })?;
        index.seal();
        Ok(index)
    }

    /// All offsets it may hold.
    pub(in crate::log) const fn offsets(&self) -> std::ops::Range<i64> {
        self.base_offset..self.next_offset
    }

    /// Its bytes, as one looks at them who does not care for offsets that are missing.
    pub(in crate::log) const fn ground<'a>(&self, file: &'a DiskFile) -> Ground<'a> {
        Ground {
            file,
            size: self.size,
            base_offset: self.base_offset,
            end_offset: Some(self.next_offset),
            border: None,
            is_dense: false,
            is_read_once: false,
        }
    }

    fn index_file(&self, suffix: &str) -> Arc<SegmentFile> {
        SegmentFile::new(self.file.path().with_extension(suffix), OpenMode::Read)
    }
}
