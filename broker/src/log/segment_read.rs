//! Reading whole batches in one segment.
//!
//! Bytes are read into pooled memory, and of the batches there only the outline is looked at. A read that may not
//! wait for the disk is none at all where the system does not have all of it in memory.

use std::sync::Arc;

use bytes::Bytes;
use sluice_protocol::record_batch::{BatchOutline, OUTLINE_BYTES};

use super::StorageError;
use super::batch_walk::{BELIEVED_BYTES, BatchWalk};
use super::disk::{DiskFile, is_unreadable};
use super::read::{LogRead, LogReadError, Place};
use super::read_buffers::{ReadBuffer, ReadBuffers};
use super::sound_walk::Anchor;
use crate::limits::BATCH_BYTES_MAX;

/// Bytes read to find the first batch, where only its neighbourhood is known.
const LOOK_BYTES: usize = 16 * 1024;

/// How far a read goes for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To what the system has in memory, if that is all of it.
    Memory,
    /// To the disk, however long that takes.
    Disk,
}

/// Why nothing was read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not in memory, and the read may go no further.
    NotResident,
    /// Something is not what it was, which takes a closer look.
    InDoubt,
    /// It cannot be read.
    Failed(LogReadError),
}

/// Where to begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    position: u64,
    /// Whether the first batch is here, and not somewhere behind.
    is_exact: bool,
    /// Last offset of the batch here, where that is known and has to be seen yet.
    last_offset: Option<i64>,
}

impl Start {
    pub(super) const fn at(position: u64) -> Self {
        Self {
            position,
            is_exact: true,
            last_offset: None,
        }
    }

    pub(super) const fn near(anchor: Anchor) -> Self {
        Self {
            position: anchor.position,
            is_exact: false,
            last_offset: anchor.last_offset,
        }
    }
}

/// Batches of a segment.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Empty where the first one is not to be returned.
    pub(super) chunks: Vec<Bytes>,
    /// Offset behind the last of them, and its position.
    pub(super) next: Option<(i64, u64)>,
}

/// A read in one segment.
#[derive(Debug)]
pub(super) struct SegmentRead<'a> {
    pub(super) file: &'a DiskFile,
    pub(super) place: &'a Place,
    pub(super) buffers: &'a Arc<ReadBuffers>,
    /// Whether every offset has a record.
    pub(super) is_dense: bool,
    pub(super) read: LogRead,
    pub(super) reach: Reach,
}

impl SegmentRead<'_> {
    /// Batches from `start` on, as far as the read allows. `None` where all of them lie before what is read.
    pub(super) fn run(&self, start: Start) -> Result<Option<Found>, Unread> {
        if start.is_exact && start.position < self.place.size {
            let buffer = self.fill(start.position, self.enough())?;
            let first = self.outline(&buffer, start.position, 0)?;
            return match first.is_some_and(|first| self.is_first(&first)) {
                true => self.batches(buffer, start.position).map(Some),
                false => Err(Unread::InDoubt),
            };
        }
        let Some(position) = self.locate(start)? else {
            return Ok(None);
        };
        let buffer = self.fill(position, self.enough())?;
        self.batches(buffer, position).map(Some)
    }

    fn enough(&self) -> usize {
        self.read.max_bytes.max(OUTLINE_BYTES)
    }

    /// Offsets that a batch may have: in the segment, and from `next_offset` on.
    fn may_stand(&self, batch: &BatchOutline, next_offset: i64) -> bool {
        batch.base_offset >= next_offset.max(self.place.base_offset)
            && batch.last_offset >= batch.base_offset
            && batch.last_offset < self.place.end_offset
    }

    const fn is_first(&self, batch: &BatchOutline) -> bool {
        batch.last_offset >= self.read.from
    }

    /// Where the first batch begins, looked for from `start` on.
    fn locate(&self, start: Start) -> Result<Option<u64>, Unread> {
        let mut position = start.position;
        let mut expected = start.last_offset;
        let mut next_offset = self.place.base_offset;
        while position < self.place.size {
            let buffer = self.fill(position, LOOK_BYTES)?;
            let mut at = 0;
            while let Some(batch) = self.outline(&buffer, position, at)? {
                let is_another = expected
                    .take()
                    .is_some_and(|last| last != batch.last_offset);
                if is_another || !self.may_stand(&batch, next_offset) {
                    return Err(Unread::InDoubt);
                }
                if self.is_first(&batch) {
                    return Ok(Some(position.saturating_add(bytes(at))));
                }
                next_offset = batch.last_offset.saturating_add(1);
                at = at.saturating_add(batch.size);
            }
            position = position.saturating_add(bytes(at));
        }
        match self.is_dense && next_offset < self.place.end_offset {
            true => Err(Unread::InDoubt),
            false => Ok(None),
        }
    }

    /// The batches of `buffer`, which was read at `position`, where the first one begins. More is read where it does not hold that.
    fn batches(&self, mut buffer: ReadBuffer, position: u64) -> Result<Found, Unread> {
        let first = self.outline(&buffer, position, 0)?;
        let first = first.ok_or(Unread::InDoubt)?;
        let wanted = self.read.from.max(self.place.base_offset);
        let leaves_out = self.is_dense && first.base_offset > wanted;
        if leaves_out || !self.may_stand(&first, self.place.base_offset) {
            return Err(Unread::InDoubt);
        }
        if first.base_offset >= self.read.end || !self.has_room_for(position, first.size)? {
            return Ok(Found::default());
        }
        if buffer.len() < first.size {
            buffer = self.fill(position, first.size)?;
        }
        let (size, next_offset) = self.true_batches(&buffer, first);
        if size == 0 {
            return Err(Unread::InDoubt);
        }
        Ok(Found {
            chunks: buffer.into_bytes(0..size),
            next: Some((next_offset, position.saturating_add(bytes(size)))),
        })
    }

    /// `wanted` bytes, or what there is: enough to look at a batch.
    fn fill(&self, position: u64, wanted: usize) -> Result<ReadBuffer, Unread> {
        let left = self.place.size.saturating_sub(position);
        let wanted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut buffer = self.buffers.take(wanted);
        let read = match self.reach {
            Reach::Memory => self.file.read_resident(position, &mut buffer.slices()),
            Reach::Disk => self.file.read_into(position, &mut buffer.slices()),
        };
        let count = match read {
            Err(error) if is_unreadable(&error.cause) => return Err(Unread::InDoubt),
            read => read?,
        };
        if self.reach == Reach::Memory && count < wanted {
            return Err(Unread::NotResident);
        }
        if count < OUTLINE_BYTES {
            return Err(Unread::InDoubt);
        }
        buffer.truncate(count);
        Ok(buffer)
    }

    /// The batch `at` bytes behind `position`, where the buffer reaches so far.
    fn outline(
        &self,
        buffer: &ReadBuffer,
        position: u64,
        at: usize,
    ) -> Result<Option<BatchOutline>, Unread> {
        let Some(outline) = buffer.outline_at(at) else {
            return Ok(None);
        };
        let here = position.saturating_add(bytes(at));
        let outline = BatchOutline::decode(&outline);
        let fits = |batch: &BatchOutline| {
            batch.size <= BATCH_BYTES_MAX
                && here.saturating_add(bytes(batch.size)) <= self.place.size
        };
        match outline.filter(fits) {
            None => Err(Unread::InDoubt),
            found => Ok(found),
        }
    }

    /// Whether a first batch of so many bytes at `position` is to be returned. Nobody makes room for one that may
    /// be as large only because a bit of its length is another.
    fn has_room_for(&self, position: u64, size: usize) -> Result<bool, Unread> {
        match self.read.first_batch_max {
            _ if size <= self.read.max_bytes => Ok(true),
            None => Ok(false),
            Some(_) if !self.is_true(position, size)? => Err(Unread::InDoubt),
            Some(room) if size > room => Err(LogReadError::NoRoom { bytes: size }.into()),
            Some(_) => Ok(true),
        }
    }

    /// Whether there is a batch of so many bytes at `position`. A large one is read for that, in pieces.
    fn is_true(&self, position: u64, size: usize) -> Result<bool, Unread> {
        match self.reach {
            _ if size <= BELIEVED_BYTES => Ok(true),
            Reach::Memory => Err(Unread::NotResident),
            Reach::Disk => {
                let walk = BatchWalk::new(self.file, position, self.place.size);
                Ok(walk.next_is_true()?)
            }
        }
    }

    /// Bytes of all batches that are there whole and within the limits, from the first on, and the offset
    /// behind the last one. Each has its checksum and follows the one before; one that leaves
    /// offsets out is returned only with the one behind it, which might say otherwise.
    fn true_batches(&self, buffer: &ReadBuffer, first: BatchOutline) -> (usize, i64) {
        let limit = buffer.len().min(self.read.max_bytes.max(first.size));
        let (mut at, mut next_offset) = (0_usize, first.base_offset);
        // Where the last batch begins that leaves offsets out, until the next one agrees.
        let mut unsure = None;
        while let Some(outline) = buffer.outline_at(at) {
            let Some(batch) = BatchOutline::decode(&outline) else {
                break;
            };
            if !self.may_stand(&batch, next_offset) {
                // Of the first of a log that leaves offsets out nobody knows whether it is right.
                let is_only_first = at == first.size && !self.is_dense;
                unsure = unsure.or_else(|| is_only_first.then_some((0, next_offset)));
                break;
            }
            let leaves_out = batch.base_offset > next_offset;
            let end = at.checked_add(batch.size).filter(|end| *end <= limit);
            let is_wanted = batch.base_offset < self.read.end && !(leaves_out && self.is_dense);
            let Some(end) = end.filter(|_| is_wanted && buffer.is_true_at(at, batch.size)) else {
                return (at, next_offset);
            };
            unsure = leaves_out.then_some((at, next_offset));
            (at, next_offset) = (end, batch.last_offset.saturating_add(1));
        }
        unsure.unwrap_or((at, next_offset))
    }
}

impl From<LogReadError> for Unread {
    fn from(error: LogReadError) -> Self {
        Self::Failed(error)
    }
}

impl From<StorageError> for Unread {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.into())
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
