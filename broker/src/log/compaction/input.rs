//! Reading a segment that is compacted.
//!
//! What is written anew is taken for true ever after, and the checksum of a batch does not cover its offset. So each
//! must stand where a scrub would have it stand, which finds out what is damaged where one does not.

use sluice_protocol::record_batch::RawBatch;

use super::clean::CompactError;
use crate::log::disk::DiskFile;
use crate::log::segment::SealedSegment;
use crate::log::sound_walk::{Anchor, Found, SoundWalk};

/// A segment that is read, every batch checked.
pub(super) struct Input<'a> {
    segment: &'a SealedSegment,
    walk: SoundWalk<'a>,
}

impl<'a> Input<'a> {
    pub(super) const fn new(segment: &'a SealedSegment, file: &'a DiskFile, position: u64) -> Self {
        let anchor = Anchor {
            position,
            last_offset: None,
        };
        Self {
            walk: SoundWalk::from(segment.ground(file), anchor),
            segment,
        }
    }

    /// Bytes that are still to come.
    pub(super) const fn left(&self) -> u64 {
        self.segment.size.saturating_sub(self.walk.position())
    }

    pub(super) fn next(&mut self) -> Result<Option<(u64, RawBatch)>, CompactError> {
        match self.walk.next_batch()? {
            Found::Batch(position, batch) => Ok(Some((position, batch))),
            Found::End => Ok(None),
            Found::Hole(hole) => Err(CompactError::Damaged {
                path: self.segment.file.path().display().to_string(),
                position: hole.position,
            }),
        }
    }

    pub(super) fn unreadable(&self, position: u64, reason: &dyn std::fmt::Display) -> CompactError {
        CompactError::Unreadable {
            path: self.segment.file.path().display().to_string(),
            position,
            reason: reason.to_string(),
        }
    }
}
