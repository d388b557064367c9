//! A walk over the frames of an extent, in the order of their chain.
//!
//! Where the chain is broken and a later flush follows, what was durable between is skipped. What looks like
//! the first frame of one costs no more than two pages of checksums ([`Sums`]), whoever wrote it. Reads the extent
//! as a whole: it has the size of a flush at most.

use std::cell::OnceCell;
use std::ops::Range;

use bytes::Bytes;

use super::extent::{Extent, PAGE_BYTES, page_align};
use super::first_page::ExtentHeader;
use super::frame::{COVERED_FROM, Chain, FrameHeader, HEADER_BYTES, HEADER_SIZE};
use super::sums::Sums;
use crate::log::StorageError;

/// A walk over the frames of an extent.
#[derive(Debug)]
pub(crate) struct ExtentWalk {
    bytes: Bytes,
    position: u64,
    chain: Chain,
    /// What was passed over to get to the last frame.
    skipped: Option<Range<u64>>,
    /// Made where the chain is broken.
    sums: OnceCell<Sums>,
}

impl ExtentWalk {
    pub(super) fn new(extent: &Extent, header: ExtentHeader) -> Result<Self, StorageError> {
        Ok(Self {
            bytes: extent.contents(header.size)?,
            position: PAGE_BYTES,
            chain: header.chain,
            skipped: None,
            sums: OnceCell::new(),
        })
    }

    /// What the next frame continues.
    pub(super) const fn chain(&self) -> Chain {
        self.chain
    }

    /// What was passed over before what [`ExtentWalk::next`] returned last: it was durable, and is not what
    /// it was.
    pub(crate) const fn take_skipped(&mut self) -> Option<Range<u64>> {
        self.skipped.take()
    }

    /// Whether a whole frame of the generation stands here, wherever in that.
    pub(super) fn is_at_frame_of_generation(&self) -> bool {
        self.header_at(self.position).is_some_and(|frame| {
            frame.generation == self.chain.generation && self.is_whole(self.position, &frame)
        })
    }

    /// The next frame and its position.
    pub(crate) fn next(&mut self) -> Option<(u64, FrameHeader)> {
        let (position, frame) = self.follower().or_else(|| self.survivor())?;
        self.chain.follow(&frame);
        self.position = position.saturating_add(frame.frame_size());
        Some((position, frame))
    }

    /// The frame that continues the chain: of the same flush, or at the next page of the next one.
    fn follower(&self) -> Option<(u64, FrameHeader)> {
        [self.position, page_align(self.position)]
            .into_iter()
            .find_map(|position| {
                let frame = self.header_at(position)?;
                let is_next = self.chain.continues(&frame) && self.is_whole(position, &frame);
                is_next.then_some((position, frame))
            })
    }

    /// The first frame of a later flush, where the chain is broken. What a torn flush left of itself
    /// is none.
    fn survivor(&mut self) -> Option<(u64, FrameHeader)> {
        let mut position = page_align(self.position.saturating_add(1));
        while let Some(frame) = self.header_at(position) {
            if self.may_be_later(position, &frame) && self.is_sound(position, &frame) {
                self.skipped = Some(self.position..position);
                return Some((position, frame));
            }
            position = position.saturating_add(PAGE_BYTES);
        }
        None
    }

    /// Whether a frame at `position` with this header could be the first of a later flush, and so many
    /// frames as it says lie between.
    fn may_be_later(&self, position: u64, frame: &FrameHeader) -> bool {
        let room = position.saturating_sub(self.position) / HEADER_SIZE;
        let missing = frame.sequence.checked_sub(self.chain.sequence);
        frame.generation == self.chain.generation
            && frame.place == 0
            && missing.is_some_and(|missing| (1..=room).contains(&missing))
    }

    /// What stands where the header of a frame would.
    fn header_at(&self, position: u64) -> Option<FrameHeader> {
        FrameHeader::read(&self.bytes_from(position)?)
    }

    /// Whether the frame at `position` is as it was written.
    fn is_whole(&self, position: u64, frame: &FrameHeader) -> bool {
        self.batch(position, frame)
            .is_some_and(|batch| frame.is_whole(self.chain.secret, &batch))
    }

    /// The same for a frame that may be none, without reading it.
    fn is_sound(&self, position: u64, frame: &FrameHeader) -> bool {
        let sums = self.sums.get_or_init(|| Sums::of(&self.bytes));
        let covered = || {
            let start = usize::try_from(position).ok()?;
            let end = usize::try_from(position.checked_add(frame.frame_size())?).ok()?;
            let covered = start.checked_add(COVERED_FROM)?..end;
            sums.crc(&self.bytes, covered, self.chain.secret)
        };
        covered() == Some(frame.crc)
    }

    /// The batch of the frame at `position`, where the extent has all of it.
    pub(crate) fn batch(&self, position: u64, frame: &FrameHeader) -> Option<Bytes> {
        let bytes = self.bytes_from(position)?;
        let length = usize::try_from(frame.length).ok()?;
        let end = HEADER_BYTES.checked_add(length)?;
        (end <= bytes.len()).then(|| bytes.slice(HEADER_BYTES..end))
    }

    fn bytes_from(&self, position: u64) -> Option<Bytes> {
        let position = usize::try_from(position).ok()?;
        (position < self.bytes.len()).then(|| self.bytes.slice(position..))
    }
}
