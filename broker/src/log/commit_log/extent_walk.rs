//! A walk over the frames of an extent, in the order of their chain.
//!
//! Where the chain is broken and a later flush follows, what was durable between is skipped. Reads the
//! extent as a whole: it has the size of a flush at most.

use bytes::Bytes;

use super::extent::{Extent, PAGE_BYTES, page_align};
use super::frame::{Chain, FrameHeader, HEADER_BYTES};
use crate::log::StorageError;

/// A walk over the frames of an extent.
#[derive(Debug)]
pub(crate) struct ExtentWalk {
    bytes: Bytes,
    position: u64,
    chain: Chain,
    /// Whether a part of the extent could not be read, and more followed.
    has_skipped: bool,
}

impl ExtentWalk {
    pub(super) fn new(extent: &Extent, chain: Chain) -> Result<Self, StorageError> {
        let size = usize::try_from(extent.size).unwrap_or(usize::MAX);
        Ok(Self {
            bytes: extent.file.read_at(0, size)?,
            position: PAGE_BYTES,
            chain,
            has_skipped: false,
        })
    }

    /// What the next frame continues.
    pub(crate) const fn chain(&self) -> Chain {
        self.chain
    }

    /// Where the last frame ended.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Whether a part of the extent could not be read, and more followed.
    pub(super) const fn has_skipped(&self) -> bool {
        self.has_skipped
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
                let frame = self.frame_at(position)?;
                self.chain.continues(&frame).then_some((position, frame))
            })
    }

    /// The first frame of a later flush, where the chain is broken. What a torn flush left of itself
    /// is none.
    fn survivor(&mut self) -> Option<(u64, FrameHeader)> {
        let mut position = page_align(self.position.saturating_add(1));
        while let Some(bytes) = self.bytes_from(position) {
            if bytes.len() < HEADER_BYTES {
                break;
            }
            let frame = self.frame_at(position).filter(|frame| {
                frame.generation == self.chain.generation
                    && frame.sequence > self.chain.sequence
                    && frame.place == 0
            });
            if let Some(frame) = frame {
                self.has_skipped = true;
                return Some((position, frame));
            }
            position = position.saturating_add(PAGE_BYTES);
        }
        None
    }

    /// A whole frame at `position`, whatever it continues.
    fn frame_at(&self, position: u64) -> Option<FrameHeader> {
        let bytes = self.bytes_from(position)?;
        let frame = FrameHeader::read(&bytes)?;
        let batch = self.batch(position, &frame)?;
        frame.is_whole(&batch).then_some(frame)
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
