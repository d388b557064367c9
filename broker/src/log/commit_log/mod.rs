//! The commit log: what makes every batch durable, of all partitions with one write and one sync.
//!
//! [`CommitLog::commit`] writes [`frame`]s into the active [`extent`] and syncs it. The segments are
//! written beside it and synced much later by the [`Checkpoint`](super::Checkpoint), which gives the
//! extents back that nothing needs any more. After an unclean stop [`Replay`] reads what is left.
//!
//! Invariants:
//! * one sync at a time, and a frame is written only when all frames before it are durable or written
//!   in the same flush to the same extent;
//! * what is durable is never written again before its extent is recycled;
//! * an extent is recycled only when everything in it is durable elsewhere, by the recovery points;
//! * one of which the disk lost or changed a part is not recycled but put aside.
//!
//! It does not know segments, and does not care what a batch holds.

mod config;
mod extent;
mod extent_walk;
mod extents;
mod first_page;
mod found_extent;
mod frame;
mod live;
mod loss;
mod pages;
mod replay;
mod row;
mod row_walk;
mod sums;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sluice_protocol::record_batch::StampedBatch;

pub use config::CommitLogConfig;
pub(crate) use extent::is_unfinished;
use extent::{Extent, PAGE_BYTES, page_align};
pub(crate) use extents::DAMAGED_DIRECTORY;
pub use extents::{CommitLogFacts, Extents};
use first_page::ExtentHeader;
pub(crate) use found_extent::FoundExtent;
pub(crate) use frame::Chain;
use frame::size_of_frame;
pub use live::Live;
pub use loss::{Loss, LossKind};
use pages::Pages;
pub(super) use replay::Batches;
pub use replay::Replay;
pub(crate) use row_walk::walk_row;

use super::{LogKey, StorageError};

/// An extent that is full, and what is in doubt until it is recycled.
#[derive(Debug)]
pub(in crate::log) struct Retired {
    extent: Extent,
}

impl Retired {
    /// Bytes of its file.
    pub(super) const fn size(&self) -> u64 {
        self.extent.size
    }
}

/// The end of the commit log. One thread writes it.
#[derive(Debug)]
pub struct CommitLog {
    extents: Arc<Extents>,
    chain: Chain,
    /// Number of the next extent.
    next_number: u64,
    active: Option<Active>,
    retired: Vec<Retired>,
    pages: Pages,
}

#[derive(Debug)]
struct Active {
    number: u64,
    extent: Extent,
    /// Where the next flush begins.
    position: u64,
}

impl CommitLog {
    /// A new generation behind everything that `replay` found, in the same extents: what they hold
    /// must be durable elsewhere.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn begin(extents: Arc<Extents>, replay: Replay) -> Result<Self, StorageError> {
        let (chain, next_number) = (replay.next_chain, replay.next_number);
        let generation = replay.generation;
        let (whole, damaged) = replay.into_extents();
        extents.put_aside(generation, damaged)?;
        extents.keep(whole)?;
        Ok(Self {
            extents,
            chain,
            next_number,
            active: None,
            retired: Vec::new(),
            pages: Pages::default(),
        })
    }

    /// Makes batches durable, in this order.
    ///
    /// # Errors
    /// [`StorageError`]; nothing may be committed any more then.
    pub fn commit(&mut self, batches: &[(LogKey, StampedBatch)]) -> Result<(), StorageError> {
        let mut rest = batches;
        while let Some((_, first)) = rest.first() {
            let fitting = self.fitting(rest);
            let (run, later) = rest.split_at_checked(fitting).unwrap_or((rest, &[]));
            if run.is_empty() {
                self.begin_extent(size_of(first))?;
                continue;
            }
            self.write(run)?;
            rest = later;
        }
        Ok(())
    }

    /// The extents that are full since the last call.
    pub(super) fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    /// The first extent that is needed while those retired are not.
    pub(super) fn live(&self) -> Live {
        let ahead = self.chain.live(self.next_number);
        self.active.as_ref().map_or(ahead, |active| Live {
            number: active.number,
            is_begun: active.position > PAGE_BYTES,
            ..ahead
        })
    }

    /// How many of the batches fit into what is left of the active extent.
    fn fitting(&self, batches: &[(LogKey, StampedBatch)]) -> usize {
        let Some(active) = &self.active else { return 0 };
        let mut left = active.extent.size.saturating_sub(active.position);
        let fits = |(_, batch): &&(LogKey, StampedBatch)| {
            let size = size_of(batch);
            let does = size <= left;
            left = left.saturating_sub(size);
            does
        };
        batches.iter().take_while(fits).count()
    }

    fn begin_extent(&mut self, needed: u64) -> Result<(), StorageError> {
        let extent = self.extents.take(PAGE_BYTES.saturating_add(needed))?;
        let number = self.next_number;
        let chain = self.chain;
        let header = ExtentHeader {
            version: first_page::VERSION,
            number,
            chain,
            size: Some(extent.size),
        };
        let page = header.to_page();
        let space = self.extents.space();
        let pages = &mut self.pages;
        space.when_there_is_room(|| pages.write(&extent.file, 0, &[&page]))?;
        self.next_number = number.saturating_add(1);
        let full = self.active.replace(Active {
            number,
            extent,
            position: PAGE_BYTES,
        });
        self.retired.extend(full.map(|full| Retired {
            extent: full.extent,
        }));
        Ok(())
    }

    /// Writes batches that fit into the active extent, and syncs it.
    fn write(&mut self, run: &[(LogKey, StampedBatch)]) -> Result<(), StorageError> {
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        let chain = &mut self.chain;
        let headers: Vec<_> = run
            .iter()
            .zip(0..)
            .map(|((key, batch), place)| chain.add(*key, place, batch))
            .collect();
        let mut chunks: Vec<&[u8]> = Vec::with_capacity(run.len().saturating_mul(3));
        let mut end = active.position;
        for (header, (_, batch)) in headers.iter().zip(run) {
            chunks.extend([
                header.as_slice(),
                batch.header_bytes(),
                batch.record_bytes(),
            ]);
            end = end.saturating_add(size_of(batch));
        }
        // There is room for it as a rule, but not where each write of a page takes a new one.
        let (file, position) = (&active.extent.file, active.position);
        let space = self.extents.space();
        let pages = &mut self.pages;
        space.when_there_is_room(|| pages.write(file, position, &chunks))?;
        file.sync()?;
        active.position = page_align(end);
        Ok(())
    }
}

fn size_of(batch: &StampedBatch) -> u64 {
    size_of_frame(u64::try_from(batch.size()).unwrap_or(u64::MAX))
}
