//! Reading what nobody reads, to find what the disk lost or changed while there may still be a copy
//! elsewhere.
//!
//! Sealed segments only: they never change again, and the active one is young, so that of it no more is
//! looked at than what is known to be damaged. What is in the system's memory is checked there; the rest is
//! read from the disk and not kept in memory.

use std::io::ErrorKind;

use super::StorageError;
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
        drop(view);
        self.look_again(i64::MIN)?;
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
        loop {
            match walk.next_batch()? {
                Found::Batch(_, batch) => {
                    if !pace(batch.bytes().len()) {
                        return Ok(false);
                    }
                }
                Found::Hole(hole) => {
                    if let Some(range) = hole.range() {
                        self.note_damage(&segment.file, range);
                    }
                }
                Found::End => return Ok(true),
            }
        }
    }
}
