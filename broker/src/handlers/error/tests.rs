//! The whole map, as a table: a code that changes is seen here.

use std::io;
use std::path::Path;
use std::time::Duration;

use sluice_protocol::record::RecordError;
use sluice_protocol::record_batch::Compression;
use sluice_protocol::record_batch::InvalidBatch;

use super::*;
use crate::groups::{
    CommitError, DeleteGroupError, DeleteOffsetsError, HeartbeatError, IllegalGeneration,
    JoinError, LeaveError, LimitReached, NotMember, PartitionCommitError, SubscribedToTopic,
    SyncError, Unavailable,
};
use crate::log::{DiskFull, Room, StorageError, Supply};
use crate::model::{
    Generation, GroupId, InstanceId, InvalidTopicName, MemberId, Offset, ProducerEpoch, ProducerId,
    Sequence, TimestampMs, TopicName,
};
use crate::topics::topic_config::InvalidTopicConfig;
use crate::topics::{
    AddPartitionsError, AlterConfigError, AppendError, CreateTopicError, DeleteRecordsError,
    DeleteTopicError, ReadError, TooManyConfigs,
};
use crate::transactions::ProducerIdError;

/// Checks the code of every error, and that each says something a person can read.
fn check(table: &[(&dyn Refused, ErrorCode)]) {
    for (error, code) in table {
        assert_eq!(error.code(), *code, "{error}");
        let text = error.to_string();
        assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
    }
}

const FULL: DiskFull = DiskFull {
    of: Supply::Bytes,
    free: 1,
    needed: 2,
    room: Room::Low,
};

fn storage() -> StorageError {
    StorageError::new("write", Path::new("/secret"), io::Error::other("EIO"))
}

fn topic() -> TopicName {
    TopicName::parse("orders").unwrap()
}

fn group() -> GroupId {
    GroupId::parse("billing").unwrap()
}

fn member() -> MemberId {
    MemberId::parse("m-1").unwrap()
}

fn instance() -> InstanceId {
    InstanceId::parse("i-1").unwrap()
}

const GENERATION: IllegalGeneration = IllegalGeneration {
    asked: Generation(1),
    current: Generation(2),
};
const PRODUCER: ProducerId = ProducerId(7);
const LIMIT: LimitReached = LimitReached::Groups { max: 1 };

#[test]
#[rustfmt::skip]
fn every_fault_of_a_request_has_its_code() {
    use RequestError as E;
    let (asked, current) = (LeaderEpoch(1), LeaderEpoch(2));
    let name = "orders".to_owned();
    check(&[
        (&E::UnknownPartition { partition: PartitionId(0) }, ErrorCode::UnknownTopicOrPartition),
        (&E::UnknownTopic, ErrorCode::UnknownTopicOrPartition),
        (&E::UnknownTopicId, ErrorCode::UnknownTopicId),
        (&E::InternalTopic, ErrorCode::InvalidTopicException),
        (&E::FencedLeaderEpoch { asked, current }, ErrorCode::FencedLeaderEpoch),
        (&E::UnknownLeaderEpoch { asked, current }, ErrorCode::UnknownLeaderEpoch),
        (&E::InvalidAcks { acks: 2 }, ErrorCode::InvalidRequiredAcks),
        (&E::TimedOut { timeout_ms: 1 }, ErrorCode::RequestTimedOut),
        (&E::ReplicationFactor { asked: 3 }, ErrorCode::InvalidReplicationFactor),
        (&E::ReplicaAssignment { reason: name.clone() }, ErrorCode::InvalidReplicaAssignment),
        (&E::PartitionCount { asked: 0 }, ErrorCode::InvalidPartitions),
        (&E::Invalid { reason: name.clone() }, ErrorCode::InvalidRequest),
        (&E::InvalidConfig { reason: name }, ErrorCode::InvalidConfig),
        (&E::Timestamp { timestamp: -9 }, ErrorCode::UnsupportedVersion),
        (&E::FetchSession, ErrorCode::FetchSessionIdNotFound),
        (&E::Transactions, ErrorCode::UnsupportedVersion),
        (&E::ResourceType { asked: 8 }, ErrorCode::InvalidRequest),
        (&E::EndpointType { asked: 2 }, ErrorCode::MismatchedEndpointType),
        (&E::EndpointType { asked: 3 }, ErrorCode::UnsupportedEndpointType),
        (&E::NegativeOffset { offset: -2 }, ErrorCode::OffsetOutOfRange),
        (&E::NotDeleted, ErrorCode::PolicyViolation),
        (&E::GroupName, ErrorCode::InvalidGroupId),
        (&E::UnknownGroup, ErrorCode::GroupIdNotFound),
        (&E::MemberName, ErrorCode::UnknownMemberId),
        (&E::CoordinatorType { asked: 2 }, ErrorCode::InvalidRequest),
        (&E::NoRoom, ErrorCode::InvalidRequest),
        (&E::Lost, ErrorCode::UnknownServerError),
    ]);
}

#[test]
#[rustfmt::skip]
fn every_fault_of_a_batch_has_its_code() {
    use InvalidBatch as B;
    let (producer_id, epoch, sequence) = (7, 0, -1);
    check(&[
        (&B::Missing, ErrorCode::InvalidRecord),
        (&B::Several, ErrorCode::InvalidRecord),
        (&B::UnsupportedMagic { magic: 1 }, ErrorCode::UnsupportedForMessageFormat),
        (&B::WrongSize { length: 1, available: 2 }, ErrorCode::CorruptMessage),
        (&B::WrongChecksum { expected: 1, found: 2 }, ErrorCode::CorruptMessage),
        (&B::WrongCount { count: 1, last_offset_delta: 2 }, ErrorCode::InvalidRecord),
        (&B::TooShort { count: 1, available: 2 }, ErrorCode::InvalidRecord),
        (&B::UnsupportedCompression { attributes: 7 }, ErrorCode::UnsupportedCompressionType),
        (&B::Control, ErrorCode::InvalidRecord),
        (&B::InvalidProducer { producer_id, epoch, sequence }, ErrorCode::InvalidRecord),
        (&B::TransactionalWithoutProducer, ErrorCode::InvalidRecord),
    ]);
}

#[test]
#[rustfmt::skip]
fn every_refused_append_has_its_code() {
    use AppendError as E;
    let (producer_id, found) = (PRODUCER, Sequence(5));
    let time = TimestampMs(0);
    let unreadable = RecordError::Malformed { index: 0 };
    check(&[
        (&E::TooLarge { size: 2, limit: 1 }, ErrorCode::MessageTooLarge),
        (&E::LargerThanSegment { size: 2, segment_bytes: 1 }, ErrorCode::RecordListTooLarge),
        (&E::InvalidTimestamp { record_index: 0, timestamp: time, earliest: time, latest: time }, ErrorCode::InvalidTimestamp),
        (&E::MissingKey { record_index: 0 }, ErrorCode::InvalidRecord),
        (&E::UnreadableRecords(unreadable), ErrorCode::InvalidRecord),
        (&E::Recompression { codec: Compression::Zstd, reason: String::new() }, ErrorCode::InvalidRecord),
        (&E::Transactional, ErrorCode::InvalidTxnState),
        (&E::Stopped, ErrorCode::NotLeaderOrFollower),
        (&E::NotEnoughReplicas { required: 2 }, ErrorCode::NotEnoughReplicas),
        (&E::OutOfOrderSequence { producer_id, expected: Sequence(1), found }, ErrorCode::OutOfOrderSequenceNumber),
        (&E::DuplicateSequence { producer_id, found }, ErrorCode::DuplicateSequenceNumber),
        (&E::StaleProducerEpoch { producer_id, current: ProducerEpoch(2), found: ProducerEpoch(1) }, ErrorCode::InvalidProducerEpoch),
        (&E::DiskFull(FULL), ErrorCode::KafkaStorageError),
        (&E::QueueFull { queued_bytes: 1 }, ErrorCode::RequestTimedOut),
        (&E::Deleted, ErrorCode::UnknownTopicOrPartition),
        (&E::Storage(storage()), ErrorCode::KafkaStorageError),
    ]);
}

#[test]
#[rustfmt::skip]
fn every_refused_read_or_deletion_has_its_code() {
    let offset = Offset(9);
    check(&[
        (&ReadError::OffsetOutOfRange { asked: offset, log_start: offset, log_end: offset }, ErrorCode::OffsetOutOfRange),
        (&ReadError::Damaged { asked: offset, begin: offset, end: offset }, ErrorCode::CorruptMessage),
        (&ReadError::NoRoom { bytes: 9 }, ErrorCode::MessageTooLarge),
        (&ReadError::Deleted, ErrorCode::UnknownTopicOrPartition),
        (&ReadError::Storage(storage()), ErrorCode::KafkaStorageError),
        (&DeleteRecordsError::OffsetOutOfRange { asked: offset, high_watermark: offset }, ErrorCode::OffsetOutOfRange),
        (&DeleteRecordsError::Deleted, ErrorCode::UnknownTopicOrPartition),
        (&DeleteRecordsError::Storage(storage()), ErrorCode::KafkaStorageError),
        (&ProducerIdError::Exhausted, ErrorCode::UnknownServerError),
        (&ProducerIdError::Storage(storage()), ErrorCode::KafkaStorageError),
    ]);
}

#[test]
#[rustfmt::skip]
fn every_refused_change_of_topics_has_its_code() {
    use InvalidTopicConfig as C;
    let (name, limit, left) = (topic(), 1, 0);
    let key = "retention.ms";
    let invalid = C::UnknownKey { key: key.to_owned() };
    check(&[
        (&InvalidTopicName::Empty, ErrorCode::InvalidTopicException),
        (&C::UnknownKey { key: key.to_owned() }, ErrorCode::InvalidConfig),
        (&C::InvalidValue { key, value: "x".to_owned(), reason: "y".to_owned() }, ErrorCode::InvalidConfig),
        (&C::NotAList { key }, ErrorCode::InvalidConfig),
        (&C::MissingValue { key: key.to_owned() }, ErrorCode::InvalidRequest),
        (&C::TooLong { size: 70_000 }, ErrorCode::InvalidConfig),
        (&C::ValueTooLong { key: key.to_owned(), size: 40_000 }, ErrorCode::InvalidConfig),
        (&C::DuplicateKey { key: key.to_owned() }, ErrorCode::InvalidRequest),
        (&C::CompactionLags { min: 2, max: 1 }, ErrorCode::InvalidConfig),
        (&C::InternalDurability, ErrorCode::InvalidConfig),
        (&CreateTopicError::AlreadyExists { name: name.clone() }, ErrorCode::TopicAlreadyExists),
        (&CreateTopicError::Collides { name: name.clone(), existing: name.clone() }, ErrorCode::InvalidTopicException),
        (&CreateTopicError::InvalidPartitions { partitions: 0 }, ErrorCode::InvalidPartitions),
        (&CreateTopicError::TooManyPartitions { partitions: 2, left, limit }, ErrorCode::PolicyViolation),
        (&CreateTopicError::TooManyTopics { limit }, ErrorCode::PolicyViolation),
        (&CreateTopicError::TooManyConfigs(TooManyConfigs { size: 1 << 27 }), ErrorCode::PolicyViolation),
        (&CreateTopicError::InvalidConfig(invalid.clone()), ErrorCode::InvalidConfig),
        (&CreateTopicError::DiskFull(FULL), ErrorCode::KafkaStorageError),
        (&CreateTopicError::Storage(storage()), ErrorCode::KafkaStorageError),
        (&DeleteTopicError::NotFound { name: name.clone() }, ErrorCode::UnknownTopicOrPartition),
        (&DeleteTopicError::Storage(storage()), ErrorCode::KafkaStorageError),
        (&AddPartitionsError::NotFound { name: name.clone() }, ErrorCode::UnknownTopicOrPartition),
        (&AddPartitionsError::NotMore { name: name.clone(), current: 2, asked: 1 }, ErrorCode::InvalidPartitions),
        (&AddPartitionsError::TooManyPartitions { added: 2, left, limit }, ErrorCode::PolicyViolation),
        (&AddPartitionsError::DiskFull(FULL), ErrorCode::KafkaStorageError),
        (&AddPartitionsError::Storage(storage()), ErrorCode::KafkaStorageError),
        (&AlterConfigError::NotFound { name }, ErrorCode::UnknownTopicOrPartition),
        (&AlterConfigError::InvalidConfig(invalid), ErrorCode::InvalidConfig),
        (&AlterConfigError::TooManyConfigs(TooManyConfigs { size: 1 << 27 }), ErrorCode::PolicyViolation),
        (&AlterConfigError::DiskFull(FULL), ErrorCode::KafkaStorageError),
        (&AlterConfigError::Storage(storage()), ErrorCode::KafkaStorageError),
    ]);
}

#[test]
#[rustfmt::skip]
fn every_refusal_of_a_coordinator_has_its_code() {
    let unknown = NotMember::Unknown;
    let fenced = NotMember::Fenced { instance: instance(), owner: member() };
    let timeout = Duration::from_secs(1);
    let stopping = Unavailable::Stopping;
    check(&[
        (&Unavailable::Stopping, ErrorCode::CoordinatorNotAvailable),
        (&Unavailable::Storage, ErrorCode::CoordinatorNotAvailable),
        (&unknown, ErrorCode::UnknownMemberId),
        (&fenced, ErrorCode::FencedInstanceId),
        (&GENERATION, ErrorCode::IllegalGeneration),
        (&JoinError::InvalidGroupId, ErrorCode::InvalidGroupId),
        (&JoinError::InvalidSessionTimeout { asked: timeout, min: timeout, max: timeout }, ErrorCode::InvalidSessionTimeout),
        (&JoinError::MemberIdRequired { member: member() }, ErrorCode::MemberIdRequired),
        (&JoinError::NotMember(unknown.clone()), ErrorCode::UnknownMemberId),
        (&JoinError::InconsistentProtocol, ErrorCode::InconsistentGroupProtocol),
        (&JoinError::LimitReached(LIMIT), ErrorCode::GroupMaxSizeReached),
        (&JoinError::Superseded, ErrorCode::RebalanceInProgress),
        (&JoinError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
        (&SyncError::InvalidGroupId, ErrorCode::InvalidGroupId),
        (&SyncError::NotMember(fenced.clone()), ErrorCode::FencedInstanceId),
        (&SyncError::IllegalGeneration(GENERATION), ErrorCode::IllegalGeneration),
        (&SyncError::InconsistentProtocol, ErrorCode::InconsistentGroupProtocol),
        (&SyncError::RebalanceInProgress, ErrorCode::RebalanceInProgress),
        (&SyncError::LimitReached(LIMIT), ErrorCode::GroupMaxSizeReached),
        (&SyncError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
        (&HeartbeatError::InvalidGroupId, ErrorCode::InvalidGroupId),
        (&HeartbeatError::NotMember(unknown.clone()), ErrorCode::UnknownMemberId),
        (&HeartbeatError::IllegalGeneration(GENERATION), ErrorCode::IllegalGeneration),
        (&HeartbeatError::RebalanceInProgress, ErrorCode::RebalanceInProgress),
        (&HeartbeatError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
        (&LeaveError::InvalidGroupId, ErrorCode::InvalidGroupId),
        (&LeaveError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
        (&CommitError::NotMember(unknown.clone()), ErrorCode::UnknownMemberId),
        (&CommitError::IllegalGeneration(GENERATION), ErrorCode::IllegalGeneration),
        (&CommitError::RebalanceInProgress, ErrorCode::RebalanceInProgress),
        (&CommitError::LimitReached(LIMIT), ErrorCode::PolicyViolation),
        (&CommitError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
        (&PartitionCommitError::MetadataTooLarge { bytes: 2, max: 1 }, ErrorCode::OffsetMetadataTooLarge),
        (&PartitionCommitError::LimitReached(LIMIT), ErrorCode::PolicyViolation),
        (&DeleteOffsetsError::InvalidGroupId, ErrorCode::InvalidGroupId),
        (&DeleteOffsetsError::GroupNotFound { group: group() }, ErrorCode::GroupIdNotFound),
        (&DeleteOffsetsError::NotEmpty { group: group() }, ErrorCode::NonEmptyGroup),
        (&DeleteOffsetsError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
        (&SubscribedToTopic { topic: topic() }, ErrorCode::GroupSubscribedToTopic),
        (&DeleteGroupError::GroupNotFound { group: group() }, ErrorCode::GroupIdNotFound),
        (&DeleteGroupError::NotEmpty { group: group() }, ErrorCode::NonEmptyGroup),
        (&DeleteGroupError::Unavailable(stopping), ErrorCode::CoordinatorNotAvailable),
    ]);
}

#[test]
fn a_full_disk_is_told_and_what_the_disk_says_is_not() {
    let told = Refusal::from(AppendError::DiskFull(FULL));
    assert!(!told.is_private && told.reason.contains("make room"));
    assert!(!Refusal::from(CreateTopicError::DiskFull(FULL)).is_private);
    assert!(!Refusal::from(AddPartitionsError::DiskFull(FULL)).is_private);
    assert!(Refusal::from(AppendError::Storage(storage())).is_private);
    assert!(Refusal::from(CreateTopicError::Storage(storage())).is_private);
}

/// Mutation: `is_failure` of `ProducerIdError` left to the default.
#[test]
fn that_the_disk_is_full_is_no_line_for_each_request() {
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let full = StorageError::new("write", Path::new("/secret"), full);
    let refusal = Refusal::from(ProducerIdError::Storage(full));
    assert!(refusal.is_private && !refusal.is_failure);
    assert!(Refusal::from(ProducerIdError::Storage(storage())).is_failure);
    assert!(Refusal::from(AppendError::Storage(storage())).is_failure);
}

#[test]
fn a_record_at_fault_is_named() {
    let refusal = Refusal::from(AppendError::MissingKey { record_index: 3 });
    assert_eq!(refusal.record_index, Some(3));
    assert_eq!(Refusal::from(AppendError::Deleted).record_index, None);
}
