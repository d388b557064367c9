//! Reading what nobody reads, to find what the disk lost or changed while there may still be a copy
//! elsewhere.
//!
//! Sealed segments only: they never change again, and the active one is young, so that of it no more is
//! looked at than what is known to be damaged. What is in the system's memory is checked there; the rest is
//! read from the disk and not kept in memory.

use std::io::ErrorKind;
use std::ops::Range;

use super::StorageError;
use super::damage::DamagedRange;
use super::partition_log::PartitionLog;
use super::segment::SealedSegment;
use super::sound_walk::{Found, Ground, SoundWalk};

/// Told of every few bytes read; waits as long as it sees fit. `false` ends the scrub.
pub type ScrubPace<'a> = &'a mut dyn FnMut(usize) -> bool;

impl PartitionLog {
    /// Checks every batch of the sealed segments, notes what is damaged, and forgets damage that is
    /// not there any more, in the active segment too, such as bytes that could not be read once. `false`
    /// where `pace` ended it.
    ///
    /// # Errors
    /// [`StorageError`], where it is not the bytes of a segment that cannot be read.
    pub fn scrub(&self, pace: ScrubPace<'_>) -> Result<bool, StorageError> {
        let view = self.view.lock();
        let sealed = view.sealed.clone();
        let active_base = view.active.as_ref().map(|active| active.base_offset);
        drop(view);
        if let Some(base) = active_base {
            self.look_again(base)?;
        }
        for segment in sealed {
            match self.scrub_segment(&segment, pace) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                // Dropped or replaced meanwhile, so long ago that the file is gone.
                Err(error) if error.cause.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn scrub_segment(
        &self,
        segment: &SealedSegment,
        pace: ScrubPace<'_>,
    ) -> Result<bool, StorageError> {
        let file = self.context.files.get(&segment.file)?;
        let mut walk = SoundWalk::new(Ground {
            is_dense: self.is_dense(),
            is_read_once: true,
            ..segment.ground(&file)
        });
        let known = self.damaged();
        let mut readable: Vec<DamagedRange> = Vec::new();
        let mut holes = Vec::new();
        loop {
            match walk.next_batch()? {
                Found::Batch(_, batch) => {
                    let offset = batch.header().base_offset;
                    readable.extend(known.iter().find(|known| known.contains(offset)));
                    if !pace(batch.bytes().len()) {
                        return Ok(false);
                    }
                }
                Found::Hole(hole) => {
                    if let Some(range) = hole.range() {
                        holes.push(range);
                        self.note_damage(&segment.file, range);
                    }
                }
                Found::End => break,
            }
        }
        readable.dedup();
        for range in readable {
            self.forget_all_but(range, segment.offsets(), &holes);
        }
        self.write_damaged();
        Ok(true)
    }

    /// Forgets what is damaged of a range in a segment of which all is read, but for its `holes`.
    fn forget_all_but(&self, range: DamagedRange, segment: Range<i64>, holes: &[DamagedRange]) {
        let inside = range.begin.max(segment.start)..range.end.min(segment.end);
        let before = range.within(&(i64::MIN..segment.start));
        let still = holes.iter().filter_map(|hole| hole.within(&inside));
        let behind = range.within(&(segment.end..i64::MAX));
        let left: Vec<_> = before.into_iter().chain(still).chain(behind).collect();
        self.change_damaged(&mut self.view.lock(), |damaged| {
            damaged.replace(range, &left);
        });
    }
}
