//! Topics and their partitions: what exists, what it is configured to, and its records.
//!
//! * [`Topics`] is the registry: creates, deletes and alters, each durable before it is visible.
//! * [`Partition`] assigns offsets and answers reads; a record can be read once it is durable.
//! * [`topic_config`] knows every setting; [`FetchWaiter`] lets long polls wait without polling.
//!
//! Nothing here knows messages of the protocol.

mod append;
mod append_check;
mod change;
mod compaction;
mod compactor;
mod error;
mod fetch_waiters;
mod known_producers;
pub(crate) mod metadata_event;
mod metadata_growth;
mod metadata_log;
mod observation;
mod open;
mod pace;
mod partition;
mod partition_points;
mod partition_read;
mod read;
mod recovery_report;
mod refused_producers;
mod registry;
mod saver;
mod scrubber;
mod side_by_side;
mod sort_out;
#[cfg(test)]
mod tests;
mod to_its_end;
mod topic;
pub mod topic_config;
mod upkeep;

pub use crate::log::{CommitLogConfig, SpaceConfig};
pub use append::{AppendError, Appended};
pub(crate) use compaction::{CLEANED_LOGS_FILE, CleanedLogs};
pub use compaction::{CompactionLook, CompactionRun, Unassessed};
pub use compactor::{CompactionConfig, Compactor};
pub use error::{
    AddPartitionsError, AlterConfigError, CreateTopicError, DeleteTopicError, TooManyConfigs,
};
pub use fetch_waiters::FetchWaiter;
pub use observation::Observation;
pub use partition::{Appending, Partition};
pub use read::{
    DeleteRecordsError, EpochEnd, FoundOffset, PartitionOffsets, ReadError, ReadOutcome,
    ReadRequest,
};
pub use recovery_report::{ChangedLog, CutLog, DamagedLog, RecoveryReport};
pub use registry::{Commit, NewTopic, Topics, TopicsConfig};
pub use scrubber::{ScrubConfig, ScrubNews, Scrubber};
pub(crate) use to_its_end::to_its_end;
pub use topic::Topic;
