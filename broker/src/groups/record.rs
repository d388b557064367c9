//! A group's changes as records of `__consumer_offsets`, and back.
//!
//! The versions written are those of Kafka 3 and 4, so that any tool reads them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_protocol::record_batch::NewRecord;
use sluice_protocol::records::Schema;
use sluice_protocol::records::group::{
    GroupMetadataKey, GroupMetadataValue, GroupRecordKey, MemberMetadata, OffsetCommitKey,
    OffsetCommitValue,
};
use sluice_protocol::{DecodeError, EncodeError};

use super::change::{Change, GroupMetadata, Membership, StoredMember};
use super::request::CommittedOffset;
use crate::model::{
    Generation, GroupId, InstanceId, InvalidGroupName, InvalidTopicName, LeaderEpoch, MemberId,
    Offset, PartitionId, TimestampMs, TopicName,
};

/// The version of a stored group.
const GROUP_VERSION: i16 = 3;
/// The version of a stored offset.
const OFFSET_VERSION: i16 = 3;
/// The only version of a stored offset that says when it expires.
const EXPIRING_OFFSET_VERSION: i16 = 1;
/// What stands for "unknown" in numbers.
const UNKNOWN: i64 = -1;

/// Why a record is not a change of a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnreadableRecord {
    #[error("the record has no key")]
    NoKey,
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Name(#[from] InvalidGroupName),
    #[error(transparent)]
    Topic(#[from] InvalidTopicName),
}

/// The record of a change.
pub(crate) fn encode(
    group: &GroupId,
    change: &Change,
    now: TimestampMs,
) -> Result<NewRecord, EncodeError> {
    let (key, value) = match change {
        Change::Group(metadata) => {
            let value = group_value(metadata).to_bytes(GROUP_VERSION)?;
            (group_key(group), Some(value))
        }
        Change::GroupRemoved => (group_key(group), None),
        Change::Offset {
            topic,
            partition,
            committed,
        } => {
            let value = offset_value(committed).to_bytes(offset_version(committed))?;
            (offset_key(group, topic, *partition), Some(value))
        }
        Change::OffsetRemoved { topic, partition } => (offset_key(group, topic, *partition), None),
    };
    Ok(NewRecord {
        timestamp: now.0,
        key: Some(key.to_bytes()?),
        value,
        ..NewRecord::default()
    })
}

fn group_key(group: &GroupId) -> GroupRecordKey {
    let group = group.as_str().to_owned();
    GroupRecordKey::Group(GroupMetadataKey { group })
}

fn offset_key(group: &GroupId, topic: &TopicName, partition: PartitionId) -> GroupRecordKey {
    GroupRecordKey::Offset(OffsetCommitKey {
        group: group.as_str().to_owned(),
        topic: topic.as_str().to_owned(),
        partition: partition.0,
    })
}

const fn offset_version(committed: &CommittedOffset) -> i16 {
    match committed.expires_at {
        Some(_) => EXPIRING_OFFSET_VERSION,
        None => OFFSET_VERSION,
    }
}

fn offset_value(committed: &CommittedOffset) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: committed.offset.0,
        leader_epoch: committed.leader_epoch.map_or(-1, |epoch| epoch.0),
        metadata: committed.metadata.clone().into_string(),
        commit_timestamp: committed.committed_at.0,
        expire_timestamp: committed.expires_at.map_or(UNKNOWN, |time| time.0),
        ..OffsetCommitValue::default()
    }
}

fn group_value(metadata: &GroupMetadata) -> GroupMetadataValue {
    let membership = metadata.membership.as_ref();
    let members = membership.map(|membership| membership.members.iter().map(member_value));
    GroupMetadataValue {
        protocol_type: metadata.protocol_type.as_ref().to_owned(),
        generation: metadata.generation.0,
        protocol: membership.map(|membership| membership.protocol.as_ref().to_owned()),
        leader: membership.map(|membership| membership.leader.as_str().to_owned()),
        current_state_timestamp: metadata.since.map_or(UNKNOWN, |since| since.0),
        members: members.map(Iterator::collect).unwrap_or_default(),
    }
}

fn member_value(member: &StoredMember) -> MemberMetadata {
    MemberMetadata {
        member_id: member.id.as_str().to_owned(),
        group_instance_id: member.instance.as_ref().map(|id| id.as_str().to_owned()),
        client_id: member.client_id.as_ref().to_owned(),
        client_host: member.client_host.as_ref().to_owned(),
        rebalance_timeout: millis(member.rebalance_timeout),
        session_timeout: millis(member.session_timeout),
        subscription: member.metadata.clone(),
        assignment: member.assignment.clone(),
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordKey {
    /// A group itself.
    Group(GroupId),
    /// A committed offset.
    Offset {
        group: GroupId,
        topic: TopicName,
        partition: PartitionId,
    },
}

/// What a record is about; `None` for a kind this release does not know.
pub(crate) fn decode_key(key: Option<Bytes>) -> Result<Option<RecordKey>, UnreadableRecord> {
    match GroupRecordKey::from_bytes(key.ok_or(UnreadableRecord::NoKey)?)? {
        GroupRecordKey::Group(key) => Ok(Some(RecordKey::Group(GroupId::parse(&key.group)?))),
        GroupRecordKey::Offset(key) | GroupRecordKey::LegacyOffset(key) => {
            Ok(Some(RecordKey::Offset {
                group: GroupId::parse(&key.group)?,
                topic: TopicName::parse(&key.topic)?,
                partition: PartitionId(key.partition),
            }))
        }
        GroupRecordKey::Unknown { .. } => Ok(None),
    }
}

/// The change a value makes to a group itself.
pub(crate) fn decode_group(value: Option<Bytes>) -> Result<Change, UnreadableRecord> {
    let Some(value) = value else {
        return Ok(Change::GroupRemoved);
    };
    let metadata = group_metadata(GroupMetadataValue::from_bytes(value)?)?;
    Ok(Change::Group(metadata))
}

/// The change a value makes to the offset of a partition.
pub(crate) fn decode_offset(
    topic: TopicName,
    partition: PartitionId,
    value: Option<Bytes>,
) -> Result<Change, UnreadableRecord> {
    let Some(value) = value else {
        return Ok(Change::OffsetRemoved { topic, partition });
    };
    let value = OffsetCommitValue::from_bytes(value)?;
    let epoch = Some(value.leader_epoch).filter(|epoch| *epoch >= 0);
    let committed = CommittedOffset {
        offset: Offset(value.offset),
        leader_epoch: epoch.map(LeaderEpoch),
        metadata: value.metadata.into_boxed_str(),
        committed_at: TimestampMs(value.commit_timestamp),
        expires_at: known(value.expire_timestamp),
    };
    Ok(Change::Offset {
        topic,
        partition,
        committed,
    })
}

fn known(time: i64) -> Option<TimestampMs> {
    (time != UNKNOWN).then_some(TimestampMs(time))
}

fn group_metadata(value: GroupMetadataValue) -> Result<GroupMetadata, InvalidGroupName> {
    let (protocol, leader) = (value.protocol, value.leader);
    let mut members = Vec::with_capacity(value.members.len());
    for member in value.members {
        members.push(stored_member(member)?);
    }
    // Who leads is lost in records of a leader that left; any member will do.
    let leader = leader.and_then(|leader| MemberId::parse(&leader).ok());
    let leader = leader.or_else(|| members.first().map(|member| member.id.clone()));
    Ok(GroupMetadata {
        protocol_type: value.protocol_type.into(),
        generation: Generation(value.generation),
        since: known(value.current_state_timestamp),
        membership: leader
            .filter(|_| !members.is_empty())
            .map(|leader| Membership {
                protocol: protocol.unwrap_or_default().into(),
                leader,
                members,
            }),
    })
}

fn stored_member(member: MemberMetadata) -> Result<StoredMember, InvalidGroupName> {
    let instance = member.group_instance_id.as_deref().map(InstanceId::parse);
    let session_timeout = duration(member.session_timeout);
    Ok(StoredMember {
        id: MemberId::parse(&member.member_id)?,
        instance: instance.transpose()?,
        client_id: Arc::from(member.client_id),
        client_host: Arc::from(member.client_host),
        rebalance_timeout: match member.rebalance_timeout {
            ..0 => session_timeout,
            timeout => duration(timeout),
        },
        session_timeout,
        // Copies, since slices would keep the whole batch in memory.
        metadata: Bytes::copy_from_slice(&member.subscription),
        assignment: Bytes::copy_from_slice(&member.assignment),
    })
}

fn duration(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
