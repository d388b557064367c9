//! The log of one partition: its segments, what of them is durable, and who writes them.
//!
//! Four locks, in this order. `tending` belongs to whoever takes sealed segments or files beside the
//! segments away or puts others in their place, for as long as that takes. `writer` belongs to the flush:
//! it is ahead of what is durable by the round that is being flushed, and all producers wait for who else
//! has it (to begin a segment, or to end the log), so that nobody syncs under it but the flush itself.
//! `damaged_file` is held while the file of damaged ranges is written. `view` is what readers see: durable batches and nothing else, held for microseconds and never across I/O.
//! [`PartitionLog::publish`] carries what the writer did over to the view, once it is synced.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex, MutexGuard};
use sluice_protocol::record_batch::{BatchHeader, StampedBatch};

use super::bookmarks::Bookmarks;
use super::damage::DamagedRanges;
use super::density::Density;
use super::disk::Disk;
use super::leader_epochs::LeaderEpochs;
use super::open_files::{OpenFiles, SegmentFile};
use super::quarantine::Damages;
use super::read_buffers::ReadBuffers;
use super::recovery_points::{PointPlace, RecoveryPoint};
use super::saving::Unsaved;
use super::segment::{ActiveSegment, SealedSegment};
use super::tail::{CachedBatch, Tail, Tails};
use super::{Durability, LogConfig, LogKey, Space, StorageError};
use crate::limits;

/// Having the log's sealed segments and small files to oneself; see [`PartitionLog::tend`].
pub type Tending<'a> = MutexGuard<'a, ()>;

/// What all logs of a data directory share.
#[derive(Debug)]
pub struct LogContext {
    pub(crate) disk: Disk,
    pub(crate) files: OpenFiles,
    pub(crate) tails: Tails,
    pub(crate) buffers: Arc<ReadBuffers>,
    pub(crate) space: Arc<Space>,
    /// Segments taken out of logs so far.
    pub(crate) retired: AtomicU64,
    /// Checkpoints that have synced what they took, so far.
    pub(super) checkpoints: AtomicU64,
    pub(crate) damages: Damages,
}

impl LogContext {
    /// A context over `disk` with at most `open_files_max` segments open.
    #[must_use]
    pub fn new(disk: Disk, open_files_max: usize, space: Arc<Space>) -> Arc<Self> {
        let files = OpenFiles::new(disk.clone(), open_files_max);
        let tails = Tails::new(limits::TAIL_BYTES_MAX);
        Arc::new(Self {
            disk,
            files,
            tails,
            buffers: ReadBuffers::new(limits::READ_BUFFER_BYTES_KEPT),
            space,
            retired: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            damages: Damages::default(),
        })
    }

    /// The text of a file that can be done without; `None` where there is none to be read.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn read_derived(&self, path: &Path) -> Result<Option<String>, StorageError> {
        let bytes = self.disk.read_derived(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Replaces a file as a whole, without making it durable.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn swap_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        self.disk.swap_file(path, bytes)
    }

    /// Removes a file; not an error where there is none.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn remove_file(&self, path: &Path) -> Result<(), StorageError> {
        self.disk.remove_file(path)
    }

    /// Paths of what is in a directory, which need not exist.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn list(&self, directory: &Path) -> Result<Vec<PathBuf>, StorageError> {
        let names = self.disk.list(directory)?.into_iter();
        Ok(names.map(|name| directory.join(name)).collect())
    }

    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn remove_dir(&self, directory: &Path) -> Result<(), StorageError> {
        self.disk.remove_dir(directory)
    }
}

/// The log of one partition.
pub struct PartitionLog {
    pub(super) id: u64,
    pub(super) key: LogKey,
    pub(super) context: Arc<LogContext>,
    pub(super) directory: PathBuf,
    /// Text of the file that says whose directory it is.
    pub(super) label: String,
    pub(super) config: ArcSwap<LogConfig>,
    /// Whether what was written last went through the commit log.
    pub(super) is_committed: AtomicBool,
    /// An offset at which a segment begins, whatever the configuration says.
    pub(super) segment_start: AtomicI64,
    /// What a start after a crash would have to look through.
    pub(super) unsaved: Unsaved,
    /// Offset of the last snapshot of producers that is durable.
    pub(super) synced_snapshot: AtomicI64,
    /// Whether it is or was compacted, so that offsets may have no record.
    pub(super) is_sparse: AtomicBool,
    /// Whether this process made durable that it was; until it did, what is there may be gone tomorrow.
    pub(super) is_marked_compacted: AtomicBool,
    /// What the file of damaged ranges says; held while it is written, and taken before `view`.
    pub(super) damaged_file: Mutex<DamagedRanges>,
    pub(super) tending: Mutex<()>,
    pub(super) writer: Mutex<Writer>,
    /// Notified when what was written is published.
    pub(super) published: Condvar,
    pub(super) view: Mutex<View>,
    pub(super) bookmarks: Bookmarks,
    pub(super) on_change: Box<dyn Fn() + Send + Sync>,
}

/// What a log is opened with.
pub struct LogOptions {
    /// Whose it is.
    pub key: LogKey,
    /// Where its segments are.
    pub directory: PathBuf,
    /// Text of its `partition.metadata`: a directory with another one is not this log's.
    pub label: String,
    /// The settings.
    pub config: LogConfig,
    /// The first offset that may be read, by what is known elsewhere.
    pub log_start: i64,
    /// How far the log is known to be durable: what is behind that is checked after an unclean stop, and
    /// what is not there before it is lost after any.
    pub recovery_point: RecoveryPoint,
    /// Whether its directory is known to say whose it is.
    pub is_labelled: bool,
    /// Whether it may have been compacted before its directory could tell.
    pub was_compacted: bool,
    /// The largest leader epoch that a batch may have. What was never promised to be durable is not
    /// believed to have a larger one: the checksum of a batch does not cover it. `None` for a log whose epochs
    /// nobody reads.
    pub leader_epoch_max: Option<i32>,
    /// Called when there may be something new to see: data, another start, an end.
    pub on_change: Box<dyn Fn() + Send + Sync>,
}

/// Whether the name of a segment is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentName {
    /// It is.
    Durable,
    /// Nobody knows yet that it is to be synced.
    New,
    /// It was noted for the next checkpoint, behind so many.
    NotedAfter(u64),
}

impl SegmentName {
    /// The name of a segment that was noted just now.
    pub(super) fn noted(context: &LogContext) -> Self {
        Self::NotedAfter(context.checkpoints.load(Ordering::Acquire))
    }

    /// Whether it is durable by now. A checkpoint that ran already when it was noted has not taken it.
    pub(super) fn is_durable(self, context: &LogContext) -> bool {
        match self {
            Self::Durable => true,
            Self::New => false,
            Self::NotedAfter(count) => {
                context.checkpoints.load(Ordering::Acquire) >= count.saturating_add(2)
            }
        }
    }
}

/// What the next flush continues from.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) active: Option<ActiveWriter>,
    /// One past the last offset written.
    pub(super) next_offset: i64,
    /// What is written and not yet published.
    pub(super) steps: Vec<WriteStep>,
    pub(super) epochs: LeaderEpochs,
    pub(super) has_directory: bool,
    /// Whether the directory tells where the log begins.
    pub(super) has_start: bool,
    /// Whether the log is being opened: the epochs are written when all is there.
    pub(super) is_opening: bool,
    /// Whether the name of the active segment is durable.
    pub(super) name: SegmentName,
    pub(super) is_closed: bool,
}

/// The end of the file that is written.
#[derive(Debug)]
pub(super) struct ActiveWriter {
    pub(super) base_offset: i64,
    pub(super) file: Arc<SegmentFile>,
    pub(super) size: u64,
    pub(super) first_timestamp: Option<i64>,
}

/// Something written, to be published when it is durable.
#[derive(Debug)]
pub(super) enum WriteStep {
    /// A new segment became the active one.
    Began {
        base_offset: i64,
        file: Arc<SegmentFile>,
    },
    /// A batch was added to the active segment.
    Added(BatchHeader),
}

/// What readers see.
#[derive(Debug)]
pub(super) struct View {
    pub(super) log_start: i64,
    /// One past the last durable offset.
    pub(super) durable_end: i64,
    pub(super) sealed: Vec<Arc<SealedSegment>>,
    pub(super) active: Option<ActiveSegment>,
    pub(super) epochs: LeaderEpochs,
    pub(super) tail: Tail,
    /// Lost offsets, as far as is known.
    pub(super) damaged: DamagedRanges,
    pub(super) is_closed: bool,
}

/// The state a log is opened in.
pub(super) struct Opened {
    pub(super) sealed: Vec<Arc<SealedSegment>>,
    pub(super) active: Option<ActiveSegment>,
    pub(super) next_offset: i64,
    pub(super) log_start: i64,
    pub(super) epochs: LeaderEpochs,
    /// What their file says.
    pub(super) kept_epochs: Option<LeaderEpochs>,
    pub(super) has_directory: bool,
    pub(super) has_start: bool,
    pub(super) density: Density,
    pub(super) damaged: DamagedRanges,
    /// Files that were cut, which nobody has synced.
    pub(super) cut_files: Vec<PathBuf>,
}

impl Opened {
    /// Where it ends.
    pub(super) fn end(&self) -> RecoveryPoint {
        RecoveryPoint {
            offset: self.next_offset,
            place: self.active.as_ref().map(|active| PointPlace {
                segment: active.base_offset,
                position: active.size,
                saved: active.saved,
            }),
        }
    }
}

impl std::fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogOptions")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PartitionLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionLog")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl PartitionLog {
    pub(super) fn assemble(
        context: Arc<LogContext>,
        options: LogOptions,
        opened: Opened,
    ) -> Arc<Self> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let active = opened.active.as_ref().map(|active| ActiveWriter {
            base_offset: active.base_offset,
            file: Arc::clone(&active.file),
            size: active.size,
            first_timestamp: active.first_timestamp,
        });
        let log = Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            key: options.key,
            context,
            directory: options.directory,
            label: options.label,
            // What is there is durable before it is written for the first time.
            is_committed: AtomicBool::new(options.config.durability == Durability::Group),
            config: ArcSwap::from_pointee(options.config),
            segment_start: AtomicI64::new(-1),
            unsaved: Unsaved::default(),
            synced_snapshot: AtomicI64::new(-1),
            is_sparse: AtomicBool::new(!opened.density.is_dense()),
            is_marked_compacted: AtomicBool::new(false),
            damaged_file: Mutex::new(opened.damaged.clone()),
            tending: Mutex::new(()),
            writer: Mutex::new(Writer {
                active,
                next_offset: opened.next_offset,
                steps: Vec::new(),
                epochs: opened.epochs.clone(),
                has_directory: opened.has_directory,
                has_start: opened.has_start,
                is_opening: false,
                name: SegmentName::Durable,
                is_closed: false,
            }),
            published: Condvar::new(),
            view: Mutex::new(View {
                log_start: opened.log_start,
                durable_end: opened.next_offset,
                sealed: opened.sealed,
                active: opened.active,
                epochs: opened.epochs,
                tail: Tail::default(),
                damaged: DamagedRanges::default(),
                is_closed: false,
            }),
            bookmarks: Bookmarks::default(),
            on_change: options.on_change,
        });
        log.change_damaged(&mut log.view.lock(), |known| *known = opened.damaged);
        log
    }

    /// Whose it is.
    #[must_use]
    pub const fn key(&self) -> LogKey {
        self.key
    }

    /// Where its segments are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Obeys other settings from now on.
    pub fn set_config(&self, config: LogConfig) {
        self.is_sparse
            .fetch_or(config.compaction.is_some(), Ordering::Relaxed);
        self.config.store(Arc::new(config));
    }

    /// Whether every offset has a record.
    pub(crate) fn is_dense(&self) -> bool {
        !self.is_sparse.load(Ordering::Relaxed)
    }

    /// Lets the batch that will begin at `offset` begin a segment. To be called before it is queued.
    pub fn begin_segment_at(&self, offset: i64) {
        self.segment_start.store(offset, Ordering::Relaxed);
    }

    /// The first offset that can be read, and one past the last.
    #[must_use]
    pub fn bounds(&self) -> (i64, i64) {
        let view = self.view.lock();
        (view.log_start, view.durable_end)
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size(&self) -> u64 {
        let view = self.view.lock();
        let sealed = view.sealed.iter().map(|segment| segment.size);
        sealed
            .chain(view.active.iter().map(|active| active.size))
            .sum()
    }

    /// The largest leader epoch up to `asked` that has records, and where it ends.
    #[must_use]
    pub fn end_of_epoch(&self, asked: i32) -> Option<(i32, i64)> {
        let view = self.view.lock();
        view.epochs.end_of(asked, view.durable_end)
    }

    /// Leader epoch of the record at `offset`.
    #[must_use]
    pub fn epoch_of(&self, offset: i64) -> Option<i32> {
        self.view.lock().epochs.epoch_of(offset)
    }

    /// Makes what was written visible: these batches. The caller has synced them.
    pub(super) fn publish(self: &Arc<Self>, batches: &[&StampedBatch]) {
        let is_followed = self.view.lock().tail.is_followed();
        let cached: Vec<_> = match is_followed {
            true => batches
                .iter()
                .map(|batch| CachedBatch::copy_of(batch))
                .collect(),
            false => Vec::new(),
        };
        let mut writer = self.writer.lock();
        let steps = std::mem::take(&mut writer.steps);
        if writer.name == SegmentName::New {
            writer.name = SegmentName::noted(&self.context);
        }
        let interval = self.config.load().index_interval_bytes;
        let mut view = self.view.lock();
        for step in &steps {
            view.apply(step, interval);
        }
        view.durable_end = writer.next_offset;
        if view.epochs.last() != writer.epochs.last() {
            view.epochs = writer.epochs.clone();
        }
        view.tail.extend(&cached);
        drop(view);
        self.published.notify_all();
        drop(writer);
        self.context.tails.admit(self, &cached);
        (self.on_change)();
    }

    /// Moves the first readable offset up to `to`; it never moves back, nor beyond what is durable.
    /// Whole segments below it go with the next [`PartitionLog::retain`]. Asks nothing of the disk.
    pub fn advance_log_start(&self, to: i64) -> i64 {
        let mut view = self.view.lock();
        view.log_start = to.min(view.durable_end).max(view.log_start);
        let log_start = view.log_start;
        drop(view);
        self.forget_old_damage();
        (self.on_change)();
        log_start
    }
}

impl View {
    /// The first offset of the first segment.
    pub(super) fn first_base(&self) -> Option<i64> {
        let sealed = self.sealed.first().map(|segment| segment.base_offset);
        sealed.or_else(|| self.active.as_ref().map(|active| active.base_offset))
    }

    /// Takes note of something written.
    pub(super) fn apply(&mut self, step: &WriteStep, interval: u32) {
        match step {
            WriteStep::Began { base_offset, file } => {
                let file = Arc::clone(file);
                let index = super::index::SegmentIndex::default();
                let begun = ActiveSegment::new(*base_offset, file, index);
                if let Some(full) = self.active.replace(begun) {
                    self.sealed
                        .push(Arc::new(full.seal(*base_offset, interval)));
                }
            }
            WriteStep::Added(header) => {
                if let Some(active) = &mut self.active {
                    active.push(header, interval);
                }
            }
        }
    }
}
