//! A look at a segment that may be damaged: each batch that is sound, and what lies between.
//!
//! A batch is sound where it is whole, has its checksum and may follow the one before. Behind bytes that
//! are none the next sound batch is sought: where the damaged one says that it ends, else byte by byte.
//! Checksums cover neither offset nor length, so a batch that skips offsets which the one behind it
//! has is not sound either.
//!
//! Takes little memory, whatever the bytes are. It reads and judges, and changes nothing.

use std::ops::Range;

use sluice_protocol::record_batch::{BatchHeader, HEADER_BYTES, MAGIC};

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::segment_scan::may_follow;
use super::storage::DiskFile;

/// Where the format of a batch stands in it.
const MAGIC_AT: usize = 16;
/// Batches up to this size are sought to the end; larger ones while not much was checked in vain, or
/// bytes made for it could keep the search busy for ever.
const SOUGHT_BYTES: u64 = 1024 * 1024;
/// Bytes that may be checked in vain for larger ones.
const VAIN_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A walk over the sound batches of a segment and what lies between.
#[derive(Debug)]
pub(crate) struct SegmentSurvey<'a> {
    walk: BatchWalk<'a>,
    size: u64,
    next_offset: i64,
    /// Offsets of this segment are below it.
    end_offset: i64,
    /// Bytes that may yet be checked in vain.
    credit: u64,
}

/// A stretch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// A sound batch, and where it begins.
    Batch(u64, BatchHeader),
    /// Bytes that are none.
    Damage(Damage),
}

/// Bytes that are no sound batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Position of the first.
    pub(crate) from: u64,
    /// One past the last.
    pub(crate) to: u64,
    /// One past the last offset before.
    pub(crate) begin: i64,
    /// The first offset behind; `None` where the segment ends.
    pub(crate) end: Option<i64>,
    /// What is wrong at the first byte.
    pub(crate) fault: Fault,
}

/// What is wrong with the bytes at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// No length, or no format, that a batch could have.
    #[error("no batch begins here")]
    NoBatch,
    /// Of another format.
    #[error("format {magic} is not read, only {MAGIC}")]
    Format { magic: i8 },
    /// The file ends before the batch does.
    #[error("the batch has {size} bytes and {left} are there")]
    Torn { size: u64, left: u64 },
    /// Bytes have changed.
    #[error("the checksum is {computed:08x}, not {stored:08x}")]
    Checksum { stored: u32, computed: u32 },
    /// It cannot follow the batch before, or precede the one behind.
    #[error("offsets {first} to {last} are out of order")]
    Order { first: i64, last: i64 },
}

impl<'a> SegmentSurvey<'a> {
    /// Of a segment of `size` bytes whose offsets lie in `offsets`.
    pub(crate) const fn new(file: &'a DiskFile, size: u64, offsets: Range<i64>) -> Self {
        Self {
            walk: BatchWalk::new(file, 0, size),
            size,
            next_offset: offsets.start,
            end_offset: offsets.end,
            credit: VAIN_BYTES_MAX,
        }
    }

    /// The next stretch; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Stretch>, StorageError> {
        let from = self.walk.position();
        if from >= self.size {
            return Ok(None);
        }
        let fault = match self.check()? {
            Ok(header) => {
                self.next_offset = header.last_offset().saturating_add(1);
                return Ok(Some(Stretch::Batch(from, header)));
            }
            Err(fault) => fault,
        };
        let next = self.behind(from)?;
        let to = next.map_or(self.size, |(position, _)| position);
        self.walk.seek(to);
        Ok(Some(Stretch::Damage(Damage {
            from,
            to,
            begin: self.next_offset,
            end: next.map(|(_, header)| header.base_offset),
            fault,
        })))
    }

    /// The batch at the position, if it is sound; the walk goes behind it.
    fn check(&mut self) -> Result<Result<BatchHeader, Fault>, StorageError> {
        let from = self.walk.position();
        let Step::Batch((_, header, computed)) = self.walk.next_checked()? else {
            self.walk.seek(from);
            return self.misfit().map(Err);
        };
        let (stored, is_ours) = (header.crc, header.last_offset() < self.end_offset);
        if computed != stored {
            return Ok(Err(Fault::Checksum { stored, computed }));
        }
        if !is_ours || !may_follow(&header, self.next_offset) || self.is_ahead(&header)? {
            let (first, last) = (header.base_offset, header.last_offset());
            return Ok(Err(Fault::Order { first, last }));
        }
        Ok(Ok(header))
    }

    /// Whether a batch skips offsets that the batch behind it has.
    fn is_ahead(&mut self, header: &BatchHeader) -> Result<bool, StorageError> {
        if header.base_offset == self.next_offset {
            return Ok(false);
        }
        let behind = self.walk.position();
        let next = self.walk.next_header()?;
        self.walk.seek(behind);
        Ok(match next {
            Step::Batch((_, next)) => {
                next.base_offset >= self.next_offset && next.base_offset <= header.last_offset()
            }
            Step::End | Step::Torn => false,
        })
    }

    /// What is wrong where not even a header can be read.
    fn misfit(&mut self) -> Result<Fault, StorageError> {
        let left = self.size.saturating_sub(self.walk.position());
        let bytes = self.walk.bytes(HEADER_BYTES)?;
        let Ok(header) = BatchHeader::decode(&bytes) else {
            let size = u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX);
            return Ok(Fault::Torn { size, left });
        };
        let size = header.size().and_then(|size| u64::try_from(size).ok());
        Ok(match (size, header.magic) {
            (Some(size), MAGIC) if size > left => Fault::Torn { size, left },
            (Some(_), magic @ 0..=1) => Fault::Format { magic },
            (Some(_) | None, _) => Fault::NoBatch,
        })
    }

    /// The next sound batch behind the damaged bytes at `from`.
    fn behind(&mut self, from: u64) -> Result<Option<(u64, BatchHeader)>, StorageError> {
        self.walk.seek(from);
        if let Step::Batch(_) = self.walk.next_header()? {
            let end = self.walk.position();
            if end >= self.size {
                return Ok(None);
            }
            if let Ok(header) = self.check()? {
                return Ok(Some((end, header)));
            }
        }
        let mut position = from.saturating_add(1);
        while let Some(candidate) = self.candidate(position)? {
            self.walk.seek(candidate);
            if let Ok(header) = self.check()? {
                return Ok(Some((candidate, header)));
            }
            position = candidate.saturating_add(1);
        }
        Ok(None)
    }

    /// The first position from `position` on where the header of a batch of this segment may be.
    fn candidate(&mut self, position: u64) -> Result<Option<u64>, StorageError> {
        let mut position = position;
        loop {
            self.walk.seek(position);
            let bytes = self.walk.bytes(HEADER_BYTES)?;
            let Some(last) = bytes.len().checked_sub(HEADER_BYTES) else {
                return Ok(None);
            };
            for start in 0..=last {
                let magic = bytes.get(start.saturating_add(MAGIC_AT)).copied();
                if magic.map(u8::cast_signed) != Some(MAGIC) {
                    continue;
                }
                let at = position.saturating_add(u64::try_from(start).unwrap_or(u64::MAX));
                let header = BatchHeader::decode(&bytes.slice(start..));
                if header.is_ok_and(|header| self.is_plausible(&header, at)) {
                    return Ok(Some(at));
                }
            }
            let passed = u64::try_from(last).unwrap_or(u64::MAX);
            position = position.saturating_add(passed).saturating_add(1);
        }
    }

    /// Whether a batch with this header may be at `position`. Its checksum costs time, which what is
    /// found in vain uses up.
    fn is_plausible(&mut self, header: &BatchHeader, position: u64) -> bool {
        let size = header.size().and_then(|size| u64::try_from(size).ok());
        let left = self.size.saturating_sub(position);
        let Some(size) = size.filter(|size| *size <= left) else {
            return false;
        };
        let is_ours = may_follow(header, self.next_offset)
            && header.last_offset() < self.end_offset
            && header.attributes.compression().is_some();
        let is_worth_it = size <= self.credit.max(SOUGHT_BYTES);
        if is_ours && is_worth_it {
            self.credit = self.credit.saturating_sub(size);
        }
        is_ours && is_worth_it
    }
}

#[cfg(test)]
mod tests;
