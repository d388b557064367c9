//! What the commit log holds that may not have reached its segments.
//!
//! What is damaged is told, and what lies behind is used all the same.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sluice_protocol::record_batch::{BatchHeader, RawBatch, StampedBatch};

use super::config::CommitLogConfig;
use super::extent::Extent;
use super::extents::Extents;
use super::found_extent::FoundExtent;
use super::frame::{Chain, HEADER_SIZE};
use super::live::Live;
use super::loss::Loss;
use super::row_walk::{FoundFrame, walk_row};
use crate::log::disk::Disk;
use crate::log::{LogKey, Space, StorageError};

/// What is left of a commit log.
#[derive(Debug, Default)]
pub struct Replay {
    pub(super) generation: u32,
    /// Where the next generation begins.
    pub(super) next_chain: Chain,
    pub(super) next_number: u64,
    frames: HashMap<LogKey, Vec<Found>>,
    losses: Vec<Loss>,
    /// Everything that was found. Nothing of it is touched before the segments have what it holds.
    extents: Vec<Extent>,
}

/// A batch in an extent.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Which of the extents has it.
    extent: usize,
    position: u64,
    length: u32,
    base_offset: i64,
    last_offset: i64,
}

/// The batches of one partition, oldest first.
#[derive(Clone, Copy, Debug)]
pub(in crate::log) struct Batches<'a> {
    extents: &'a [Extent],
    found: &'a [Found],
}

impl Replay {
    /// Opens the commit log in `directory`, made if need be: what is left of it, and the extents of the
    /// next generation, of which there are none before [`CommitLog::begin`](super::CommitLog::begin). After a clean stop nothing is left, whatever the extents hold. `live` is
    /// the first one that is needed, as far as is known.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(
        disk: &Disk,
        space: &Arc<Space>,
        directory: &Path,
        config: CommitLogConfig,
        is_clean: bool,
        live: Option<Live>,
    ) -> Result<(Self, Arc<Extents>), StorageError> {
        disk.create_dir(directory)?;
        disk.sync_dir(directory.parent().unwrap_or(directory))?;
        let mut next_index = 0;
        let mut extents = Vec::new();
        for name in disk.list(directory)? {
            if let Some((index, extent)) = Extent::found(disk, directory, &name)? {
                next_index = next_index.max(u64::saturating_add(index, 1));
                extents.push(FoundExtent::of(extent)?);
            }
        }
        // An extent that a dead process had just made is used from here on.
        disk.sync_dir(directory)?;
        FoundExtent::sort(&mut extents);
        let mut replay = Self::behind(&extents, live);
        match is_clean {
            true => replay.note_foreign(&extents, live),
            false => replay.read(directory, &extents, live)?,
        }
        replay.extents = extents.into_iter().map(|found| found.extent).collect();
        let extents = Extents::new(disk, space, directory.to_owned(), config, next_index);
        Ok((replay, Arc::new(extents)))
    }

    /// The extents that can be used again, and those of which the disk lost or changed a part.
    pub(super) fn into_extents(self) -> (Vec<Extent>, Vec<Extent>) {
        let Self {
            extents, losses, ..
        } = self;
        let is_damaged = |extent: &Extent| losses.iter().any(|loss| loss.path == extent.path);
        extents.into_iter().partition(|extent| !is_damaged(extent))
    }

    /// The extent that the next process begins with.
    #[must_use]
    pub const fn next_live(&self) -> Live {
        self.next_chain.live(self.next_number)
    }

    /// Whether nothing that was durable is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.losses.iter().all(|loss| loss.kind.is_stray())
    }

    /// What of the commit log is lost, or from elsewhere: one of each extent.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// The batches of a partition that end behind `from`.
    pub(in crate::log) fn batches(&self, key: LogKey, from: i64) -> Batches<'_> {
        let found = self.frames.get(&key).map_or(&[][..], Vec::as_slice);
        let skipped = found.partition_point(|found| found.last_offset < from);
        Batches {
            extents: &self.extents,
            found: found.get(skipped..).unwrap_or_default(),
        }
    }

    /// One that ends where all extents end that were written here.
    fn behind(extents: &[FoundExtent], live: Option<Live>) -> Self {
        let (generation, next_number) = live.map_or((0, 0), |live| (live.generation, live.number));
        let mut replay = Self {
            generation,
            next_number,
            ..Self::default()
        };
        let ours = extents.iter().filter(|extent| !extent.is_foreign(live));
        for header in ours.filter_map(FoundExtent::header) {
            replay.generation = replay.generation.max(header.chain.generation);
            replay.next_number = replay.next_number.max(header.number.saturating_add(1));
        }
        replay.next_chain = Chain::begin(replay.generation.saturating_add(1));
        replay
    }

    fn read(
        &mut self,
        directory: &Path,
        extents: &[FoundExtent],
        live: Option<Live>,
    ) -> Result<(), StorageError> {
        let losses = walk_row(directory, extents, live, |frame| self.add(&frame))?;
        for loss in losses {
            self.note(loss);
        }
        Ok(())
    }

    fn note_foreign(&mut self, extents: &[FoundExtent], live: Option<Live>) {
        extents
            .iter()
            .filter_map(|extent| Loss::foreign(extent, live))
            .for_each(|loss| self.note(loss));
    }

    fn note(&mut self, loss: Loss) {
        if !self.losses.iter().any(|known| known.path == loss.path) {
            self.losses.push(loss);
        }
    }

    fn add(&mut self, frame: &FoundFrame<'_>) {
        let Ok(batch) = BatchHeader::decode(&frame.batch) else {
            return;
        };
        self.frames
            .entry(frame.header.key)
            .or_default()
            .push(Found {
                extent: frame.index,
                position: frame.position.saturating_add(HEADER_SIZE),
                length: frame.header.length,
                base_offset: batch.base_offset,
                last_offset: batch.last_offset(),
            });
    }
}

impl Batches<'_> {
    /// The base offset of the first batch.
    pub(in crate::log) fn first_offset(&self) -> Option<i64> {
        self.found.first().map(|found| found.base_offset)
    }

    /// One past the last offset.
    pub(in crate::log) fn end_offset(&self) -> Option<i64> {
        let last = self.found.last()?;
        Some(last.last_offset.saturating_add(1))
    }

    /// First and last offset of each batch.
    pub(in crate::log) fn offsets(&self) -> impl Iterator<Item = (i64, i64)> {
        let found = self.found.iter();
        found.map(|found| (found.base_offset, found.last_offset))
    }

    /// The next batch, and the rest.
    pub(in crate::log) fn next(&mut self) -> Result<Option<StampedBatch>, StorageError> {
        while let Some((found, rest)) = self.found.split_first() {
            self.found = rest;
            let Some(extent) = self.extents.get(found.extent) else {
                continue;
            };
            let length = usize::try_from(found.length).unwrap_or(usize::MAX);
            let mut bytes = extent.file.read_at(found.position, length)?;
            if let Ok(Some(batch)) = RawBatch::take(&mut bytes) {
                return Ok(Some(StampedBatch::from(batch)));
            }
        }
        Ok(None)
    }
}
