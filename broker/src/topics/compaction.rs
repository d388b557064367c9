//! Which partition is compacted next, and what is remembered of it: how far each is clean.
//!
//! The decisions are those of [`crate::log::compaction`]. The file `cleaner-offset-checkpoint`
//! ([`PartitionPoints`]) is written after each compaction: without it all would be dirty again, which
//! costs time and nothing else. Of a log whose own directory says that it was compacted, that is; of one
//! that was before directories said so, it is the only witness ([`CleanedLogs`]). So where it says nothing,
//! the next one has an entry for every log there is.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::partition_points::PartitionPoints;
use super::registry::Registry;
use super::upkeep::Failures;
use super::{Partition, Topics};
use crate::log::compaction::{
    Assessment, Cleaned, CompactError, CompactionJob, CompactionPolicy, Pace, Progress, Situation,
    assess, dirtiest,
};
use crate::log::{Disk, LogKey, StorageError};
use crate::model::{PartitionId, TopicName, Uuid};

/// Name of the file.
pub(crate) const CLEANED_LOGS_FILE: &str = "cleaner-offset-checkpoint";
/// How long a partition is left alone after the disk failed it.
const RETRY_DELAY: Duration = Duration::from_mins(5);

/// What is remembered between compactions.
#[derive(Debug)]
pub(super) struct Compaction {
    path: PathBuf,
    /// One past the last offset that is compacted, and all before it with it.
    pub(super) cleaned: PartitionPoints,
    /// How far those are that have damaged segments before.
    around: HashMap<(Uuid, PartitionId), Cleaned>,
    set_aside: HashMap<(Uuid, PartitionId), Until>,
}

/// The logs that were compacted, as far as the file says that was there at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CleanedLogs {
    /// These.
    Known(PartitionPoints),
    /// It says nothing: any may be among them.
    Unknown,
}

impl CleanedLogs {
    /// Reads the file of a data directory.
    pub(crate) fn read(disk: &Disk, directory: &Path) -> Result<Self, StorageError> {
        let points = PartitionPoints::read(disk, &directory.join(CLEANED_LOGS_FILE))?;
        Ok(points.map_or(Self::Unknown, Self::Known))
    }

    /// Has none of the logs count as compacted anywhere any more, durably: the next start must not know better.
    pub(crate) fn begin_again(self, disk: &Disk, directory: &Path) -> Result<Self, StorageError> {
        let Self::Known(points) = self else {
            return Ok(self);
        };
        let nothing = PartitionPoints::nothing_of(&points.logs());
        if nothing != points {
            let text = nothing.to_text();
            disk.replace_file(&directory.join(CLEANED_LOGS_FILE), text.as_bytes())?;
        }
        Ok(Self::Known(nothing))
    }

    /// Whether a file of such a text is as some build wrote it: of the first version too, though it says nothing.
    pub(crate) fn is_whole(text: &str) -> bool {
        PartitionPoints::is_whole(text)
    }

    /// Whether a log may be among them.
    pub(crate) fn may_have(&self, key: LogKey) -> bool {
        match self {
            Self::Known(points) => points.has(key),
            Self::Unknown => true,
        }
    }
}

/// How long a partition is not compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Something in it cannot be read, which a start may mend.
    NextStart,
    /// The disk failed.
    At(Instant),
}

/// What a look for something to compact came to.
#[derive(Clone, Debug)]
pub struct CompactionLook {
    /// The compaction, if one was due.
    pub run: Option<CompactionRun>,
    /// The largest share of dirty bytes of any compacted partition before it, from 0 to 1.
    pub max_dirty_ratio: f64,
    /// Partitions that cannot be compacted, until the next start or for a while.
    pub uncleanable: usize,
    /// Those among them of which this look found it, before anything was compacted.
    pub unassessed: Vec<Unassessed>,
}

/// A partition of which it is not known whether it is to be compacted: the disk failed.
#[derive(Clone, Debug)]
pub struct Unassessed {
    /// Name of the topic.
    pub topic: TopicName,
    /// Number of the partition.
    pub partition: PartitionId,
    /// What failed.
    pub reason: StorageError,
}

/// One compaction of one partition.
#[derive(Clone, Debug)]
pub struct CompactionRun {
    /// Name of the topic.
    pub topic: TopicName,
    /// Number of the partition.
    pub partition: PartitionId,
    /// Bytes of the segments that were looked through.
    pub bytes_before: u64,
    /// Bytes that are left of them.
    pub bytes_after: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// How it ended.
    pub outcome: Result<(), CompactError>,
}

/// A partition with its policy.
type Candidate = (Arc<Partition>, CompactionPolicy);

impl Compaction {
    /// Remembers nothing of a data directory.
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join(CLEANED_LOGS_FILE),
            cleaned: PartitionPoints::default(),
            around: HashMap::new(),
            set_aside: HashMap::new(),
        }
    }

    /// Goes on from what was found, with the logs there are.
    pub(super) fn go_on(&mut self, found: CleanedLogs, logs: &HashSet<LogKey>) {
        self.cleaned = match found {
            CleanedLogs::Known(points) => points,
            // The file is written as a whole, and a log without an entry counts as never compacted then.
            CleanedLogs::Unknown => PartitionPoints::nothing_of(logs),
        };
    }

    /// One past the last offset of a partition that need not be compacted again: where what is damaged is what was
    /// damaged then, no segment is left alone any less.
    fn cleaned_to(&self, partition: &Partition) -> Option<i64> {
        let key = (partition.topic_id(), partition.id());
        let around = self.around.get(&key);
        let around = around.filter(|cleaned| cleaned.damaged == partition.log.damaged());
        let whole_to = self.cleaned.get(partition.topic_id(), partition.id());
        around.map(|cleaned| cleaned.to).or(whole_to)
    }

    fn set_aside(&mut self, partition: &Partition, until: Until) {
        let key = (partition.topic_id(), partition.id());
        self.set_aside.insert(key, until);
    }
}

impl Topics {
    /// Compacts the partition that needs it most, if any does, with at most `memory_max` bytes for
    /// its keys. Blocks on the disk, and as long as `pace` does.
    ///
    /// # Errors
    /// [`StorageError`]: the disk failed for good.
    pub fn compact_dirtiest(
        &self,
        memory_max: usize,
        pace: Pace<'_>,
    ) -> Result<CompactionLook, StorageError> {
        if let Some(failure) = self.0.queue.failure() {
            return Err(failure);
        }
        self.0.checkpoint.run()?;
        // What fails is tried again and told by the next check of retention.
        self.0.remove_dropped(&mut Failures::default());
        let state = &mut *self.0.compaction.lock();
        self.0.forget_old(state);
        let (assessed, unassessed) = self.0.assessed(state);
        let ratios = assessed.iter().map(|(_, found)| found.ratio);
        let max_dirty_ratio = ratios.fold(0.0, f64::max);
        let run = dirtiest(assessed)
            .map(|(candidate, found)| self.0.compact(state, &candidate, found, memory_max, pace));
        Ok(CompactionLook {
            run,
            max_dirty_ratio,
            uncleanable: state.set_aside.len(),
            unassessed,
        })
    }
}

impl Registry {
    /// Forgets topics that are gone and failures that are over.
    fn forget_old(&self, state: &mut Compaction) {
        let catalog = self.catalog.read();
        let exists = |topic: Uuid| catalog.has(topic);
        let now = self.clock.now();
        state.cleaned.retain(exists);
        state.around.retain(|(topic, _), _| exists(*topic));
        state.set_aside.retain(|(topic, _), until| {
            let is_over = matches!(until, Until::At(at) if *at <= now);
            exists(*topic) && !is_over
        });
    }

    /// All partitions that are compacted at all, and those where the disk failed, which are set aside.
    fn assessed(&self, state: &mut Compaction) -> (Vec<(Candidate, Assessment)>, Vec<Unassessed>) {
        let topics: Vec<_> = self.catalog.read().topics().cloned().collect();
        let (mut assessed, mut unassessed) = (Vec::new(), Vec::new());
        for topic in topics {
            let Some(policy) = topic.config().log.compaction else {
                continue;
            };
            for partition in topic.partitions().iter() {
                let key = (partition.topic_id(), partition.id());
                if state.set_aside.contains_key(&key) {
                    continue;
                }
                match self.assess(state, partition, &policy) {
                    Ok(found) => assessed.push(((Arc::clone(partition), policy), found)),
                    Err(reason) => {
                        let retry = Until::At(self.clock.now() + RETRY_DELAY);
                        state.set_aside(partition, retry);
                        unassessed.push(Unassessed {
                            topic: partition.topic().clone(),
                            partition: partition.id(),
                            reason,
                        });
                    }
                }
            }
        }
        (assessed, unassessed)
    }

    fn assess(
        &self,
        state: &Compaction,
        partition: &Partition,
        policy: &CompactionPolicy,
    ) -> Result<Assessment, StorageError> {
        let offsets = partition.offsets();
        let segments = partition.log.segment_spans(policy)?;
        let situation = Situation {
            segments: &segments,
            log_start: offsets.log_start.0,
            stable_end: offsets
                .last_stable
                .0
                .min(offsets.high_watermark.0)
                .min(self.checkpoint.point(partition.log.key())),
            cleaned_to: state.cleaned_to(partition),
            now: self.clock.wall().0,
        };
        Ok(assess(&situation, policy))
    }

    fn compact(
        &self,
        state: &mut Compaction,
        (partition, policy): &Candidate,
        found: Assessment,
        memory_max: usize,
        pace: Pace<'_>,
    ) -> CompactionRun {
        let started = self.clock.now();
        let mut progress = Progress::default();
        let job = CompactionJob {
            dirty: found.dirty,
            policy: *policy,
            now: self.clock.wall().0,
            memory_max,
            last_batches: &partition.last_batches(),
        };
        // Batches that go may be all that tells of a producer.
        let saved = partition.save_producers(&partition.log.tend(), true);
        let outcome = saved
            .map_err(CompactError::from)
            .and_then(|_offset| partition.log.compact(&job, &mut progress, &mut *pace))
            .and_then(|()| self.note_cleaned(state, partition, &progress));
        let due = self.clock.now() + progress.delay;
        self.graveyard.lock().add(due, progress.retired);
        if let Err(error) = &outcome {
            self.note_failure(state, partition, error);
        }
        if matches!(outcome, Err(CompactError::Damaged { .. })) {
            self.look_for_damage(state, partition, pace);
        }
        CompactionRun {
            topic: partition.topic().clone(),
            partition: partition.id(),
            bytes_before: progress.bytes_before,
            bytes_after: progress.bytes_after,
            elapsed: self.clock.now().duration_since(started),
            outcome,
        }
    }

    fn note_failure(&self, state: &mut Compaction, partition: &Partition, error: &CompactError) {
        match error {
            CompactError::Unreadable { .. } => state.set_aside(partition, Until::NextStart),
            CompactError::Storage(_) | CompactError::DiskFull(_) => {
                let retry = Until::At(self.clock.now() + RETRY_DELAY);
                state.set_aside(partition, retry);
            }
            CompactError::Unsettled(error) => self.queue.fail(error),
            CompactError::Stopped | CompactError::Outdated | CompactError::Damaged { .. } => {}
        }
    }

    /// Finds out what is damaged in a partition, so that the next compaction leaves that alone.
    fn look_for_damage(&self, state: &mut Compaction, partition: &Partition, pace: Pace<'_>) {
        let known = partition.log.damaged();
        let looked = partition.log.scrub(pace);
        if !matches!(looked, Ok(false)) && partition.log.damaged() == known {
            state.set_aside(partition, Until::NextStart);
        }
    }

    fn note_cleaned(
        &self,
        state: &mut Compaction,
        partition: &Partition,
        progress: &Progress,
    ) -> Result<(), CompactError> {
        if let Some(cleaned) = &progress.cleaned {
            let (topic, number) = (partition.topic_id(), partition.id());
            state.cleaned.set(topic, number, cleaned.whole_to);
            state.around.remove(&(topic, number));
            if cleaned.whole_to < cleaned.to {
                state.around.insert((topic, number), cleaned.clone());
            }
            state.cleaned.write(&self.log_context, &state.path)?;
        }
        Ok(())
    }
}
