//! Compacting one log: reads its dirty part into a map, then all segments up to there, a group at a
//! time, and puts what is left in their place.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluice_protocol::record_batch::RawBatch;

use super::assess::{CompactionPolicy, SegmentSpan};
use super::group::{Group, GroupLimits};
use super::input::Input;
use super::offset_map::OffsetMap;
use super::output::{Output, size_of_batch};
use super::replace::draft;
use super::sieve::{Sieve, SieveError, Sifted};
use crate::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::log::batch_walk::first_timestamp;
use crate::log::damage::{DamagedRange, DamagedRanges};
use crate::log::open_files::SegmentFile;
use crate::log::partition_log::PartitionLog;
use crate::log::segment::{LOG, SEGMENT_BYTES_MAX, SealedSegment, file_name};
use crate::log::sound_walk::{Found, SoundWalk};
use crate::log::storage::OpenMode;
use crate::log::{DiskFull, LogConfig, StorageError};

/// What is to be compacted, and how.
#[derive(Clone, Debug)]
pub struct CompactionJob<'a> {
    /// The dirty part: from the end of the last compaction to the end of a segment.
    pub dirty: Range<i64>,
    /// The topic's policy.
    pub policy: CompactionPolicy,
    /// The wall clock, in milliseconds.
    pub now: i64,
    /// Bytes that the map of keys may take. What does not fit is left for another time.
    pub memory_max: usize,
    /// Last offset of the last batch of each idempotent producer, by its id.
    pub last_batches: &'a HashMap<i64, i64>,
}

/// How far a compaction came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How far the log is clean, once all is done.
    pub cleaned: Option<Cleaned>,
    /// Bytes of the segments that were looked through.
    pub bytes_before: u64,
    /// Bytes that are left of them.
    pub bytes_after: u64,
    /// Files that are no longer part of the log.
    pub retired: Vec<PathBuf>,
    /// How long they stay for reads that have begun.
    pub delay: Duration,
}

/// How far a log is clean. Segments that lost records are left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// One past the last offset that was compacted.
    pub to: i64,
    /// The damaged ranges that were known. As long as these are, there is no more to be done before `to`.
    pub damaged: Vec<DamagedRange>,
    /// One past the last offset before the first segment that was left alone: what that has may be compacted again,
    /// when it is read again, or mended, and then all that was written since has to be known to be so.
    pub whole_to: i64,
}

/// Why a log was not compacted, or not all of it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CompactError {
    /// The caller wants no more of it.
    #[error("compaction was told to stop")]
    Stopped,
    /// The segments were dropped meanwhile, or the topic deleted.
    #[error("the segments are no longer part of the log")]
    Outdated,
    /// The disk lost or changed a part of a segment. That is known from now on, and the segment is left
    /// alone by the next compaction.
    #[error("{path} is damaged at byte {position}")]
    Damaged {
        /// The file.
        path: String,
        /// Where in the file.
        position: u64,
    },
    /// The records of a batch cannot be read: the log stays as it is until somebody looks at it.
    #[error("{path} cannot be compacted at byte {position}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Where in the file.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// What is made of the segments might not fit beside them.
    #[error(transparent)]
    DiskFull(#[from] DiskFull),
    /// The disk failed; the log is as it was before this group of segments.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk failed while segments were replaced: the next start settles that. Until then nothing
    /// more may be done to the directory.
    #[error("{0}; the next start settles what is under way")]
    Unsettled(StorageError),
}

/// Told of every few bytes read or written; waits as long as it sees fit. `false` ends the compaction.
pub type Pace<'a> = &'a mut dyn FnMut(usize) -> bool;

impl PartitionLog {
    /// What there is to compact, apart from the active segment.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn segment_spans(
        &self,
        policy: &CompactionPolicy,
    ) -> Result<Vec<SegmentSpan>, StorageError> {
        let sealed = self.view.lock().sealed.clone();
        let context = &self.context;
        let mut spans = Vec::with_capacity(sealed.len());
        for segment in sealed {
            spans.push(SegmentSpan {
                base_offset: segment.base_offset,
                next_offset: segment.next_offset,
                size: segment.size,
                first_timestamp: match policy.max_lag_ms {
                    i64::MAX => None,
                    _ => first_timestamp(&context.files.get(&segment.file)?, segment.size)?,
                },
                largest_timestamp: match policy.min_lag_ms {
                    0 => None,
                    _ => segment.largest_timestamp(&context.disk, &context.files)?,
                },
            });
        }
        Ok(spans)
    }

    /// Where a segment's batch with `offset` begins, or one before it.
    fn position_near(&self, segment: &SealedSegment, offset: i64) -> Result<u64, StorageError> {
        let context = &self.context;
        match offset > segment.base_offset {
            true => segment.position_of(offset, &context.disk, &context.files),
            false => Ok(0),
        }
    }

    /// Compacts the log. What only the records tell, such as the state of producers, must be durable
    /// up to the end of the dirty part before.
    ///
    /// # Errors
    /// [`CompactError`]; what is done by then is in `progress`.
    pub fn compact(
        &self,
        job: &CompactionJob<'_>,
        progress: &mut Progress,
        pace: Pace<'_>,
    ) -> Result<(), CompactError> {
        let config = self.config.load_full();
        progress.delay = config.file_delete_delay;
        let view = self.view.lock();
        let (known, log_start) = (view.damaged.clone(), view.log_start);
        // What lies below goes with the next check of retention, and would come back with what it became one with.
        let is_left = |segment: &&Arc<SealedSegment>| segment.next_offset > log_start;
        let sealed: Vec<_> = view.sealed.iter().filter(is_left).cloned().collect();
        drop(view);
        let mut cleaner = Cleaner {
            log: self,
            job,
            config: &config,
            damaged: known.clone(),
            pace,
        };
        cleaner.look_below(log_start, &sealed)?;
        let (offsets, end) = cleaner.offsets(&sealed)?;
        let sieve = Sieve {
            offsets: &offsets,
            end,
            now: job.now,
            delete_retention_ms: job.policy.delete_retention_ms,
            // What they delete may be in a segment that is left alone, and must not come back.
            keeps_markers: !cleaner.damaged.as_slice().is_empty(),
            last_batches: job.last_batches,
        };
        let mut left = sealed.as_slice();
        while let Some(first) = left.first().filter(|first| first.base_offset < end) {
            let count = match cleaner.is_damaged(first) {
                true => 1,
                false => cleaner.clean_group(first, left, &sieve, progress)?,
            };
            left = left.get(count..).unwrap_or_default();
        }
        progress.cleaned = Some(Cleaned {
            to: end,
            damaged: known.as_slice().to_vec(),
            whole_to: cleaner.whole_to(&sealed).min(end),
        });
        Ok(())
    }
}

/// One compaction of one log.
struct Cleaner<'a> {
    log: &'a PartitionLog,
    job: &'a CompactionJob<'a>,
    config: &'a LogConfig,
    /// What is known to be damaged, and what is where nobody asks for it.
    damaged: DamagedRanges,
    pace: Pace<'a>,
}

impl Cleaner<'_> {
    /// Whether a segment lost records. What is left of it stays as it is.
    fn is_damaged(&self, segment: &SealedSegment) -> bool {
        self.damaged.meets(&segment.offsets())
    }

    /// One past the last offset before the first segment that is left alone.
    fn whole_to(&self, sealed: &[Arc<SealedSegment>]) -> i64 {
        let Some(first) = self.damaged.as_slice().first() else {
            return i64::MAX;
        };
        let bases = sealed.iter().map(|segment| segment.base_offset);
        let before = bases.take_while(|base| *base <= first.begin);
        before.last().unwrap_or(first.begin)
    }

    /// Takes note of damage below the log start, of which nobody knows: nobody can ask for it any more, but its
    /// segment cannot be written anew.
    fn look_below(
        &mut self,
        log_start: i64,
        sealed: &[Arc<SealedSegment>],
    ) -> Result<(), CompactError> {
        let Some(first) = sealed.first() else {
            return Ok(());
        };
        let Some(below) = DamagedRange::new(first.base_offset, log_start) else {
            return Ok(());
        };
        let file = self.log.context.files.get(&first.file)?;
        let mut walk = SoundWalk::new(first.ground(&file));
        loop {
            match walk.next_batch()? {
                Found::Batch(_, batch) if batch.header().base_offset < log_start => {
                    self.pace(batch.bytes().len())?;
                }
                Found::Hole(hole) if hole.begin < log_start => {
                    self.damaged.note(below);
                    return Ok(());
                }
                Found::Batch(..) | Found::Hole(_) | Found::End => return Ok(()),
            }
        }
    }

    fn pace(&mut self, bytes: usize) -> Result<(), CompactError> {
        match (self.pace)(bytes) {
            true => Ok(()),
            false => Err(CompactError::Stopped),
        }
    }

    /// The last offset of every key in the dirty part, or in as much of it as memory allows, and where
    /// that ends.
    fn offsets(&mut self, sealed: &[Arc<SealedSegment>]) -> Result<(OffsetMap, i64), CompactError> {
        let Range { start, end } = self.job.dirty;
        let records = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut offsets = OffsetMap::new(self.job.memory_max, records);
        let is_dirty = |segment: &&Arc<SealedSegment>| {
            segment.next_offset > start && segment.base_offset < end
        };
        for segment in sealed.iter().filter(is_dirty) {
            if self.is_damaged(segment) {
                continue;
            }
            let file = self.log.context.files.get(&segment.file)?;
            let position = self.log.position_near(segment, start)?;
            let mut input = Input::new(segment, &file, position);
            while let Some((position, batch)) = input.next()? {
                self.pace(batch.bytes().len())?;
                let noted = note_batch(&mut offsets, &batch, start);
                let noted = noted.map_err(|error| input.unreadable(position, &error))?;
                if let Some(full_at) = noted {
                    return Ok((offsets, full_at));
                }
            }
        }
        Ok((offsets, end))
    }

    /// Makes one segment of the first ones of `left`, and returns how many those were.
    fn clean_group(
        &mut self,
        first: &Arc<SealedSegment>,
        left: &[Arc<SealedSegment>],
        sieve: &Sieve<'_>,
        progress: &mut Progress,
    ) -> Result<usize, CompactError> {
        let limits = GroupLimits {
            segment_bytes: u64::from(self.config.segment_bytes).max(first.size),
            index_interval: u64::from(self.config.index_interval_bytes),
            index_bytes: u64::from(self.job.policy.index_bytes_max),
        };
        let sizes = left.iter().map(|segment| segment.size);
        let size_max = sizes.fold(0, u64::saturating_add).min(limits.segment_bytes);
        self.log.context.space.spare(size_max)?;
        let draft = draft(self.log.directory(), first.base_offset);
        let made = self.write_group(first, left, sieve, limits, &draft);
        let finished = made.and_then(|(output, count)| {
            let inputs = left.get(..count).unwrap_or_default();
            let size = output.size;
            self.finish(output, inputs, &draft, progress)?;
            progress.note(inputs, size);
            Ok(count)
        });
        if finished.is_err() {
            // If that fails too, the next start removes the draft.
            drop(self.log.context.disk.remove_file(&draft));
        }
        finished
    }

    fn write_group(
        &mut self,
        first: &Arc<SealedSegment>,
        left: &[Arc<SealedSegment>],
        sieve: &Sieve<'_>,
        limits: GroupLimits,
        draft: &Path,
    ) -> Result<(Output, usize), CompactError> {
        let file = self.log.context.disk.draft(draft)?;
        let mut output = Output::new(file, first.base_offset, self.config.index_interval_bytes);
        let mut count = 0_usize;
        for segment in left {
            let group = Group {
                base_offset: first.base_offset,
                size: output.size,
            };
            let joins = segment.base_offset < sieve.end
                && !self.is_damaged(segment)
                && group.takes(segment.size, segment.next_offset, limits);
            if count > 0 && !joins {
                break;
            }
            self.copy(segment, sieve, &mut output)?;
            count = count.saturating_add(1);
        }
        output.flush()?;
        Ok((output, count))
    }

    /// Writes what stays of a segment. A batch may grow, by its delete horizon or by another level of
    /// its codec; one for which that would be too much for the file stays as it is.
    fn copy(
        &mut self,
        segment: &Arc<SealedSegment>,
        sieve: &Sieve<'_>,
        output: &mut Output,
    ) -> Result<(), CompactError> {
        let file = self.log.context.files.get(&segment.file)?;
        let mut input = Input::new(segment, &file, 0);
        while let Some((position, batch)) = input.next()? {
            let sifted = sieve.sift(&batch);
            let sifted = sifted.map_err(|error| input.unreadable(position, &error))?;
            let room = SEGMENT_BYTES_MAX
                .saturating_sub(output.size)
                .saturating_sub(input.left());
            let stays = match sifted {
                Sifted::Whole => Some(&batch),
                Sifted::Part(ref part) if size_of_batch(part) <= room => {
                    output.is_changed = true;
                    Some(part)
                }
                Sifted::Part(_) => Some(&batch),
                Sifted::Nothing => {
                    output.is_changed = true;
                    None
                }
            };
            let written = stays.map_or(0, |batch| batch.bytes().len());
            if let Some(batch) = stays {
                output.push(batch)?;
            }
            self.pace(batch.bytes().len().saturating_add(written))?;
        }
        Ok(())
    }

    /// Puts the output in the place of its inputs, unless it is the same.
    fn finish(
        &self,
        output: Output,
        inputs: &[Arc<SealedSegment>],
        draft: &Path,
        progress: &mut Progress,
    ) -> Result<(), CompactError> {
        let disk = &self.log.context.disk;
        let Some(last) = inputs.last() else {
            return Ok(());
        };
        if inputs.len() == 1 && !output.is_changed {
            return Ok(disk.remove_file(draft)?);
        }
        let newest = self.log.context.files.get(&last.file)?;
        let modified = newest.modified()?;
        // Where no record has a timestamp its age is that of what it was made of; a disk that cannot say so
        // keeps it longer.
        output.file.set_modified(modified).unwrap_or_default();
        output.file.sync()?;
        let (base, next) = (output.base_offset, last.next_offset);
        let path = self.log.directory().join(file_name(base, LOG));
        let file = SegmentFile::new(path, OpenMode::Write);
        let interval = self.config.index_interval_bytes;
        let made =
            SealedSegment::found(base, next, output.size, file, interval).with_index(output.index);
        progress
            .retired
            .extend(self.log.replace(inputs, made, draft)?);
        Ok(())
    }
}

impl Progress {
    fn note(&mut self, inputs: &[Arc<SealedSegment>], size: u64) {
        let before: u64 = inputs.iter().map(|input| input.size).sum();
        self.bytes_before = self.bytes_before.saturating_add(before);
        self.bytes_after = self.bytes_after.saturating_add(size);
    }
}

/// Notes the last offset of each key of a batch from `start` on. Where the map is full, returns the
/// offset of the first record that is not noted.
fn note_batch(
    offsets: &mut OffsetMap,
    batch: &RawBatch,
    start: i64,
) -> Result<Option<i64>, SieveError> {
    if batch.header().attributes.is_control() {
        return Ok(None);
    }
    for record in batch.records(DECOMPRESSED_BATCH_BYTES_MAX)? {
        let record = record?;
        if let Some(key) = record.key.filter(|_| record.offset >= start)
            && offsets.put(&key, record.offset).is_err()
        {
            return Ok(Some(record.offset));
        }
    }
    Ok(None)
}
