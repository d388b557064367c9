//! The log: bytes and offsets on disk. It knows batches, not messages, topics or consumers.
//!
//! ```text
//!  append ──> FlushQueue ──> flush_once: write ──> sync ──> publish ──> durable: answer, wake
//!                                          │                   │
//!                                  PartitionLog.writer   PartitionLog.view <── read, look up
//! ```
//! A [`PartitionLog`] is a directory of segments in Kafka's format. Offsets are given out above
//! this layer, batches arrive stamped. Invariants:
//! * what readers see is durable; what is acknowledged is what readers see;
//! * a segment exists only once all before it are durable and whole;
//! * after a failed write or sync nothing is acknowledged again.

mod batch_walk;
pub mod compaction;
mod config;
mod data_directory;
mod error;
#[cfg(test)]
mod faulty_storage;
mod file_system;
mod flush;
mod index;
mod leader_epochs;
mod look_up;
mod maintain;
mod open_files;
mod partition_log;
mod producer_recovery;
mod producer_snapshot;
mod producer_state;
mod read;
mod recovery;
pub mod retention;
mod segment;
mod storage;
mod sync_pool;
mod tail;
mod write;

pub use config::{LogConfig, Retention};
pub use data_directory::{DataDirectory, OpenError, id_text, parse_id, random_id};
pub use error::StorageError;
#[cfg(test)]
pub(crate) use faulty_storage::{Faults, FaultyStorage};
pub use file_system::FileSystem;
pub use flush::{Durable, FlushError, FlushQueue, Flushed, flush_once, flush_until_closed};
pub use look_up::TimedOffset;
pub use maintain::Dropped;
pub use open_files::open_files_limit;
pub use partition_log::{LogContext, LogOptions, PartitionLog};
pub use producer_recovery::RecoveredProducers;
pub use producer_state::{KnownBatch, ProducerState, ProducerStates, SequenceError, Sequenced};
pub use read::{LogRead, LogReadError};
pub use recovery::{LastStop, LogRecovery, directory_label};
pub use storage::{Disk, OpenMode, Storage, StorageFile};
pub use sync_pool::SyncPool;
