//! What is done to a log beside writing it: dropping old segments, and writing indexes of full ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::StorageError;
use parking_lot::MutexGuard;

use super::checkpoint::Dirty;
use super::log_start;
use super::partition_log::{PartitionLog, Writer};
use super::retention::{self, PartitionFacts, SegmentFacts};
use super::segment::SealedSegment;

/// How long to wait for a flush; a disk that takes longer has other worries.
const PUBLISH_WAIT_MAX: Duration = Duration::from_secs(1);

/// Files that are no longer part of a log, to be removed when reads that have begun are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The files.
    pub files: Vec<PathBuf>,
    /// How long to wait.
    pub delay: Duration,
}

impl PartitionLog {
    /// Whether segments are due to be dropped at the wall clock's `now`, in milliseconds.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn is_retention_due(&self, now: i64) -> Result<bool, StorageError> {
        let (log_start, high_watermark) = self.bounds();
        let facts = PartitionFacts {
            log_start,
            high_watermark,
            now,
        };
        let segments = self.segment_facts(now)?;
        Ok(retention::due(&segments, self.config.load().retention, facts) > 0)
    }

    /// Drops the segments that are due at the wall clock's `now` and end at most at `end`, and returns
    /// their files. Waits for a flush of this log that is under way. What only the records tell, such
    /// as the state of producers, must be durable up to `end` before.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn retain(&self, now: i64, end: i64) -> Result<Option<Dropped>, StorageError> {
        let _tending = self.tending.lock();
        let mut writer = self.writer.lock();
        if !self.is_settled(&mut writer) {
            return Ok(None);
        }
        let segments = self.segment_facts(now)?;
        let config = self.config.load();
        let (log_start, high_watermark) = self.bounds();
        let facts = PartitionFacts {
            log_start,
            high_watermark: high_watermark.min(end),
            now,
        };
        let due = retention::due(&segments, config.retention, facts);
        if due == 0 {
            return Ok(None);
        }
        let last = due.checked_sub(1).and_then(|last| segments.get(last));
        if let Some(last) = last {
            let path = self.directory.join(log_start::LOG_START_FILE);
            let text = log_start::text(last.next_offset);
            self.context.disk.replace_file(&path, text.as_bytes())?;
            writer.has_start = true;
        }
        let sealed_count = self.view.lock().sealed.len();
        if due > sealed_count {
            self.seal_active(&mut writer)?;
        }
        let dropped = self.drop_oldest(due);
        self.forget_old_damage();
        drop(writer);
        (self.on_change)();
        let files = self.rename_dropped(&dropped)?;
        Ok(Some(Dropped {
            files,
            delay: config.file_delete_delay,
        }))
    }

    /// Removes dropped files for good.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn remove(&self, files: &[PathBuf]) -> Result<(), StorageError> {
        let disk = &self.context.disk;
        files.iter().try_for_each(|file| disk.remove_file(file))
    }

    /// Waits until everything written is published; `false` where the log is closed or the disk
    /// failed.
    fn is_settled(&self, writer: &mut MutexGuard<'_, Writer>) -> bool {
        while !writer.steps.is_empty() && !writer.is_closed {
            // After a failure of the disk nothing is ever published.
            let waited = self.published.wait_for(writer, PUBLISH_WAIT_MAX);
            if waited.timed_out() {
                return false;
            }
        }
        !writer.is_closed
    }

    /// Writes the indexes of segments sealed since the last call.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn write_indexes(&self) -> Result<(), StorageError> {
        let _tending = self.tending.lock();
        let sealed = self.view.lock().sealed.clone();
        for segment in sealed {
            segment.write_index(&self.context.disk)?;
        }
        Ok(())
    }

    /// The facts of all segments, the active one last.
    fn segment_facts(&self, now: i64) -> Result<Vec<SegmentFacts>, StorageError> {
        let view = self.view.lock();
        let sealed = view.sealed.clone();
        let damaged = view.damaged.clone();
        let active = view.active.as_ref().map(|active| {
            let facts = SegmentFacts {
                next_offset: view.durable_end,
                size: active.size,
                largest_timestamp: active.index.largest_timestamp().unwrap_or(now),
            };
            let is_undated = active.size > 0 && active.index.largest_timestamp().is_none();
            (facts, is_undated.then(|| Arc::clone(&active.file)))
        });
        drop(view);
        let context = &self.context;
        let mut facts = Vec::with_capacity(sealed.len().saturating_add(1));
        if let Some((mut active, undated)) = active {
            if let Some(file) = undated {
                active.largest_timestamp = context.files.get(&file)?.modified()?;
            }
            facts.push(active);
        }
        for segment in sealed.iter().rev() {
            let largest = segment.largest_timestamp(&context.disk, &context.files)?;
            // Of one that lost records nobody knows how young those were: no younger than those behind.
            let behind = facts.last().map_or(now, |behind| behind.largest_timestamp);
            let is_whole = !damaged.meets(&segment.offsets());
            facts.push(SegmentFacts {
                next_offset: segment.next_offset,
                size: segment.size,
                largest_timestamp: match (largest, is_whole) {
                    (Some(largest), true) => largest,
                    (None, true) => context.files.get(&segment.file)?.modified()?,
                    (largest, false) => largest.unwrap_or(behind).max(behind),
                },
            });
        }
        facts.reverse();
        Ok(facts)
    }

    /// Puts an empty segment behind the active one, durably, so that the log keeps its end when all
    /// its records go. Those are durable in their segment already, or they would not go.
    fn seal_active(&self, writer: &mut Writer) -> Result<(), StorageError> {
        let mut dirty = Dirty::default();
        self.make_directory(writer, &mut dirty)?;
        let next_offset = writer.next_offset;
        writer.has_begun_segment = true;
        self.create_segment(writer, next_offset)?.sync()?;
        self.context.disk.sync_dir(&self.directory)?;
        let steps = std::mem::take(&mut writer.steps);
        let interval = self.config.load().index_interval_bytes;
        let mut view = self.view.lock();
        for step in &steps {
            view.apply(step, interval);
        }
        drop(view);
        Ok(())
    }

    fn drop_oldest(&self, count: usize) -> Vec<Arc<SealedSegment>> {
        let mut view = self.view.lock();
        let count = count.min(view.sealed.len());
        let dropped: Vec<_> = view.sealed.drain(..count).collect();
        if let Some(last) = dropped.last() {
            view.log_start = view.log_start.max(last.next_offset);
        }
        dropped
    }

    /// Takes the files out of the log, oldest first, so that a crash leaves no hole.
    fn rename_dropped(&self, dropped: &[Arc<SealedSegment>]) -> Result<Vec<PathBuf>, StorageError> {
        let mut renamed = Vec::new();
        for segment in dropped {
            renamed.extend(segment.retire(&self.context)?);
        }
        self.context.disk.sync_dir(&self.directory)?;
        Ok(renamed)
    }
}
