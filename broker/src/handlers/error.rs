//! The only map from domain errors to Kafka's codes.
//!
//! Exhaustive, one impl per operation, by layer in [`topics`] and [`groups`]. Errors that only a
//! request can have, because the domain does not know requests, are here too: [`RequestError`]. What
//! the disk says is logged and counted, but not told: it names paths.

mod groups;
mod topics;

use std::fmt::Display;

use sluice_protocol::ErrorCode;

use crate::model::{LeaderEpoch, PartitionId};

/// An error that a client is told by a code.
pub(crate) trait Refused: Display {
    /// The code.
    fn code(&self) -> ErrorCode;

    /// Whether only the code is told: what the disk or the broker itself did wrong names paths.
    fn is_private(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::KafkaStorageError | ErrorCode::UnknownServerError
        )
    }

    /// Whether somebody has to look after the disk or the broker.
    fn is_failure(&self) -> bool {
        self.is_private()
    }

    /// Index in its batch of the record at fault, where it is one record's.
    fn record_index(&self) -> Option<usize> {
        None
    }
}

/// What a client is told instead of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code.
    pub(crate) code: ErrorCode,
    /// The error in words.
    pub(crate) reason: String,
    /// Whether these are for the log alone.
    pub(crate) is_private: bool,
    /// Whether somebody has to look after the disk or the broker.
    pub(crate) is_failure: bool,
    /// Index in its batch of the record at fault, where it is one record's.
    pub(crate) record_index: Option<usize>,
}

impl<E: Refused> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self {
            code: error.code(),
            reason: error.to_string(),
            is_private: error.is_private(),
            is_failure: error.is_failure(),
            record_index: error.record_index(),
        }
    }
}

/// What is wrong with a request, as far as the domain cannot know. What a name belongs to says it
/// already: one name can stand before as many errors as a frame has room for partitions.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// No such topic or partition.
    #[error("the topic does not exist, or has no partition {partition}")]
    UnknownPartition { partition: PartitionId },
    /// No topic of this name.
    #[error("the topic does not exist")]
    UnknownTopic,
    /// No topic of this id.
    #[error("no topic has this id")]
    UnknownTopicId,
    /// A topic of the broker's own.
    #[error("the topic is internal to the broker")]
    InternalTopic,
    /// The client knows an older leader.
    #[error("the request has the leader epoch {asked}, the partition has {current}")]
    FencedLeaderEpoch {
        asked: LeaderEpoch,
        current: LeaderEpoch,
    },
    /// The client knows a newer leader.
    #[error("the request has the leader epoch {asked}, the partition only {current}")]
    UnknownLeaderEpoch {
        asked: LeaderEpoch,
        current: LeaderEpoch,
    },
    /// `acks` other than -1, 0 and 1.
    #[error("acks {acks} is not -1, 0 or 1")]
    InvalidAcks { acks: i16 },
    /// The flush took longer than the client waits.
    #[error("the records were not durable within {timeout_ms} ms; they may be later")]
    TimedOut { timeout_ms: i32 },
    /// More replicas than the one there is.
    #[error(
        "replication factor {asked} is larger than the number of brokers: this is one node, and \
         replication is a cluster's job; ask for 1 or -1, or start the broker with \
         accept_any_replication_factor to have any factor taken as 1"
    )]
    ReplicationFactor { asked: i16 },
    /// A replica assignment that this broker cannot have.
    #[error("{reason}")]
    ReplicaAssignment { reason: String },
    /// A number of partitions that no topic can have.
    #[error("the number of partitions must be larger than 0, or -1 for the default, not {asked}")]
    PartitionCount { asked: i32 },
    /// The request contradicts itself.
    #[error("{reason}")]
    Invalid { reason: String },
    /// A config that the broker has and this request cannot change.
    #[error("{reason}")]
    InvalidConfig { reason: String },
    /// A special timestamp that the version does not know.
    #[error("timestamp {timestamp} has no meaning in this version")]
    Timestamp { timestamp: i64 },
    /// Fetch sessions are not given, so none can be continued.
    #[error("there are no fetch sessions here")]
    FetchSession,
    /// There are no transactions yet.
    #[error("transactions are not supported by this broker")]
    Transactions,
    /// A type of resource that has no configs here.
    #[error("resources of type {asked} have no configs here")]
    ResourceType { asked: i8 },
    /// A type of endpoint that this one is not.
    #[error("endpoints of type {asked} are not served, this one is a broker's")]
    EndpointType { asked: i8 },
    /// Records of a topic that keeps the last of each key.
    #[error(
        "the records of a compacted topic cannot be deleted; write tombstones, or add delete to its cleanup.policy"
    )]
    NotDeleted,
    /// An offset that no record has.
    #[error("{offset} is no offset")]
    NegativeOffset { offset: i64 },
    /// A name that no group can have, or none where one is needed.
    #[error("no group can have this name")]
    GroupName,
    /// A group that does not exist.
    #[error("the group does not exist")]
    UnknownGroup,
    /// A member id that no coordinator gave.
    #[error("the id of the member is none of this coordinator's")]
    MemberName,
    /// A type of coordinator that is not here.
    #[error("coordinators of type {asked} are not here")]
    CoordinatorType { asked: i8 },
    /// There is no memory for what is asked.
    #[error("there is no room for so large an answer now; ask for less at once")]
    NoRoom,
    /// A thread of the broker died.
    #[error("the work for this request ended unexpectedly")]
    Lost,
}

impl RequestError {
    /// A request that contradicts itself.
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Invalid { reason }
    }
}

impl Refused for RequestError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownPartition { .. } | Self::UnknownTopic => {
                ErrorCode::UnknownTopicOrPartition
            }
            Self::UnknownTopicId => ErrorCode::UnknownTopicId,
            Self::InternalTopic => ErrorCode::InvalidTopicException,
            Self::FencedLeaderEpoch { .. } => ErrorCode::FencedLeaderEpoch,
            Self::UnknownLeaderEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
            Self::InvalidAcks { .. } => ErrorCode::InvalidRequiredAcks,
            Self::TimedOut { .. } => ErrorCode::RequestTimedOut,
            Self::ReplicationFactor { .. } => ErrorCode::InvalidReplicationFactor,
            Self::ReplicaAssignment { .. } => ErrorCode::InvalidReplicaAssignment,
            Self::PartitionCount { .. } => ErrorCode::InvalidPartitions,
            Self::Invalid { .. }
            | Self::ResourceType { .. }
            | Self::CoordinatorType { .. }
            | Self::NoRoom => ErrorCode::InvalidRequest,
            Self::EndpointType { asked: 2 } => ErrorCode::MismatchedEndpointType,
            Self::EndpointType { .. } => ErrorCode::UnsupportedEndpointType,
            Self::NegativeOffset { .. } => ErrorCode::OffsetOutOfRange,
            Self::NotDeleted => ErrorCode::PolicyViolation,
            Self::InvalidConfig { .. } => ErrorCode::InvalidConfig,
            Self::Timestamp { .. } | Self::Transactions => ErrorCode::UnsupportedVersion,
            Self::FetchSession => ErrorCode::FetchSessionIdNotFound,
            Self::GroupName => ErrorCode::InvalidGroupId,
            Self::UnknownGroup => ErrorCode::GroupIdNotFound,
            Self::MemberName => ErrorCode::UnknownMemberId,
            Self::Lost => ErrorCode::UnknownServerError,
        }
    }
}

#[cfg(test)]
mod tests;
