//! Opening a data directory: the metadata log says what there should be, the directories are
//! compared with it, and every partition is recovered, several at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::change::{KnownStart, directory_name, label};
use super::compaction::Compaction;
use super::metadata_event::{MetadataEvent, MetadataState};
use super::metadata_log::MetadataLog;
use super::partition::PartitionContext;
use super::recovery_points::{self, Checkpoint};
use super::recovery_report::{CutLog, RecoveryReport};
use super::registry::{Catalog, Registry};
use super::topic_config::TopicConfig;
use super::upkeep::Graveyard;
use super::{Partition, Topic, Topics, TopicsConfig};
use crate::clock::Clock;
use crate::limits;
use crate::log::{
    DataDirectory, Disk, FileSystem, FlushQueue, Flushed, LastStop, LogContext, LogRecovery,
    OpenError, StorageError, SyncPool, directory_label, flush_once, flush_until_closed, id_text,
    open_files_limit,
};
use crate::model::{LeaderEpoch, PartitionId};

/// Threads that sync beside the flush's own.
const SYNC_THREADS: usize = 7;
/// Threads that recover partitions.
const RECOVERY_THREADS: usize = 4;

/// A partition to be opened.
struct Expected {
    topic: Arc<Topic>,
    id: PartitionId,
    start: KnownStart,
}

impl Topics {
    /// Opens the data directory, recovers what a crash left, and starts the thread that flushes and
    /// tells `flushed` how long each flush took. Blocks on the disk.
    ///
    /// # Errors
    /// [`OpenError`]: the directory is in use, of another format, unreadable, or the disk failed.
    pub fn open(
        config: TopicsConfig,
        clock: Clock,
        mut flushed: impl FnMut(Duration) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let pool = SyncPool::new(SYNC_THREADS).map_err(OpenError::Threads)?;
        let topics = Self::open_on(&Disk::new(FileSystem), config, clock.clone(), &pool)?;
        let queue = Arc::clone(&topics.0.queue);
        let context = Arc::clone(&topics.0.log_context);
        let checkpoint = Arc::clone(&topics.0.checkpoint);
        let flushed = move |elapsed, what: Flushed| {
            flushed(elapsed);
            checkpoint.lock().flushed(what.bytes);
        };
        let flusher = std::thread::Builder::new()
            .name("sluice-flush".to_owned())
            .spawn(move || flush_until_closed(&queue, &context, &pool, &clock, flushed))
            .map_err(OpenError::Threads)?;
        *topics.0.flusher.lock() = Some(flusher);
        Ok(topics)
    }

    /// As [`Topics::open`] on any disk, without the thread: somebody else flushes.
    pub(crate) fn open_on(
        disk: &Disk,
        config: TopicsConfig,
        clock: Clock,
        pool: &SyncPool,
    ) -> Result<Self, OpenError> {
        let directory = DataDirectory::open(disk, &config.directory, config.node_id)?;
        let defaults = Arc::new(config.defaults.clone());
        TopicConfig::new(Arc::clone(&defaults), super::topic_config::Settings::new()).map_err(
            |invalid| OpenError::InvalidDefaults {
                reason: invalid.to_string(),
            },
        )?;
        let log_context = LogContext::new(disk.clone(), open_files_limit());
        let queue = FlushQueue::new(limits::FLUSH_QUEUE_BYTES_MAX);
        let last_stop = directory.last_stop();
        let metadata = MetadataLog::open(
            &log_context,
            Arc::clone(&queue),
            &directory.metadata(),
            last_stop,
            clock.clone(),
        )?;
        if last_stop == LastStop::Unclean || directory.is_new() {
            begin_epoch(&metadata, directory.is_new())?;
            flush_once(&queue, &log_context, pool)?;
        }
        let state = metadata.state();
        let metadata = Arc::new(metadata);
        let catalog = Arc::new(RwLock::new(Catalog::default()));
        let checkpoint = Checkpoint::new(
            Arc::clone(&log_context),
            &config.directory,
            Arc::clone(&catalog),
        );
        let compaction = Compaction::read(&log_context, &config.directory)?;
        let registry = Registry {
            partition_context: Arc::new(PartitionContext {
                queue: Arc::clone(&queue),
                metadata: Arc::clone(&metadata),
                clock: clock.clone(),
                epoch: LeaderEpoch(state.epoch),
            }),
            config,
            defaults,
            clock,
            report: RecoveryReport {
                last_stop,
                partition_count: 0,
                cut: Vec::new(),
                quarantined: Vec::new(),
            },
            directory,
            log_context,
            queue,
            metadata,
            catalog,
            changes: Arc::default(),
            graveyard: Mutex::new(Graveyard::default()),
            checkpoint: Arc::new(Mutex::new(checkpoint)),
            upkeep: Mutex::new(()),
            compaction: Mutex::new(compaction),
            flusher: Mutex::new(None),
        };
        registry.recovered(disk, &state)
    }
}

/// Another epoch begins wherever the log may have lost its end.
fn begin_epoch(metadata: &MetadataLog, is_new: bool) -> Result<(), StorageError> {
    let last = LeaderEpoch(metadata.state().epoch);
    let epoch = match is_new {
        true => LeaderEpoch(0),
        false => last.next(),
    };
    metadata
        .append(&[MetadataEvent::EpochBegun { epoch: epoch.0 }])
        .map(drop)
}

impl Registry {
    /// The registry with everything that is in the directory.
    fn recovered(mut self, disk: &Disk, state: &MetadataState) -> Result<Topics, OpenError> {
        self.sort_out(disk, state)?;
        let (topics, expected) = self.expected(state)?;
        let opened = self.open_all(&expected)?;
        let mut by_topic: HashMap<_, Vec<Arc<Partition>>> = HashMap::new();
        for (partition, recovery) in opened {
            if recovery != LogRecovery::default() {
                self.report.cut.push(CutLog {
                    directory: directory_name(partition.topic(), partition.id()),
                    bytes: recovery.cut_bytes,
                    missing_offsets: recovery.missing_offsets,
                });
            }
            let of_topic = by_topic.entry(partition.topic_id()).or_default();
            of_topic.push(partition);
        }
        let mut catalog = self.catalog.write();
        for topic in topics {
            topic.set_partitions(by_topic.remove(&topic.id()).unwrap_or_default());
            catalog.insert(topic);
        }
        drop(catalog);
        self.report.partition_count = expected.len();
        Ok(Topics(Arc::new(self)))
    }

    /// Moves away the directories that belong to no topic: those of deleted topics to be removed,
    /// others to be kept.
    fn sort_out(&mut self, disk: &Disk, state: &MetadataState) -> Result<(), StorageError> {
        let topics = self.directory.topics();
        disk.create_dir(&topics)?;
        disk.sync_dir(topics.parent().unwrap_or(&topics))?;
        let labels: HashMap<String, String> = state
            .topics
            .iter()
            .flat_map(|(id, topic)| {
                let label = label(*id);
                (0..topic.partitions).map(move |partition| {
                    let name = directory_name(&topic.name, PartitionId(partition));
                    (name, label.clone())
                })
            })
            .collect();
        let deleted: Vec<String> = state.deleted.iter().map(|id| label(*id)).collect();
        let mut is_changed = false;
        for name in disk.list(&topics)? {
            let found = directory_label(disk, &topics.join(&name), self.directory.last_stop())?;
            if found.is_some() && labels.get(&name) == found.as_ref() {
                continue;
            }
            let is_deleted = found.is_some_and(|found| deleted.contains(&found));
            let home = match is_deleted {
                true => self.directory.deleted(),
                false => self.directory.quarantine(),
            };
            disk.create_dir(&home)?;
            let unique = format!("{}-{name}", id_text(crate::log::random_id()));
            disk.rename(&topics.join(&name), &home.join(unique))?;
            disk.sync_dir(&home)?;
            is_changed = true;
            if !is_deleted {
                self.report.quarantined.push(name);
            }
        }
        match is_changed {
            true => disk.sync_dir(&topics),
            false => Ok(()),
        }
    }

    /// The topics there should be, without their partitions, and those.
    fn expected(
        &self,
        state: &MetadataState,
    ) -> Result<(Vec<Arc<Topic>>, Vec<Expected>), OpenError> {
        let points = recovery_points::read(&self.log_context, &self.config.directory)?;
        let mut topics = Vec::with_capacity(state.topics.len());
        let mut expected = Vec::new();
        for (id, record) in &state.topics {
            let config = TopicConfig::new(Arc::clone(&self.defaults), record.configs.clone());
            let config = config.map_err(|invalid| OpenError::Unreadable {
                path: self.directory.metadata(),
                reason: format!("the settings of topic {}: {invalid}", record.name),
            })?;
            let config = Arc::new(ArcSwap::from_pointee(config));
            let topic = Topic::new(record.name.clone(), *id, config, Vec::new());
            for partition in 0..record.partitions {
                let log_start = record.log_starts.get(&partition);
                let partition = PartitionId(partition);
                expected.push(Expected {
                    topic: Arc::clone(&topic),
                    id: partition,
                    start: KnownStart {
                        log_start: log_start.copied().unwrap_or_default(),
                        recovery_point: points.get(*id, partition).unwrap_or_default(),
                    },
                });
            }
            topics.push(topic);
        }
        Ok((topics, expected))
    }

    /// Opens partitions by several threads. They are returned in the order they were given.
    fn open_all(
        &self,
        expected: &[Expected],
    ) -> Result<Vec<(Arc<Partition>, LogRecovery)>, StorageError> {
        let next = AtomicUsize::new(0);
        let opened = Mutex::new(Vec::with_capacity(expected.len()));
        let work = || -> Result<(), StorageError> {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(one) = expected.get(index) else {
                    return Ok(());
                };
                let last_stop = self.directory.last_stop();
                let (partition, recovery) =
                    self.open_partition(&one.topic, one.id, one.start, last_stop)?;
                opened.lock().push((index, partition, recovery));
            }
        };
        let threads = RECOVERY_THREADS.min(expected.len().div_ceil(16));
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut outcome = work();
            for other in others {
                let panicked = || {
                    let error = std::io::Error::other("a recovery thread panicked");
                    StorageError::new("recover", &self.config.directory, error)
                };
                let joined = other.join().unwrap_or_else(|_panic| Err(panicked()));
                outcome = outcome.and(joined);
            }
            outcome
        })?;
        let mut opened = opened.into_inner();
        opened.sort_unstable_by_key(|(index, _, _)| *index);
        let opened = opened.into_iter();
        Ok(opened
            .map(|(_, partition, recovery)| (partition, recovery))
            .collect())
    }
}
