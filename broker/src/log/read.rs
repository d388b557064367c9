//! Reading whole batches.
//!
//! The view says which segment holds an offset and how far it is durable; the rest happens without
//! a lock. Batches are returned as they lie on disk, in one slice.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use sluice_protocol::record_batch::{BatchHeader, HEADER_BYTES};

use super::StorageError;
use super::batch_walk::{BatchWalk, Step};
use super::open_files::SegmentFile;
use super::partition_log::PartitionLog;
use super::segment::SealedSegment;
use super::storage::DiskFile;

/// Why batches cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogReadError {
    /// The bytes on disk are not batches where batches must be.
    #[error("{path} is corrupt at byte {position}, looked at for offset {offset}")]
    Corrupt {
        /// The offset looked for.
        offset: i64,
        /// The file.
        path: String,
        /// Where in the file.
        position: u64,
    },
    /// The first batch is larger than the reader has room for.
    #[error("the first batch takes {bytes} bytes, for which there is no room")]
    NoRoom {
        /// Bytes of the batch.
        bytes: usize,
    },
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Which batches are wanted.
#[derive(Clone, Copy, Debug)]
pub struct LogRead {
    /// The batch with this offset, or the first behind it, comes first.
    pub from: i64,
    /// No batch that begins here or behind it.
    pub end: i64,
    /// Bytes at most.
    pub max_bytes: usize,
    /// The first batch even where it alone exceeds `max_bytes`, if it takes no more than this; one that
    /// does is [`LogReadError::NoRoom`]. `None` leaves it out.
    pub first_batch_max: Option<usize>,
}

/// A segment to read in, as it was when the view was looked at.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) base_offset: i64,
    pub(super) end_offset: i64,
    pub(super) file: Arc<SegmentFile>,
    /// Bytes that may be read.
    pub(super) size: u64,
    /// Where to begin, or the segment whose index knows.
    pub(super) start: Start,
}

/// Where in a segment to begin.
#[derive(Clone, Debug)]
pub(super) enum Start {
    At(u64),
    ByIndex(Arc<SealedSegment>),
}

impl PartitionLog {
    /// Reads batches from memory; `None` where that cannot be done.
    #[must_use]
    pub fn read_tail(&self, read: LogRead) -> Option<Vec<Bytes>> {
        let view = self.view.lock();
        match view.is_closed || read.from < view.log_start {
            true => None,
            false => view.tail.read(read),
        }
    }

    /// Takes note that somebody has read everything and waits for more.
    pub fn follow(&self) {
        self.view.lock().tail.follow();
    }

    /// Reads batches of one segment. Empty where there is none in the range.
    ///
    /// # Errors
    /// [`LogReadError`].
    pub fn read(&self, read: LogRead) -> Result<Bytes, LogReadError> {
        match self.read_segments(read) {
            // Compaction put another segment in place, so long ago that the old file is gone.
            Err(LogReadError::Storage(error)) if error.cause.kind() == ErrorKind::NotFound => {
                self.read_segments(read)
            }
            outcome => outcome,
        }
    }

    fn read_segments(&self, read: LogRead) -> Result<Bytes, LogReadError> {
        let mut offset = read.from;
        while let Some(place) = self.place_of(offset) {
            if place.base_offset >= read.end {
                break;
            }
            let position = self.position_in(&place, offset)?;
            let file = self.context.files.get(&place.file)?;
            if let Some(bytes) = read_at(&file, &place, position, read)? {
                return Ok(bytes);
            }
            offset = place.end_offset;
        }
        Ok(Bytes::new())
    }

    /// The segment that holds `offset`, or the first behind it.
    pub(super) fn place_of(&self, offset: i64) -> Option<Place> {
        let view = self.view.lock();
        let index = view
            .sealed
            .partition_point(|segment| segment.next_offset <= offset);
        if let Some(segment) = view.sealed.get(index) {
            return Some(Place {
                base_offset: segment.base_offset,
                end_offset: segment.next_offset,
                file: Arc::clone(&segment.file),
                size: segment.size,
                start: Start::ByIndex(Arc::clone(segment)),
            });
        }
        let active = view.active.as_ref()?;
        (offset < view.durable_end).then(|| Place {
            base_offset: active.base_offset,
            end_offset: view.durable_end,
            file: Arc::clone(&active.file),
            size: active.size,
            start: Start::At(active.position_of(offset)),
        })
    }

    /// Where in the segment to begin to look for `offset`.
    pub(super) fn position_in(&self, place: &Place, offset: i64) -> Result<u64, StorageError> {
        match &place.start {
            Start::At(position) => Ok(*position),
            Start::ByIndex(segment) => {
                segment.position_of(offset, &self.context.disk, &self.context.files)
            }
        }
    }
}

/// Reads in one segment, looking from `position` on. `None` where all its batches lie before.
fn read_at(
    file: &DiskFile,
    place: &Place,
    position: u64,
    read: LogRead,
) -> Result<Option<Bytes>, LogReadError> {
    let mut walk = BatchWalk::new(file, position, place.size);
    let (start, first) = loop {
        match walk.next_header()? {
            Step::Batch((start, header)) if header.last_offset() >= read.from => {
                break (start, header);
            }
            Step::Batch(_) => {}
            Step::End => return Ok(None),
            Step::Torn => return Err(corrupt(place, walk.position(), read.from)),
        }
    };
    let first_size = first.size().unwrap_or_default();
    if first.base_offset >= read.end {
        return Ok(Some(Bytes::new()));
    }
    if first_size > read.max_bytes {
        match read.first_batch_max {
            None => return Ok(Some(Bytes::new())),
            Some(room) if first_size > room => {
                return Err(LogReadError::NoRoom { bytes: first_size });
            }
            Some(_) => {}
        }
    }
    let left = usize::try_from(place.size.saturating_sub(start)).unwrap_or(usize::MAX);
    let bytes = file.read_at(start, read.max_bytes.max(first_size).min(left))?;
    let whole = whole_batches(&bytes, read.end);
    Ok(Some(cut_to(bytes, whole)))
}

/// The first `size` bytes, without the memory of the others. They are usually few: shrinking in place
/// costs nothing.
fn cut_to(bytes: Bytes, size: usize) -> Bytes {
    let mut bytes = Vec::from(bytes);
    bytes.truncate(size);
    bytes.shrink_to_fit();
    bytes.into()
}

/// Bytes of the whole batches at the start of `bytes` that begin before `end`.
fn whole_batches(bytes: &Bytes, end: i64) -> usize {
    let mut whole = 0_usize;
    while bytes.len().saturating_sub(whole) >= HEADER_BYTES {
        let Ok(header) = BatchHeader::decode(&bytes.slice(whole..)) else {
            break;
        };
        let Some(next) = header.size().and_then(|size| whole.checked_add(size)) else {
            break;
        };
        if next > bytes.len() || header.base_offset >= end {
            break;
        }
        whole = next;
    }
    whole
}

pub(super) fn corrupt(place: &Place, position: u64, offset: i64) -> LogReadError {
    LogReadError::Corrupt {
        offset,
        path: place.file.path().display().to_string(),
        position,
    }
}
