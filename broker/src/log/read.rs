//! Reading whole batches.
//!
//! The view says which segment holds an offset and how far it is durable; the rest happens without
//! a lock that whoever writes needs. Batches are returned as they lie on disk, in chunks that end anywhere.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use sluice_protocol::record_batch::HEADER_BYTES;

use super::StorageError;
use super::damage::DamagedRange;
use super::disk::DiskFile;
use super::open_files::SegmentFile;
use super::partition_log::PartitionLog;
use super::segment::SealedSegment;
use super::segment_read::{Found, Reach, SegmentRead, Start as ReadStart, Unread};
use super::sound_walk::{Anchor, Ground};

/// Bytes that are read ahead of a reader that goes on where it stopped and has come to the disk.
const READ_AHEAD_BYTES: u64 = 4 * 1024 * 1024;

/// Why batches cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogReadError {
    /// What was at the offset is lost.
    #[error("the disk lost or changed the records from offset {} to {}", range.begin, range.end)]
    Damaged {
        /// All that is lost there.
        range: DamagedRange,
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
    At(Anchor),
    ByIndex(Arc<SealedSegment>),
}

impl PartitionLog {
    /// Reads batches from memory; `None` where that cannot be done.
    #[must_use]
    pub fn read_tail(&self, read: LogRead) -> Option<Vec<Bytes>> {
        let mut view = self.view.lock();
        match view.is_closed || read.from < view.log_start {
            true => None,
            false => view.tail.read(read),
        }
    }

    /// Takes note that somebody has read everything and waits for more.
    pub fn follow(&self) {
        self.view.lock().tail.follow();
    }

    /// Reads batches of one segment. Empty where there is none in the range. May wait for the disk.
    ///
    /// # Errors
    /// [`LogReadError`].
    pub fn read(&self, read: LogRead) -> Result<Vec<Bytes>, LogReadError> {
        let outcome = match self.read_segments(read, Reach::Disk) {
            // Compaction put another segment in place, so long ago that the old file is gone.
            Err(Unread::Failed(LogReadError::Storage(error)))
                if error.cause.kind() == ErrorKind::NotFound =>
            {
                self.read_segments(read, Reach::Disk)
            }
            outcome => outcome,
        };
        match outcome {
            Ok(chunks) => Ok(chunks),
            Err(Unread::Failed(error)) => Err(error),
            // That is no outcome of a read that may wait.
            Err(Unread::NotResident | Unread::InDoubt) => Ok(Vec::new()),
        }
    }

    /// As [`PartitionLog::read`], without waiting for the disk; `None` where that must be, and where only
    /// the index of an old segment knows where to look.
    #[must_use]
    pub fn read_resident(&self, read: LogRead) -> Option<Result<Vec<Bytes>, LogReadError>> {
        match self.read_segments(read, Reach::Memory) {
            Ok(chunks) => Some(Ok(chunks)),
            // The disk fails, or something is not what it was: who may wait finds out for good.
            Err(
                Unread::NotResident | Unread::InDoubt | Unread::Failed(LogReadError::Storage(_)),
            ) => None,
            Err(Unread::Failed(
                error @ (LogReadError::NoRoom { .. } | LogReadError::Damaged { .. }),
            )) => Some(Err(error)),
        }
    }

    fn read_segments(&self, read: LogRead, reach: Reach) -> Result<Vec<Bytes>, Unread> {
        if read.max_bytes < HEADER_BYTES && read.first_batch_max.is_none() {
            return Ok(Vec::new());
        }
        let mut offset = read.from;
        while offset < read.end {
            if let Some(range) = self.view.lock().damaged.at(offset) {
                return Err(LogReadError::Damaged { range }.into());
            }
            let place = self.place_of(offset);
            let Some(place) = place.filter(|place| place.base_offset < read.end) else {
                break;
            };
            let found = match self.read_place(&place, offset, read, reach) {
                Err(Unread::InDoubt) if reach == Reach::Disk => {
                    self.read_carefully(&place, offset, read)?
                }
                found => found?.map(|found| found.chunks),
            };
            if let Some(chunks) = found {
                return Ok(chunks);
            }
            offset = place.end_offset;
        }
        Ok(Vec::new())
    }

    /// Reads in one segment. `None` where all its batches lie before.
    fn read_place(
        &self,
        place: &Place,
        offset: i64,
        read: LogRead,
        reach: Reach,
    ) -> Result<Option<Found>, Unread> {
        let bookmark = self.bookmarks.find(offset, &place.file);
        let start = match (bookmark, &place.start) {
            (Some(position), _) => ReadStart::at(position),
            _ if offset <= place.base_offset => ReadStart::at(0),
            (None, Start::At(anchor)) => ReadStart::near(*anchor),
            (None, Start::ByIndex(_)) if reach == Reach::Memory => {
                return Err(Unread::NotResident);
            }
            (None, Start::ByIndex(_)) => ReadStart::near(self.anchor_in(place, offset)?),
        };
        let file = match reach {
            Reach::Disk => self.context.files.get(&place.file)?,
            Reach::Memory => {
                let open = self.context.files.get_open(&place.file);
                open.ok_or(Unread::NotResident)?
            }
        };
        let in_segment = SegmentRead {
            file: &file,
            place,
            buffers: &self.context.buffers,
            is_dense: self.is_dense(),
            read,
            reach,
        };
        let found = in_segment.run(start)?;
        if let Some((next, position)) = found.as_ref().and_then(|found| found.next) {
            self.bookmarks.turn(read.from, next, &place.file, position);
            if reach == Reach::Disk && bookmark.is_some() && position < place.size {
                file.read_ahead(position, READ_AHEAD_BYTES);
            }
        }
        Ok(found)
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
            start: Start::At(active.anchor_of(offset)),
        })
    }

    /// Where in the segment to begin to look for `offset`.
    pub(super) fn anchor_in(&self, place: &Place, offset: i64) -> Result<Anchor, StorageError> {
        match &place.start {
            Start::At(anchor) => Ok(*anchor),
            Start::ByIndex(segment) => {
                let position =
                    segment.position_of(offset, &self.context.disk, &self.context.files)?;
                Ok(Anchor {
                    position,
                    last_offset: None,
                })
            }
        }
    }
}

impl Place {
    pub(super) const fn ground<'a>(&self, file: &'a DiskFile, is_dense: bool) -> Ground<'a> {
        Ground {
            file,
            size: self.size,
            base_offset: self.base_offset,
            end_offset: Some(self.end_offset),
            border: None,
            is_dense,
            is_read_once: false,
        }
    }
}
