//! Requests and responses, one file per API.
//!
//! Each file declares its key, versions and bodies; nothing here is written by hand per version.
//! What the bodies mean is the business of the broker's handlers and of the client.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, Version, Wire, Writer};

/// A request or response body.
pub trait Message: Wire + Default {
    /// The API it belongs to.
    const API: ApiKey;
    /// Versions the codec knows. What a broker serves may be less.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields; `i16::MAX` for none.
    const FIRST_FLEXIBLE: i16;

    /// The encoding of version `number`.
    ///
    /// # Errors
    /// [`DecodeError::UnsupportedVersion`] outside [`Message::VERSIONS`].
    fn version(number: i16) -> Result<Version, DecodeError> {
        if !Self::VERSIONS.contains(&number) {
            let schema = Self::API.name();
            return Err(DecodeError::UnsupportedVersion {
                schema,
                version: number,
            });
        }
        Ok(Version::new(number, Self::FIRST_FLEXIBLE))
    }

    /// Decodes a body that must end the frame, off whose reader the header has been taken.
    ///
    /// # Errors
    /// [`DecodeError`] of the bytes or the version.
    fn from_reader(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let message = Self::decode(reader, Self::version(version)?)?;
        reader.finish()?;
        Ok(message)
    }

    /// Decodes a body that must fill `bytes`.
    ///
    /// # Errors
    /// As [`Message::from_reader`].
    fn from_bytes(bytes: Bytes, version: i16) -> Result<Self, DecodeError> {
        Self::from_reader(&mut Reader::new(bytes), version)
    }
}

/// A request body, which knows the body that answers it.
pub trait Request: Message {
    /// The body of the answer, in the same version.
    type Response: Message;
}

pub mod leadership;

apis! {
    Produce = 0 => produce: ProduceRequest / ProduceResponse;
    Fetch = 1 => fetch: FetchRequest / FetchResponse;
    ListOffsets = 2 => list_offsets: ListOffsetsRequest / ListOffsetsResponse;
    Metadata = 3 => metadata: MetadataRequest / MetadataResponse;
    OffsetCommit = 8 => offset_commit: OffsetCommitRequest / OffsetCommitResponse;
    OffsetFetch = 9 => offset_fetch: OffsetFetchRequest / OffsetFetchResponse;
    FindCoordinator = 10 => find_coordinator: FindCoordinatorRequest / FindCoordinatorResponse;
    JoinGroup = 11 => join_group: JoinGroupRequest / JoinGroupResponse;
    Heartbeat = 12 => heartbeat: HeartbeatRequest / HeartbeatResponse;
    LeaveGroup = 13 => leave_group: LeaveGroupRequest / LeaveGroupResponse;
    SyncGroup = 14 => sync_group: SyncGroupRequest / SyncGroupResponse;
    DescribeGroups = 15 => describe_groups: DescribeGroupsRequest / DescribeGroupsResponse;
    ListGroups = 16 => list_groups: ListGroupsRequest / ListGroupsResponse;
    SaslHandshake = 17 => sasl_handshake: SaslHandshakeRequest / SaslHandshakeResponse;
    ApiVersions = 18 => api_versions: ApiVersionsRequest / ApiVersionsResponse;
    CreateTopics = 19 => create_topics: CreateTopicsRequest / CreateTopicsResponse;
    DeleteTopics = 20 => delete_topics: DeleteTopicsRequest / DeleteTopicsResponse;
    DeleteRecords = 21 => delete_records: DeleteRecordsRequest / DeleteRecordsResponse;
    InitProducerId = 22 => init_producer_id: InitProducerIdRequest / InitProducerIdResponse;
    OffsetForLeaderEpoch = 23 => offset_for_leader_epoch:
        OffsetForLeaderEpochRequest / OffsetForLeaderEpochResponse;
    DescribeConfigs = 32 => describe_configs: DescribeConfigsRequest / DescribeConfigsResponse;
    AlterConfigs = 33 => alter_configs: AlterConfigsRequest / AlterConfigsResponse;
    DescribeLogDirs = 35 => describe_log_dirs: DescribeLogDirsRequest / DescribeLogDirsResponse;
    SaslAuthenticate = 36 => sasl_authenticate: SaslAuthenticateRequest / SaslAuthenticateResponse;
    CreatePartitions = 37 => create_partitions: CreatePartitionsRequest / CreatePartitionsResponse;
    DeleteGroups = 42 => delete_groups: DeleteGroupsRequest / DeleteGroupsResponse;
    IncrementalAlterConfigs = 44 => incremental_alter_configs:
        IncrementalAlterConfigsRequest / IncrementalAlterConfigsResponse;
    OffsetDelete = 47 => offset_delete: OffsetDeleteRequest / OffsetDeleteResponse;
    DescribeCluster = 60 => describe_cluster: DescribeClusterRequest / DescribeClusterResponse;
    ConsumerGroupDescribe = 69 => consumer_group_describe:
        ConsumerGroupDescribeRequest / ConsumerGroupDescribeResponse;
    DescribeTopicPartitions = 75 => describe_topic_partitions:
        DescribeTopicPartitionsRequest / DescribeTopicPartitionsResponse;
}

fn body_bytes<M: Message>(body: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    body.encode(&mut writer, Version::new(version, M::FIRST_FLEXIBLE));
    writer.finish_contiguous()
}

#[cfg(any(test, feature = "sample"))]
fn body_sample<M: Message + crate::sample::Sample>(
    version: i16,
    sampler: &mut crate::sample::Sampler,
) -> M {
    M::sample(sampler, Version::new(version, M::FIRST_FLEXIBLE))
}

#[cfg(test)]
mod tests;
