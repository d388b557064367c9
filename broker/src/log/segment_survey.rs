//! A look at a segment that may be damaged: each batch that is sound, and what lies between.
//!
//! A batch is sound where it is whole, has its checksum and may follow the one before. Behind bytes that
//! are none the next sound batch is sought ([`super::resync`]). Unlike [`super::sound_walk`] it tells which
//! bytes are damaged, and why, and knows nothing of what a log should hold.
//! Checksums cover neither offset nor length, so a batch that skips offsets which the one behind it
//! has is not sound either.
//!
//! Takes little memory, whatever the bytes are. It reads and judges, and changes nothing.

use std::ops::Range;

use sluice_protocol::record_batch::{BatchHeader, HEADER_BYTES, MAGIC};

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::disk::DiskFile;
use super::resync::{makes_sense, next_whole};

/// A walk over the sound batches of a segment and what lies between.
#[derive(Debug)]
pub(crate) struct SegmentSurvey<'a> {
    file: &'a DiskFile,
    walk: BatchWalk<'a>,
    size: u64,
    next_offset: i64,
    /// Offsets of this segment are below it.
    end_offset: i64,
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
            file,
            walk: BatchWalk::new(file, 0, size),
            size,
            next_offset: offsets.start,
            end_offset: offsets.end,
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
        let offsets = self.next_offset..self.end_offset;
        let next = next_whole(self.file, from, self.size, &offsets)?;
        let to = next.map_or(self.size, |next| next.position);
        self.walk.seek(to);
        Ok(Some(Stretch::Damage(Damage {
            from,
            to,
            begin: self.next_offset,
            end: next.map(|next| next.base_offset),
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
        let stored = header.crc;
        if computed != stored {
            return Ok(Err(Fault::Checksum { stored, computed }));
        }
        let offsets = self.next_offset..self.end_offset;
        if !makes_sense(&header, &offsets) || self.is_ahead(&header)? {
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
}

#[cfg(test)]
mod tests;
