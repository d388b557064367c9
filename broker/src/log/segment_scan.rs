//! Reading segments that are in doubt: by their indexes, or batch by batch.

use std::path::PathBuf;
use std::sync::Arc;

use sluice_protocol::record_batch::BatchHeader;

use super::StorageError;
use super::batch_walk::{BatchWalk, Step, first_timestamp};
use super::damage::{DamagedRange, DamagedRanges};
use super::density::Density;
use super::disk::DiskFile;
use super::index::{SegmentIndex, read_entries};
use super::open_files::SegmentFile;
use super::recovery::{LastStop, Recovery};
use super::recovery_points::PointPlace;
use super::saved_index::SavedIndex;
use super::segment::{ActiveSegment, OFFSET_INDEX, SEGMENT_BYTES_MAX, SealedSegment, TIME_INDEX};
use super::sound_walk::{Found, Ground, Hole, SoundWalk};

/// What the segments of a log hold, as far as they are looked at.
pub(super) struct Scanned {
    pub(super) sealed: Vec<Arc<SealedSegment>>,
    pub(super) active: Option<ActiveSegment>,
    pub(super) next_offset: i64,
    /// The epochs of the batches that were read.
    pub(super) epochs: Vec<(i32, i64)>,
    /// That of the last batch so far, as far as it was read.
    last_epoch: i32,
    pub(super) damaged: DamagedRanges,
    pub(super) cut_bytes: u64,
    /// The files that were cut, and are not synced yet.
    pub(super) cut_files: Vec<PathBuf>,
    /// Where an end begins that is kept, as [`LogRecovery::doubtful_end`](super::LogRecovery::doubtful_end) says.
    pub(super) doubtful_end: Option<i64>,
    /// Whether it ends where the commit log goes on.
    pub(super) is_cut: bool,
    interval: u32,
    density: Density,
}

impl Scanned {
    /// Nothing of a log that begins at `log_start`.
    pub(super) const fn new(
        log_start: i64,
        interval: u32,
        density: Density,
        damaged: DamagedRanges,
    ) -> Self {
        Self {
            sealed: Vec::new(),
            active: None,
            next_offset: log_start,
            epochs: Vec::new(),
            last_epoch: i32::MIN,
            damaged,
            cut_bytes: 0,
            cut_files: Vec::new(),
            doubtful_end: None,
            is_cut: false,
            interval,
            density,
        }
    }

    /// Has the log go on in the segment that begins at `base`, if it does; then those before it are full. The `last` one
    /// begins there, or behind it.
    pub(super) fn goes_on_in(
        &mut self,
        base: i64,
        last: i64,
        recovery: &Recovery<'_>,
    ) -> Result<bool, StorageError> {
        let goes_on = self.active.is_none() || self.may_go_on_in(base, last, recovery)?;
        if goes_on {
            self.seal(base);
            self.next_offset = base;
        }
        Ok(goes_on)
    }

    fn may_go_on_in(
        &mut self,
        base: i64,
        last: i64,
        recovery: &Recovery<'_>,
    ) -> Result<bool, StorageError> {
        let is_behind_cut = recovery.cut_at.is_some_and(|cut| base >= cut);
        if is_behind_cut || self.is_cut || self.cut_bytes > 0 || base < self.next_offset {
            return Ok(false);
        }
        let point = recovery.options.recovery_point.offset;
        if base == self.next_offset || base <= point {
            return Ok(true);
        }
        // A power cut takes the end of a file, or all of it, at the border of a batch too.
        let begin = self.next_offset.max(point);
        let stays = recovery.stays(begin, || recovery.end_of_headers(last))?;
        self.is_cut = !stays && recovery.is_backed(begin);
        match (stays, self.known_gap(begin, recovery)) {
            (true, Some(lost)) => self.lose(lost, base),
            (false, None) if self.is_cut => self.next_offset = begin,
            _ => {}
        }
        Ok(stays)
    }

    /// From where on something is lost where the log does not go on before `begin`, at or behind the recovery point; `None` where
    /// it may have been compacted away, which it is in no log behind a known point, nor in the segment that this is in.
    fn known_gap(&self, begin: i64, recovery: &Recovery<'_>) -> Option<i64> {
        let place = recovery.options.recovery_point.place;
        let active = self.active.as_ref().map(|active| active.base_offset);
        if place.is_some_and(|place| active == Some(place.segment)) {
            return Some(self.next_offset);
        }
        let is_known = recovery.has_point || self.density.is_dense();
        is_known.then_some(begin)
    }

    /// Whether the next batch, which was never promised to be durable, may be of this epoch.
    fn may_be_of(&self, epoch: i32, recovery: &Recovery<'_>) -> bool {
        let is_one = |max| (self.last_epoch..=max).contains(&epoch);
        recovery.keeps(self.next_offset) || recovery.options.leader_epoch_max.is_none_or(is_one)
    }

    /// Offsets from `begin` to `end`, if there are any in between, are lost.
    pub(super) fn lose(&mut self, begin: i64, end: i64) {
        if let Some(range) = DamagedRange::new(begin, end) {
            self.damaged.note(range);
        }
    }

    /// The log ends at `end`, or behind it: what is not there is lost. The bytes of the last segment
    /// stay as they are, and another one begins there.
    pub(super) fn end_at(&mut self, end: i64) {
        if self.next_offset < end {
            self.lose(self.next_offset, end);
            self.next_offset = end;
            self.seal(end);
        }
    }

    /// The log goes on behind a hole at the end, which stays as it is, from `position` to the end of the file. As many
    /// offsets are lost as may have been in it: a record has a byte.
    fn keep_end(&mut self, position: u64, size: u64) {
        let begin = self.next_offset;
        let count = i64::try_from(size.saturating_sub(position)).unwrap_or(i64::MAX);
        self.doubtful_end = Some(begin);
        self.resize(size);
        self.end_at(begin.saturating_add(count));
    }

    fn seal(&mut self, next_offset: i64) {
        let full = self.active.take();
        let sealed = full.map(|full| Arc::new(full.seal(next_offset, self.interval)));
        self.sealed.extend(sealed);
    }

    /// Takes note of the next batch, and its position.
    fn push(&mut self, position: u64, header: &BatchHeader) {
        if let Some(active) = &mut self.active {
            active.size = position;
            active.push(header, self.interval);
        }
        self.next_offset = header.last_offset().saturating_add(1);
        self.last_epoch = header.leader_epoch;
        if self.epochs.last().map(|(epoch, _)| *epoch) != Some(header.leader_epoch) {
            self.epochs.push((header.leader_epoch, header.base_offset));
        }
    }

    /// Where the last segment ends so far.
    fn position(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.size)
    }

    fn resize(&mut self, size: u64) {
        if let Some(active) = &mut self.active {
            active.size = size;
        }
    }
}

impl Recovery<'_> {
    /// Reads the segment that begins at `base`; `later` ones follow it, the next of which begins where it ends.
    pub(super) fn scan(
        &self,
        base: i64,
        later: &[i64],
        scanned: &mut Scanned,
    ) -> Result<(), StorageError> {
        let segment = self.file(base);
        let file = self.context.files.get(&segment)?;
        let size = file.size()?.min(SEGMENT_BYTES_MAX);
        let point = self.options.recovery_point.offset;
        if self.last_stop == LastStop::Clean
            && let Some(index) = self.loaded_index(&segment)?
            && let Some(end) = self.by_index(base, &segment, index, size)?
            && self.is_as_left(base, size, end.next_offset)
        {
            scanned.active = Some(end.active);
            scanned.next_offset = end.next_offset;
            return Ok(());
        }
        let ground = Ground {
            file: &file,
            size,
            base_offset: base,
            end_offset: later.first().copied(),
            border: Some(point),
            is_dense: scanned.density.is_dense(),
            is_read_once: false,
        };
        let mut walk = if let Some(point) = self.resumed(base, &segment, size)? {
            scanned.active = Some(point.active);
            scanned.next_offset = point.next_offset;
            scanned.last_epoch = point.leader_epoch;
            let position = scanned.position();
            SoundWalk::at(ground, position, Some(point.next_offset))
        } else {
            let active = ActiveSegment::new(base, Arc::clone(&segment), SegmentIndex::default());
            scanned.active = Some(active);
            let Some(position) = self.scan_durable(&ground, later, scanned)? else {
                scanned.resize(size);
                return Ok(());
            };
            scanned.resize(position);
            if scanned.is_cut {
                return cut_off(&segment, &file, position, size, scanned);
            }
            SoundWalk::at(ground, position, Some(scanned.next_offset))
        };
        if walk.position() >= size {
            return Ok(());
        }
        walk.reread()?;
        let cut = self.scan_promised(&mut walk, later, size, scanned)?;
        // After a clean stop all of it was durable.
        if self.last_stop == LastStop::Clean {
            scanned.resize(size);
            if cut < size && point == 0 {
                scanned.keep_end(cut, size);
            }
            return Ok(());
        }
        scanned.resize(cut);
        if cut < size {
            // What is torn behind the recovery point was on its way, and the commit log has it.
            scanned.is_cut |= self.cut_at.is_some() || self.is_backed(scanned.next_offset);
        }
        cut_off(&segment, &file, cut, size, scanned)
    }

    /// Whether the last segment, which begins at `base`, ends as a clean stop left it, as far as that is known.
    pub(super) fn is_as_left(&self, base: i64, size: u64, next_offset: i64) -> bool {
        let point = self.options.recovery_point;
        let place = point.place.filter(|place| place.segment == base);
        let is_there = place.is_none_or(|place| place.position == size);
        point.offset == 0 || (next_offset == point.offset && is_there)
    }

    /// Where the recovery point is in the segment that begins at `base`, where that is known.
    fn place_in(&self, base: i64, size: u64) -> Option<PointPlace> {
        let place = self.options.recovery_point.place;
        place.filter(|place| place.segment == base && place.position <= size)
    }

    /// The last segment as it is up to the recovery point. What lies before is not looked at, but for the
    /// batches behind the last one that has an entry in the saved indexes; `None` where those do not lead
    /// to the point.
    fn resumed(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        size: u64,
    ) -> Result<Option<IndexedEnd>, StorageError> {
        let point = self.options.recovery_point;
        let Some(place) = self.place_in(base, size) else {
            return Ok(None);
        };
        let Some(index) = place.saved.load(&self.context.disk, &segment.path())? else {
            return Ok(None);
        };
        let found = self.by_index(base, segment, index, place.position)?;
        Ok(found.filter(|end| end.next_offset == point.offset))
    }

    /// The part of a segment that is durable, as far as that is known.
    fn durable<'a>(&self, ground: &Ground<'a>) -> Ground<'a> {
        let place = self.place_in(ground.base_offset, ground.size);
        let is_known = place.is_some() || self.last_stop == LastStop::Clean;
        let point = Some(self.options.recovery_point.offset);
        Ground {
            size: place.map_or(ground.size, |place| place.position),
            end_offset: point.filter(|_| is_known).or(ground.end_offset),
            ..ground.clone()
        }
    }

    /// Whether the headers lead from batch to batch to the recovery point, and to its place where that is
    /// known. No checksum tells what rots in a header.
    fn leads_to_point(&self, durable: Ground<'_>) -> Result<bool, StorageError> {
        let place = self.place_in(durable.base_offset, durable.size);
        let mut next_offset = durable.base_offset;
        let mut walk = SoundWalk::new(durable);
        while next_offset < self.options.recovery_point.offset {
            match walk.next_header()? {
                Found::Batch(_, header) => next_offset = header.last_offset().saturating_add(1),
                Found::Hole(_) | Found::End => return Ok(false),
            }
        }
        Ok(match place {
            Some(place) => place.position == walk.position(),
            // After a clean stop it is somebody else's, perhaps.
            None => self.last_stop == LastStop::Unclean,
        })
    }

    /// Walks over what is durable, by headers where they lead to the recovery point, or else batch by batch, and
    /// returns where that is in the file; `None` where the end of the file comes first. Nothing of it is cut,
    /// whatever has become of it.
    fn scan_durable(
        &self,
        ground: &Ground<'_>,
        later: &[i64],
        scanned: &mut Scanned,
    ) -> Result<Option<u64>, StorageError> {
        let durable = self.durable(ground);
        let is_plain = !self.backing.are_points_lost() && self.leads_to_point(durable.clone())?;
        let point = self.options.recovery_point.offset;
        let place = self.place_in(ground.base_offset, ground.size);
        let mut walk = SoundWalk::new(durable);
        while scanned.next_offset < point {
            let next = match is_plain {
                true => walk.next_header()?,
                false => walk.next_true_header()?,
            };
            match next {
                Found::Batch(position, header) => scanned.push(position, &header),
                Found::Hole(Hole { end: Some(end), .. }) => {
                    scanned.is_cut =
                        end > point && self.brings_back(point, || self.end_ahead(&walk, later))?;
                    self.lose_to(if scanned.is_cut { point } else { end }, scanned);
                }
                Found::Hole(Hole { end: None, .. }) | Found::End if place.is_some() => {
                    self.lose_to(point, scanned);
                    break;
                }
                Found::Hole(Hole { end: None, .. }) | Found::End => return Ok(None),
            }
        }
        Ok(Some(
            place.map_or_else(|| walk.position(), |place| place.position),
        ))
    }

    /// What follows is lost up to `end`, but for what the commit log has.
    fn lose_to(&self, end: i64, scanned: &mut Scanned) {
        let end = end.min(self.cut_at.unwrap_or(end));
        scanned.lose(scanned.next_offset, end);
        scanned.next_offset = scanned.next_offset.max(end);
    }

    /// Walks over what was not promised to be durable in the segments, batch by batch, and returns
    /// where the log ends.
    fn scan_promised(
        &self,
        walk: &mut SoundWalk<'_>,
        later: &[i64],
        size: u64,
        scanned: &mut Scanned,
    ) -> Result<u64, StorageError> {
        loop {
            match walk.next_batch()? {
                Found::Batch(position, batch) => {
                    let base_offset = batch.header().base_offset;
                    if !scanned.may_be_of(batch.header().leader_epoch, self)
                        || self.leaves_out(scanned.next_offset, base_offset, walk, later)?
                    {
                        return Ok(position);
                    }
                    if self.cut_at.is_some_and(|cut| base_offset >= cut) {
                        scanned.is_cut = true;
                        return Ok(position);
                    }
                    scanned.push(position, batch.header());
                }
                Found::Hole(hole) => match hole.end {
                    Some(end) if self.stays(hole.begin, || self.end_ahead(walk, later))? => {
                        scanned.lose(hole.begin, end);
                        scanned.next_offset = end;
                    }
                    None if self.keeps_end(hole.begin, walk.file().is_readable()) => {
                        scanned.keep_end(hole.position, size);
                        return Ok(size);
                    }
                    // The commit log has what was promised and follows here; or nothing was.
                    Some(_) | None => return Ok(hole.position),
                },
                Found::End => return Ok(size),
            }
        }
    }

    fn loaded_index(&self, log: &SegmentFile) -> Result<Option<SegmentIndex>, StorageError> {
        let disk = &self.context.disk;
        let offsets = read_entries(disk, &log.path().with_extension(OFFSET_INDEX))?;
        let times = read_entries(disk, &log.path().with_extension(TIME_INDEX))?;
        Ok(offsets
            .zip(times)
            .map(|(offsets, times)| SegmentIndex::loaded(offsets, times)))
    }

    /// The last segment by its indexes, and one past its last offset; `None` where they do not lead to
    /// its end.
    fn by_index(
        &self,
        base: i64,
        segment: &Arc<SegmentFile>,
        index: SegmentIndex,
        size: u64,
    ) -> Result<Option<IndexedEnd>, StorageError> {
        let file = self.context.files.get(segment)?;
        let last = index.offsets.last().copied();
        let saved = SavedIndex::of(&index);
        let mut active = ActiveSegment::new(base, Arc::clone(segment), index);
        active.saved = saved;
        active.first_timestamp = first_timestamp(&file, size)?;
        active.size = last.map_or(0, |entry| u64::from(entry.position));
        if last.is_some() && active.size >= size {
            return Ok(None);
        }
        let interval = self.options.config.index_interval_bytes;
        let mut next_offset = base;
        let mut leader_epoch = i32::MIN;
        let mut walk = BatchWalk::new(&file, active.size, size);
        loop {
            match walk.next_header()? {
                Step::Batch((_, header)) if header.base_offset >= next_offset => {
                    active.push(&header, interval);
                    next_offset = header.last_offset().saturating_add(1);
                    leader_epoch = header.leader_epoch;
                }
                Step::End => break,
                Step::Batch(_) | Step::Torn => return Ok(None),
            }
        }
        Ok(Some(IndexedEnd {
            active,
            next_offset,
            leader_epoch,
        }))
    }
}

/// Cuts off what is behind `cut` in a file of so many bytes.
fn cut_off(
    segment: &SegmentFile,
    file: &DiskFile,
    cut: u64,
    size: u64,
    scanned: &mut Scanned,
) -> Result<(), StorageError> {
    if cut < size {
        if !scanned.is_cut {
            scanned.cut_bytes = size.saturating_sub(cut);
        }
        file.truncate(cut)?;
        scanned.cut_files.push(segment.path().as_ref().clone());
    }
    Ok(())
}

/// The end of a segment, found by its indexes.
struct IndexedEnd {
    active: ActiveSegment,
    next_offset: i64,
    /// That of the last batch.
    leader_epoch: i32,
}
