//! Reading a segment that is in doubt: by its indexes, or batch by batch.

use std::sync::Arc;

use sluice_protocol::record_batch::BatchHeader;

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::index::{SegmentIndex, read_entries};
use super::open_files::SegmentFile;
use super::recovery::Recovery;
use super::recovery_points::PointPlace;
use super::saved_index::SavedIndex;
use super::segment::{ActiveSegment, OFFSET_INDEX, TIME_INDEX};
use super::storage::DiskFile;

/// The last segment, read.
pub(super) struct Tail {
    pub(super) active: ActiveSegment,
    pub(super) next_offset: i64,
    pub(super) epochs: Vec<(i32, i64)>,
    pub(super) cut_bytes: u64,
    /// Whether it ends where the commit log goes on.
    pub(super) is_cut: bool,
}

impl Tail {
    /// An empty segment.
    pub(super) const fn new(active: ActiveSegment) -> Self {
        Self {
            next_offset: active.base_offset,
            active,
            epochs: Vec::new(),
            cut_bytes: 0,
            is_cut: false,
        }
    }

    /// Takes note of the next batch.
    pub(super) fn push(&mut self, header: &BatchHeader, interval: u32) {
        self.active.push(header, interval);
        self.next_offset = header.last_offset().saturating_add(1);
        if self.epochs.last().map(|(epoch, _)| *epoch) != Some(header.leader_epoch) {
            self.epochs.push((header.leader_epoch, header.base_offset));
        }
    }
}

impl Recovery<'_> {
    pub(super) fn loaded_index(
        &self,
        log: &SegmentFile,
    ) -> Result<Option<SegmentIndex>, StorageError> {
        let disk = &self.context.disk;
        let offsets = read_entries(disk, &log.path().with_extension(OFFSET_INDEX))?;
        let times = read_entries(disk, &log.path().with_extension(TIME_INDEX))?;
        Ok(offsets
            .zip(times)
            .map(|(offsets, times)| SegmentIndex::loaded(offsets, times)))
    }

    /// The last segment by its indexes; `None` where they do not lead to its end.
    pub(super) fn indexed_tail(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        index: SegmentIndex,
        size: u64,
    ) -> Result<Option<Tail>, StorageError> {
        let file = self.context.files.get(segment)?;
        let saved = SavedIndex::of(&index);
        let from = index.offsets.last().map_or(0, |entry| entry.position);
        let mut active = ActiveSegment::new(base, Arc::clone(segment), index);
        active.saved = saved;
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
            is_cut: false,
        }))
    }

    /// The last segment, of which what lies before the recovery point is known to be as it was; `None`
    /// where it is not.
    pub(super) fn known_tail(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        size: u64,
    ) -> Result<Option<Tail>, StorageError> {
        match self.resumed_tail(base, segment, size)? {
            Some(tail) => Ok(Some(tail)),
            None => self.scanned_tail(base, segment, size, self.options.recovery_point.offset),
        }
    }

    /// As [`Recovery::scanned_tail`] from the recovery point on. What lies before is not looked at, but
    /// for the batches behind the last one that has an entry in the saved indexes; `None` where those
    /// do not lead to the point.
    fn resumed_tail(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        size: u64,
    ) -> Result<Option<Tail>, StorageError> {
        let point = self.options.recovery_point;
        let is_here = |place: &PointPlace| place.segment == base && place.position <= size;
        let Some(place) = point.place.filter(is_here) else {
            return Ok(None);
        };
        let Some(index) = place.saved.load(&self.context.disk, &segment.path())? else {
            return Ok(None);
        };
        let tail = self.indexed_tail(base, segment, index, place.position)?;
        match tail.filter(|tail| tail.next_offset == point.offset) {
            Some(tail) => self.checked_tail(tail, size).map(Some),
            None => Ok(None),
        }
    }

    /// The last segment up to the first batch that is not whole. Batches from `checked_from` on are
    /// read from the disk and checked; `None` where there is not a whole batch before.
    pub(super) fn scanned_tail(
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
        self.checked_tail(tail, size).map(Some)
    }

    /// Goes on from the end of `tail` up to the first batch that is not whole, as it is on the disk.
    fn checked_tail(&self, mut tail: Tail, size: u64) -> Result<Tail, StorageError> {
        if tail.active.size >= size {
            return Ok(tail);
        }
        let interval = self.options.config.index_interval_bytes;
        let file = self.context.files.get(&tail.active.file)?;
        file.drop_cache(tail.active.size)?;
        let mut walk = BatchWalk::new(&file, tail.active.size, size);
        while let Step::Batch((_, batch)) = walk.next_batch()? {
            let header = batch.header();
            if self.cut_at.is_some_and(|cut| header.base_offset >= cut) {
                tail.is_cut = true;
                break;
            }
            if !may_follow(header, tail.next_offset) || !batch.has_valid_crc() {
                break;
            }
            tail.push(header, interval);
        }
        Ok(tail)
    }
}

/// Whether a batch may stand at `next_offset`.
pub(super) fn may_follow(header: &BatchHeader, next_offset: i64) -> bool {
    header.base_offset >= next_offset
        && header.last_offset_delta >= 0
        && header.last_offset() < i64::MAX
}

fn first_timestamp(file: &DiskFile, size: u64) -> Result<Option<i64>, StorageError> {
    let mut walk = BatchWalk::single(file, 0, size);
    Ok(match walk.next_header()? {
        Step::Batch((_, header)) => Some(header.max_timestamp),
        Step::End | Step::Torn => None,
    })
}
