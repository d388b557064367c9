//! Opening the log of a partition as it was left.
//!
//! What is relied on: a segment exists only once all before it are durable and whole. So after an
//! unclean stop the last segment alone is in doubt; indexes prove themselves when they are first used
//! (see [`SealedSegment`]). After the death of a process, what was never synced may still be read, and then be lost
//! to a power cut; after a failed sync it may be read though it will never reach the disk. So the
//! whole directory is synced when it is taken, and what is in doubt is read from the disk itself;
//! every batch is checked, and what is behind the last whole one is cut off.
//!
//! After a clean stop the indexes tell where the end is; where they do not fit, the segment is read
//! as after an unclean one.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sluice_protocol::record_batch::BatchHeader;

use super::batch_walk::{BatchWalk, Step};
use super::compaction;
use super::index::{SegmentIndex, read_entries};
use super::leader_epochs::{self, LeaderEpochs};
use super::open_files::SegmentFile;
use super::partition_log::{LogContext, LogOptions, Opened, PartitionLog};
use super::segment::{
    ActiveSegment, LOG, OFFSET_INDEX, SealedSegment, TIME_INDEX, parse_file_name,
};
use super::storage::{DiskFile, OpenMode};
use super::write::LABEL_FILE;
use super::{Disk, StorageError};

/// What the name of a file of rescued bytes ends in.
const RESCUED: &str = "log.cut";
/// Bytes copied at once.
const RESCUE_PIECE_BYTES: usize = 1024 * 1024;

/// How the last process that had the directory ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStop {
    /// Everything was synced and nothing was under way.
    Clean,
    /// By a crash, a kill or a power cut.
    Unclean,
}

/// What opening a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogRecovery {
    /// Bytes behind the last whole batch, which are gone now.
    pub cut_bytes: u64,
    /// Offsets that are missing though they were known to be durable: the disk lost or changed them.
    pub missing_offsets: i64,
}

/// The text that says whose the directory is, if there is any.
///
/// # Errors
/// [`StorageError`].
pub fn directory_label(
    disk: &Disk,
    directory: &Path,
    last_stop: LastStop,
) -> Result<Option<String>, StorageError> {
    let bytes = read_small(disk, &directory.join(LABEL_FILE), last_stop)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

impl PartitionLog {
    /// Opens the log in a directory, which need not exist yet.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(
        context: &Arc<LogContext>,
        options: LogOptions,
        last_stop: LastStop,
    ) -> Result<(Arc<Self>, LogRecovery), StorageError> {
        let opening = Opening {
            context,
            options: &options,
            last_stop,
        };
        let (opened, recovery) = opening.run()?;
        let log = Self::assemble(Arc::clone(context), options, opened);
        Ok((log, recovery))
    }
}

/// The last segment, read.
struct Tail {
    active: ActiveSegment,
    next_offset: i64,
    epochs: Vec<(i32, i64)>,
    cut_bytes: u64,
}

impl Tail {
    /// An empty segment.
    const fn new(active: ActiveSegment) -> Self {
        Self {
            next_offset: active.base_offset,
            active,
            epochs: Vec::new(),
            cut_bytes: 0,
        }
    }

    /// Takes note of the next batch.
    fn push(&mut self, header: &BatchHeader, interval: u32) {
        self.active.push(header, interval);
        self.next_offset = header.last_offset().saturating_add(1);
        if self.epochs.last().map(|(epoch, _)| *epoch) != Some(header.leader_epoch) {
            self.epochs.push((header.leader_epoch, header.base_offset));
        }
    }
}

struct Opening<'a> {
    context: &'a LogContext,
    options: &'a LogOptions,
    last_stop: LastStop,
}

impl Opening<'_> {
    fn run(&self) -> Result<(Opened, LogRecovery), StorageError> {
        let names = self.context.disk.list(&self.options.directory)?;
        let names = compaction::settle(&self.context.disk, &self.options.directory, names)?;
        let bases = self.sort_out(&names)?;
        let mut opened = Opened {
            sealed: Vec::new(),
            active: None,
            next_offset: self.options.log_start,
            log_start: self.options.log_start,
            epochs: LeaderEpochs::default(),
            has_directory: !names.is_empty(),
        };
        let Some((last, sealed)) = bases.split_last() else {
            return Ok((opened, LogRecovery::default()));
        };
        let ends = bases.iter().skip(1);
        for (base, end) in sealed.iter().zip(ends) {
            opened.sealed.push(self.sealed(*base, *end)?);
        }
        let tail = self.tail(*last)?;
        let first = bases.first().copied().unwrap_or_default();
        opened.next_offset = tail.next_offset;
        opened.log_start = self.options.log_start.max(first);
        opened.epochs = self.epochs(&opened.sealed, &tail)?;
        let recovery = LogRecovery {
            cut_bytes: tail.cut_bytes,
            missing_offsets: self.missing_offsets(&tail),
        };
        opened.active = Some(tail.active);
        if opened.log_start > opened.next_offset {
            self.begin_again(&mut opened)?;
        }
        Ok((opened, recovery))
    }

    /// The base offsets of the segments, in order. Leftovers are removed: drafts, and files whose
    /// deletion had begun.
    fn sort_out(&self, names: &[String]) -> Result<Vec<i64>, StorageError> {
        let mut bases = Vec::new();
        for name in names {
            match parse_file_name(name) {
                Some((base, LOG)) => bases.push(base),
                _ if name.ends_with(".deleted") || name.ends_with(".tmp") => {
                    let path = self.options.directory.join(name);
                    self.context.disk.remove_file(&path)?;
                }
                _ => {}
            }
        }
        bases.sort_unstable();
        Ok(bases)
    }

    fn file(&self, base: i64) -> Arc<SegmentFile> {
        let name = super::segment::file_name(base, LOG);
        SegmentFile::new(self.options.directory.join(name), OpenMode::Write)
    }

    fn sealed(&self, base: i64, end: i64) -> Result<Arc<SealedSegment>, StorageError> {
        let file = self.file(base);
        let disk = &self.context.disk;
        let size = disk.open(&file.path(), OpenMode::Read)?.size()?;
        let interval = self.options.config.index_interval_bytes;
        let found = SealedSegment::found(base, end, size, file, interval);
        Ok(Arc::new(found))
    }

    fn tail(&self, base: i64) -> Result<Tail, StorageError> {
        let segment = self.file(base);
        let file = self.context.files.get(&segment)?;
        let size = file.size()?;
        if self.last_stop == LastStop::Clean
            && let Some(index) = self.loaded_index(&segment)?
            && let Some(tail) = self.indexed_tail(base, &segment, index, size)?
        {
            return Ok(tail);
        }
        let mut tail = match self.scanned_tail(base, &segment, size, self.options.recovery_point)? {
            Some(tail) => tail,
            // What was known to be durable is not what it was: look at everything.
            None => self
                .scanned_tail(base, &segment, size, 0)?
                .unwrap_or_else(|| {
                    let active =
                        ActiveSegment::new(base, Arc::clone(&segment), SegmentIndex::default());
                    Tail::new(active)
                }),
        };
        let end = tail.active.size;
        tail.cut_bytes = size.saturating_sub(end);
        if tail.cut_bytes > 0 {
            if self.missing_offsets(&tail) > 0 {
                self.rescue(&file, base, end, size)?;
            }
            file.truncate(end)?;
            file.sync()?;
        }
        Ok(tail)
    }

    /// Offsets that are known to have been durable and are not there.
    fn missing_offsets(&self, tail: &Tail) -> i64 {
        let missing = self.options.recovery_point.saturating_sub(tail.next_offset);
        missing.max(0)
    }

    /// Copies what is about to be cut to a file beside the segment, where it is more than a torn end.
    fn rescue(&self, file: &DiskFile, base: i64, from: u64, to: u64) -> Result<(), StorageError> {
        let name = super::segment::file_name(base, RESCUED);
        let path = self.options.directory.join(name);
        let copy = self.context.disk.open(&path, OpenMode::Create)?;
        copy.truncate(0)?;
        let mut position = from;
        while position < to {
            let bytes = file.read_at(position, RESCUE_PIECE_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            copy.write_at(position.saturating_sub(from), &[&bytes])?;
            position = position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        copy.sync()?;
        self.context.disk.sync_dir(&self.options.directory)
    }

    fn loaded_index(&self, log: &SegmentFile) -> Result<Option<SegmentIndex>, StorageError> {
        let disk = &self.context.disk;
        let offsets = read_entries(disk, &log.path().with_extension(OFFSET_INDEX))?;
        let times = read_entries(disk, &log.path().with_extension(TIME_INDEX))?;
        Ok(offsets
            .zip(times)
            .map(|(offsets, times)| SegmentIndex::loaded(offsets, times)))
    }

    /// The last segment by its indexes; `None` where they do not lead to its end.
    fn indexed_tail(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        index: SegmentIndex,
        size: u64,
    ) -> Result<Option<Tail>, StorageError> {
        let file = self.context.files.get(segment)?;
        let from = index.offsets.last().map_or(0, |entry| entry.position);
        let mut active = ActiveSegment::new(base, Arc::clone(segment), index);
        active.first_timestamp = first_timestamp(&file, size)?;
        active.size = u64::from(from);
        let interval = self.options.config.index_interval_bytes;
        let mut next_offset = base;
        let mut walk = BatchWalk::new(&file, active.size, size);
        loop {
            match walk.next_header()? {
                Step::Batch((_, header)) if header.base_offset >= next_offset => {
                    active.push(&header, interval);
                    next_offset = header.last_offset().saturating_add(1);
                }
                Step::End => break,
                Step::Batch(_) | Step::Torn => return Ok(None),
            }
        }
        Ok(Some(Tail {
            active,
            next_offset,
            epochs: Vec::new(),
            cut_bytes: 0,
        }))
    }

    /// The last segment up to the first batch that is not whole. Batches from `checked_from` on are
    /// read from the disk and checked; `None` where there is not a whole batch before.
    fn scanned_tail(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        size: u64,
        checked_from: i64,
    ) -> Result<Option<Tail>, StorageError> {
        let interval = self.options.config.index_interval_bytes;
        let file = self.context.files.get(segment)?;
        let active = ActiveSegment::new(base, Arc::clone(segment), SegmentIndex::default());
        let mut tail = Tail::new(active);
        let mut walk = BatchWalk::new(&file, 0, size);
        while tail.next_offset < checked_from {
            match walk.next_header()? {
                Step::Batch((_, header)) if may_follow(&header, tail.next_offset) => {
                    tail.push(&header, interval);
                }
                Step::Batch(_) | Step::Torn => return Ok(None),
                Step::End => break,
            }
        }
        file.drop_cache(walk.position())?;
        let mut walk = BatchWalk::new(&file, walk.position(), size);
        while let Step::Batch((_, batch)) = walk.next_batch()? {
            let header = batch.header();
            if !may_follow(header, tail.next_offset) || !batch.has_valid_crc() {
                break;
            }
            tail.push(header, interval);
        }
        Ok(Some(tail))
    }

    /// The epochs by their file, or where there is none to rely on, by the batches.
    fn epochs(
        &self,
        sealed: &[Arc<SealedSegment>],
        tail: &Tail,
    ) -> Result<LeaderEpochs, StorageError> {
        let path = self.options.directory.join(leader_epochs::FILE_NAME);
        let bytes = read_small(&self.context.disk, &path, self.last_stop)?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut epochs = match text.as_deref().and_then(LeaderEpochs::parse) {
            Some(epochs) => epochs,
            None => self.scanned_epochs(sealed, tail)?,
        };
        epochs.cut(tail.next_offset);
        for (epoch, start) in &tail.epochs {
            epochs.push(*epoch, *start);
        }
        Ok(epochs)
    }

    fn scanned_epochs(
        &self,
        sealed: &[Arc<SealedSegment>],
        tail: &Tail,
    ) -> Result<LeaderEpochs, StorageError> {
        let mut epochs = LeaderEpochs::default();
        let sealed = sealed.iter().map(|segment| (&segment.file, segment.size));
        for (segment, size) in sealed.chain([(&tail.active.file, tail.active.size)]) {
            let file = self.context.files.get(segment)?;
            let mut walk = BatchWalk::new(&file, 0, size);
            while let Step::Batch((_, header)) = walk.next_header()? {
                epochs.push(header.leader_epoch, header.base_offset);
            }
        }
        Ok(epochs)
    }

    /// Where all that is on disk lies below the log start, it goes, and the log begins there.
    fn begin_again(&self, opened: &mut Opened) -> Result<(), StorageError> {
        let files = opened
            .sealed
            .drain(..)
            .map(|segment| Arc::clone(&segment.file));
        let active = opened.active.take().map(|active| active.file);
        for file in files.chain(active) {
            self.context.disk.remove_file(&file.path())?;
        }
        self.context.disk.sync_dir(&self.options.directory)?;
        opened.epochs = LeaderEpochs::default();
        opened.next_offset = opened.log_start;
        Ok(())
    }
}

/// A small file; after an unclean stop as it is on the disk.
fn read_small(
    disk: &Disk,
    path: &Path,
    last_stop: LastStop,
) -> Result<Option<Bytes>, StorageError> {
    match last_stop {
        LastStop::Clean => disk.read_file(path),
        LastStop::Unclean => disk.read_file_uncached(path),
    }
}

/// Whether a batch may stand at `next_offset`.
fn may_follow(header: &BatchHeader, next_offset: i64) -> bool {
    header.base_offset >= next_offset
        && header.last_offset_delta >= 0
        && header.last_offset() < i64::MAX
}

fn first_timestamp(file: &DiskFile, size: u64) -> Result<Option<i64>, StorageError> {
    let mut walk = BatchWalk::new(file, 0, size);
    Ok(match walk.next_header()? {
        Step::Batch((_, header)) => Some(header.max_timestamp),
        Step::End | Step::Torn => None,
    })
}
