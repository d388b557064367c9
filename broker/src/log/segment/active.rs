//! The segment that is written.

use std::sync::Arc;

use sluice_protocol::record_batch::BatchHeader;

use super::SealedSegment;
use crate::log::disk::DiskFile;
use crate::log::index::{SegmentIndex, floor, relative};
use crate::log::open_files::SegmentFile;
use crate::log::saved_index::{SavedEntries, SavedIndex};
use crate::log::sound_walk::{Anchor, Ground};

/// The segment that is written, as far as it is durable.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) base_offset: i64,
    pub(crate) file: Arc<SegmentFile>,
    /// Bytes that are durable.
    pub(crate) size: u64,
    pub(crate) index: SegmentIndex,
    /// What of the index is in its files, and is synced by the next checkpoint at the latest.
    pub(crate) saved: SavedIndex,
    /// Largest timestamp of the first batch.
    pub(crate) first_timestamp: Option<i64>,
}

impl ActiveSegment {
    pub(crate) const fn new(base_offset: i64, file: Arc<SegmentFile>, index: SegmentIndex) -> Self {
        Self {
            base_offset,
            file,
            size: 0,
            index,
            saved: SavedIndex {
                offsets: SavedEntries { count: 0, crc: 0 },
                times: SavedEntries { count: 0, crc: 0 },
            },
            first_timestamp: None,
        }
    }

    /// Takes note of a batch at the end.
    pub(crate) fn push(&mut self, header: &BatchHeader, interval: u32) {
        let position = u32::try_from(self.size).unwrap_or(u32::MAX);
        self.index
            .push(header, position, self.base_offset, interval);
        self.first_timestamp = self.first_timestamp.or(Some(header.max_timestamp));
        let size = header.size().and_then(|size| u64::try_from(size).ok());
        self.size = self.size.saturating_add(size.unwrap_or_default());
    }

    /// Where to begin to look for `offset`.
    pub(in crate::log) fn anchor_of(&self, offset: i64) -> Anchor {
        let target = relative(offset, self.base_offset);
        let entry = floor(&self.index.offsets, |entry| entry.relative_offset <= target);
        entry.map_or_else(Anchor::default, |entry| Anchor {
            position: u64::from(entry.position),
            last_offset: Some(
                self.base_offset
                    .saturating_add(i64::from(entry.relative_offset)),
            ),
        })
    }

    /// Its bytes up to `end_offset`, as one looks at them who does not care for offsets that are missing.
    pub(in crate::log) const fn ground<'a>(
        &self,
        file: &'a DiskFile,
        end_offset: i64,
    ) -> Ground<'a> {
        Ground {
            file,
            size: self.size,
            base_offset: self.base_offset,
            end_offset: Some(end_offset),
            border: None,
            is_dense: false,
            is_read_once: false,
        }
    }

    /// The segment, closed for good. Should its indexes have to be built again, a batch gets an entry
    /// every `interval` bytes.
    pub(crate) fn seal(self, next_offset: i64, interval: u32) -> SealedSegment {
        let (base, size) = (self.base_offset, self.size);
        SealedSegment::found(base, next_offset, size, self.file, interval).with_index(self.index)
    }
}
