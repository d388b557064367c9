//! Keeping the state of idempotent producers across restarts.
//!
//! The newest snapshot that can be read, then the headers of the batches behind it. Two snapshots
//! are kept, so that a harmed one costs a longer walk and nothing else, and the last one that was
//! synced, which may be all that tells of records that are gone. One behind the end of the log goes at
//! once: it tells of records that a power cut took, and the log would grow past it. What a damaged range told of its
//! producers is lost: one that goes on behind it is refused for its sequence, and begins a new epoch.

use std::sync::atomic::Ordering;

use super::StorageError;
use super::partition_log::{PartitionLog, Tending};
use super::producer_snapshot::{self, SNAPSHOT};
use super::producer_state::ProducerStates;
use super::segment::{file_name, offsets_of};
use super::sound_walk::SoundWalk;
use crate::limits::PRODUCERS_PER_PARTITION_MAX;

/// Snapshots that are kept.
const SNAPSHOTS_KEPT: usize = 2;

/// The producers of a log, as they were left.
#[derive(Clone, Debug, Default)]
pub struct RecoveredProducers {
    /// The producers.
    pub states: ProducerStates,
    /// Offset of the snapshot they come from, or 0.
    pub snapshot_offset: i64,
}

impl PartitionLog {
    /// The producers of everything durable, as last used at the wall clock's `now`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn recover_producers(&self, now: i64) -> Result<RecoveredProducers, StorageError> {
        let (_, end) = self.bounds();
        let mut states = ProducerStates::default();
        // Records that were deleted may still tell, while their segment is there.
        let mut from = 0;
        let mut snapshot_offset = 0;
        for offset in self.true_snapshots(end)?.into_iter().rev() {
            let path = self.directory.join(file_name(offset, SNAPSHOT));
            let bytes = self.context.disk.read_derived(&path)?;
            let read = bytes.and_then(|bytes| producer_snapshot::decode(bytes, now));
            if let Some(read) = read {
                states = read;
                states.keep_within(PRODUCERS_PER_PARTITION_MAX);
                from = offset;
                snapshot_offset = offset;
                // What is found at a start was synced by the stop before, or is by the checkpoint that
                // comes before anything is served.
                self.synced_snapshot.store(offset, Ordering::Relaxed);
                break;
            }
        }
        while let Some(place) = self.place_of(from) {
            let anchor = self.anchor_in(&place, from)?;
            let file = self.context.files.get(&place.file)?;
            let walk = SoundWalk::from(place.ground(&file, false), anchor);
            walk.each_header(|_, header| {
                if header.base_offset >= from && header.producer_id >= 0 {
                    states.record(&header, now);
                    states.keep_within(PRODUCERS_PER_PARTITION_MAX);
                }
            })?;
            from = place.end_offset;
        }
        Ok(RecoveredProducers {
            states,
            snapshot_offset,
        })
    }

    /// Writes a snapshot of the producers up to `offset`, durably where records are about to go that
    /// tell the same, and removes what it makes superfluous.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn write_snapshot(
        &self,
        _tending: &Tending<'_>,
        states: &ProducerStates,
        offset: i64,
        is_durable: bool,
    ) -> Result<(), StorageError> {
        let writer = self.writer.lock();
        let is_kept = !writer.is_closed && writer.has_directory;
        drop(writer);
        if !is_kept {
            return Ok(());
        }
        if !is_durable && self.synced_snapshot.load(Ordering::Relaxed) == offset {
            // The records that tell the same may be gone: what is synced stays until another is.
            return Ok(());
        }
        let disk = &self.context.disk;
        let path = self.directory.join(file_name(offset, SNAPSHOT));
        let bytes = producer_snapshot::encode(states);
        if is_durable {
            disk.replace_file(&path, &bytes)?;
            self.synced_snapshot.store(offset, Ordering::Relaxed);
        } else {
            disk.swap_file(&path, &bytes)?;
        }
        let snapshots = self.snapshots()?;
        let old = snapshots.len().saturating_sub(SNAPSHOTS_KEPT);
        let synced = self.synced_snapshot.load(Ordering::Relaxed);
        let old = snapshots.into_iter().take(old);
        for offset in old.filter(|offset| *offset != synced) {
            let path = self.directory.join(file_name(offset, SNAPSHOT));
            disk.remove_file(&path)?;
        }
        Ok(())
    }

    /// Offsets of the snapshots up to the `end` of the log, in order; those behind it are gone for good then.
    fn true_snapshots(&self, end: i64) -> Result<Vec<i64>, StorageError> {
        let disk = &self.context.disk;
        let mut snapshots = self.snapshots()?;
        let count = snapshots.partition_point(|offset| *offset <= end);
        let untrue = snapshots.split_off(count);
        for offset in &untrue {
            let path = self.directory.join(file_name(*offset, SNAPSHOT));
            disk.remove_file(&path)?;
        }
        if !untrue.is_empty() {
            disk.sync_dir(&self.directory)?;
        }
        Ok(snapshots)
    }

    /// Offsets of the snapshots there are, in order.
    fn snapshots(&self) -> Result<Vec<i64>, StorageError> {
        let names = self.context.disk.list(&self.directory)?;
        Ok(offsets_of(&names, SNAPSHOT))
    }
}
