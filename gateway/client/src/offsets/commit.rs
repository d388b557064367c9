//! Committing offsets: of a member in its generation, or of a group from outside.

use std::collections::HashMap;
use std::sync::Arc;

use sluice_protocol::ApiKey;
use sluice_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};

use super::Offsets;
use crate::admin::ItemResults;
use crate::cluster::Cluster;
use crate::coordinator::tells_of_another_coordinator;
use crate::error::ClientError;
use crate::model::{TopicPartition, by_topic};
use crate::pool::Purpose;

/// An offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The next offset to consume.
    pub offset: i64,
    /// Leader epoch of the last consumed record; -1 for unknown.
    pub leader_epoch: i32,
    /// Note to keep with it.
    pub metadata: Option<String>,
}

impl OffsetAndMetadata {
    /// An offset without a note.
    #[must_use]
    pub const fn new(offset: i64) -> Self {
        Self {
            offset,
            leader_epoch: -1,
            metadata: None,
        }
    }
}

/// In whose name offsets are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committer {
    /// Nobody's: the group has no members, or its consumers assign partitions themselves.
    Outside,
    /// A member's, in the generation it belongs to.
    Member {
        /// Id the coordinator gave it.
        member_id: Arc<str>,
        /// The generation.
        generation: i32,
    },
}

/// Offsets to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRequest {
    /// Name of the group.
    pub group: String,
    /// In whose name.
    pub committer: Committer,
    /// The offsets.
    pub offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
}

impl Offsets {
    /// Commits offsets of a group.
    ///
    /// # Errors
    /// [`ClientError`] of the request; what is wrong with the group or the member is the error of
    /// each partition.
    pub async fn commit(
        &self,
        request: CommitRequest,
    ) -> Result<ItemResults<TopicPartition, ()>, ClientError> {
        self.cluster.commit(request).await
    }
}

impl Cluster {
    /// See [`Offsets::commit`].
    pub(crate) async fn commit(
        self: &Arc<Self>,
        request: CommitRequest,
    ) -> Result<ItemResults<TopicPartition, ()>, ClientError> {
        let wire = wire(&request);
        let group = request.group.as_str();
        let attempt = || async {
            let called = self.commit_once(group, &wire, &request.offsets).await;
            if called.as_ref().is_err_and(tells_of_another_coordinator) {
                self.coordinators().forget(group);
            }
            called
        };
        self.retry(attempt).await
    }

    async fn commit_once(
        self: &Arc<Self>,
        group: &str,
        request: &OffsetCommitRequest,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<ItemResults<TopicPartition, ()>, ClientError> {
        let broker = self.coordinator(group).await?;
        let response = self.call(broker, Purpose::Coordination, request).await?;
        let results = results(response, offsets);
        // A coordinator that moved or is loading says so for every partition.
        let moved = results.iter().find_map(|(_, result)| {
            let error = result.as_ref().err()?;
            let is_loading = error.is_retriable() && is_of_the_coordinator(error);
            is_loading.then(|| error.clone())
        });
        moved.map_or(Ok(results), Err)
    }
}

fn is_of_the_coordinator(error: &ClientError) -> bool {
    use sluice_protocol::ErrorCode;
    let codes = [
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::CoordinatorLoadInProgress,
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}

fn wire(request: &CommitRequest) -> OffsetCommitRequest {
    let rows = request.offsets.iter().map(|(at, offset)| {
        let row = OffsetCommitRequestPartition {
            partition_index: at.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            committed_metadata: Some(offset.metadata.clone().unwrap_or_default()),
        };
        (Arc::clone(&at.topic), row)
    });
    let topics = by_topic(rows).into_iter();
    let topics = topics.map(|(name, partitions)| OffsetCommitRequestTopic {
        name: name.to_string(),
        partitions,
        ..OffsetCommitRequestTopic::default()
    });
    let (member_id, generation) = match &request.committer {
        Committer::Outside => (String::new(), -1),
        Committer::Member {
            member_id,
            generation,
        } => (member_id.to_string(), *generation),
    };
    OffsetCommitRequest {
        group_id: request.group.clone(),
        generation_id_or_member_epoch: generation,
        member_id,
        topics: topics.collect(),
        ..OffsetCommitRequest::default()
    }
}

fn results(
    response: OffsetCommitResponse,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
) -> ItemResults<TopicPartition, ()> {
    let mut codes = HashMap::with_capacity(offsets.len());
    for topic in response.topics {
        let name: Arc<str> = topic.name.into();
        for row in topic.partitions {
            let at = TopicPartition::new(Arc::clone(&name), row.partition_index);
            codes.insert(at, row.error_code);
        }
    }
    let results = offsets.iter().map(|(at, _)| {
        let code = codes
            .get(at)
            .copied()
            .ok_or_else(|| ClientError::Incomplete {
                api: ApiKey::OffsetCommit,
                item: at.to_string(),
            });
        let result = code.and_then(|code| ClientError::check(code, None));
        (at.clone(), result)
    });
    results.collect()
}
