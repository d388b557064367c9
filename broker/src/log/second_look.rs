//! Looking again at what is known to be damaged, which a disk that failed for a moment may read now.
//!
//! A range is forgotten as far as its batches are whole and true, and stays where nothing is to be seen:
//! what no segment holds, and, where compaction may have left offsets out, what no batch tells of.

use super::StorageError;
use super::damage::DamagedRange;
use super::partition_log::PartitionLog;
use super::read::Place;
use super::sound_walk::{Found, Ground, SoundWalk};

/// Bytes of a segment that are read for a range. One that takes more stays as it is known.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

impl PartitionLog {
    /// Looks again at the ranges that end behind `from`.
    pub(super) fn look_again(&self, from: i64) -> Result<(), StorageError> {
        let known = self.damaged();
        if known.is_empty() {
            return Ok(());
        }
        for range in known {
            if range.end > from {
                let left = self.still_damaged(range)?;
                let mut view = self.view.lock();
                self.change_damaged(&mut view, |known| known.replace(range, &left));
            }
        }
        self.write_damaged();
        Ok(())
    }

    /// What of the range is damaged now.
    fn still_damaged(&self, range: DamagedRange) -> Result<Vec<DamagedRange>, StorageError> {
        let mut left = Vec::new();
        let mut next = range.begin;
        while let Some(rest) = DamagedRange::new(next, range.end) {
            let Some(place) = self.place_of(next) else {
                left.push(rest);
                break;
            };
            left.extend(rest.within(&(next..place.base_offset)));
            if let Some(part) = rest.within(&(place.base_offset..place.end_offset)) {
                left.extend(self.look_in(&place, part)?);
            }
            next = place.end_offset;
        }
        Ok(left)
    }

    /// What is damaged of a range that lies in one segment.
    fn look_in(
        &self,
        place: &Place,
        range: DamagedRange,
    ) -> Result<Vec<DamagedRange>, StorageError> {
        let anchor = self.anchor_in(place, range.begin)?;
        let file = self.context.files.get(&place.file)?;
        let size = place.size.min(anchor.position.saturating_add(BYTES_MAX));
        let mut walk = SoundWalk::from(
            Ground {
                size,
                ..place.ground(&file, self.is_dense())
            },
            anchor,
        );
        let mut holes = Vec::new();
        let mut is_any_true = false;
        loop {
            match walk.next_batch()? {
                Found::Batch(_, batch) if batch.header().base_offset >= range.end => break,
                Found::Batch(_, batch) => {
                    is_any_true |= batch.header().last_offset() >= range.begin
                }
                Found::Hole(hole) => holes.extend(hole.range()),
                // Nobody knows what is behind that.
                Found::End if size < place.size => {
                    is_any_true = false;
                    break;
                }
                Found::End => break,
            }
        }
        let offsets = range.begin..range.end;
        Ok(match is_any_true {
            true => holes
                .iter()
                .filter_map(|hole| hole.within(&offsets))
                .collect(),
            false => vec![range],
        })
    }
}
