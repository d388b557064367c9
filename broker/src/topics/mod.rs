//! Topics and their partitions: what exists, what it is configured to, and its records.
//!
//! * [`Topics`] is the registry: creates, deletes and alters, each durable before it is visible.
//! * [`Partition`] assigns offsets and answers reads; a record can be read once it is durable.
//! * [`topic_config`] knows every setting; [`FetchWaiter`] lets long polls wait without polling.
//!
//! Nothing here knows messages of the protocol.

mod append;
mod error;
mod fetch_waiters;
mod partition;
mod read;
mod registry;
mod topic;
pub mod topic_config;

pub use append::{AppendError, Appended};
pub use error::{AddPartitionsError, AlterConfigError, CreateTopicError, DeleteTopicError};
pub use fetch_waiters::FetchWaiter;
pub use partition::{Appending, Partition};
pub use read::{
    DeleteRecordsError, EpochEnd, FoundOffset, PartitionOffsets, ReadError, ReadOutcome,
    ReadRequest,
};
pub use registry::{Commit, NewTopic, Topics, TopicsConfig};
pub use topic::Topic;
