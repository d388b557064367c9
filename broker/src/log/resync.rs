//! Finding the next whole batch behind bytes that are none.
//!
//! Where the length of a harmed batch still makes sense, the next one begins behind it; that is tried
//! first. Else every byte may begin a batch: one that has a header which makes sense there, and the
//! checksum it says, and a large one is followed by another, or ends where the bytes end: else a few that pretend to
//! be large would cost all there is to spend. What a search costs is bounded: the bytes are read once, and those
//! whose checksum is computed are limited, whatever they pretend to be; beyond that, nothing more is found. Nor
//! is it behind what a segment may have, where nobody here ever wrote.

use std::ops::Range;

use sluice_protocol::record_batch::{BatchHeader, HEADER_BYTES, MAGIC};

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::disk::DiskFile;
use super::segment::SEGMENT_BYTES_MAX;
use super::storage::is_zero;

/// Bytes read at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bytes of batches that turn out to be none, at most.
const CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of a batch that is checked whatever follows it.
const LARGE_BYTES: u64 = 1024 * 1024;
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
    let end = end.min(SEGMENT_BYTES_MAX);
    let mut search = Search {
        file,
        end,
        offsets,
        checks_left: CHECKED_BYTES_MAX,
    };
    let mut searched = from;
    let mut walk = BatchWalk::new(file, from, end);
    while let Step::Batch((position, header)) = walk.next_header()? {
        if !makes_sense(&header, offsets) {
            break;
        }
        searched = position;
        if position > from && search.is_whole(position)? {
            return Ok(Some(Whole {
                position,
                base_offset: header.base_offset,
            }));
        }
    }
    search.by_bytes(searched.saturating_add(1))
}

struct Search<'a> {
    file: &'a DiskFile,
    end: u64,
    offsets: &'a Range<i64>,
    checks_left: u64,
}

impl Search<'_> {
    fn by_bytes(&mut self, from: u64) -> Result<Option<Whole>, StorageError> {
        let mut at = from;
        while at < self.end && self.checks_left > 0 {
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
                if self.is_whole(position)? {
                    return Ok(Some(Whole {
                        position,
                        base_offset,
                    }));
                }
            }
            at = at.saturating_add(looked_at);
        }
        Ok(None)
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
        makes_sense(&header, self.offsets).then_some(base_offset)
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
