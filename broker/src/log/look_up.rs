//! Finding a record by its timestamp, precise to the record.
//!
//! The time index of a segment tells from which batch on to look; the headers tell which batch, and for the
//! largest timestamp which one first; the
//! records of that one batch are read in passing, from as many decompressed bytes as there may be. The
//! caller sees to it that not many do so at once. What is damaged is passed over: what its records said nobody knows.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use sluice_protocol::record::RecordError;
use sluice_protocol::record_batch::{RawBatch, TimestampType};

use super::index::{TimeEntry, floor};
use super::partition_log::PartitionLog;
use super::read::{LogReadError, Place, Start};
use super::sound_walk::{Anchor, Found, SoundWalk};
use crate::limits::DECOMPRESSED_BATCH_BYTES_MAX;

/// Batches of a segment that are kept in mind as those that may have the largest timestamp.
const CANDIDATES_MAX: usize = 1024;

/// A timestamp, and where it is: of the largest ones the first is the greatest.
type Rank = (i64, Reverse<i64>);

/// A record's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOffset {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
}

impl TimedOffset {
    const fn rank(&self) -> Rank {
        (self.timestamp, Reverse(self.offset))
    }
}

/// The greater of two by rank.
fn better(one: Option<TimedOffset>, other: Option<TimedOffset>) -> Option<TimedOffset> {
    one.into_iter().chain(other).max_by_key(TimedOffset::rank)
}

impl PartitionLog {
    /// The first record in `from..end` whose timestamp is at least `timestamp`.
    ///
    /// # Errors
    /// [`LogReadError`].
    pub fn first_at_or_after(
        &self,
        timestamp: i64,
        from: i64,
        end: i64,
    ) -> Result<Option<TimedOffset>, LogReadError> {
        let mut offset = from;
        while let Some(place) = self.place_of(offset).filter(|_| offset < end) {
            let largest = self.largest_timestamp_in(&place)?;
            if largest.is_some_and(|largest| largest >= timestamp)
                && let Some(found) = self.first_in(&place, timestamp, from, end)?
            {
                return Ok(Some(found));
            }
            offset = place.end_offset;
        }
        Ok(None)
    }

    /// The first record in `from..end` that has the largest timestamp of all.
    ///
    /// # Errors
    /// [`LogReadError`].
    pub fn first_with_largest_timestamp(
        &self,
        from: i64,
        end: i64,
    ) -> Result<Option<TimedOffset>, LogReadError> {
        let mut candidates: Vec<(i64, Place)> = Vec::new();
        let mut offset = from;
        while let Some(place) = self.place_of(offset).filter(|_| offset < end) {
            offset = place.end_offset;
            if let Some(largest) = self.largest_timestamp_in(&place)? {
                candidates.push((largest, place));
            }
        }
        // The record may lie outside of the range, as the index knows whole segments only; then
        // look at what is in the range.
        candidates.sort_by_key(|(largest, place)| (-largest, place.base_offset));
        let mut best: Option<TimedOffset> = None;
        for (largest, place) in candidates {
            if best.is_some_and(|best| best.rank() >= (largest, Reverse(place.base_offset))) {
                break;
            }
            let found = match self.first_in(&place, largest, from, end)? {
                Some(found) => Some(found),
                None => largest_in_range(self, &place, from, end)?,
            };
            best = better(best, found);
        }
        Ok(best)
    }

    fn largest_timestamp_in(&self, place: &Place) -> Result<Option<i64>, LogReadError> {
        let context = &self.context;
        Ok(match &place.start {
            Start::ByIndex(segment) => segment.largest_timestamp(&context.disk, &context.files)?,
            Start::At(_) => {
                let view = self.view.lock();
                let active = view.active.as_ref();
                match active.filter(|active| active.base_offset == place.base_offset) {
                    Some(active) => active.index.largest_timestamp(),
                    // It became full since: whoever looks into it finds out.
                    None => Some(i64::MAX),
                }
            }
        })
    }

    /// The first record of a segment in `from..end` whose timestamp is at least `timestamp`.
    fn first_in(
        &self,
        place: &Place,
        timestamp: i64,
        from: i64,
        end: i64,
    ) -> Result<Option<TimedOffset>, LogReadError> {
        let anchor = self.anchor_by_time(place, timestamp, from)?;
        let file = self.context.files.get(&place.file)?;
        let ground = place.ground(&file, false);
        let mut walk = SoundWalk::from(ground.clone(), anchor);
        loop {
            match walk.next_header()? {
                Found::Batch(_, header) if header.base_offset >= end => return Ok(None),
                Found::Batch(position, header)
                    if header.max_timestamp >= timestamp && header.last_offset() >= from =>
                {
                    let anchor = Anchor {
                        position,
                        last_offset: Some(header.last_offset()),
                    };
                    // One that is not what it was is passed over like all that is lost.
                    let whole = SoundWalk::from(ground.clone(), anchor).next_batch()?;
                    if let Found::Batch(_, batch) = whole
                        && let Some(found) = first_in_batch(&batch, timestamp, &(from..end))
                    {
                        return Ok(Some(found));
                    }
                }
                Found::Batch(..) | Found::Hole(_) => {}
                Found::End => return Ok(None),
            }
        }
    }

    /// Where to begin to look for `timestamp`, not before `from`.
    fn anchor_by_time(
        &self,
        place: &Place,
        timestamp: i64,
        from: i64,
    ) -> Result<Anchor, LogReadError> {
        let context = &self.context;
        let first = from.max(place.base_offset);
        let offset_of = |entry: TimeEntry| {
            let relative_offset = i64::from(entry.relative_offset);
            place.base_offset.saturating_add(relative_offset).max(first)
        };
        match &place.start {
            Start::ByIndex(segment) => {
                let entry = segment.time_floor(timestamp, &context.disk, &context.files)?;
                let offset = entry.map_or(first, offset_of);
                Ok(Anchor {
                    position: segment.position_of(offset, &context.disk, &context.files)?,
                    last_offset: None,
                })
            }
            Start::At(_) => {
                let view = self.view.lock();
                let active = view.active.as_ref();
                Ok(active
                    .filter(|active| active.base_offset == place.base_offset)
                    .map_or_else(Anchor::default, |active| {
                        let entry =
                            floor(&active.index.times, |entry| entry.timestamp <= timestamp);
                        active.anchor_of(entry.map_or(first, offset_of))
                    }))
            }
        }
    }
}

/// A batch that may have the record, by its header. The best one is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: Rank,
    position: u64,
    last_offset: i64,
}

/// The first record with the largest timestamp of a segment, of those in `from..end`. By the headers it is
/// in the batch with the largest; where that one lies partly outside of the range or is damaged, it may
/// be in the next best. So hardly more than one batch is read.
fn largest_in_range(
    log: &PartitionLog,
    place: &Place,
    from: i64,
    end: i64,
) -> Result<Option<TimedOffset>, LogReadError> {
    let anchor = log.anchor_in(place, from)?;
    let file = log.context.files.get(&place.file)?;
    let ground = place.ground(&file, false);
    let mut best: Option<TimedOffset> = None;
    let mut tried = None;
    loop {
        let walk = SoundWalk::from(ground.clone(), anchor);
        let mut candidates = best_candidates(walk, &(from..end), tried)?;
        if candidates.is_empty() {
            return Ok(best);
        }
        while let Some(candidate) = candidates.pop_last() {
            if best.is_some_and(|best| best.rank() >= candidate.rank) {
                return Ok(best);
            }
            let anchor = Anchor {
                position: candidate.position,
                last_offset: Some(candidate.last_offset),
            };
            let whole = SoundWalk::from(ground.clone(), anchor).next_batch()?;
            if let Found::Batch(_, batch) = whole {
                let found = largest_in_batch(&batch, &(from..end));
                best = better(best, found);
            }
            tried = Some(candidate);
        }
    }
}

/// The best batches with records in the range, of those that are less than `tried`: not all, for there may
/// be millions.
fn best_candidates(
    mut walk: SoundWalk<'_>,
    range: &Range<i64>,
    tried: Option<Candidate>,
) -> Result<BTreeSet<Candidate>, LogReadError> {
    let mut candidates = BTreeSet::new();
    loop {
        let (position, header) = match walk.next_header()? {
            Found::Batch(position, header) if header.base_offset < range.end => (position, header),
            Found::Hole(_) => continue,
            Found::Batch(..) | Found::End => return Ok(candidates),
        };
        let candidate = Candidate {
            rank: (header.max_timestamp, Reverse(header.base_offset)),
            position,
            last_offset: header.last_offset(),
        };
        let is_seen = header.last_offset() >= range.start && header.record_count > 0;
        let is_new = tried.is_none_or(|tried| candidate < tried);
        if is_seen && is_new && header.max_timestamp >= 0 {
            candidates.insert(candidate);
        }
        if candidates.len() > CANDIDATES_MAX {
            candidates.pop_first();
        }
    }
}

/// The first record with the largest timestamp of a batch, of those in the range. Of what cannot be read,
/// what came before counts.
fn largest_in_batch(batch: &RawBatch, range: &Range<i64>) -> Option<TimedOffset> {
    let mut best = None;
    let _readable = visit_timed(batch, range, |found| {
        best = better(best, Some(found));
        ControlFlow::Continue(())
    });
    best.filter(|best| best.timestamp >= 0)
}

/// The first record of a batch in the range with at least this timestamp. Where the records cannot be
/// read, or would take too long, the batch stands for its first record.
fn first_in_batch(batch: &RawBatch, timestamp: i64, range: &Range<i64>) -> Option<TimedOffset> {
    let header = batch.header();
    let mut first = None;
    let visited = visit_timed(batch, range, |found| {
        first = Some(found).filter(|found| found.timestamp >= timestamp);
        match first {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    });
    let is_unknown = matches!(
        visited,
        Err(RecordError::Compression(_) | RecordError::UnknownCodec { .. })
    );
    first.or_else(|| {
        is_unknown.then_some(TimedOffset {
            offset: header.base_offset.max(range.start),
            timestamp: header.max_timestamp,
        })
    })
}

/// Why no further record of a batch is looked at.
enum Stop {
    Done,
    Unreadable(RecordError),
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        Self::Unreadable(error)
    }
}

/// Shows the records of a batch that are in the range, until one breaks off.
fn visit_timed(
    batch: &RawBatch,
    range: &Range<i64>,
    mut visit: impl FnMut(TimedOffset) -> ControlFlow<()>,
) -> Result<(), RecordError> {
    let header = batch.header();
    let visited = batch.visit_records(DECOMPRESSED_BATCH_BYTES_MAX, |record| {
        let timestamp = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => record.timestamp,
            TimestampType::LogAppendTime => header.max_timestamp,
        };
        let offset = record.offset;
        let is_seen = range.contains(&offset);
        match is_seen && visit(TimedOffset { offset, timestamp }).is_break() {
            true => Err(Stop::Done),
            false => Ok(()),
        }
    });
    match visited {
        Ok(()) | Err(Stop::Done) => Ok(()),
        Err(Stop::Unreadable(error)) => Err(error),
    }
}
