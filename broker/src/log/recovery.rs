//! Opening the log of a partition as it was left.
//!
//! What is relied on: up to its recovery point a log is durable in its segments, and what is behind
//! that point and was acknowledged is in the commit log. So after an unclean stop the log is cut at
//! the first batch that the commit log has of it, and goes on with that one. What lies between the two
//! was never promised to be durable: every batch is checked, and the log ends behind the last whole
//! one. Nothing is served before all that was found is synced. Where the commit log itself is damaged
//! nothing is cut for its sake: what is whole in the segments stays.
//!
//! After a clean stop the indexes tell where the end is; where they do not fit, the segment is read
//! as after an unclean one.

use std::path::Path;
use std::sync::Arc;

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::checkpoint::Unsynced;
use super::compaction;
use super::index::SegmentIndex;
use super::label::{LABEL_FILE, directory_label, read_small};
use super::leader_epochs::{self, LeaderEpochs};
use super::open_files::SegmentFile;
use super::partition_log::{LogContext, LogOptions, Opened};
use super::producer_snapshot::SNAPSHOT;
use super::segment::{ActiveSegment, LOG, SealedSegment, parse_file_name};
use super::segment_scan::Tail;
use super::storage::{DiskFile, OpenMode};

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

/// Recovers one log.
pub(super) struct Recovery<'a> {
    pub(super) context: &'a LogContext,
    pub(super) options: &'a LogOptions,
    pub(super) last_stop: LastStop,
    /// The log ends before this offset, whatever the segments hold: the commit log has what follows.
    pub(super) cut_at: Option<i64>,
    /// One past the last offset that the commit log has.
    pub(super) replayed_end: Option<i64>,
}

impl Recovery<'_> {
    pub(super) fn run(&self) -> Result<(Opened, LogRecovery), StorageError> {
        let names = self.context.disk.list(&self.options.directory)?;
        let names = compaction::settle(&self.context.disk, &self.options.directory, names)?;
        let bases = self.sort_out(&names)?;
        if self.last_stop == LastStop::Unclean && !names.is_empty() {
            self.label()?;
        }
        let mut opened = Opened {
            sealed: Vec::new(),
            active: None,
            next_offset: self.options.log_start,
            log_start: self.options.log_start,
            epochs: LeaderEpochs::default(),
            has_directory: !names.is_empty(),
        };
        let bases = self.without_orphans(bases, &mut opened)?;
        let Some((doubtful, sealed)) = self.doubtful(&bases) else {
            let recovery = self.begin_behind_what_is_gone(&mut opened);
            return Ok((opened, recovery));
        };
        let ends = bases.iter().skip(1);
        for (base, end) in sealed.iter().zip(ends) {
            opened.sealed.push(self.sealed(*base, *end)?);
        }
        let tail = self.last_of(doubtful, &mut opened.sealed)?;
        let first = bases.first().copied().unwrap_or_default();
        opened.next_offset = tail.next_offset;
        opened.log_start = self.options.log_start.max(first);
        opened.epochs = self.epochs(&opened.sealed, &tail)?;
        let recovery = LogRecovery {
            cut_bytes: tail.cut_bytes,
            missing_offsets: self.missing_offsets(&tail),
        };
        opened.active = Some(tail.active);
        if opened.log_start
            > opened
                .next_offset
                .max(self.replayed_end.unwrap_or_default())
        {
            self.begin_again(&mut opened)?;
        }
        Ok((opened, recovery))
    }

    /// What was found and is not known to be durable, the directory itself with it: perhaps it is in the
    /// page cache only.
    pub(super) fn in_doubt(
        &self,
        opened: &Opened,
        is_replayed: bool,
    ) -> Result<Unsynced, StorageError> {
        let mut unsynced = Unsynced::default();
        // Those found are taken for synced, and may be all that tells of a producer.
        for name in self.context.disk.list(&self.options.directory)? {
            if let Some((_, SNAPSHOT)) = parse_file_name(&name) {
                let directory = &self.options.directory;
                unsynced.dirty.files.insert(directory.join(name));
                unsynced.dirty.directories.insert(directory.clone());
            }
        }
        let point = self.options.recovery_point.offset;
        // Of a log without a recovery point not even the directory is known to be durable.
        let end = opened.end();
        let is_placed = end.place == self.options.recovery_point.place;
        let is_known = point > 0 && end.offset <= point && is_placed && !is_replayed;
        if is_known || !opened.has_directory {
            return Ok(unsynced);
        }
        let sealed = opened.sealed.iter();
        let sealed = sealed.filter(|segment| segment.next_offset > point);
        let files = sealed.map(|segment| &segment.file);
        let active = opened.active.as_ref().map(|active| &active.file);
        let paths = files.chain(active).map(|file| file.path().as_ref().clone());
        unsynced.dirty.files.extend(paths);
        let directory = &self.options.directory;
        for name in [LABEL_FILE, leader_epochs::FILE_NAME] {
            unsynced.dirty.files.insert(directory.join(name));
        }
        unsynced.dirty.directories.insert(directory.clone());
        let parent = directory.parent().map(Path::to_owned);
        unsynced.dirty.directories.extend(parent);
        unsynced.ends.insert(self.options.key, end);
        Ok(unsynced)
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

    /// Lets a directory say whose it is; a power cut may have taken that.
    fn label(&self) -> Result<(), StorageError> {
        let (disk, options) = (&self.context.disk, self.options);
        let found = directory_label(disk, &options.directory, self.trust(0))?;
        if found.as_ref() != Some(&options.label) {
            let path = options.directory.join(LABEL_FILE);
            disk.replace_file(&path, options.label.as_bytes())?;
        }
        Ok(())
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

    /// Without the segments, where those before them are lost: segments are dropped only up to the
    /// recovery point, so the disk did that, and the commit log has all of them. Where there are none
    /// the log begins with what it has.
    fn without_orphans(
        &self,
        bases: Vec<i64>,
        opened: &mut Opened,
    ) -> Result<Vec<i64>, StorageError> {
        let Some(cut) = self.cut_at else {
            return Ok(bases);
        };
        let Some(first) = bases.first() else {
            // Records that were deleted before a segment of theirs was durable may be all that tells of
            // a producer.
            if self.replayed_end >= Some(opened.log_start) {
                opened.next_offset = opened.next_offset.min(cut);
            }
            return Ok(bases);
        };
        if *first <= cut {
            return Ok(bases);
        }
        for base in &bases {
            let path = self.file(*base).path();
            self.context.disk.remove_file(&path)?;
        }
        self.context.disk.sync_dir(&self.options.directory)?;
        opened.next_offset = cut;
        Ok(Vec::new())
    }

    /// The segments that have to be looked at, at least one, and those before them.
    fn doubtful<'b>(&self, bases: &'b [i64]) -> Option<(&'b [i64], &'b [i64])> {
        let trusted = match self.last_stop {
            LastStop::Clean => bases.len(),
            LastStop::Unclean => {
                let point = self.options.recovery_point.offset;
                bases.partition_point(|base| *base <= point)
            }
        };
        let (sealed, doubtful) = bases.split_at_checked(trusted.saturating_sub(1))?;
        (!doubtful.is_empty()).then_some((doubtful, sealed))
    }

    /// The segment the log ends in; those before it are added to `sealed`, those behind it go.
    fn last_of(
        &self,
        doubtful: &[i64],
        sealed: &mut Vec<Arc<SealedSegment>>,
    ) -> Result<Tail, StorageError> {
        let mut rest = doubtful.iter();
        let mut tail = match rest.next() {
            Some(base) => self.tail(*base)?,
            None => Tail::new(ActiveSegment::new(
                self.options.log_start,
                self.file(self.options.log_start),
                SegmentIndex::default(),
            )),
        };
        for base in rest {
            if self.may_continue(&tail, *base) {
                let next = self.tail(*base)?;
                let Tail { active, epochs, .. } = std::mem::replace(&mut tail, next);
                sealed.push(Arc::new(
                    active.seal(*base, self.options.config.index_interval_bytes),
                ));
                tail.epochs.splice(0..0, epochs);
                continue;
            }
            let file = self.file(*base);
            tail.is_cut |= self.cut_at.is_some_and(|cut| *base >= cut);
            if !tail.is_cut {
                let opened = self.context.files.get(&file)?;
                let size = opened.size()?;
                tail.cut_bytes = tail.cut_bytes.saturating_add(size);
                self.rescue(&opened, *base, 0, size)?;
            }
            self.context.disk.remove_file(&file.path())?;
            self.context.disk.sync_dir(&self.options.directory)?;
        }
        Ok(tail)
    }

    /// Whether the log goes on in the segment that begins at `base`.
    fn may_continue(&self, tail: &Tail, base: i64) -> bool {
        let is_next = base == tail.next_offset
            || (base > tail.next_offset && base <= self.options.recovery_point.offset);
        is_next && !tail.is_cut && tail.cut_bytes == 0 && self.cut_at.is_none_or(|cut| base < cut)
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
        let mut tail = match self.known_tail(base, &segment, size)? {
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
        if end < size {
            // What is torn behind the recovery point was on its way, and the commit log has it.
            tail.is_cut |=
                self.cut_at.is_some() && tail.next_offset >= self.options.recovery_point.offset;
            if !tail.is_cut {
                tail.cut_bytes = size.saturating_sub(end);
            }
            if self.missing_offsets(&tail) > 0 {
                self.rescue(&file, base, end, size)?;
            }
            file.truncate(end)?;
            file.sync()?;
        }
        Ok(tail)
    }

    /// How a file is read that was synced with the batches before `end`: where those are known to be
    /// durable, the system's memory of it is as good as the disk.
    fn trust(&self, end: i64) -> LastStop {
        let point = self.options.recovery_point.offset;
        match point > 0 && end <= point {
            true => LastStop::Clean,
            false => self.last_stop,
        }
    }

    /// Offsets that are known to have been durable and are not there.
    fn missing_offsets(&self, tail: &Tail) -> i64 {
        let point = self.options.recovery_point.offset;
        let missing = point.saturating_sub(tail.next_offset);
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

    /// The epochs by their file, or where there is none to rely on, by the batches.
    fn epochs(
        &self,
        sealed: &[Arc<SealedSegment>],
        tail: &Tail,
    ) -> Result<LeaderEpochs, StorageError> {
        let path = self.options.directory.join(leader_epochs::FILE_NAME);
        let bytes = read_small(&self.context.disk, &path, self.trust(tail.next_offset))?;
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

    /// Where there are no segments though there were, the offsets that are gone are not given out again.
    fn begin_behind_what_is_gone(&self, opened: &mut Opened) -> LogRecovery {
        let missing = self
            .options
            .recovery_point
            .offset
            .saturating_sub(opened.next_offset);
        if missing > 0 {
            opened.next_offset = self.options.recovery_point.offset;
            opened.log_start = self.options.recovery_point.offset;
        }
        LogRecovery {
            missing_offsets: missing.max(0),
            ..LogRecovery::default()
        }
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
