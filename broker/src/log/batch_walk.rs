//! A walk over the batches of a segment file, by their headers.
//!
//! Reads the file in pieces; records are looked at only where the caller asks for whole batches. What
//! the disk cannot read is zeroes here, which are no batch. A length is not believed before the checksum says
//! so, where it would take much memory: one flipped bit makes a gigabyte of it.

use bytes::Bytes;
use sluice_protocol::record_batch::{BatchHeader, CHECKED_FROM, HEADER_BYTES, MAGIC, RawBatch};

use super::StorageError;
use super::disk::DiskFile;
use crate::limits::BATCH_BYTES_MAX;

/// Bytes read at once: few reads where batches are small, little waste where they are large.
const PIECE_BYTES: usize = 64 * 1024;
/// The same where batches are so large that most of what is read would not be looked at.
const SHORT_PIECE_BYTES: usize = 4 * 1024;
/// Bytes of a batch that is so large.
const LARGE_BATCH_BYTES: u64 = 32 * 1024;
/// Bytes read at once where records are read too.
const WHOLE_PIECE_BYTES: usize = 1024 * 1024;
/// Bytes of a batch up to which its length is believed before the checksum says so.
pub(super) const BELIEVED_BYTES: usize = 1024 * 1024;
/// Where the bytes begin that the checksum of a batch covers.
const CHECKED_FROM_SIZE: u64 = 21;
const _: () = assert!(CHECKED_FROM == 21);

/// Stands before a batch of a file.
#[derive(Clone, Debug)]
pub(crate) struct BatchWalk<'a> {
    file: &'a DiskFile,
    position: u64,
    end: u64,
    piece: Bytes,
    /// Position of the piece's first byte.
    piece_at: u64,
    /// Bytes read at once.
    header_piece_bytes: usize,
    is_read_once: bool,
}

/// What stands at the position of a walk.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// A batch.
    Batch(T),
    /// The end.
    End,
    /// Bytes that are not a batch, or not all of one.
    Torn,
}

impl<'a> BatchWalk<'a> {
    /// A walk from `position`, where a batch begins, to `end`.
    pub(crate) const fn new(file: &'a DiskFile, position: u64, end: u64) -> Self {
        Self {
            file,
            position,
            end,
            piece: Bytes::new(),
            piece_at: 0,
            header_piece_bytes: PIECE_BYTES,
            is_read_once: false,
        }
    }

    /// As [`BatchWalk::new`], for who wants the header of one batch and no more.
    pub(crate) const fn single(file: &'a DiskFile, position: u64, end: u64) -> Self {
        let mut walk = Self::new(file, position, end);
        walk.header_piece_bytes = HEADER_BYTES;
        walk
    }

    /// The same walk, which leaves nothing in the system's memory that was not there.
    pub(crate) const fn read_once(mut self) -> Self {
        self.is_read_once = true;
        self
    }

    /// Where the next batch begins.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// The next batch's header, and the position it begins at.
    pub(crate) fn next_header(&mut self) -> Result<Step<(u64, BatchHeader)>, StorageError> {
        let Some((header, size)) = self.header()? else {
            return Ok(self.end_or_torn());
        };
        let position = self.position;
        self.position = position.saturating_add(size);
        Ok(Step::Batch((position, header)))
    }

    /// The next batch whole, and the position it begins at. A large one has its checksum.
    pub(crate) fn next_batch(&mut self) -> Result<Step<(u64, RawBatch)>, StorageError> {
        let Some((_, size)) = self.header()? else {
            return Ok(self.end_or_torn());
        };
        let Ok(length) = usize::try_from(size) else {
            return Ok(Step::Torn);
        };
        if length > BELIEVED_BYTES && !self.clone().next_is_true()? {
            return Ok(Step::Torn);
        }
        let mut bytes = self.piece_of(length, WHOLE_PIECE_BYTES)?;
        let Ok(Some(batch)) = RawBatch::take(&mut bytes) else {
            return Ok(Step::Torn);
        };
        let position = self.position;
        self.position = position.saturating_add(size);
        Ok(Step::Batch((position, batch)))
    }

    /// The next batch's header, the position it begins at, and the checksum of its bytes. Takes little
    /// memory however large the batch is.
    pub(crate) fn next_checked(&mut self) -> Result<Step<(u64, BatchHeader, u32)>, StorageError> {
        let Some((header, size)) = self.header()? else {
            return Ok(self.end_or_torn());
        };
        let position = self.position;
        let end = position.saturating_add(size);
        self.position = position.saturating_add(CHECKED_FROM_SIZE);
        let mut crc = 0;
        while self.position < end {
            let left = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let piece = self.piece_of(left.min(WHOLE_PIECE_BYTES), WHOLE_PIECE_BYTES)?;
            let checked = piece.get(..left).unwrap_or(&piece);
            if checked.is_empty() {
                self.position = position;
                return Ok(Step::Torn);
            }
            crc = crc32c::crc32c_append(crc, checked);
            let length = u64::try_from(checked.len()).unwrap_or(u64::MAX);
            self.position = self.position.saturating_add(length);
        }
        Ok(Step::Batch((position, header, crc)))
    }

    /// Whether the next batch has its checksum; takes little memory, as [`BatchWalk::next_checked`].
    pub(crate) fn next_is_true(mut self) -> Result<bool, StorageError> {
        Ok(match self.next_checked()? {
            Step::Batch((_, header, computed)) => header.crc == computed,
            Step::End | Step::Torn => false,
        })
    }

    /// Goes to `position`.
    pub(crate) const fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The bytes from the position on, at least `needed` but for the end of the file.
    pub(crate) fn bytes(&mut self, needed: usize) -> Result<Bytes, StorageError> {
        self.piece_of(needed, WHOLE_PIECE_BYTES)
    }

    fn end_or_torn<T>(&self) -> Step<T> {
        match self.position >= self.end {
            true => Step::End,
            false => Step::Torn,
        }
    }

    /// The header at the position and the size of its batch, where the batch fits before the end.
    fn header(&mut self) -> Result<Option<(BatchHeader, u64)>, StorageError> {
        let bytes = self.piece_of(HEADER_BYTES, self.header_piece_bytes)?;
        let Ok(header) = BatchHeader::decode(&bytes) else {
            return Ok(None);
        };
        let is_possible = |size: &usize| header.magic == MAGIC && *size <= BATCH_BYTES_MAX;
        let size = header.size().filter(is_possible);
        let Some(size) = size.and_then(|size| u64::try_from(size).ok()) else {
            return Ok(None);
        };
        if size > LARGE_BATCH_BYTES {
            self.header_piece_bytes = self.header_piece_bytes.min(SHORT_PIECE_BYTES);
        }
        let fits = self.position.saturating_add(size) <= self.end;
        Ok(fits.then_some((header, size)))
    }

    /// The bytes from the position on: at least `needed`, fewer only at the end.
    fn piece_of(&mut self, needed: usize, piece_bytes: usize) -> Result<Bytes, StorageError> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let needed = needed.min(left);
        let skipped = self
            .position
            .checked_sub(self.piece_at)
            .and_then(|skipped| usize::try_from(skipped).ok());
        if let Some(skipped) = skipped.filter(|skipped| *skipped <= self.piece.len()) {
            let rest = self.piece.slice(skipped..);
            if rest.len() >= needed {
                return Ok(rest);
            }
        }
        let length = needed.max(piece_bytes).min(left);
        self.piece = match self.is_read_once {
            true => self.file.read_once_at(self.position, length)?,
            false => self.file.read_readable_at(self.position, length)?,
        };
        self.piece_at = self.position;
        Ok(self.piece.clone())
    }
}

/// The largest timestamp of the first batch of a segment of `size` bytes. Reads no more than its header.
pub(crate) fn first_timestamp(file: &DiskFile, size: u64) -> Result<Option<i64>, StorageError> {
    let mut walk = BatchWalk::single(file, 0, size);
    Ok(match walk.next_header()? {
        Step::Batch((_, header)) => Some(header.max_timestamp),
        Step::End | Step::Torn => None,
    })
}
