//! The log: bytes and offsets on disk. It knows batches, not messages, topics or consumers.
//!
//! ```text
//!  append ──> FlushQueue ──> flush_once ─┬─> CommitLog: write, sync ──┬─> publish ──> durable: answer, wake
//!                                        └─> segments: page cache ────┘      │
//!                                            PartitionLog.writer       PartitionLog.view <── read, look up
//!                              Checkpoint: sync segments, recycle extents
//! ```
//! A [`PartitionLog`] is a directory of segments in Kafka's format. Offsets are given out above
//! this layer, batches arrive stamped. Invariants:
//! * what readers see is durable; what is acknowledged is what readers see;
//! * up to its recovery point a log is durable in its segments; what is behind that, the commit log has;
//! * after a failed write or sync nothing is acknowledged again but what is durable already;
//! * what the disk loses of what was durable is a damaged range: told, kept apart, never given out again.

pub(crate) mod backing;
pub(crate) mod batch_walk;
mod bookmarks;
mod burial;
mod careful_read;
mod checked_text;
mod checkpoint;
pub(crate) mod commit_log;
pub mod compaction;
mod config;
#[cfg(test)]
mod counted_storage;
mod damage;
mod data_directory;
mod density;
pub(crate) mod derived_file;
pub(crate) mod disk;
mod epoch_recovery;
mod error;
#[cfg(test)]
mod faulty_storage;
mod file_system;
mod flush;
mod gaps;
mod ids;
pub(crate) mod index;
mod index_search;
pub(crate) mod label;
pub(crate) mod leader_epochs;
pub(crate) mod log_start;
mod look_up;
mod maintain;
mod open_files;
mod opening;
mod partition_log;
mod producer_recovery;
pub(crate) mod producer_snapshot;
mod producer_state;
mod quarantine;
mod read;
mod read_buffers;
mod recovery;
mod recovery_points;
mod resync;
pub mod retention;
mod saved_index;
mod saving;
mod scrub;
mod second_look;
pub(crate) mod segment;
mod segment_read;
mod segment_scan;
pub(crate) mod segment_survey;
mod segment_writer;
mod sound_walk;
mod space;
pub(crate) mod storage;
mod sync_pool;
mod tail;
mod write;

pub use checked_text::{checked, with_checksum};
pub use checkpoint::Checkpoint;
pub use commit_log::{
    CommitLog, CommitLogConfig, CommitLogFacts, Extents, Live, Loss, LossKind, Replay,
};
pub use config::{Durability, LogConfig, Retention};
#[cfg(test)]
pub(crate) use counted_storage::{CountedStorage, HeldAt, Hold, Uses};
pub use damage::{DAMAGED_RANGES_FILE, DamagedRange, DamagedRanges};
pub use data_directory::{DataDirectory, OpenError};
pub(crate) use data_directory::{
    FORMAT_VERSION, META_FILE, check_meta, is_marked_clean, is_ours, lock_path,
    says_that_it_always_had_points,
};
pub(crate) use density::{COMPACTED_FILE, Density};
pub use disk::{Disk, end_of_name};
pub use error::StorageError;
#[cfg(test)]
pub(crate) use faulty_storage::{Faults, FaultyStorage, repeat_ids};
pub use file_system::FileSystem;
pub use flush::{
    Durable, FlushError, FlushQueue, Flushed, Journal, checkpoint_until_closed, flush_once,
    flush_until_closed, look_until_closed,
};
pub use ids::{id_text, parse_id, random_id};
pub use label::{directory_label, is_nearly, labelled_directory, labelled_topic};
pub use look_up::TimedOffset;
pub use maintain::Dropped;
pub use open_files::open_files_limit;
pub use opening::Unclean;
pub use partition_log::{LogContext, LogOptions, PartitionLog, Tending};
pub use producer_recovery::RecoveredProducers;
pub use producer_state::{KnownBatch, ProducerState, ProducerStates, SequenceError, Sequenced};
pub use quarantine::DamageNews;
pub use read::{LogRead, LogReadError};
pub use recovery::{ChangedEnd, LastStop, LogRecovery};
pub use recovery_points::{
    FoundPoints, PointPlace, PointsState, RECOVERY_POINTS_FILE, RecoveryPoint, RecoveryPoints,
    offsets_text, parse_offsets,
};
pub use saved_index::{SavedEntries, SavedIndex};
pub use scrub::ScrubPace;
pub use segment_writer::SegmentWriter;
pub(crate) use space::RESERVE_FILE;
pub use space::{DiskFull, Room, Space, SpaceConfig, SpaceFacts, Supply};
pub use storage::{Free, OpenMode, Storage, StorageFile};
pub use sync_pool::SyncPool;

use sluice_protocol::Uuid;

/// Whose log it is, wherever it lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogKey {
    /// Id of the topic.
    pub topic: Uuid,
    /// Number of the partition.
    pub partition: i32,
}

impl LogKey {
    /// The metadata log, which belongs to no topic.
    pub const METADATA: Self = Self {
        topic: Uuid([0; 16]),
        partition: -1,
    };

    /// Whether what is damaged of its log is written down. All of the metadata is read at each start,
    /// so what was damaged only for a moment prevents no more than one.
    pub(crate) fn keeps_damage(self) -> bool {
        self != Self::METADATA
    }
}
