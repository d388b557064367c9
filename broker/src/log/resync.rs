//! Finding the next whole batch behind bytes that are none.
//!
//! Where the length of a harmed batch leads to a whole one with the next offset, that is it, whatever else is wrong.
//! Else every byte may begin a batch: one that has a header which makes sense there, and the
//! checksum it says, and a large one is followed by another, or ends where the bytes end: else a few that pretend to
//! be large would cost all there is to spend. Records may hold whole batches, as backups do: so of those found the one
//! counts from which the headers lead on, which they do not from within a record, and none counts with the offset
//! that the harmed one had, or where the harmed one was the last.
//!
//! What a search costs is bounded: the bytes are read once, and those
//! whose checksum is computed are limited, whatever they pretend to be; beyond that, nothing more is found.

use std::ops::Range;

use sluice_protocol::record_batch::{BatchHeader, HEADER_BYTES, MAGIC};

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::disk::DiskFile;
use super::storage::is_zero;

/// Bytes read at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bytes of batches that turn out to be none, at most.
const CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of a batch that is checked whatever follows it.
const LARGE_BYTES: u64 = 1024 * 1024;
/// Bytes of a harmed batch within which it is asked whether batches lie in it.
const HARMED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Where the magic lies in a batch.
const MAGIC_AT: usize = 16;

/// A whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) position: u64,
    pub(super) base_offset: i64,
}

/// Whether a header makes sense for a batch all of whose offsets are among `offsets`.
pub(super) fn makes_sense(header: &BatchHeader, offsets: &Range<i64>) -> bool {
    header.magic == MAGIC
        && header.last_offset_delta >= 0
        && header.record_count >= 0
        && i64::from(header.record_count) <= i64::from(header.last_offset_delta).saturating_add(1)
        && header.base_offset >= offsets.start
        && header.last_offset() < offsets.end
}

/// The next whole batch of `file` behind `from`, where something else begins, and before `end`; all its
/// offsets are among `offsets`.
pub(super) fn next_whole(
    file: &DiskFile,
    from: u64,
    end: u64,
    offsets: &Range<i64>,
) -> Result<Option<Whole>, StorageError> {
    let bytes = file.read_readable_at(from, HEADER_BYTES)?;
    let harmed = BatchHeader::decode(&bytes).ok();
    let harmed = harmed.filter(|_| !is_zero(&bytes));
    let mut search = Search {
        file,
        end,
        offsets: offsets.clone(),
        trusted_from: end.min(from.saturating_add(HARMED_BYTES_MAX)),
        checks_left: CHECKED_BYTES_MAX,
    };
    let Some(harmed) = harmed else {
        let lead = search.by_bytes(from.saturating_add(1))?;
        return Ok(lead.map(|lead| lead.whole));
    };
    // It had that offset, so what is in it may pretend to and does not.
    if harmed.base_offset == offsets.start {
        search.offsets.start = offsets.start.saturating_add(1);
    }
    let size = harmed.size().and_then(|size| u64::try_from(size).ok());
    let behind = size.map(|size| from.saturating_add(size));
    if let Some(behind) = behind.filter(|behind| *behind < end)
        && let Some(whole) = search.follower(behind, &harmed, offsets.start)?
    {
        return Ok(Some(whole));
    }
    let lead = search.by_bytes(from.saturating_add(1))?;
    let is_last = behind == Some(end);
    Ok(lead
        .filter(|lead| !is_last || lead.reach >= search.trusted_from)
        .map(|lead| lead.whole))
}

struct Search<'a> {
    file: &'a DiskFile,
    end: u64,
    offsets: Range<i64>,
    /// Batches that lead here from one to the next lie in none that is harmed.
    trusted_from: u64,
    checks_left: u64,
}

/// A whole batch, and how far the headers lead from there.
struct Lead {
    whole: Whole,
    reach: u64,
}

impl Search<'_> {
    /// The whole batch at `position`, where the length of the harmed one leads, if its offset is the one behind those
    /// of the harmed one, which was to begin at `begin`: else the length may be what is wrong.
    fn follower(
        &mut self,
        position: u64,
        harmed: &BatchHeader,
        begin: i64,
    ) -> Result<Option<Whole>, StorageError> {
        let mut walk = BatchWalk::single(self.file, position, self.end);
        let Step::Batch((_, next)) = walk.next_header()? else {
            return Ok(None);
        };
        let count = i64::from(harmed.last_offset_delta).saturating_add(1);
        let is_next = [begin, harmed.base_offset]
            .iter()
            .any(|base| base.saturating_add(count) == next.base_offset);
        let is_it = is_next && makes_sense(&next, &self.offsets) && self.is_whole(position)?;
        Ok(is_it.then_some(Whole {
            position,
            base_offset: next.base_offset,
        }))
    }

    /// The first whole batch from which the headers lead out of what is harmed, or else the furthest: a record
    /// may hold whole batches, and somebody's whole log.
    fn by_bytes(&mut self, from: u64) -> Result<Option<Lead>, StorageError> {
        let mut best: Option<Lead> = None;
        // Stands on the batches that the best one leads to.
        let mut followed = BatchWalk::new(self.file, from, self.end);
        let mut at = from;
        while at < self.end && self.checks_left > 0 {
            if best.is_some() && at >= self.trusted_from {
                break;
            }
            // A batch may begin in a hole of the file, but not with its magic.
            let data = self.file.data_from(at)?;
            at = at.max(data.saturating_sub(u64::try_from(MAGIC_AT).unwrap_or(u64::MAX)));
            let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            let piece = self.file.read_readable_at(at, left.min(PIECE_BYTES))?;
            let windows = piece.windows(HEADER_BYTES);
            let looked_at = u64::try_from(windows.len()).unwrap_or(u64::MAX);
            if looked_at == 0 {
                break;
            }
            if is_zero(&piece) {
                at = at.saturating_add(looked_at);
                continue;
            }
            for (position, window) in (at..).zip(windows) {
                let Some(base_offset) = self.candidate(window) else {
                    continue;
                };
                let is_known = best.is_some() && is_led_to(&mut followed, position)?;
                if is_known || !self.is_whole(position)? {
                    continue;
                }
                let whole = Whole {
                    position,
                    base_offset,
                };
                let reach = self.reach(position)?;
                if reach >= self.trusted_from {
                    return Ok(Some(Lead { whole, reach }));
                }
                if best.as_ref().is_none_or(|best| reach > best.reach) {
                    best = Some(Lead { whole, reach });
                    followed.seek(position);
                }
            }
            at = at.saturating_add(looked_at);
        }
        Ok(best)
    }

    /// How far the headers lead from the batch at `position`.
    fn reach(&mut self, position: u64) -> Result<u64, StorageError> {
        let mut walk = BatchWalk::new(self.file, position, self.end);
        let mut offsets = self.offsets.clone();
        while walk.position() < self.trusted_from && self.checks_left > 0 {
            let at = walk.position();
            match walk.next_header()? {
                Step::Batch((_, header)) if makes_sense(&header, &offsets) => {
                    offsets.start = header.last_offset().saturating_add(1);
                }
                Step::Batch(_) | Step::Torn | Step::End => return Ok(at),
            }
            let looked_at = u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX);
            self.checks_left = self.checks_left.saturating_sub(looked_at);
        }
        Ok(walk.position())
    }

    /// The base offset of the batch that may begin with these bytes.
    fn candidate(&self, window: &[u8]) -> Option<i64> {
        if window.get(MAGIC_AT)?.cast_signed() != MAGIC {
            return None;
        }
        let base_offset = i64::from_be_bytes(window.get(..8)?.try_into().ok()?);
        if !self.offsets.contains(&base_offset) {
            return None;
        }
        let header = BatchHeader::decode(&bytes::Bytes::copy_from_slice(window)).ok()?;
        makes_sense(&header, &self.offsets).then_some(base_offset)
    }

    /// Whether there is a whole batch at `position`.
    fn is_whole(&mut self, position: u64) -> Result<bool, StorageError> {
        let mut walk = BatchWalk::single(self.file, position, self.end);
        let Step::Batch((_, header)) = walk.next_header()? else {
            return Ok(false);
        };
        let size = walk.position().saturating_sub(position);
        if self.checks_left == 0 || (size > LARGE_BYTES && !self.goes_on(walk, &header)?) {
            return Ok(false);
        }
        self.checks_left = self.checks_left.saturating_sub(size);
        BatchWalk::new(self.file, position, self.end).next_is_true()
    }

    /// Whether the batch that `walk` stands behind is the last one, or another one may follow it.
    fn goes_on(&self, mut walk: BatchWalk<'_>, header: &BatchHeader) -> Result<bool, StorageError> {
        let behind = header.last_offset().saturating_add(1);
        Ok(match walk.next_header()? {
            Step::Batch((_, next)) => makes_sense(&next, &(behind..self.offsets.end)),
            Step::End => true,
            Step::Torn => false,
        })
    }
}

/// Whether `walk`, which goes on as far, comes to a batch at `position`.
fn is_led_to(walk: &mut BatchWalk<'_>, position: u64) -> Result<bool, StorageError> {
    while walk.position() < position {
        let Step::Batch(_) = walk.next_header()? else {
            return Ok(false);
        };
    }
    Ok(walk.position() == position)
}
