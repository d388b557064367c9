//! Committing, committed offsets, and moving positions.

use std::time::Duration;

use sluice_client::offsets::{CommitRequest, Committer, GroupQuery, OffsetAndMetadata, OffsetSpec};
use sluice_client::{ClientError, ErrorCode, GroupMember, Isolation, TopicPartition};
use tokio::time::timeout;

use super::consumer::Consumer;
use super::error::ConsumeError;
use super::interest::Interest;

/// How long a commit waits for the group to decide who is a member.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);

/// An offset to commit: that of the last record processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffset {
    /// The partition.
    pub at: TopicPartition,
    /// Offset of the last record processed; the one behind it is committed.
    pub offset: i64,
    /// A note to keep with it.
    pub metadata: Option<String>,
}

/// An offset that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedAt {
    /// The partition.
    pub at: TopicPartition,
    /// Offset of the next record to process.
    pub offset: i64,
    /// The note kept with it.
    pub metadata: String,
}

/// Where to move a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekTo {
    /// To an offset, whether it exists or not.
    Offset(i64),
    /// To the oldest record kept.
    Beginning,
    /// Behind the last record.
    End,
    /// To the first record at or after a time, in milliseconds since the epoch; else behind the last.
    Time(i64),
}

impl SeekTo {
    /// The offset to look up, or the offset itself.
    const fn spec(self) -> Result<OffsetSpec, i64> {
        match self {
            Self::Offset(offset) => Err(offset),
            Self::Beginning => Ok(OffsetSpec::Earliest),
            Self::End => Ok(OffsetSpec::Latest),
            Self::Time(time) => Ok(OffsetSpec::At(time)),
        }
    }
}

impl Consumer {
    /// Commits everything that was delivered.
    ///
    /// # Errors
    /// [`ConsumeError::Kafka`]; `RebalanceInProgress` where a rebalance took partitions away before
    /// what was delivered of them could be committed: it will be delivered again.
    pub async fn commit_all(&self) -> Result<(), ConsumeError> {
        let row = self.row().await?;
        if self.progress().take_lost() {
            return Err(ClientError::kafka(ErrorCode::RebalanceInProgress).into());
        }
        self.commit_uncommitted(&row.interest).await
    }

    /// Commits the offsets behind the given ones.
    ///
    /// # Errors
    /// [`ConsumeError::Kafka`], of the first offset that was refused.
    pub async fn commit(&self, offsets: Vec<CommitOffset>) -> Result<(), ConsumeError> {
        let row = self.row().await?;
        let offsets = offsets.into_iter().map(|commit| {
            let next = commit.offset.saturating_add(1);
            let metadata = commit.metadata;
            (
                commit.at,
                OffsetAndMetadata {
                    metadata,
                    ..OffsetAndMetadata::new(next)
                },
            )
        });
        let offsets: Vec<_> = offsets.collect();
        if let Some(member) = row.interest.member() {
            // Who is refused learns it from the commit.
            drop(timeout(JOIN_PATIENCE, member.assigned()).await);
        }
        self.commit_offsets(&row.interest, offsets).await
    }

    /// What the group has committed for partitions; those without a commit are left out.
    ///
    /// # Errors
    /// [`ConsumeError::Kafka`].
    pub async fn committed(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<CommittedAt>, ConsumeError> {
        let _row = self.row().await?;
        self.committed_of(partitions).await
    }

    /// Moves the positions of partitions.
    ///
    /// # Errors
    /// [`ConsumeError::NotAssigned`] for a partition that is not the instance's; nothing moves then.
    pub async fn seek(&self, targets: Vec<(TopicPartition, SeekTo)>) -> Result<(), ConsumeError> {
        let mut row = self.row().await?;
        let owned = self.owned_soon(&mut row.interest).await?;
        if let Some((at, _)) = targets
            .iter()
            .find(|(at, _)| !owned.partitions.contains(at))
        {
            return Err(ConsumeError::NotAssigned { at: at.clone() });
        }
        let mut positions = Vec::with_capacity(targets.len());
        let mut wanted = Vec::new();
        for (at, to) in targets {
            match to.spec() {
                Err(offset) => positions.push((at, offset)),
                Ok(spec) => wanted.push((at, spec)),
            }
        }
        positions.extend(self.look_up(wanted).await?);
        if self.progress().advance(owned.generation, positions) {
            return Ok(());
        }
        Err(ClientError::kafka(ErrorCode::RebalanceInProgress).into())
    }

    /// The offsets that `wanted` stands for; the end for a time behind the last record.
    async fn look_up(
        &self,
        wanted: Vec<(TopicPartition, OffsetSpec)>,
    ) -> Result<Vec<(TopicPartition, i64)>, ConsumeError> {
        let mut found = Vec::with_capacity(wanted.len());
        let mut late = Vec::new();
        let offsets = self.client().offsets();
        for (at, listed) in offsets.list(wanted, Isolation::ReadUncommitted).await {
            match listed?.offset {
                Some(offset) => found.push((at, offset)),
                None => late.push((at, OffsetSpec::Latest)),
            }
        }
        for (at, listed) in offsets.list(late, Isolation::ReadUncommitted).await {
            found.push((at, listed?.offset.unwrap_or(0)));
        }
        Ok(found)
    }

    pub(super) async fn committed_of(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<CommittedAt>, ConsumeError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let query = GroupQuery {
            partitions: Some(partitions),
            ..GroupQuery::all(self.group())
        };
        let answers = self.client().offsets().committed(vec![query]).await;
        let mut committed = Vec::new();
        for (_, answer) in answers {
            for partition in answer? {
                if let Some(offset) = partition.committed? {
                    committed.push(CommittedAt {
                        at: partition.at,
                        offset: offset.offset,
                        metadata: offset.metadata,
                    });
                }
            }
        }
        Ok(committed)
    }

    /// Commits positions that are not committed yet.
    pub(super) async fn commit_uncommitted(&self, interest: &Interest) -> Result<(), ConsumeError> {
        let uncommitted = self.progress().uncommitted();
        if uncommitted.is_empty() {
            return Ok(());
        }
        if let Some(member) = interest.member() {
            let generation = member.assignment().map(|assignment| assignment.generation);
            if generation != self.progress().generation() {
                // Others may have the partitions by now, and be further.
                return Err(ClientError::kafka(ErrorCode::RebalanceInProgress).into());
            }
        }
        let offsets = uncommitted.into_iter();
        let offsets = offsets.map(|(at, offset)| (at, OffsetAndMetadata::new(offset)));
        self.commit_offsets(interest, offsets.collect()).await
    }

    async fn commit_offsets(
        &self,
        interest: &Interest,
        offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
    ) -> Result<(), ConsumeError> {
        let results = match interest.member() {
            Some(member) => GroupMember::commit(member, offsets.clone()).await?,
            None => {
                let group = self.group().to_owned();
                let committer = Committer::Outside;
                let request = CommitRequest {
                    group,
                    committer,
                    offsets: offsets.clone(),
                };
                self.client().offsets().commit(request).await?
            }
        };
        for (_, result) in results {
            result?;
        }
        self.progress().committed(&offsets);
        Ok(())
    }
}
