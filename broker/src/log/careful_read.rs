//! Reading where something is not what it was: batch by batch, each of them checked, and slowly.
//!
//! A usual read ([`super::segment_read`]) gives up in doubt. This one finds out what is lost, notes it,
//! and gets round it where nothing of it is wanted.

use bytes::Bytes;
use sluice_protocol::record_batch::{BatchHeader, RawBatch};

use super::partition_log::PartitionLog;
use super::read::{LogRead, LogReadError, Place};
use super::sound_walk::{Found, Hole, SoundWalk};

impl PartitionLog {
    /// Batches of one segment from the one with `offset` on. `None` where all its batches lie before.
    pub(super) fn read_carefully(
        &self,
        place: &Place,
        offset: i64,
        read: LogRead,
    ) -> Result<Option<Vec<Bytes>>, LogReadError> {
        let anchor = self.anchor_in(place, offset)?;
        let file = self.context.files.get(&place.file)?;
        let mut walk = SoundWalk::from(place.ground(&file, self.is_dense()), anchor);
        let mut chunks: Vec<Bytes> = Vec::new();
        let mut left = read.max_bytes;
        loop {
            let batch = match walk.next_batch()? {
                Found::Batch(_, batch) => batch,
                Found::Hole(hole) if chunks.is_empty() => {
                    self.pass(place, hole, read.from)?;
                    continue;
                }
                Found::End if chunks.is_empty() => return Ok(None),
                // Whoever comes here next is told.
                Found::Hole(_) | Found::End => return Ok(Some(chunks)),
            };
            if batch.header().last_offset() < read.from {
                continue;
            }
            let is_wanted = match chunks.is_empty() {
                true => is_first_wanted(batch.header(), read)?,
                false => batch.header().base_offset < read.end && batch.bytes().len() <= left,
            };
            if !is_wanted {
                return Ok(Some(chunks));
            }
            left = left.saturating_sub(batch.bytes().len());
            chunks.push(copy_of(&batch));
        }
    }

    /// Takes note of a hole, and goes on only where nothing in it is wanted.
    fn pass(&self, place: &Place, hole: Hole, from: i64) -> Result<(), LogReadError> {
        let Some(range) = hole.range() else {
            return Ok(());
        };
        self.note_damage(&place.file, range);
        match range.end > from {
            true => Err(LogReadError::Damaged { range }),
            false => Ok(()),
        }
    }
}

/// Whether the first batch is to be returned.
fn is_first_wanted(first: &BatchHeader, read: LogRead) -> Result<bool, LogReadError> {
    let bytes = first.size().unwrap_or_default();
    match read.first_batch_max {
        _ if first.base_offset >= read.end => Ok(false),
        _ if bytes <= read.max_bytes => Ok(true),
        None => Ok(false),
        Some(room) if bytes > room => Err(LogReadError::NoRoom { bytes }),
        Some(_) => Ok(true),
    }
}

/// The batch, without the memory around it.
fn copy_of(batch: &RawBatch) -> Bytes {
    Bytes::copy_from_slice(batch.bytes())
}
