//! Names and quantities that must not be confused, valid from birth.
//!
//! One noun a file. Numbers are newtypes with public fields where every value is legal, and types
//! with a `parse` where not.

mod consume;
mod group;
mod number;
mod produce;
mod topic_name;

pub use consume::{Isolation, OffsetSpec};
pub use group::{Generation, GroupId, InstanceId, InvalidGroupName, MemberId};
pub use number::{
    LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Sequence, TimestampMs,
};
pub use produce::Acks;
pub use sluice_protocol::Uuid;
pub use topic_name::{InvalidTopicName, TopicName};
