//! Groups: who consumes what together, and how far.
//!
//! The classic protocol of Kafka, and committed offsets, kept in `__consumer_offsets` in Kafka's own
//! schemas. Two halves:
//! * the core, without clock, disk or network: `Group::step` turns an event into effects. Its rules
//!   are spread by operation over `join`, `static_member`, `rebalance`, `sync`, `leave`, `commit`
//!   and `expiry`; what
//!   a group consists of is in `state`, `member`, `offsets`, `deadlines` and `write`;
//! * the shell: [`Coordinator`] is what handlers call; `registry` steps groups under their locks and
//!   carries the effects out; `offsets_topic`, `record` and `load` write and read the log; `alarms`
//!   says when a group has to be looked at, for all of them in one queue.
//!
//! What members tell each other is opaque, but for the subscriptions of consumers (`subscription`).
//! Groups of KIP-848 and transactional commits are not here.

mod alarms;
mod change;
mod commit;
mod config;
mod coordinator;
mod deadlines;
mod error;
mod event;
mod expiry;
mod group;
mod join;
mod leave;
mod load;
mod member;
mod offsets;
mod offsets_topic;
mod rebalance;
mod record;
mod registry;
mod request;
mod state;
mod static_member;
mod stats;
mod subscription;
mod sync;
mod view;
mod write;

#[cfg(test)]
mod tests;

pub use config::GroupConfig;
pub use coordinator::Coordinator;
pub use error::{
    CommitError, DeleteGroupError, DeleteOffsetsError, HeartbeatError, IllegalGeneration,
    JoinError, LeaveError, LimitReached, NotMember, PartitionCommitError, SubscribedToTopic,
    SyncError, Unavailable,
};
pub use load::LoadError;
pub use request::{
    Caller, CommitRequest, Committed, CommittedOffset, DeletedOffsets, FetchedTopic,
    HeartbeatRequest, JoinRequest, Joined, JoinedMember, Leaver, Left, OffsetToCommit,
    OffsetsQuery, Protocol, SyncRequest, Synced,
};
pub use state::GroupState;
pub use stats::GroupStats;
pub use view::{Description, Listing, MemberDescription};
