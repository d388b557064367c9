//! Reading a segment that is compacted.

use sluice_protocol::record_batch::RawBatch;

use super::clean::CompactError;
use crate::log::batch_walk::{BatchWalk, Step};
use crate::log::disk::DiskFile;
use crate::log::segment::SealedSegment;

/// A segment that is read, every batch checked.
pub(super) struct Input<'a> {
    segment: &'a SealedSegment,
    walk: BatchWalk<'a>,
}

impl<'a> Input<'a> {
    pub(super) const fn new(segment: &'a SealedSegment, file: &'a DiskFile, position: u64) -> Self {
        Self {
            walk: BatchWalk::new(file, position, segment.size),
            segment,
        }
    }

    /// Bytes that are still to come.
    pub(super) const fn left(&self) -> u64 {
        self.segment.size.saturating_sub(self.walk.position())
    }

    pub(super) fn next(&mut self) -> Result<Option<(u64, RawBatch)>, CompactError> {
        let at = self.walk.position();
        match self.walk.next_batch()? {
            Step::Batch((position, batch)) if batch.has_valid_crc() => Ok(Some((position, batch))),
            Step::End => Ok(None),
            Step::Batch(_) | Step::Torn => Err(CompactError::Damaged {
                path: self.segment.file.path().display().to_string(),
                position: at,
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
