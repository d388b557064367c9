//! Opening the log of a partition: what its directory holds, and what the commit log adds to it.

use std::cell::OnceCell;
use std::sync::Arc;

use sluice_protocol::record_batch::StampedBatch;

use super::StorageError;
use super::backing::Backing;
use super::checkpoint::{Checkpoint, Unsynced};
use super::commit_log::{Batches, Replay};
use super::damage::{DamagedRange, DamagedRanges};
use super::density::Density;
use super::leader_epochs::LeaderEpochs;
use super::partition_log::{LogContext, LogOptions, Opened, PartitionLog};
use super::recovery::{LastStop, LogRecovery, Recovery};
use super::recovery_points::PointsState;
use super::write::{WriteError, size_of_batch};

/// Bytes of batches written at once from the commit log.
const REPLAY_PIECE_BYTES: usize = 1024 * 1024;

/// Where an unclean start finds what the segments may lack, and notes what it wrote.
#[derive(Clone, Copy, Debug)]
pub struct Unclean<'a> {
    /// What the commit log has.
    pub replay: &'a Replay,
    /// What has to run before anything is served.
    pub checkpoint: &'a Checkpoint,
    /// What is known of how far logs were durable.
    pub points: PointsState,
}

impl PartitionLog {
    /// Begins a log of which nothing is on the disk yet, and does not look there.
    #[must_use]
    pub fn begin(context: &Arc<LogContext>, options: LogOptions) -> Arc<Self> {
        let opened = Opened {
            sealed: Vec::new(),
            active: None,
            next_offset: 0,
            log_start: 0,
            epochs: LeaderEpochs::default(),
            kept_epochs: None,
            has_directory: false,
            has_start: false,
            density: Density::of(&[], options.config.compaction.is_some()),
            damaged: DamagedRanges::default(),
            cut_files: Vec::new(),
        };
        Self::assemble(Arc::clone(context), options, opened)
    }

    /// Opens the log in a directory, which need not exist yet; after an unclean stop with what the
    /// commit log has of it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(
        context: &Arc<LogContext>,
        options: LogOptions,
        unclean: Option<Unclean<'_>>,
    ) -> Result<(Arc<Self>, LogRecovery), StorageError> {
        let mut options = options;
        let backing = backing(&options, unclean);
        if backing.are_points_lost() {
            options.recovery_point.offset = backing.point();
        }
        // What lies below the log start is replayed too: the state of producers may be there and nowhere
        // else.
        let (key, from) = (options.key, options.recovery_point.offset);
        let batches = unclean.map(|unclean| unclean.replay.batches(key, from));
        let keeps_all = !unclean.is_some_and(|unclean| unclean.replay.is_whole());
        // Without the points the commit log may be of before a clean stop, and lack its end.
        let are_known = |unclean: Unclean<'_>| unclean.points == PointsState::Known;
        let has_point = unclean.is_some_and(are_known);
        let replayed_begin = batches.and_then(|batches| batches.first_offset());
        let recovery = Recovery {
            context,
            options: &options,
            last_stop: match unclean {
                Some(_) => LastStop::Unclean,
                None => LastStop::Clean,
            },
            cut_at: replayed_begin.filter(|_| has_point && !keeps_all),
            replayed_begin,
            replayed_end: batches.and_then(|batches| batches.end_offset()),
            has_point,
            keeps_all,
            backing,
            last_end: OnceCell::new(),
        };
        let (mut opened, mut found) = recovery.run()?;
        if let Some(batches) = batches {
            note_missing(&recovery, &mut opened, batches)?;
        }
        let (Some(batches), Some(unclean)) = (batches, unclean) else {
            let are_epochs_kept = opened.kept_epochs.as_ref() == Some(&opened.epochs);
            let are_epochs_lost = opened.has_directory && !are_epochs_kept;
            let log = Self::assemble(Arc::clone(context), options, opened);
            found.damaged = log.damaged_after_all()?;
            if are_epochs_lost {
                log.try_to_write_epochs();
            }
            return Ok((log, found));
        };
        let is_replayed = batches.first_offset().is_some();
        let in_doubt = recovery.in_doubt(&opened, is_replayed)?;
        let (kept_epochs, has_directory) = (opened.kept_epochs.take(), opened.has_directory);
        let log = Self::assemble(Arc::clone(context), options, opened);
        found.damaged = log.damaged_after_all()?;
        // Their file may be of a flush of which the log itself has nothing left.
        if has_directory {
            log.mend_epochs()?;
        }
        unclean.checkpoint.note(in_doubt);
        log.writer.lock().is_opening = true;
        log.replay(batches, unclean.checkpoint)?;
        log.end_opening(kept_epochs.as_ref(), unclean.checkpoint)?;
        Ok((log, found))
    }

    /// Writes the epochs where their file says something else. One file for each of thousands of partitions takes long.
    fn end_opening(
        &self,
        kept_epochs: Option<&LeaderEpochs>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StorageError> {
        let mut writer = self.writer.lock();
        writer.is_opening = false;
        if !writer.has_directory || kept_epochs == Some(&writer.epochs) {
            return Ok(());
        }
        let mut written = Unsynced::default();
        self.write_epochs(&writer, &mut written.dirty)?;
        drop(writer);
        checkpoint.note(written);
        Ok(())
    }

    /// Lets the checkpoint know how far a log is durable that was found behind a clean stop: where no recovery point said so.
    pub(crate) fn note_end(&self, checkpoint: &Checkpoint) {
        let end = self.written_end();
        if end.offset == 0 {
            return;
        }
        checkpoint.note(Unsynced {
            ends: [(self.key, end)].into(),
            ..Unsynced::default()
        });
    }

    /// What is damaged, once it was looked at again.
    fn damaged_after_all(&self) -> Result<Vec<DamagedRange>, StorageError> {
        self.look_again(i64::MIN)?;
        Ok(self.damaged())
    }

    /// Appends what the commit log has and the segments lack.
    fn replay(
        self: &Arc<Self>,
        mut batches: Batches<'_>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StorageError> {
        let mut run: Vec<StampedBatch> = Vec::new();
        let mut run_bytes = 0_usize;
        let (_, mut next_offset) = self.bounds();
        loop {
            let batch = batches.next()?;
            let is_end = batch.is_none();
            if let Some(batch) = batch.filter(|batch| batch.header().last_offset() >= next_offset) {
                next_offset = batch.header().last_offset().saturating_add(1);
                run_bytes = run_bytes.saturating_add(batch.size());
                run.push(batch);
            }
            if is_end || run_bytes >= REPLAY_PIECE_BYTES {
                self.replay_run(&run, checkpoint)?;
                run.clear();
                run_bytes = 0;
            }
            if is_end {
                return Ok(());
            }
        }
    }

    fn replay_run(
        self: &Arc<Self>,
        run: &[StampedBatch],
        checkpoint: &Checkpoint,
    ) -> Result<(), StorageError> {
        if run.is_empty() {
            return Ok(());
        }
        let batches: Vec<&StampedBatch> = run.iter().collect();
        let mut unsynced = Unsynced {
            bytes: batches.iter().map(|batch| size_of_batch(batch)).sum(),
            ..Unsynced::default()
        };
        match self.write(&batches, &mut unsynced.dirty) {
            // Nobody can have closed a log that is being opened.
            Ok(()) | Err(WriteError::Closed) => {}
            Err(WriteError::Storage(error)) => return Err(error),
        }
        self.publish(&batches);
        unsynced.ends.insert(self.key, self.written_end());
        checkpoint.note(unsynced);
        Ok(())
    }
}

/// What the commit log has of a log; nothing after a clean stop. Its point is lost where nothing says from where on the
/// commit log is needed, nor how far the log was durable.
fn backing(options: &LogOptions, unclean: Option<Unclean<'_>>) -> Backing {
    let batches = unclean.map(|unclean| unclean.replay.batches(options.key, 0));
    let backing = Backing::of(batches.iter().flat_map(Batches::offsets));
    let are_points_lost = unclean.is_none_or(|unclean| unclean.points == PointsState::Lost);
    match are_points_lost && options.recovery_point.offset == 0 {
        true => backing.without_point(),
        false => backing,
    }
}

/// What neither the segments have nor the commit log, and what follows is there, is lost.
fn note_missing(
    recovery: &Recovery<'_>,
    opened: &mut Opened,
    batches: Batches<'_>,
) -> Result<(), StorageError> {
    let known = opened.damaged.clone();
    let mut next_offset = opened.next_offset;
    for (base_offset, last_offset) in batches.offsets() {
        if last_offset >= next_offset {
            let missing = DamagedRange::new(next_offset, base_offset);
            if let Some(missing) = missing {
                opened.damaged.note(missing);
            }
            next_offset = last_offset.saturating_add(1);
        }
    }
    opened.damaged.forget_below(opened.log_start);
    match opened.damaged == known {
        true => Ok(()),
        false => recovery.keep_damage(opened),
    }
}
