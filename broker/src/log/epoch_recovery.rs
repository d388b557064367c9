//! The leader epochs of a log that an unclean start found: those of its batches, whatever the file says.
//!
//! The file `leader-epoch-checkpoint` is in Kafka's format, which has no checksum, and it is not synced before it
//! takes its place. So where it may not have been synced at all its entries are compared with the batches before and
//! behind them, and read from the batches where they differ.

use sluice_protocol::record_batch::{BatchHeader, HEADER_BYTES};

use super::StorageError;
use super::leader_epochs::LeaderEpochs;
use super::partition_log::PartitionLog;
use super::resync::makes_sense;
use super::sound_walk::SoundWalk;

impl PartitionLog {
    /// Has the epochs be those of the batches.
    pub(super) fn mend_epochs(&self) -> Result<(), StorageError> {
        if self.are_epochs_true()? {
            return Ok(());
        }
        let mut epochs = LeaderEpochs::default();
        let mut from = 0;
        while let Some(place) = self.place_of(from) {
            let file = self.context.files.get(&place.file)?;
            let walk = SoundWalk::new(place.ground(&file, false));
            walk.each_header(|_, header| {
                epochs.push(header.leader_epoch, header.base_offset);
            })?;
            from = place.end_offset;
        }
        let mut writer = self.writer.lock();
        writer.epochs = epochs.clone();
        self.view.lock().epochs = epochs;
        drop(writer);
        Ok(())
    }

    fn are_epochs_true(&self) -> Result<bool, StorageError> {
        let epochs = self.view.lock().epochs.clone();
        let (_, end) = self.bounds();
        let last = self.header_at(end.saturating_sub(1))?;
        if last.is_some_and(|last| epochs.last() != Some(last.leader_epoch)) {
            return Ok(false);
        }
        let ends = epochs.iter().skip(1).map(|(_, start)| start);
        for ((epoch, start), end) in epochs.iter().zip(ends.chain([i64::MAX])) {
            let before = self.header_at(start.saturating_sub(1))?;
            if before
                .is_some_and(|before| before.base_offset < start && before.leader_epoch >= epoch)
            {
                return Ok(false);
            }
            // Compaction and retention may have taken the first batches of an epoch, or all.
            let is_true =
                self.header_at(start)?
                    .is_none_or(|header| match header.base_offset < end {
                        true => header.base_offset >= start && header.leader_epoch == epoch,
                        false => header.leader_epoch >= epoch,
                    });
            if !is_true {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The header of the batch that holds `offset`, or of the first behind it in the same segment; `None`
    /// where something else stands, or nothing can be read. Reads headers alone, and few.
    fn header_at(&self, offset: i64) -> Result<Option<BatchHeader>, StorageError> {
        let Some(place) = self.place_of(offset).filter(|_| offset >= 0) else {
            return Ok(None);
        };
        let mut position = self.anchor_in(&place, offset)?.position;
        let file = self.context.files.get(&place.file)?;
        while position < place.size {
            let Ok(header) = BatchHeader::decode(&file.read_readable_at(position, HEADER_BYTES)?)
            else {
                break;
            };
            let size = header.size().and_then(|size| u64::try_from(size).ok());
            let Some(size) =
                size.filter(|_| makes_sense(&header, &(place.base_offset..place.end_offset)))
            else {
                break;
            };
            if header.last_offset() >= offset {
                return Ok(Some(header));
            }
            position = position.saturating_add(size);
        }
        Ok(None)
    }
}
