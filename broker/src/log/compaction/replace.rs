//! Putting a compacted segment in the place of its inputs, so that a crash may come at any moment.
//!
//! ```text
//! 1 the segment is written to  <base>.cleaned         and synced     crash: removed, nothing happened
//!   `compacted` says durably that offsets may be missing from now on
//! 2 renamed to                 <base>.<next>.swap     and durable    crash: completed from here on, if whole
//! 3 the inputs, which are the segments from <base> to <next>, go, the first of them durably before the others
//! 4 renamed to                 <base>.log             and durable
//! ```
//! The name alone says what the segment replaces, so that even one without any batch can.
//!
//! While the first input is there, all are: then a start believes in a `.swap` only where it is whole, and else undoes
//! step 2. From the first step of 3 on it is all there is, whatever the disk made of it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clean::CompactError;
use crate::log::batch_walk::{BatchWalk, Step};
use crate::log::density::COMPACTED_FILE;
use crate::log::derived_file::is_lost;
use crate::log::partition_log::PartitionLog;
use crate::log::resync::makes_sense;
use crate::log::segment::{
    LOG, OFFSET_INDEX, SealedSegment, TIME_INDEX, file_name, parse_file_name,
};
use crate::log::storage::OpenMode;
use crate::log::{Disk, StorageError};

/// What the name of a segment ends in that is being written.
const CLEANED: &str = "cleaned";
/// What the name of a segment ends in that is about to take its place.
const SWAP: &str = "swap";

/// Where a segment is written that begins at `base_offset`.
pub(super) fn draft(directory: &Path, base_offset: i64) -> PathBuf {
    directory.join(file_name(base_offset, CLEANED))
}

/// The offsets of a compacted segment, which are those of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    base_offset: i64,
    next_offset: i64,
}

impl Span {
    /// The name of the segment before it takes its place.
    fn name(self) -> String {
        let suffix = format!("{:020}.{SWAP}", self.next_offset);
        file_name(self.base_offset, &suffix)
    }

    /// Where that is.
    fn swap(self, directory: &Path) -> PathBuf {
        directory.join(self.name())
    }

    /// The span in the name of a file.
    fn parse(name: &str) -> Option<Self> {
        let (base_offset, rest) = parse_file_name(name)?;
        let (next_offset, suffix) = parse_file_name(rest)?;
        (suffix == SWAP).then_some(Self {
            base_offset,
            next_offset,
        })
    }
}

impl PartitionLog {
    /// Puts `made`, whose `draft` is synced, in the place of `inputs`, which follow each other. Returns
    /// the files to be removed later.
    pub(super) fn replace(
        &self,
        inputs: &[Arc<SealedSegment>],
        made: SealedSegment,
        draft: &Path,
    ) -> Result<Vec<PathBuf>, CompactError> {
        let _tending = self.tend();
        let span = Span {
            base_offset: made.base_offset,
            next_offset: made.next_offset,
        };
        let first = self.place_in_view(inputs)?;
        self.mark_compacted()?;
        let disk = &self.context.disk;
        let swap = span.swap(&self.directory);
        disk.rename(draft, &swap)?;
        let retired = self
            .swap(inputs, &swap, &made.file.path())
            .map_err(CompactError::Unsettled)?;
        let made = Arc::new(made);
        let end = first.saturating_add(inputs.len());
        self.view
            .lock()
            .sealed
            .splice(first..end, [Arc::clone(&made)]);
        // If it fails, the next upkeep writes the index.
        drop(made.write_index(disk));
        Ok(retired)
    }

    /// Lets the directory say, before the first offset is missing, that some may be. The file of an
    /// earlier process may not be durable, so each makes its own.
    fn mark_compacted(&self) -> Result<(), StorageError> {
        if self.is_marked_compacted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mark = self.directory.join(COMPACTED_FILE);
        self.context.disk.replace_file(&mark, b"")?;
        self.is_marked_compacted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// From here on a failure leaves the directory in a state that only a start can settle, so that this
    /// waits where the disk is full, unless the log is closed.
    fn swap(
        &self,
        inputs: &[Arc<SealedSegment>],
        swap: &Path,
        log: &Path,
    ) -> Result<Vec<PathBuf>, StorageError> {
        let disk = &self.context.disk;
        disk.sync_dir(&self.directory)?;
        let mut retired = Vec::new();
        for input in inputs {
            let is_first = retired.is_empty();
            retired.extend(input.retire(&self.context, &|| self.is_closed())?);
            if is_first {
                disk.sync_dir(&self.directory)?;
            }
        }
        disk.sync_dir(&self.directory)?;
        let space = &self.context.space;
        space.when_there_is_room_or(&|| self.is_closed(), || disk.rename(swap, log))?;
        disk.sync_dir(&self.directory)?;
        Ok(retired)
    }

    /// Index of the first of `inputs` in the view. It stays, as nobody else tends the log meanwhile
    /// and new segments come at the end.
    fn place_in_view(&self, inputs: &[Arc<SealedSegment>]) -> Result<usize, CompactError> {
        let view = self.view.lock();
        let mut runs = view.sealed.windows(inputs.len().max(1));
        let is_inputs = |run: &[Arc<SealedSegment>]| {
            let mut pairs = run.iter().zip(inputs);
            pairs.all(|(segment, input)| Arc::ptr_eq(segment, input))
        };
        let first = runs.position(is_inputs).filter(|_| !view.is_closed);
        first.ok_or(CompactError::Outdated)
    }
}

/// What becomes of a replacement at the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The inputs go, as far as they have not, and the segment takes their place.
    Completed,
    /// The segment goes: it is not whole, and its inputs are there.
    Undone,
}

/// A replacement that a stop came in the middle of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsettled {
    span: Span,
    /// What becomes of it.
    pub(crate) fate: Fate,
}

impl Unsettled {
    /// The offsets of the segment, which are those of its inputs.
    pub(crate) fn offsets(&self) -> Range<i64> {
        self.span.base_offset..self.span.next_offset
    }

    /// Where the segment is, in the directory of its log.
    pub(crate) fn path(&self, directory: &Path) -> PathBuf {
        self.span.swap(directory)
    }
}

/// The replacements among the `names` in the directory of a log that are to be settled.
pub(crate) fn unsettled(
    disk: &Disk,
    directory: &Path,
    names: &[String],
) -> Result<Vec<Unsettled>, StorageError> {
    let spans = names.iter().filter_map(|name| Span::parse(name));
    let settled = spans.map(|span| {
        // Where the first input is there, all are.
        let is_first_there = names.contains(&file_name(span.base_offset, LOG));
        let fate = match is_first_there && !is_whole(disk, directory, span, names)? {
            true => Fate::Undone,
            false => Fate::Completed,
        };
        Ok(Unsettled { span, fate })
    });
    settled.collect()
}

/// Completes or undoes what a crash left of a replacement, and returns the names there are then, and those of
/// segments that were not whole and are gone.
pub(in crate::log) fn settle(
    disk: &Disk,
    directory: &Path,
    names: Vec<String>,
) -> Result<(Vec<String>, Vec<String>), StorageError> {
    for name in &names {
        if let Some((_, CLEANED)) = parse_file_name(name) {
            disk.remove_file(&directory.join(name))?;
        }
    }
    let unsettled = unsettled(disk, directory, &names)?;
    if unsettled.is_empty() {
        return Ok((names, Vec::new()));
    }
    let mut undone = Vec::new();
    for Unsettled { span, fate } in unsettled {
        match fate {
            Fate::Completed => complete(disk, directory, span, &names)?,
            Fate::Undone => {
                disk.remove_file(&span.swap(directory))?;
                // Its inputs may go soon, and it would count as theirs.
                disk.sync_dir(directory)?;
                undone.push(span.name());
            }
        }
    }
    Ok((disk.list(directory)?, undone))
}

/// Whether a segment that is about to take its place has what its inputs are to go for. The disk may have changed it,
/// or somebody else may have put it there.
fn is_whole(
    disk: &Disk,
    directory: &Path,
    span: Span,
    names: &[String],
) -> Result<bool, StorageError> {
    // There always is a segment behind those that are compacted.
    if !names.contains(&file_name(span.next_offset, LOG)) {
        return Ok(false);
    }
    match has_batches(disk, &span.swap(directory), span) {
        Err(error) if is_lost(&error.cause) => Ok(false),
        found => found,
    }
}

/// Whether a file has whole batches, each of offsets behind those of the one before, and nothing else.
fn has_batches(disk: &Disk, path: &Path, span: Span) -> Result<bool, StorageError> {
    let file = disk.open(path, OpenMode::Read)?;
    let mut walk = BatchWalk::new(&file, 0, file.size()?).read_once();
    let mut left = span.base_offset..span.next_offset;
    loop {
        match walk.next_batch()? {
            Step::Batch((_, batch))
                if batch.has_valid_crc() && makes_sense(batch.header(), &left) =>
            {
                left.start = batch.header().last_offset().saturating_add(1);
            }
            Step::Batch(_) | Step::Torn => return Ok(false),
            Step::End => return Ok(true),
        }
    }
}

fn complete(
    disk: &Disk,
    directory: &Path,
    span: Span,
    names: &[String],
) -> Result<(), StorageError> {
    let log = directory.join(file_name(span.base_offset, LOG));
    disk.remove_file(&log)?;
    disk.sync_dir(directory)?;
    let replaced = span.base_offset..span.next_offset;
    for name in names {
        if let Some((base, LOG | OFFSET_INDEX | TIME_INDEX)) = parse_file_name(name)
            && replaced.contains(&base)
        {
            disk.remove_file(&directory.join(name))?;
        }
    }
    disk.sync_dir(directory)?;
    disk.rename(&span.swap(directory), &log)?;
    disk.sync_dir(directory)
}
