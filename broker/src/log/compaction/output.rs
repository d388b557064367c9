//! Writing a segment of what compaction leaves.

use sluice_protocol::record_batch::RawBatch;

use crate::log::StorageError;
use crate::log::disk::DiskFile;
use crate::log::index::SegmentIndex;

/// Bytes written at once.
const PIECE_BYTES: usize = 1024 * 1024;

/// A segment that is written.
pub(super) struct Output {
    pub(super) file: DiskFile,
    pub(super) base_offset: i64,
    interval: u32,
    /// Bytes, with those not written yet.
    pub(super) size: u64,
    waiting: Vec<u8>,
    pub(super) index: SegmentIndex,
    /// Whether it differs from its inputs.
    pub(super) is_changed: bool,
}

impl Output {
    pub(super) fn new(file: DiskFile, base_offset: i64, interval: u32) -> Self {
        Self {
            file,
            base_offset,
            interval,
            size: 0,
            waiting: Vec::new(),
            index: SegmentIndex::default(),
            is_changed: false,
        }
    }

    pub(super) fn push(&mut self, batch: &RawBatch) -> Result<(), StorageError> {
        let position = u32::try_from(self.size).unwrap_or(u32::MAX);
        self.index
            .push(batch.header(), position, self.base_offset, self.interval);
        self.waiting.extend_from_slice(batch.bytes());
        self.size = self.size.saturating_add(size_of_batch(batch));
        match self.waiting.len() >= PIECE_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), StorageError> {
        let waiting = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.file
            .write_at(self.size.saturating_sub(waiting), &[&self.waiting])?;
        self.waiting.clear();
        Ok(())
    }
}

/// Bytes of a batch.
pub(super) fn size_of_batch(batch: &RawBatch) -> u64 {
    u64::try_from(batch.bytes().len()).unwrap_or(u64::MAX)
}
