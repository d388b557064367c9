//! `OffsetCommit` 2-9: stores how far a group has consumed, durably.
//!
//! * Each partition succeeds or fails by itself; one that does not exist is an
//!   `UNKNOWN_TOPIC_OR_PARTITION`, and its neighbours are committed all the same.
//! * Until 4 the request may say how long to keep the offsets (KIP-211 ended it); 6 has leader epochs;
//!   7 static members; 9 allows the errors of the new group protocol. 10 (topic ids) is not advertised.

use std::time::Duration;

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::call::Call;
use super::error::{Refusal, RequestError};
use super::member::{group_id, instance_id, member_id};
use crate::groups::{CommitRequest, OffsetToCommit};
use crate::model::{Generation, GroupId, LeaderEpoch, Offset, PartitionId};

/// Commits.
pub(crate) async fn handle(call: &Call, mut request: OffsetCommitRequest) -> OffsetCommitResponse {
    let topics = std::mem::take(&mut request.topics);
    let checked = topics.iter().flat_map(|topic| {
        let check = |partition| offset(call, &topic.name, partition);
        topic.partitions.iter().map(check)
    });
    let mut offsets = Vec::new();
    let mut errors = Vec::new();
    for checked in checked {
        match checked {
            Ok(offset) => {
                offsets.push(offset);
                errors.push(None);
            }
            Err(error) => errors.push(Some(call.refuse(error))),
        }
    }
    let count = offsets.len();
    let committed = match commit_request(&request, offsets) {
        Ok(_) if count == 0 => Vec::new(),
        Ok((group, commit)) => commit_offsets(call, &group, commit, count).await,
        Err(error) => vec![call.refuse(error); count],
    };
    // Those that were checked and passed have their outcome in `committed`, in order.
    let mut committed = committed.into_iter();
    let outcomes = errors
        .into_iter()
        .map(|error| error.or_else(|| committed.next()).unwrap_or_default());
    OffsetCommitResponse {
        topics: by_topic(topics, outcomes),
        ..OffsetCommitResponse::default()
    }
}

fn offset(
    call: &Call,
    topic: &str,
    asked: &OffsetCommitRequestPartition,
) -> Result<OffsetToCommit, RequestError> {
    let partition = call.partition(topic, PartitionId(asked.partition_index))?;
    let metadata = asked.committed_metadata.as_deref().unwrap_or_default();
    let epoch = asked.committed_leader_epoch;
    Ok(OffsetToCommit {
        topic: partition.topic().clone(),
        partition: partition.id(),
        offset: Offset(asked.committed_offset),
        leader_epoch: (epoch >= 0).then_some(LeaderEpoch(epoch)),
        metadata: metadata.into(),
    })
}

fn commit_request(
    request: &OffsetCommitRequest,
    offsets: Vec<OffsetToCommit>,
) -> Result<(GroupId, CommitRequest), RequestError> {
    let generation = request.generation_id_or_member_epoch;
    let retention = u64::try_from(request.retention_time_ms).ok();
    let commit = CommitRequest {
        member: member_id(&request.member_id)?,
        instance: instance_id(request.group_instance_id.as_deref())?,
        generation: (generation >= 0).then_some(Generation(generation)),
        retention: retention.map(Duration::from_millis),
        offsets,
    };
    Ok((group_id(&request.group_id)?, commit))
}

/// The outcome of each of `count` offsets.
async fn commit_offsets(
    call: &Call,
    group: &GroupId,
    commit: CommitRequest,
    count: usize,
) -> Vec<ErrorCode> {
    let code = |outcome: Result<(), _>| match outcome {
        Ok(()) => ErrorCode::None,
        Err(error) => call.refuse(Refusal::from(error)),
    };
    match call.services.groups.commit_offsets(group, commit).await {
        Ok(outcomes) => outcomes.into_iter().map(code).collect(),
        Err(error) => vec![call.refuse(error); count],
    }
}

fn by_topic(
    topics: Vec<OffsetCommitRequestTopic>,
    mut outcomes: impl Iterator<Item = ErrorCode>,
) -> Vec<OffsetCommitResponseTopic> {
    let of_topic = |topic: OffsetCommitRequestTopic| OffsetCommitResponseTopic {
        partitions: topic
            .partitions
            .iter()
            .zip(&mut outcomes)
            .map(|(asked, error_code)| OffsetCommitResponsePartition {
                partition_index: asked.partition_index,
                error_code,
            })
            .collect(),
        name: topic.name,
        ..OffsetCommitResponseTopic::default()
    };
    topics.into_iter().map(of_topic).collect()
}
