//! What is done to a log beside writing it: dropping old segments, and writing indexes of full ones.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;

use super::StorageError;
use super::checkpoint::{Checkpoint, Dirty, Unsynced};
use super::log_start;
use super::partition_log::{PartitionLog, SegmentName, Tending, Writer};
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

/// The oldest segments, which are to be dropped.
struct Due {
    count: usize,
    /// Where the log begins without them.
    next_offset: i64,
}

impl PartitionLog {
    /// Takes the log's sealed segments and small files into one's hands, when nobody else has them: for as
    /// long as a full disk lasts, where somebody waits for room.
    pub fn tend(&self) -> Tending<'_> {
        self.tending.lock()
    }

    /// As [`PartitionLog::tend`]; `None` where somebody else tends the log now.
    pub fn try_to_tend(&self) -> Option<Tending<'_>> {
        self.tending.try_lock()
    }

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
    /// their files. What only the records tell, such as the state of producers, must be durable up to
    /// `end` before. No flush waits for it while it waits for the disk. Does nothing while somebody else
    /// tends the log, who may wait for the room that is made for other logs meanwhile.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn retain(
        &self,
        now: i64,
        end: i64,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Dropped>, StorageError> {
        let Some(_tending) = self.try_to_tend() else {
            return Ok(None);
        };
        let Some(due) = self.due_for_retention(now, end, checkpoint)? else {
            return Ok(None);
        };
        self.note_later_start(due.next_offset)?;
        let dropped = self.drop_oldest(due.count);
        self.forget_old_damage();
        (self.on_change)();
        let files = self.rename_dropped(&dropped)?;
        Ok(Some(Dropped {
            files,
            delay: self.config.load().file_delete_delay,
        }))
    }

    /// The segments to be dropped, all of them sealed: where the active one is due another follows it.
    fn due_for_retention(
        &self,
        now: i64,
        end: i64,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Due>, StorageError> {
        let view = self.view.lock();
        let (is_closed, sealed_count) = (view.is_closed, view.sealed.len());
        drop(view);
        if is_closed {
            return Ok(None);
        }
        let segments = self.segment_facts(now)?;
        let (log_start, high_watermark) = self.bounds();
        let facts = PartitionFacts {
            log_start,
            high_watermark: high_watermark.min(end),
            now,
        };
        let mut count = retention::due(&segments, self.config.load().retention, facts);
        if let Some(active) = segments.get(sealed_count).filter(|_| count > sealed_count)
            && !self.seal_active(active.next_offset, checkpoint)?
        {
            count = sealed_count;
        }
        let last = count.checked_sub(1).and_then(|last| segments.get(last));
        Ok(last.map(|last| Due {
            count,
            next_offset: last.next_offset,
        }))
    }

    /// Makes durable that the log begins at `offset`.
    fn note_later_start(&self, offset: i64) -> Result<(), StorageError> {
        // So that nobody else writes the file meanwhile.
        let had_start = std::mem::replace(&mut self.writer.lock().has_start, true);
        let path = self.directory.join(log_start::LOG_START_FILE);
        let text = log_start::text(offset);
        let written = self.context.disk.replace_file(&path, text.as_bytes());
        written.inspect_err(|_| self.writer.lock().has_start = had_start)
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

    /// Writes the indexes of segments sealed since the last call, unless somebody else tends the log.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn write_indexes(&self) -> Result<(), StorageError> {
        self.try_to_tend()
            .map_or(Ok(()), |tending| self.write_sealed_indexes(&tending))
    }

    /// As [`PartitionLog::write_indexes`], for who tends the log.
    pub(super) fn write_sealed_indexes(&self, _tending: &Tending<'_>) -> Result<(), StorageError> {
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

    /// Puts an empty segment behind the active one, so that the log keeps its end when all its records
    /// go. Its name is durable with [where the log begins](Self::note_later_start) then, which syncs the directory,
    /// and it holds nothing that needs a sync. Those that go are durable in their segment already. Does nothing and
    /// says so where the log does not end at `next_offset` any more, or is closed.
    fn seal_active(&self, next_offset: i64, checkpoint: &Checkpoint) -> Result<bool, StorageError> {
        let mut writer = self.writer.lock();
        if !self.is_settled(&mut writer) || writer.next_offset != next_offset {
            return Ok(false);
        }
        let mut dirty = Dirty::default();
        self.make_directory(&mut writer, &mut dirty)?;
        writer.name = SegmentName::New;
        self.create_segment(&mut writer, next_offset)?;
        // Whoever flushes into it from here on does not know that its name is new.
        dirty.directories.insert(self.directory.clone());
        checkpoint.note(Unsynced {
            dirty,
            ..Unsynced::default()
        });
        let steps = std::mem::take(&mut writer.steps);
        let interval = self.config.load().index_interval_bytes;
        let mut view = self.view.lock();
        for step in &steps {
            view.apply(step, interval);
        }
        Ok(true)
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
            renamed.extend(segment.retire(&self.context, &|| self.is_closed())?);
        }
        self.context.disk.sync_dir(&self.directory)?;
        Ok(renamed)
    }
}
