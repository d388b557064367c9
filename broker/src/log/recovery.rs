//! Opening the log of a partition as it was left.
//!
//! What is relied on: up to its recovery point a log is durable in its segments, and what is behind
//! that point and was acknowledged is in the commit log. So after an unclean stop the log is cut at
//! the first batch that the commit log has of it, and goes on with that one. What lies between the two
//! was never promised to be durable: every batch is checked, and the log ends behind the last whole
//! one. Nothing is served before all that was found is synced. Where the commit log itself is damaged
//! nothing is cut for its sake: what is whole in the segments stays.
//!
//! Where the recovery points are lost, what the commit log has tells of them, and what may have been durable is
//! no torn end ([`Backing`]).
//!
//! Before the recovery point nothing is ever cut, after any stop: what is not there any more, or not
//! what it was, is a damaged range ([`super::damage`]), its bytes stay, and the log goes on behind it. So
//! the next offset is never below the recovery point, and the log start moves for nothing that is lost.
//!
//! After a clean stop the indexes tell where the end is; where they do not fit, the segment is read
//! as after an unclean one.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StorageError;
use super::backing::Backing;
use super::checkpoint::Unsynced;
use super::compaction;
use super::damage::{DAMAGED_RANGES_FILE, DamagedRange, DamagedRanges};
use super::density::Density;
use super::label::{LABEL_FILE, directory_label, read_small};
use super::leader_epochs::{self, LeaderEpochs};
use super::log_start::{self, LOG_START_FILE, NotedStart};
use super::open_files::SegmentFile;
use super::partition_log::{LogContext, LogOptions, Opened};
use super::producer_snapshot::{self, SNAPSHOT};
use super::segment::{LOG, SEGMENT_BYTES_MAX, SealedSegment, base_offsets, parse_file_name};
use super::segment_scan::Scanned;
use super::sound_walk::{Ground, SoundWalk};
use super::storage::OpenMode;

/// How the last process that had the directory ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStop {
    /// Everything was synced and nothing was under way.
    Clean,
    /// By a crash, a kill or a power cut.
    Unclean,
}

/// What opening a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRecovery {
    /// Bytes behind the last whole batch, which are gone now. They were never promised to stay.
    pub cut_bytes: u64,
    /// Names of the compacted segments that were about to take their place, and are gone: they were not whole.
    pub undone: Vec<String>,
    /// Offsets whose records the disk lost, or changed, though they were durable; all that are known.
    pub damaged: Vec<DamagedRange>,
    /// The end, where a clean stop left another one.
    pub changed_end: Option<ChangedEnd>,
    /// The first offset of an end that is not whole and stays, since nothing says whether it was durable.
    pub doubtful_end: Option<i64>,
}

/// The end of a log that is not as a clean stop left it: somebody changed its last segment, or put another in its
/// place. What is whole is kept, since nobody knows whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedEnd {
    /// The next offset at the stop. Records from there on were not written by the process that stopped.
    pub left: i64,
    /// The one behind what is there now.
    pub found: i64,
}

/// Recovers one log.
pub(super) struct Recovery<'a> {
    pub(super) context: &'a LogContext,
    pub(super) options: &'a LogOptions,
    pub(super) last_stop: LastStop,
    /// The log ends before this offset, whatever the segments hold: the commit log has what follows.
    pub(super) cut_at: Option<i64>,
    /// The first offset that the commit log has.
    pub(super) replayed_begin: Option<i64>,
    /// One past the last one.
    pub(super) replayed_end: Option<i64>,
    /// Whether the recovery point is known, behind which nothing was ever compacted.
    pub(super) has_point: bool,
    /// Whether the commit log may lack what was durable, so that what is whole stays, wherever it is.
    pub(super) keeps_all: bool,
    /// What the commit log has.
    pub(super) backing: Backing,
    /// Where the segments end by their headers, once somebody asked.
    pub(super) last_end: OnceCell<i64>,
}

impl Recovery<'_> {
    pub(super) fn run(&self) -> Result<(Opened, LogRecovery), StorageError> {
        let (disk, directory) = (&self.context.disk, &self.options.directory);
        let names = disk.list(directory)?;
        let (names, undone) = compaction::settle(disk, directory, names)?;
        let bases = self.sort_out(&names)?;
        if !names.is_empty() {
            self.label()?;
        }
        let known = self.known_damage()?;
        let start = self.noted_start(&bases)?;
        let first = bases.first().copied();
        let log_start = start.or(first).unwrap_or_default();
        let log_start = log_start.max(self.options.log_start);
        let bases = self.without_orphans(bases)?;
        let density = self.density(&names);
        let mut scanned = self.scanned(&bases, log_start, density, known.clone())?;
        // Records that were deleted before a segment of theirs was durable may be all that tells of a
        // producer.
        if bases.is_empty() && self.replayed_end >= Some(log_start) {
            scanned.next_offset = log_start.min(self.replayed_begin.unwrap_or(log_start));
        }
        let changed_end = self.changed_end(&scanned);
        scanned.end_at(self.end_by_snapshot(&names, scanned.next_offset)?);
        self.end(&mut scanned, start.unwrap_or_default());
        let kept = self.kept_epochs(scanned.next_offset)?;
        let epochs = self.epochs(kept.as_ref(), &scanned)?;
        let recovery = LogRecovery {
            cut_bytes: scanned.cut_bytes,
            undone,
            damaged: Vec::new(),
            changed_end,
            doubtful_end: scanned.doubtful_end,
        };
        let mut opened = Opened {
            next_offset: scanned.next_offset,
            log_start,
            kept_epochs: kept,
            epochs,
            has_directory: !names.is_empty(),
            has_start: start.is_some(),
            density,
            sealed: scanned.sealed,
            active: scanned.active,
            damaged: scanned.damaged,
            cut_files: scanned.cut_files,
        };
        // Nothing less than an event of the metadata may take a log away.
        if self.options.log_start
            > opened
                .next_offset
                .max(self.replayed_end.unwrap_or_default())
        {
            self.begin_again(&mut opened)?;
        }
        opened.damaged.forget_below(log_start);
        if opened.damaged != known {
            self.keep_damage(&mut opened)?;
        }
        Ok((opened, recovery))
    }

    /// Where the log begins by the file that says so: at its first segment, before those that the disk lost, or where those
    /// begin that were not dropped yet. Nobody drops what is not durable, so one that says more is not of this log.
    fn noted_start(&self, bases: &[i64]) -> Result<Option<i64>, StorageError> {
        let Recovery {
            context, options, ..
        } = self;
        let noted = log_start::read(&context.disk, &options.directory, self.trust(0))?;
        let is_there = |noted: &NotedStart| match bases.first() {
            Some(first) => noted.offset <= *first || bases.contains(&noted.offset),
            None => self.may_have_dropped(noted),
        };
        Ok(noted.filter(is_there).map(|noted| noted.offset))
    }

    /// Whether a log without segments may begin there.
    fn may_have_dropped(&self, noted: &NotedStart) -> bool {
        let is_unknown = self.options.recovery_point.offset == 0 && noted.is_checked;
        is_unknown || noted.offset <= self.known_end().unwrap_or(i64::MAX)
    }

    /// Where the log ends by what is not in its directory, if anything tells.
    fn known_end(&self) -> Option<i64> {
        let point = self.options.recovery_point.offset;
        self.replayed_end.max((point > 0).then_some(point))
    }

    /// The end after a clean stop, if it is not the one that was left.
    fn changed_end(&self, scanned: &Scanned) -> Option<ChangedEnd> {
        let active = scanned.active.as_ref()?;
        let found = scanned.next_offset;
        let is_as_left = self.is_as_left(active.base_offset, active.size, found);
        (self.last_stop == LastStop::Clean && !is_as_left).then_some(ChangedEnd {
            left: self.options.recovery_point.offset,
            found,
        })
    }

    /// How far the log went at least after a clean stop, where that is beyond its `end` and no recovery point says it.
    fn end_by_snapshot(&self, names: &[String], end: i64) -> Result<i64, StorageError> {
        let (disk, directory) = (&self.context.disk, &self.options.directory);
        match (self.last_stop, self.options.recovery_point.offset) {
            (LastStop::Clean, 0) => producer_snapshot::last_whole(disk, directory, names, end),
            _ => Ok(end),
        }
    }

    /// Has the log end where it ended: what is not there up to its recovery point is lost, and so is what is not
    /// there before its `start`, since only what was durable is ever dropped.
    fn end(&self, scanned: &mut Scanned, start: i64) {
        let point = self.options.recovery_point.offset;
        scanned.end_at(point.min(self.cut_at.unwrap_or(point)));
        let replayed_end = self.replayed_end.unwrap_or_default();
        if start > replayed_end {
            scanned.end_at(start);
        }
        let end = scanned.next_offset.max(replayed_end);
        scanned.damaged.forget_from(end);
    }

    fn density(&self, names: &[String]) -> Density {
        let is_compacted = self.options.config.compaction.is_some();
        Density::of(names, is_compacted || self.options.was_compacted)
    }

    /// The segments as they are: those before the recovery point as they are known to be, the others
    /// looked at.
    fn scanned(
        &self,
        bases: &[i64],
        log_start: i64,
        density: Density,
        known: DamagedRanges,
    ) -> Result<Scanned, StorageError> {
        let trusted = match self.last_stop {
            LastStop::Clean => bases.len(),
            LastStop::Unclean if self.backing.are_points_lost() => 0,
            LastStop::Unclean => {
                let point = self.options.recovery_point.offset;
                bases.partition_point(|base| *base <= point)
            }
        };
        let (sealed, doubtful) = bases
            .split_at_checked(trusted.saturating_sub(1))
            .unwrap_or_default();
        let interval = self.options.config.index_interval_bytes;
        let mut scanned = Scanned::new(log_start, interval, density, known);
        if let Some(first) = bases.first() {
            scanned.lose(log_start, *first);
        }
        for (base, end) in sealed.iter().zip(bases.iter().skip(1)) {
            scanned.sealed.push(self.sealed(*base, *end)?);
        }
        let mut rest = doubtful;
        while let Some((base, later)) = rest.split_first() {
            let last = later.last().unwrap_or(base);
            match scanned.goes_on_in(*base, *last, self)? {
                true => self.scan(*base, later, &mut scanned)?,
                false => self.leave_out(*base, &mut scanned)?,
            }
            rest = later;
        }
        Ok(scanned)
    }

    /// Removes a segment that is behind the end of the log.
    fn leave_out(&self, base: i64, scanned: &mut Scanned) -> Result<(), StorageError> {
        let file = self.file(base);
        scanned.is_cut |= self.cut_at.is_some_and(|cut| base >= cut);
        if !scanned.is_cut {
            let size = self.context.files.get(&file)?.size()?;
            scanned.cut_bytes = scanned.cut_bytes.saturating_add(size);
        }
        self.context.disk.remove_file(&file.path())?;
        self.context.disk.sync_dir(&self.options.directory)
    }

    /// The damaged ranges that are known since an earlier time.
    fn known_damage(&self) -> Result<DamagedRanges, StorageError> {
        if !self.options.key.keeps_damage() {
            return Ok(DamagedRanges::default());
        }
        let path = self.options.directory.join(DAMAGED_RANGES_FILE);
        let text = read_small(&self.context.disk, &path, self.trust(0))?;
        let known = text.as_deref().and_then(DamagedRanges::parse);
        Ok(known.unwrap_or_default())
    }

    /// Writes down what is damaged, and where the log begins, which the segments may not tell.
    pub(super) fn keep_damage(&self, opened: &mut Opened) -> Result<(), StorageError> {
        if !self.options.key.keeps_damage() {
            return Ok(());
        }
        let (disk, directory) = (&self.context.disk, &self.options.directory);
        if !opened.has_directory {
            disk.create_dir(directory)?;
            disk.replace_file(&directory.join(LABEL_FILE), self.options.label.as_bytes())?;
            disk.sync_dir(directory.parent().unwrap_or(directory))?;
            opened.has_directory = true;
        }
        if !opened.has_start {
            let text = log_start::text(opened.log_start);
            disk.replace_file(&directory.join(LOG_START_FILE), text.as_bytes())?;
            opened.has_start = true;
        }
        let text = opened.damaged.to_text();
        disk.replace_file(&directory.join(DAMAGED_RANGES_FILE), text.as_bytes())
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
        unsynced.dirty.files.extend(opened.cut_files.clone());
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
        for name in [LABEL_FILE, LOG_START_FILE, leader_epochs::FILE_NAME] {
            unsynced.dirty.files.insert(directory.join(name));
        }
        unsynced.dirty.directories.insert(directory.clone());
        let parent = directory.parent().map(Path::to_owned);
        unsynced.dirty.directories.extend(parent);
        unsynced.ends.insert(self.options.key, end);
        Ok(unsynced)
    }

    /// The base offsets of the segments, in order. Leftovers are removed: drafts, files whose deletion
    /// had begun, and what an earlier version kept.
    fn sort_out(&self, names: &[String]) -> Result<Vec<i64>, StorageError> {
        let is_kept = self.options.key.keeps_damage();
        let is_leftover = |name: &&String| {
            let is_old = !is_kept && name.as_str() == DAMAGED_RANGES_FILE;
            is_old || name.ends_with(".deleted") || name.ends_with(".tmp")
        };
        for name in names.iter().filter(is_leftover) {
            let path = self.options.directory.join(name);
            self.context.disk.remove_file(&path)?;
        }
        Ok(base_offsets(names))
    }

    /// Lets a directory say whose it is; a power cut, or rot, may have taken that.
    fn label(&self) -> Result<(), StorageError> {
        let (disk, options) = (&self.context.disk, self.options);
        if options.is_labelled {
            return Ok(());
        }
        let found = directory_label(disk, &options.directory, self.last_stop)?;
        if found.as_ref() != Some(&options.label) {
            let path = options.directory.join(LABEL_FILE);
            disk.replace_file(&path, options.label.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn file(&self, base: i64) -> Arc<SegmentFile> {
        SegmentFile::new(self.path(base), OpenMode::Write)
    }

    fn path(&self, base: i64) -> PathBuf {
        let name = super::segment::file_name(base, LOG);
        self.options.directory.join(name)
    }

    fn sealed(&self, base: i64, end: i64) -> Result<Arc<SealedSegment>, StorageError> {
        // Nobody ever writes to it again.
        let file = SegmentFile::new(self.path(base), OpenMode::Read);
        let disk = &self.context.disk;
        let size = disk.open(&file.path(), OpenMode::Read)?.size()?;
        let size = size.min(SEGMENT_BYTES_MAX);
        let interval = self.options.config.index_interval_bytes;
        let found = SealedSegment::found(base, end, size, file, interval);
        Ok(Arc::new(found))
    }

    /// Without the segments, where those before them are lost: segments are dropped only up to the
    /// recovery point, so the disk did that, and the commit log has all of them. Where there are none
    /// the log begins with what it has.
    fn without_orphans(&self, bases: Vec<i64>) -> Result<Vec<i64>, StorageError> {
        let Some(cut) = self.cut_at else {
            return Ok(bases);
        };
        if bases.first().is_none_or(|first| *first <= cut) {
            return Ok(bases);
        }
        for base in &bases {
            let path = self.file(*base).path();
            self.context.disk.remove_file(&path)?;
        }
        self.context.disk.sync_dir(&self.options.directory)?;
        Ok(Vec::new())
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

    /// The epochs by their file, or where there is none to rely on, by the batches.
    fn epochs(
        &self,
        kept: Option<&LeaderEpochs>,
        scanned: &Scanned,
    ) -> Result<LeaderEpochs, StorageError> {
        let mut epochs = match kept {
            Some(kept) => kept.clone(),
            None => self.scanned_epochs(scanned)?,
        };
        epochs.cut(scanned.next_offset);
        for (epoch, start) in &scanned.epochs {
            epochs.push(*epoch, *start);
        }
        Ok(epochs)
    }

    /// What the file says, which was synced with the batches before `end`.
    fn kept_epochs(&self, end: i64) -> Result<Option<LeaderEpochs>, StorageError> {
        let path = self.options.directory.join(leader_epochs::FILE_NAME);
        let text = read_small(&self.context.disk, &path, self.trust(end))?;
        Ok(text.as_deref().and_then(LeaderEpochs::parse))
    }

    fn scanned_epochs(&self, scanned: &Scanned) -> Result<LeaderEpochs, StorageError> {
        let mut epochs = LeaderEpochs::default();
        let mut push = |ground: Ground<'_>| {
            SoundWalk::new(ground).each_header(|_, header| {
                epochs.push(header.leader_epoch, header.base_offset);
            })
        };
        for segment in &scanned.sealed {
            let file = self.context.files.get(&segment.file)?;
            push(segment.ground(&file))?;
        }
        if let Some(active) = &scanned.active {
            let file = self.context.files.get(&active.file)?;
            push(active.ground(&file, scanned.next_offset))?;
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
        opened.damaged = DamagedRanges::default();
        opened.next_offset = opened.log_start;
        Ok(())
    }
}
