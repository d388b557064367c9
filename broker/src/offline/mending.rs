//! What is to become of a segment that is not whole: what of it is sound stays, and in the place of what is lost comes
//! a batch without records. Decided by a check, carried out by a [`mend`](super::mend).

use std::ops::Range;

/// What is to become of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mend {
    pub(super) base_offset: i64,
    pub(super) pieces: Vec<Piece>,
}

/// A piece of a mended segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// These bytes as they are.
    Keep(Range<u64>),
    /// In the place of lost offsets, a batch without records of this epoch.
    Fill(Range<i64>, i32),
}

/// What is to become of a segment, as far as it was looked at.
#[derive(Debug, Default)]
pub(super) struct Mending {
    pieces: Vec<Piece>,
    has_dropped: bool,
}

impl Mending {
    pub(super) fn keep(&mut self, bytes: Range<u64>) {
        match self.pieces.last_mut() {
            Some(Piece::Keep(kept)) if kept.end == bytes.start => kept.end = bytes.end,
            Some(_) | None => self.pieces.push(Piece::Keep(bytes)),
        }
    }

    pub(super) const fn drop_bytes(&mut self) {
        self.has_dropped = true;
    }

    pub(super) fn fill(&mut self, offsets: Range<i64>, epoch: i32) {
        if !offsets.is_empty() {
            self.pieces.push(Piece::Fill(offsets, epoch));
        }
    }

    /// The mend, unless the segment stays as it is.
    pub(super) fn mend(self, base_offset: i64, size: u64) -> Option<Mend> {
        let is_whole = match self.pieces.as_slice() {
            [] => size == 0,
            [Piece::Keep(kept)] => *kept == (0..size),
            _ => false,
        };
        (self.has_dropped || !is_whole).then_some(Mend {
            base_offset,
            pieces: self.pieces,
        })
    }
}
