//! Opening a data directory: the metadata log says what there should be, the directories are
//! compared with it, and every partition is recovered, several at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::change::{KnownStart, directory_name};
use super::compaction::{CleanedLogs, Compaction};
use super::known_producers::ProducerCount;
use super::metadata_event::{MetadataEvent, MetadataState};
use super::metadata_log::MetadataLog;
use super::observation::Observation;
use super::partition::PartitionContext;
use super::recovery_report::RecoveryReport;
use super::registry::{Catalog, Registry};
use super::saver::Saver;
use super::side_by_side::side_by_side;
use super::topic_config::TopicConfig;
use super::upkeep::Graveyard;
use super::{Partition, Topic, Topics, TopicsConfig};
use crate::clock::Clock;
use crate::limits;
use crate::log::{
    Checkpoint, CommitLog, DataDirectory, Disk, Extents, FileSystem, FlushQueue, Flushed,
    FoundPoints, Journal, LastStop, LogContext, LogKey, LogRecovery, OpenError, PointsState,
    RECOVERY_POINTS_FILE, RecoveryPoints, Replay, SegmentWriter, Space, StorageError, SyncPool,
    Unclean, checkpoint_until_closed, flush_once, flush_until_closed, labelled_directory,
    look_until_closed, open_files_limit,
};
use crate::model::{LeaderEpoch, PartitionId};

/// Threads that sync beside the flush's own.
const SYNC_THREADS: usize = 7;
/// Threads that recover partitions. They wait for the disk most of the time.
pub(super) const RECOVERY_THREADS: usize = 8;

/// A partition to be opened.
struct Expected {
    topic: Arc<Topic>,
    id: PartitionId,
    start: KnownStart,
}

impl Expected {
    fn key(&self) -> LogKey {
        LogKey {
            topic: self.topic.id(),
            partition: self.id.0,
        }
    }
}

impl Topics {
    /// Opens the data directory, recovers what a crash left, and starts the threads that flush, sync and
    /// look for room, all of which tell `observe` what they did. Blocks on the disk.
    ///
    /// # Errors
    /// [`OpenError`]: the directory is in use, of another format, unreadable, or the disk failed.
    pub fn open(
        config: TopicsConfig,
        clock: Clock,
        observe: impl Fn(Observation) + Clone + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let threads = Threads {
            pool: SyncPool::new(SYNC_THREADS).map_err(OpenError::Threads)?,
            segments: SegmentWriter::beside().map_err(OpenError::Threads)?,
        };
        let disk = Disk::new(FileSystem);
        let (topics, journal) = Self::open_on(&disk, config, clock.clone(), threads)?;
        let queue = Arc::clone(&topics.0.queue);
        let tell = observe.clone();
        let flushed = move |elapsed, _: Flushed| tell(Observation::Flushed { elapsed });
        topics.0.run("sluice-flush", move || {
            flush_until_closed(&queue, journal, &clock, flushed);
        })?;
        let (tell, tell_unsaved) = (observe.clone(), observe.clone());
        let checkpointed = move |elapsed| tell(Observation::Checkpointed { elapsed });
        topics.0.checkpoint.observe(checkpointed);
        let (queue, space) = (Arc::clone(&topics.0.queue), Arc::clone(&topics.0.space));
        let watched = Arc::clone(&topics.0.checkpoint);
        space.begin_watch();
        topics.0.run("sluice-space", move || {
            look_until_closed(&queue, &space, |space| {
                observe(Observation::Looked {
                    space,
                    commit_log: watched.commit_log_facts(),
                    pending_bytes: watched.pending_bytes(),
                });
            });
        })?;
        let queue = Arc::clone(&topics.0.queue);
        let checkpoint = Arc::clone(&topics.0.checkpoint);
        let saver = Arc::clone(&topics.0.saver);
        topics.0.run("sluice-checkpoint", move || {
            checkpoint_until_closed(&queue, &checkpoint, || saver.save_grown(&tell_unsaved));
        })?;
        let metadata = Arc::clone(&topics.0.metadata);
        let checkpoint = Arc::clone(&topics.0.checkpoint);
        topics
            .0
            .run("sluice-metadata", move || metadata.watch(&checkpoint))?;
        Ok(topics)
    }

    /// As [`Topics::open`] on any disk, without the threads: somebody else flushes into the journal.
    pub(crate) fn open_on(
        disk: &Disk,
        config: TopicsConfig,
        clock: Clock,
        threads: Threads,
    ) -> Result<(Self, Journal), OpenError> {
        // The reserve is what a broker on a full disk lives on.
        let needed = config.space.reserve_bytes;
        let opened = Self::opened_on(disk, config, clock, threads);
        opened.map_err(|error| error.or_no_room(needed))
    }

    fn opened_on(
        disk: &Disk,
        config: TopicsConfig,
        clock: Clock,
        threads: Threads,
    ) -> Result<(Self, Journal), OpenError> {
        let directory = DataDirectory::open(disk, &config.directory, config.node_id)?;
        let defaults = Arc::new(config.defaults.clone());
        TopicConfig::new(Arc::clone(&defaults), super::topic_config::Settings::new()).map_err(
            |invalid| OpenError::InvalidDefaults {
                reason: invalid.to_string(),
            },
        )?;
        let space = Space::open(disk, &config.directory, config.space)?;
        let log_context = LogContext::new(disk.clone(), open_files_limit(), Arc::clone(&space));
        let queue = FlushQueue::new(limits::FLUSH_QUEUE_BYTES_MAX);
        let found = FoundJournal::open(
            disk,
            &log_context,
            &queue,
            &directory,
            &config,
            threads.pool,
        )?;
        let (metadata, report) = found.metadata(&log_context, &queue, &directory, clock.clone())?;
        let state = metadata.state();
        let metadata = Arc::new(metadata);
        let catalog = Arc::<RwLock<Catalog>>::default();
        let grown_bytes = config.commit_log.grown_bytes;
        let compaction = Compaction::new(&config.directory);
        let registry = Registry {
            partition_context: Arc::new(PartitionContext {
                queue: Arc::clone(&queue),
                metadata: Arc::clone(&metadata),
                clock: clock.clone(),
                epoch: LeaderEpoch(state.epoch),
                space: Arc::clone(&space),
                producers: ProducerCount::new(config.producers_max),
            }),
            config,
            defaults,
            clock,
            report,
            directory,
            log_context,
            queue: Arc::clone(&queue),
            metadata,
            catalog: Arc::clone(&catalog),
            changes: Arc::default(),
            graveyard: Mutex::new(Graveyard::default()),
            checkpoint: Arc::clone(&found.checkpoint),
            space: Arc::clone(&space),
            saver: Arc::new(Saver {
                catalog,
                checkpoint: Arc::clone(&found.checkpoint),
                upkeep: Mutex::new(()),
                grown_bytes,
            }),
            compaction: Mutex::new(compaction),
            threads: Mutex::default(),
        };
        let topics = registry.recovered(disk, &state, &found)?;
        found.note_ends(&topics);
        // What was found is durable before anybody can read it.
        found.checkpoint.end_generation(found.replay.next_live())?;
        let mut journal = found.begin(threads.segments)?;
        flush_once(&queue, &mut journal)?;
        Ok((topics, journal))
    }
}

/// Who works for the journal.
#[derive(Debug)]
pub(crate) struct Threads {
    /// They sync.
    pub(crate) pool: SyncPool,
    /// It writes segments.
    pub(crate) segments: SegmentWriter,
}

/// The journal as the last process left it.
struct FoundJournal {
    last_stop: LastStop,
    points: RecoveryPoints,
    always_had_points: bool,
    /// Whether the file of recovery points is not there, though it should be, or not whole.
    are_points_lost: bool,
    replay: Replay,
    extents: Arc<Extents>,
    checkpoint: Arc<Checkpoint>,
}

impl FoundJournal {
    /// What is known of topics, with a new epoch where the last one may have lost its end; and what was found so far.
    /// All of it is durable, before directories are moved for its sake.
    fn metadata(
        &self,
        context: &Arc<LogContext>,
        queue: &Arc<FlushQueue>,
        directory: &DataDirectory,
        clock: Clock,
    ) -> Result<(MetadataLog, RecoveryReport), OpenError> {
        let metadata = MetadataLog::open(
            context,
            Arc::clone(queue),
            &directory.metadata(),
            self.points.of(LogKey::METADATA),
            self.unclean(),
            clock,
        )?;
        if metadata.is_empty()
            && let Some(name) = labelled_directory(&context.disk, &directory.topics())?
        {
            return Err(OpenError::Unreadable {
                path: directory.metadata(),
                reason: all_lost(&name),
            });
        }
        // The first start of a directory may have been killed before it wrote anything.
        let is_first = metadata.is_empty();
        // All is as it was left where the metadata prevents the start.
        directory.begin()?;
        if self.last_stop == LastStop::Unclean || directory.is_new() {
            begin_epoch(&metadata, directory.is_new())?;
        }
        let mut report = RecoveryReport::begin(directory, self.replay.losses());
        report.replayed_bytes = self.checkpoint.pending_bytes();
        report.are_points_lost = self.are_points_lost && !is_first;
        self.checkpoint.run()?;
        Ok((metadata, report))
    }

    fn open(
        disk: &Disk,
        context: &Arc<LogContext>,
        queue: &Arc<FlushQueue>,
        directory: &DataDirectory,
        config: &TopicsConfig,
        pool: SyncPool,
    ) -> Result<Self, StorageError> {
        let file = config.directory.join(RECOVERY_POINTS_FILE);
        let text = context.read_derived(&file)?;
        let found = text.as_deref().and_then(RecoveryPoints::parse);
        let always_had_points = directory.always_had_points();
        let are_points_lost = found.is_none() && (always_had_points || text.is_some());
        let points = found.unwrap_or_default();
        let last_stop = directory.last_stop();
        let (replay, extents) = Replay::open(
            disk,
            &context.space,
            &directory.commit_log(),
            config.commit_log,
            last_stop == LastStop::Clean,
            points.live(),
        )?;
        let checkpoint = Checkpoint::new(
            Arc::clone(context),
            Arc::clone(queue),
            Arc::clone(&extents),
            FoundPoints {
                path: file,
                points: points.clone(),
            },
            pool,
            config.sync_interval,
        )?;
        Ok(Self {
            last_stop,
            points,
            always_had_points,
            are_points_lost,
            replay,
            extents,
            checkpoint: Arc::new(checkpoint),
        })
    }

    /// What a log needs that is opened after an unclean stop.
    fn unclean(&self) -> Option<Unclean<'_>> {
        (self.last_stop == LastStop::Unclean).then_some(Unclean {
            replay: &self.replay,
            checkpoint: &self.checkpoint,
            points: self.points.state(self.always_had_points),
        })
    }

    /// Whether there were recovery points that nobody knows any more, and the commit log is needed.
    fn are_points_lost(&self) -> bool {
        let is_lost = |unclean: Unclean<'_>| unclean.points == PointsState::Lost;
        self.unclean().is_some_and(is_lost)
    }

    /// Behind a clean stop all is durable. Where the recovery points did not say how far, they do from now on: after a
    /// kill of a process that wrote nothing, what they do not know counts as never promised.
    fn note_ends(&self, topics: &Topics) {
        if self.last_stop == LastStop::Unclean {
            return;
        }
        let is_unknown = |key| self.points.of(key).offset == 0;
        if is_unknown(LogKey::METADATA) {
            topics.0.metadata.note_end(&self.checkpoint);
        }
        for topic in topics.list() {
            for partition in topic.partitions().iter() {
                if is_unknown(partition.log.key()) {
                    partition.log.note_end(&self.checkpoint);
                }
            }
        }
    }

    /// The journal of this process, once everything that was found is durable.
    fn begin(self, segments: SegmentWriter) -> Result<Journal, StorageError> {
        Ok(Journal {
            commit_log: CommitLog::begin(self.extents, self.replay)?,
            segments,
            checkpoint: self.checkpoint,
        })
    }
}

/// What is to be done where nothing is known of topics, though there is one.
fn all_lost(name: &str) -> String {
    format!(
        "it has no events, though topics/{name} was made for one; put back what was here, or restore the data \
         directory from a backup"
    )
}

/// Another epoch begins wherever the log may have lost its end.
fn begin_epoch(metadata: &MetadataLog, is_new: bool) -> Result<(), StorageError> {
    let last = LeaderEpoch(metadata.state().epoch);
    let epoch = match is_new {
        true => LeaderEpoch(0),
        false => last.next(),
    };
    metadata
        .append(&MetadataEvent::EpochBegun { epoch: epoch.0 })
        .map(drop)
}

impl Registry {
    /// The registry with everything that is in the directory.
    fn recovered(
        mut self,
        disk: &Disk,
        state: &MetadataState,
        found: &FoundJournal,
    ) -> Result<Topics, OpenError> {
        let labelled = self.sort_out(disk, state, &found.points)?;
        self.find_graves();
        let cleaned = CleanedLogs::read(disk, &self.config.directory)?;
        self.report.are_cleaned_unknown = cleaned == CleanedLogs::Unknown;
        let (topics, expected) = self.expected(state, &found.points, &labelled, &cleaned)?;
        let exists: HashSet<LogKey> = expected.iter().map(Expected::key).collect();
        // The commit log may bring back what was compacted away.
        let cleaned = match found.are_points_lost() {
            true => cleaned.begin_again(disk, &self.config.directory)?,
            false => cleaned,
        };
        self.compaction.get_mut().go_on(cleaned, &exists);
        let checkpoint = &found.checkpoint;
        checkpoint.retain(|key| key == LogKey::METADATA || exists.contains(&key));
        let opened = self.open_all(&expected, found.unclean())?;
        let mut by_topic: HashMap<_, Vec<Arc<Partition>>> = HashMap::new();
        for (partition, recovery) in opened {
            self.report.note(&partition, recovery);
            let of_topic = by_topic.entry(partition.topic_id()).or_default();
            of_topic.push(partition);
        }
        let mut catalog = self.catalog.write();
        for topic in topics {
            self.report.note_config(topic.name(), &topic.config());
            topic.set_partitions(by_topic.remove(&topic.id()).unwrap_or_default());
            catalog.insert(topic);
        }
        drop(catalog);
        self.report.partition_count = expected.len();
        let replayed_bytes = &mut self.report.replayed_bytes;
        *replayed_bytes = replayed_bytes.saturating_add(checkpoint.pending_bytes());
        Ok(Topics(Arc::new(self)))
    }

    /// The topics there should be, without their partitions, and those.
    fn expected(
        &self,
        state: &MetadataState,
        points: &RecoveryPoints,
        labelled: &HashSet<String>,
        cleaned: &CleanedLogs,
    ) -> Result<(Vec<Arc<Topic>>, Vec<Expected>), OpenError> {
        let mut topics = Vec::with_capacity(state.topics.len());
        let mut expected = Vec::new();
        for (id, record) in &state.topics {
            let defaults = Arc::clone(&self.defaults);
            let config = TopicConfig::found(&record.name, defaults, record.configs.clone());
            let config = config.map_err(|invalid| OpenError::Unreadable {
                path: self.directory.metadata(),
                reason: format!("the settings of topic {}: {invalid}", record.name),
            })?;
            let config = Arc::new(ArcSwap::from_pointee(config));
            let topic = Topic::new(record.name.clone(), *id, config, Vec::new());
            for partition in 0..record.partitions {
                let log_start = record.log_starts.get(&partition);
                let key = LogKey {
                    topic: *id,
                    partition,
                };
                let id = PartitionId(partition);
                expected.push(Expected {
                    topic: Arc::clone(&topic),
                    id,
                    start: KnownStart {
                        log_start: log_start.copied().unwrap_or_default(),
                        recovery_point: points.of(key),
                        is_labelled: labelled.contains(&directory_name(&record.name, id)),
                        was_compacted: cleaned.may_have(key),
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
        unclean: Option<Unclean<'_>>,
    ) -> Result<Vec<(Arc<Partition>, LogRecovery)>, StorageError> {
        side_by_side(
            RECOVERY_THREADS,
            expected,
            |one| self.open_partition(&one.topic, one.id, one.start, unclean),
            || self.thread_died(),
        )
    }

    pub(super) fn thread_died(&self) -> StorageError {
        let error = std::io::Error::other("a recovery thread panicked");
        StorageError::new("recover", &self.config.directory, error)
    }
}
