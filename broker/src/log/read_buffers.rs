//! Memory that records are read into, used again and again.
//!
//! A read takes pieces of one size, and a last one as small as it needs. What leaves here as [`Bytes`]
//! pins no more memory than it is long: a piece that is used in part is copied. Whole pieces come
//! back when the last of those who share them is done; as many as the bound allows are kept.

use std::io::IoSliceMut;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_protocol::record_batch::{CHECKED_FROM, OUTLINE_BYTES};

/// Bytes of a piece.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Where the checksum lies in a batch.
const CRC_AT: usize = 17;

/// The pieces that nobody uses now.
#[derive(Debug)]
pub(crate) struct ReadBuffers {
    free: Mutex<Vec<Box<[u8]>>>,
    kept_max: usize,
}

/// Memory for one read.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    pieces: Vec<Piece>,
    /// Bytes that are of use.
    length: usize,
}

/// A part of a buffer; all but the last of one have [`PIECE_BYTES`].
#[derive(Debug)]
struct Piece {
    bytes: Box<[u8]>,
    pool: Arc<ReadBuffers>,
}

impl ReadBuffers {
    /// A pool that keeps up to `bytes_max` bytes that nobody uses.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(Vec::new()),
            kept_max: bytes_max / PIECE_BYTES,
        })
    }

    /// Memory for `length` bytes, which hold anything.
    pub(super) fn take(self: &Arc<Self>, length: usize) -> ReadBuffer {
        let count = length / PIECE_BYTES;
        let mut free = self.free.lock();
        let kept = free.len().saturating_sub(count);
        let mut whole = free.split_off(kept);
        drop(free);
        whole.resize_with(count, || vec![0; PIECE_BYTES].into());
        let rest = length % PIECE_BYTES;
        if rest > 0 {
            whole.push(vec![0; rest].into());
        }
        let piece = |bytes| Piece {
            bytes,
            pool: Arc::clone(self),
        };
        ReadBuffer {
            pieces: whole.into_iter().map(piece).collect(),
            length,
        }
    }

    fn give_back(&self, piece: Box<[u8]>) {
        if piece.len() < PIECE_BYTES {
            return;
        }
        let mut free = self.free.lock();
        if free.len() < self.kept_max {
            free.push(piece);
        }
    }
}

impl ReadBuffer {
    /// Bytes of use.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Where to read into.
    pub(super) fn slices(&mut self) -> Vec<IoSliceMut<'_>> {
        let pieces = self.pieces.iter_mut();
        pieces
            .map(|piece| IoSliceMut::new(&mut piece.bytes))
            .collect()
    }

    /// Lets go of what is behind `length`.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.pieces.truncate(self.length.div_ceil(PIECE_BYTES));
    }

    /// The first bytes of what begins at `position`, where that many are there.
    pub(super) fn outline_at(&self, position: usize) -> Option<[u8; OUTLINE_BYTES]> {
        let end = position.checked_add(OUTLINE_BYTES)?;
        if end > self.length {
            return None;
        }
        let (index, within) = (position / PIECE_BYTES, position % PIECE_BYTES);
        let bytes = self.pieces.get(index)?.bytes.get(within..)?;
        if let Some(outline) = bytes.first_chunk() {
            return Some(*outline);
        }
        let mut outline = [0; OUTLINE_BYTES];
        let (front, back) = outline.split_at_mut_checked(bytes.len())?;
        front.copy_from_slice(bytes);
        let next = self.pieces.get(index.checked_add(1)?)?;
        back.copy_from_slice(next.bytes.get(..back.len())?);
        Some(outline)
    }

    /// Whether the batch of `size` bytes at `position` has the checksum that it says.
    pub(super) fn is_true_at(&self, position: usize, size: usize) -> bool {
        let Some(outline) = self.outline_at(position) else {
            return false;
        };
        let stored = outline.get(CRC_AT..).and_then(<[u8]>::first_chunk);
        let begin = position.saturating_add(CHECKED_FROM);
        let computed = self.crc_of(begin..position.saturating_add(size));
        stored.is_some_and(|stored| u32::from_be_bytes(*stored) == computed)
    }

    /// CRC-32C of the bytes of a range.
    fn crc_of(&self, range: Range<usize>) -> u32 {
        let mut crc = 0;
        let mut at = range.start;
        while at < range.end {
            let piece = self.pieces.get(at / PIECE_BYTES);
            let rest = piece.and_then(|piece| piece.bytes.get(at % PIECE_BYTES..));
            let wanted = range.end.saturating_sub(at);
            let Some(bytes) = rest.map(|rest| rest.get(..wanted).unwrap_or(rest)) else {
                break;
            };
            crc = crc32c::crc32c_append(crc, bytes);
            at = at.saturating_add(bytes.len());
            if bytes.is_empty() {
                break;
            }
        }
        crc
    }

    /// The bytes of a range, in chunks. Memory of which nothing is in the range is free at once.
    pub(super) fn into_bytes(mut self, range: Range<usize>) -> Vec<Bytes> {
        self.truncate(range.end);
        let mut chunks = Vec::with_capacity(self.pieces.len());
        for (piece, begin) in self.pieces.into_iter().zip((0..).step_by(PIECE_BYTES)) {
            let size = piece.bytes.len();
            let start = range.start.saturating_sub(begin).min(size);
            let end = self.length.saturating_sub(begin).min(size);
            match piece.bytes.get(start..end) {
                None | Some([]) => {}
                Some(all) if all.len() == size => chunks.push(Bytes::from_owner(piece)),
                Some(part) => chunks.push(Bytes::copy_from_slice(part)),
            }
        }
        chunks
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer of `length` bytes, each of which tells where it is.
    fn filled(pool: &Arc<ReadBuffers>, length: usize) -> (ReadBuffer, Vec<u8>) {
        let bytes: Vec<u8> = (0..length)
            .map(|place| u8::try_from(place % 251).unwrap())
            .collect();
        let mut buffer = pool.take(length);
        let mut rest = bytes.as_slice();
        for slice in &mut buffer.slices() {
            let (now, later) = rest.split_at(slice.len());
            slice.copy_from_slice(now);
            rest = later;
        }
        assert!(rest.is_empty());
        (buffer, bytes)
    }

    fn free(pool: &ReadBuffers) -> usize {
        pool.free.lock().len()
    }

    #[test]
    fn a_range_comes_out_as_it_was_read() {
        const LENGTH: usize = 3 * PIECE_BYTES + 1000;
        let pool = ReadBuffers::new(10 * PIECE_BYTES);
        for range in [
            0..LENGTH,
            0..0,
            5..PIECE_BYTES,
            PIECE_BYTES..3 * PIECE_BYTES,
            PIECE_BYTES - 1..2 * PIECE_BYTES + 1,
            LENGTH - 1..LENGTH,
        ] {
            let (buffer, bytes) = filled(&pool, LENGTH);
            assert_eq!(buffer.into_bytes(range.clone()).concat(), bytes[range]);
        }
    }

    #[test]
    fn an_outline_may_lie_in_two_pieces() {
        let pool = ReadBuffers::new(0);
        let length = PIECE_BYTES + OUTLINE_BYTES;
        let (buffer, bytes) = filled(&pool, length);
        for position in (PIECE_BYTES - OUTLINE_BYTES..=PIECE_BYTES).chain([0, 1]) {
            let outline = buffer.outline_at(position).unwrap();
            assert_eq!(outline, bytes[position..position + OUTLINE_BYTES]);
        }
        assert_eq!(buffer.outline_at(PIECE_BYTES + 1), None);
    }

    /// Fails where `into_bytes` hands out a piece of which a part is used (`all.len() == size` made `true`).
    #[test]
    fn what_is_used_in_part_pins_nothing_and_what_is_whole_comes_back() {
        let pool = ReadBuffers::new(10 * PIECE_BYTES);
        let (buffer, _) = filled(&pool, 3 * PIECE_BYTES);
        let chunks = buffer.into_bytes(10..2 * PIECE_BYTES + 1);
        assert_eq!(free(&pool), 2);
        let shared = chunks.clone();
        drop(chunks);
        assert_eq!(free(&pool), 2);
        drop(shared);
        assert_eq!(free(&pool), 3);
    }

    /// Fails where `give_back` does not look at the bound.
    #[test]
    fn no_more_is_kept_than_the_bound() {
        let pool = ReadBuffers::new(2 * PIECE_BYTES);
        let (first, second) = (pool.take(3 * PIECE_BYTES), pool.take(PIECE_BYTES + 1));
        drop((first, second));
        assert_eq!(free(&pool), 2);
        assert_eq!(pool.take(5 * PIECE_BYTES).pieces.len(), 5);
        assert_eq!(free(&pool), 2);
    }
}
