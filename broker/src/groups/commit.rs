//! `OffsetCommit`, `OffsetDelete` and `DeleteGroups`: what is kept for a group, and no more.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use super::change::Change;
use super::error::{
    CommitError, DeleteGroupError, DeleteOffsetsError, IllegalGeneration, LimitReached, NotMember,
    PartitionCommitError, SubscribedToTopic,
};
use super::event::{Now, Reply, Waiter};
use super::group::Group;
use super::offsets::OFFSET_OVERHEAD_BYTES;
use super::request::{CommitRequest, CommittedOffset, OffsetToCommit};
use super::state::State;
use super::write::Then;
use crate::model::{Generation, PartitionId, TimestampMs, TopicName};

/// What the wire says where there is no generation.
const NO_GENERATION: Generation = Generation(-1);

impl Group {
    /// Writes offsets, and answers when they are durable; an error is for the caller to answer.
    pub(super) fn commit(
        &mut self,
        waiter: Waiter,
        request: CommitRequest,
        now: Now,
    ) -> Result<(), CommitError> {
        self.check_committer(&request)?;
        if let Some(member) = &request.member {
            self.touch(member, now);
        }
        let expires_at = request
            .retention
            .map(|retention| later(now.wall, retention));
        let mut added = self.partitions_in_flight();
        let mut changes = Vec::new();
        let mut results = Vec::with_capacity(request.offsets.len());
        for offset in request.offsets {
            let result = self.check_offset(&offset, &mut added);
            if result.is_ok() {
                changes.push(committed(offset, now.wall, expires_at));
            }
            results.push(result);
        }
        self.write_then_reply(changes, waiter, Reply::Commit(Ok(results)));
        Ok(())
    }

    /// Members commit for their generation; others only while the group is empty.
    fn check_committer(&self, request: &CommitRequest) -> Result<(), CommitError> {
        let current = self.generation;
        let asked = request.generation.unwrap_or(NO_GENERATION);
        if self.is_vacant() && request.generation.is_some() {
            return Err(IllegalGeneration { asked, current }.into());
        }
        match (&request.member, &request.instance) {
            _ if request.generation.is_none() && matches!(self.state, State::Empty { .. }) => {
                return Ok(());
            }
            (Some(member), instance) => {
                self.roster.check(member, instance.as_ref())?;
                self.check_generation(asked)?;
            }
            (None, Some(instance)) => {
                let owner = self.roster.owner(instance).ok_or(NotMember::Unknown)?;
                return Err(CommitError::NotMember(NotMember::Fenced {
                    instance: instance.clone(),
                    owner: owner.clone(),
                }));
            }
            (None, None) => return Err(NotMember::Unknown.into()),
        }
        if matches!(self.state, State::CompletingRebalance { .. }) {
            return Err(CommitError::RebalanceInProgress);
        }
        Ok(())
    }

    fn check_offset(
        &self,
        offset: &OffsetToCommit,
        added: &mut HashSet<(TopicName, PartitionId)>,
    ) -> Result<(), PartitionCommitError> {
        let bytes = offset.metadata.len();
        let max = self.config.offset_metadata_max;
        if bytes > max {
            return Err(PartitionCommitError::MetadataTooLarge { bytes, max });
        }
        let max = self.config.offsets_per_group_max;
        let key = (offset.topic.clone(), offset.partition);
        if self.offsets.contains(&offset.topic, offset.partition) || added.contains(&key) {
            return Ok(());
        }
        if self.offsets.len() + added.len() >= max {
            return Err(LimitReached::Offsets { max }.into());
        }
        if (added.len() + 1) * OFFSET_OVERHEAD_BYTES + bytes > self.room {
            let max = self.config.memory_max;
            return Err(LimitReached::Memory { max }.into());
        }
        added.insert(key);
        Ok(())
    }

    /// Partitions whose first offset is on its way.
    fn partitions_in_flight(&self) -> HashSet<(TopicName, PartitionId)> {
        let changes = self.in_flight.iter().flat_map(|write| write.changes.iter());
        changes
            .filter_map(|change| match change {
                Change::Offset {
                    topic, partition, ..
                } if !self.offsets.contains(topic, *partition) => Some((topic.clone(), *partition)),
                Change::Offset { .. }
                | Change::OffsetRemoved { .. }
                | Change::Group(_)
                | Change::GroupRemoved => None,
            })
            .collect()
    }

    /// Partitions with an offset, durable or on its way, of the topics wanted.
    pub(super) fn committed_partitions<'a>(
        &'a self,
        topics: impl IntoIterator<Item = &'a TopicName>,
        is_wanted: impl Fn(&TopicName) -> bool,
    ) -> BTreeMap<TopicName, BTreeSet<PartitionId>> {
        let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for topic in topics {
            let mut partitions = self.offsets.partitions(topic).peekable();
            if partitions.peek().is_some() {
                all.entry(topic.clone()).or_default().extend(partitions);
            }
        }
        let in_flight = self.partitions_in_flight();
        for (topic, partition) in in_flight.into_iter().filter(|(topic, _)| is_wanted(topic)) {
            all.entry(topic).or_default().insert(partition);
        }
        all
    }

    /// Deletes offsets of topics that no member is subscribed to.
    pub(super) fn delete_offsets(
        &mut self,
        waiter: Waiter,
        partitions: Vec<(TopicName, PartitionId)>,
    ) -> Result<(), DeleteOffsetsError> {
        let group = self.id.clone();
        if self.is_vacant() {
            return Err(DeleteOffsetsError::GroupNotFound { group });
        }
        if !matches!(self.state, State::Empty { .. }) && !self.is_of_consumers() {
            return Err(DeleteOffsetsError::NotEmpty { group });
        }
        let subscription = self.subscription();
        let mut changes = Vec::new();
        let mut results = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            if subscription.contains(&topic) {
                results.push(Err(SubscribedToTopic { topic }));
            } else {
                changes.push(Change::OffsetRemoved { topic, partition });
                results.push(Ok(()));
            }
        }
        self.write_then_reply(changes, waiter, Reply::DeleteOffsets(Ok(results)));
        Ok(())
    }

    /// Deletes the group and all its offsets, if nobody is in it.
    pub(super) fn delete(&mut self, waiter: Waiter) -> Result<(), DeleteGroupError> {
        let group = self.id.clone();
        if self.is_vacant() {
            return Err(DeleteGroupError::GroupNotFound { group });
        }
        if !matches!(self.state, State::Empty { .. }) {
            return Err(DeleteGroupError::NotEmpty { group });
        }
        for member in self.pending.clone() {
            self.give_back(&member);
        }
        let mut changes = self.removals(self.committed_partitions(self.offsets.topics(), |_| true));
        changes.push(Change::GroupRemoved);
        self.write_then_reply(changes, waiter, Reply::Delete(Ok(())));
        Ok(())
    }

    /// Changes that remove offsets.
    pub(super) fn removals(
        &self,
        partitions: BTreeMap<TopicName, BTreeSet<PartitionId>>,
    ) -> Vec<Change> {
        let removals = partitions.into_iter().flat_map(|(topic, partitions)| {
            partitions
                .into_iter()
                .map(move |partition| Change::OffsetRemoved {
                    topic: topic.clone(),
                    partition,
                })
        });
        removals.collect()
    }

    fn write_then_reply(&mut self, changes: Vec<Change>, waiter: Waiter, reply: Reply) {
        if changes.is_empty() {
            self.reply(waiter, reply);
        } else {
            self.write(changes, Then::Reply(waiter, reply));
        }
    }
}

fn committed(
    offset: OffsetToCommit,
    committed_at: TimestampMs,
    expires_at: Option<TimestampMs>,
) -> Change {
    Change::Offset {
        topic: offset.topic,
        partition: offset.partition,
        committed: CommittedOffset {
            offset: offset.offset,
            leader_epoch: offset.leader_epoch,
            metadata: offset.metadata,
            committed_at,
            expires_at,
        },
    }
}

/// `by` after `time`.
pub(super) fn later(time: TimestampMs, by: Duration) -> TimestampMs {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    TimestampMs(time.0.saturating_add(by))
}
