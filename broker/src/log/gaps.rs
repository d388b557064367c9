//! What becomes of what is missing, or not whole, in a log as it was left.
//!
//! Where the commit log has it, with all that the segments have behind it, the log ends there, and goes on with that.
//! Else it was never promised, and the log ends there; or it may have been durable: then it is damaged, and what is
//! sound behind it stays. Where the recovery points are lost, what is missing between two segments may be what was
//! compacted away: it comes back then, with all that replaced it, and the log counts as never compacted.

use super::StorageError;
use super::recovery::Recovery;
use super::segment::SEGMENT_BYTES_MAX;
use super::sound_walk::{Ground, SoundWalk};

impl Recovery<'_> {
    /// Whether what is missing from `begin` on, which is before `end_ahead`, is damage, and what follows stays.
    pub(super) fn stays(
        &self,
        begin: i64,
        end_ahead: impl FnOnce() -> Result<i64, StorageError>,
    ) -> Result<bool, StorageError> {
        let may_be_durable = self.keeps_all || self.backing.are_points_lost();
        Ok(may_be_durable && !self.brings_back(begin, end_ahead)?)
    }

    /// Whether the commit log has all from `begin` on up to `end_ahead`, where the segments end.
    pub(super) fn brings_back(
        &self,
        begin: i64,
        end_ahead: impl FnOnce() -> Result<i64, StorageError>,
    ) -> Result<bool, StorageError> {
        match self.backing.end_of_run(begin) {
            Some(end) => Ok(end_ahead()? <= end),
            None => Ok(false),
        }
    }

    /// Whether the commit log has all from `begin` on that it ever had.
    pub(super) fn is_backed(&self, begin: i64) -> bool {
        self.backing.end_of_run(begin).is_some()
    }

    /// Whether a batch at `base_offset`, which `walk` stands behind, leaves out what is behind `next_offset`, and nothing
    /// ever did: no checksum covers where it says it is.
    pub(super) fn leaves_out(
        &self,
        next_offset: i64,
        base_offset: i64,
        walk: &SoundWalk<'_>,
        later: &[i64],
    ) -> Result<bool, StorageError> {
        let point = self.options.recovery_point.offset;
        let next_offset = next_offset.max(point);
        let is_gap = point > 0 && self.has_point && base_offset > next_offset;
        Ok(is_gap && !self.stays(next_offset, || self.end_ahead(walk, later))?)
    }

    /// Whether what is not whole at `offset`, behind the recovery point, is damaged where something sound follows.
    pub(super) fn keeps(&self, offset: i64) -> bool {
        self.keeps_all || self.backing.may_have_lost(offset)
    }

    /// Whether a hole that begins with `begin`, and behind which nothing is, stays.
    pub(super) fn keeps_end(&self, begin: i64, is_readable: bool) -> bool {
        let key = self.options.key;
        self.backing.may_have_lost_end(begin, key, is_readable)
    }

    /// One past the last offset that the headers ahead of a walk tell of, in the `later` segments too.
    pub(super) fn end_ahead(
        &self,
        walk: &SoundWalk<'_>,
        later: &[i64],
    ) -> Result<i64, StorageError> {
        match later.last() {
            None => walk.end_ahead(),
            Some(last) => self.end_of_headers(*last),
        }
    }

    /// One past the last offset that a header of the segment at `base`, which is the last one, tells of.
    pub(super) fn end_of_headers(&self, base: i64) -> Result<i64, StorageError> {
        if let Some(known) = self.last_end.get() {
            return Ok(*known);
        }
        let file = self.context.files.get(&self.file(base))?;
        let ground = Ground {
            file: &file,
            size: file.size()?.min(SEGMENT_BYTES_MAX),
            base_offset: base,
            end_offset: None,
            border: None,
            is_dense: false,
            is_read_once: false,
        };
        let end = SoundWalk::new(ground).end_ahead()?;
        Ok(*self.last_end.get_or_init(|| end))
    }
}
