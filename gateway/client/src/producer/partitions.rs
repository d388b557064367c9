//! The partitions a producer sends to, each with its queue.
//!
//! Names come and go, so partitions that the cluster is not known to have any more are forgotten once
//! nothing of theirs waits. The numbers they go by here are never used again: an answer or a timer of a
//! forgotten partition finds nothing.

use std::collections::HashMap;

use super::queue::Queue;
use crate::model::TopicPartition;

/// Partitions kept without asking whether they are still there.
const PARTITIONS_MIN: usize = 1024;

/// Number of a partition among those of the producer.
pub(super) type Slot = u64;

/// Where a partition stands in the task's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Nowhere.
    Unlisted,
    /// Among those a broker is to look at.
    Ready,
    /// Among those that wait: for a time, a leader or a producer id.
    Waiting,
}

/// A partition and what is to be sent to it.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) at: TopicPartition,
    pub(super) queue: Queue,
    pub(super) listing: Listing,
}

impl Partition {
    fn is_idle(&self) -> bool {
        self.listing == Listing::Unlisted && self.queue.is_empty()
    }
}

/// The partitions of a producer.
#[derive(Debug)]
pub(super) struct Partitions {
    partitions: HashMap<Slot, Partition>,
    slots: HashMap<TopicPartition, Slot>,
    next: Slot,
    /// Count at which partitions are forgotten before another is added.
    room: usize,
}

impl Default for Partitions {
    fn default() -> Self {
        Self {
            partitions: HashMap::new(),
            slots: HashMap::new(),
            next: 0,
            room: PARTITIONS_MIN,
        }
    }
}

impl Partitions {
    pub(super) fn slot(&self, at: &TopicPartition) -> Option<Slot> {
        self.slots.get(at).copied()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Partition> {
        self.partitions.get_mut(&slot)
    }

    /// Adds a partition that is not there.
    pub(super) fn add(&mut self, at: TopicPartition, queue: Queue) -> Slot {
        let slot = self.next;
        self.next += 1;
        self.slots.insert(at.clone(), slot);
        let partition = Partition {
            at,
            queue,
            listing: Listing::Unlisted,
        };
        self.partitions.insert(slot, partition);
        slot
    }

    /// Forgets idle partitions that are not `known`, where there are many: twice as many as were left
    /// the last time. Answers whether any was forgotten.
    pub(super) fn make_room(&mut self, is_known: impl Fn(&TopicPartition) -> bool) -> bool {
        let count = self.partitions.len();
        if count < self.room {
            return false;
        }
        self.partitions
            .retain(|_, partition| !partition.is_idle() || is_known(&partition.at));
        let left = &self.partitions;
        self.slots.retain(|_, slot| left.contains_key(slot));
        self.room = left.len().saturating_mul(2).max(PARTITIONS_MIN);
        left.len() < count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Partitions {
        let mut partitions = Partitions::default();
        for number in 0..PARTITIONS_MIN {
            let at = TopicPartition::new(format!("t{number}"), 0);
            partitions.add(at, Queue::new(0, true, 1000));
        }
        partitions
    }

    #[test]
    fn partitions_that_are_gone_are_forgotten_where_there_are_many() {
        let mut partitions = filled();
        let kept = TopicPartition::new("t7", 0);
        assert!(partitions.make_room(|at| *at == kept));
        assert_eq!(partitions.partitions.len(), 1);
        assert_eq!(partitions.slots.len(), 1);
        assert!(partitions.slot(&kept).is_some());
        assert!(!partitions.make_room(|_| false), "there is room");
    }

    #[test]
    fn what_waits_is_kept_and_numbers_are_not_used_again() {
        let mut partitions = filled();
        let busy = TopicPartition::new("t3", 0);
        let slot = partitions.slot(&busy).unwrap();
        partitions.get_mut(slot).unwrap().listing = Listing::Waiting;
        assert!(partitions.make_room(|_| false));
        assert_eq!(partitions.slot(&busy), Some(slot));
        let last = u64::try_from(PARTITIONS_MIN).unwrap();
        let added = partitions.add(TopicPartition::new("t5", 0), Queue::new(0, true, 1000));
        assert_eq!(added, last);
    }

    #[test]
    fn partitions_that_are_there_are_never_forgotten() {
        let mut partitions = filled();
        assert!(!partitions.make_room(|_| true));
        assert_eq!(partitions.partitions.len(), PARTITIONS_MIN);
    }
}
