//! What goes with time: silent members, barriers, old offsets, offsets of deleted topics.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::commit::later;
use super::deadlines::Timer;
use super::error::NotMember;
use super::event::{Now, Occurrence};
use super::group::Group;
use super::request::CommittedOffset;
use super::state::State;
use super::write::Then;
use crate::model::{MemberId, PartitionId, TimestampMs, TopicName};

impl Group {
    /// Acts on every deadline that has passed.
    pub(super) fn tick(&mut self, now: Now) {
        while let Some(timer) = self.deadlines.pop(now.instant) {
            match timer {
                Timer::Join => self.expire_join_barrier(now),
                Timer::Sync => self.expire_sync_barrier(now),
                Timer::Member(member) => self.expire_member(&member, now),
            }
        }
    }

    /// A session or a promised place has run out.
    fn expire_member(&mut self, id: &MemberId, now: Now) {
        if self.give_back(id) {
            return self.complete_join_if_ready(now);
        }
        // Who waits for us need not say that it is there; its session starts with our answer.
        let is_excused = match &self.state {
            State::PreparingRebalance { joins, .. } => {
                joins.contains_key(id) && self.roster.get(id).is_some_and(|member| !member.is_new)
            }
            State::CompletingRebalance { syncs, .. } => syncs.contains_key(id),
            State::Empty { .. } | State::Stable { .. } => false,
        };
        let is_excused = is_excused || self.in_flight.iter().any(|write| write.replaces(id));
        if !is_excused {
            self.remove(id, &NotMember::Unknown);
            self.count(Occurrence::MemberExpired);
            self.rebalance_after_removal(now);
        }
    }

    /// Members that never asked for their assignment are gone.
    fn expire_sync_barrier(&mut self, now: Now) {
        let unsynced = self
            .state
            .unsynced()
            .map(std::mem::take)
            .unwrap_or_default();
        for member in &unsynced {
            self.remove(member, &NotMember::Unknown);
            self.count(Occurrence::MemberExpired);
        }
        if !unsynced.is_empty() {
            self.rebalance_after_removal(now);
        }
    }

    /// Removes expired offsets, and then the group, if nothing keeps it.
    pub(super) fn sweep(&mut self, now: Now) {
        if !self.in_flight.is_empty() {
            return;
        }
        let expired = self.expired_offsets(now.wall);
        let count: usize = expired.values().map(BTreeSet::len).sum();
        let mut changes = self.removals(expired);
        let is_over = matches!(self.state, State::Empty { .. })
            && self.pending.is_empty()
            && count == self.offsets.len();
        if is_over && self.is_recorded {
            changes.push(Change::GroupRemoved);
        }
        if count > 0 {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.count(Occurrence::OffsetsExpired { count });
        }
        if !changes.is_empty() {
            self.write(changes, Then::Nothing);
        }
    }

    fn expired_offsets(&self, now: TimestampMs) -> BTreeMap<TopicName, BTreeSet<PartitionId>> {
        let mut expired: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let Some(idle) = self.idle() else {
            return expired;
        };
        for (topic, partition, committed) in self.offsets.iter() {
            if !idle.keeps(topic) && self.expiry(committed, &idle) <= now {
                expired.entry(topic.clone()).or_default().insert(partition);
            }
        }
        expired
    }

    /// When an offset expires if nothing happens.
    fn expiry(&self, committed: &CommittedOffset, idle: &Idle) -> TimestampMs {
        let unused_since = match idle {
            // Kafka counts from `since` alone, and would soon drop what an administrator set
            // for a group that has been empty for long.
            Idle::Since(Some(since)) => committed.committed_at.max(*since),
            Idle::Since(None) | Idle::UnlessSubscribed(_) => committed.committed_at,
        };
        let by_rule = later(unused_since, self.config.offsets_retention);
        committed.expires_at.unwrap_or(by_rule)
    }

    /// Which offsets may expire at all.
    fn idle(&self) -> Option<Idle> {
        match &self.state {
            State::Empty { since } => Some(Idle::Since(*since)),
            State::Stable { .. } if self.is_of_consumers() => {
                Some(Idle::UnlessSubscribed(self.subscription()))
            }
            State::Stable { .. }
            | State::PreparingRebalance { .. }
            | State::CompletingRebalance { .. } => None,
        }
    }

    /// Removes the offsets of topics that are no more.
    pub(super) fn forget_topics(&mut self, topics: &[TopicName]) {
        let partitions = self.committed_partitions(topics, |topic| topics.contains(topic));
        let changes = self.removals(partitions);
        if !changes.is_empty() {
            self.write(changes, Then::Nothing);
        }
    }
}

/// Why offsets are not in use.
enum Idle {
    /// The group is empty, since then.
    Since(Option<TimestampMs>),
    /// The group is in use, for these topics only.
    UnlessSubscribed(super::subscription::Subscription),
}

impl Idle {
    fn keeps(&self, topic: &TopicName) -> bool {
        match self {
            Self::Since(_) => false,
            Self::UnlessSubscribed(subscription) => subscription.contains(topic),
        }
    }
}
