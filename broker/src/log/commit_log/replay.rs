//! What the commit log holds that may not have reached its segments.
//!
//! The newest generation is read from its first extent that is still needed. The chain tells where it
//! ends. If there is a whole frame of the same generation behind the end, then the end is no torn
//! write: a frame is written only when all before it are durable, so the disk lost or changed what it
//! had kept. So it did where a first page is harmed, or an extent is missing from their row. That is told,
//! and what lies behind is used all the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluice_protocol::record_batch::{BatchHeader, RawBatch, StampedBatch};

use super::extent::Extent;
use super::extent_walk::ExtentWalk;
use super::extents::{CommitLogConfig, Extents};
use super::first_page::FirstPage;
use super::frame::{FrameHeader, HEADER_SIZE};
use super::row::{Link, Row};
use crate::log::disk::{Disk, DiskFile};
use crate::log::{LogKey, Space, StorageError};

/// What is left of a commit log.
#[derive(Debug, Default)]
pub struct Replay {
    pub(super) generation: u32,
    pub(super) next_number: u64,
    files: Vec<DiskFile>,
    frames: HashMap<LogKey, Vec<Found>>,
    /// Extents of which the disk lost or changed a part.
    damaged: Vec<PathBuf>,
    /// Everything that was found. Nothing of it is touched before the segments have what it holds.
    extents: Vec<Extent>,
}

/// A batch in an extent.
#[derive(Clone, Copy, Debug)]
struct Found {
    file: usize,
    position: u64,
    length: u32,
    base_offset: i64,
    last_offset: i64,
}

/// The batches of one partition, oldest first.
#[derive(Clone, Copy, Debug)]
pub(in crate::log) struct Batches<'a> {
    files: &'a [DiskFile],
    found: &'a [Found],
}

impl Replay {
    /// Opens the commit log in `directory`, made if need be: what is left of it, and the extents of the
    /// next generation, of which there are none before [`CommitLog::begin`](super::CommitLog::begin). After a clean stop nothing is left, whatever the extents hold. `live` is
    /// the generation and number from which on extents are needed, as far as is known.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(
        disk: &Disk,
        space: &Arc<Space>,
        directory: &Path,
        config: CommitLogConfig,
        is_clean: bool,
        live: (u32, u64),
    ) -> Result<(Self, Arc<Extents>), StorageError> {
        disk.create_dir(directory)?;
        disk.sync_dir(directory.parent().unwrap_or(directory))?;
        let mut next_index = 0;
        let mut extents = Vec::new();
        for name in disk.list(directory)? {
            if let Some((index, extent)) = Extent::found(disk, directory, &name)? {
                next_index = next_index.max(u64::saturating_add(index, 1));
                extents.push((extent.first_page()?, extent));
            }
        }
        // An extent that a dead process had just made is used from here on.
        disk.sync_dir(directory)?;
        extents.sort_by_key(|(page, _)| page.header().map(|header| header.number));
        let mut replay = Self {
            generation: live.0,
            next_number: live.1,
            ..Self::default()
        };
        for (page, _) in &extents {
            if let Some(header) = page.header() {
                replay.generation = replay.generation.max(header.chain.generation);
                replay.next_number = replay.next_number.max(header.number.saturating_add(1));
            }
        }
        if !is_clean {
            replay.read(&extents, live)?;
        }
        replay.extents = extents.into_iter().map(|(_, extent)| extent).collect();
        let extents = Extents::new(disk, space, directory.to_owned(), config, next_index);
        Ok((replay, Arc::new(extents)))
    }

    /// The extents that can be used again, and those of which the disk lost or changed a part.
    pub(super) fn into_extents(self) -> (Vec<Extent>, Vec<Extent>) {
        let Self {
            extents, damaged, ..
        } = self;
        let is_damaged = |extent: &Extent| damaged.contains(&extent.path);
        extents.into_iter().partition(|extent| !is_damaged(extent))
    }

    /// Generation and number of the extent that the next process begins with.
    #[must_use]
    pub const fn next_live(&self) -> (u32, u64) {
        (self.generation.saturating_add(1), self.next_number)
    }

    /// Whether nothing that was durable is missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.damaged.is_empty()
    }

    /// Extents of which the disk lost or changed a part.
    #[must_use]
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    /// The batches of a partition that end behind `from`.
    pub(in crate::log) fn batches(&self, key: LogKey, from: i64) -> Batches<'_> {
        let found = self.frames.get(&key).map_or(&[][..], Vec::as_slice);
        let skipped = found.partition_point(|found| found.last_offset < from);
        Batches {
            files: &self.files,
            found: found.get(skipped..).unwrap_or_default(),
        }
    }

    fn read(
        &mut self,
        extents: &[(FirstPage, Extent)],
        live: (u32, u64),
    ) -> Result<(), StorageError> {
        let lost = extents
            .iter()
            .filter(|(page, _)| *page == FirstPage::Damaged);
        self.damaged
            .extend(lost.map(|(_, extent)| extent.path.clone()));
        // A gap is the place of one whose first page is harmed, if there is any.
        let is_told = !self.damaged.is_empty();
        let mut row = Row::new(self.generation, live);
        for (page, extent) in extents {
            let Some(header) = page.header() else {
                continue;
            };
            match row.take(header, &extent.path) {
                Link::Outside => continue,
                Link::Next => {}
                Link::Behind(before) => self.note_damaged(before),
                Link::BehindGap if is_told => {}
                Link::BehindGap => self.note_damaged(&extent.path),
            }
            let mut walk = ExtentWalk::new(extent, header.chain)?;
            while let Some((position, frame)) = walk.next() {
                self.add(&walk, position, &frame);
            }
            self.files.push(extent.file.clone());
            if walk.has_skipped() {
                self.note_damaged(&extent.path);
            }
            row.go_on(walk.chain());
        }
        if let Some(last) = row.left_over().filter(|_| !is_told) {
            self.note_damaged(last);
        }
        Ok(())
    }

    fn note_damaged(&mut self, extent: &Path) {
        if !self.damaged.iter().any(|known| known == extent) {
            self.damaged.push(extent.to_owned());
        }
    }

    fn add(&mut self, walk: &ExtentWalk, position: u64, frame: &FrameHeader) {
        let batch = walk.batch(position, frame);
        let Some(header) = batch.and_then(|batch| BatchHeader::decode(&batch).ok()) else {
            return;
        };
        self.frames.entry(frame.key).or_default().push(Found {
            file: self.files.len(),
            position: position.saturating_add(HEADER_SIZE),
            length: frame.length,
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
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
            let Some(file) = self.files.get(found.file) else {
                continue;
            };
            let length = usize::try_from(found.length).unwrap_or(usize::MAX);
            let mut bytes = file.read_at(found.position, length)?;
            if let Ok(Some(batch)) = RawBatch::take(&mut bytes) {
                return Ok(Some(StampedBatch::from(batch)));
            }
        }
        Ok(None)
    }
}
