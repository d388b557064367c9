//! Producers of which a batch was refused that they send again, since there was no room for it.
//!
//! Batches behind it may be here before it is. Of a producer that is known its sequence tells; one that is
//! not known may begin anywhere, and so it is kept here what it has to begin with, until it does or has been
//! silent for so long that nothing of it is on its way. They take of the room for producers what the known ones
//! leave and push none of those out, and where there is none for one, whoever is not known has to begin with 0 for as long: a client that
//! cannot do that begins anew (KIP-360), in another epoch. Does not decide what follows from a sequence.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use sluice_protocol::record_batch::BatchHeader;

use super::known_producers::ProducerCount;
use crate::limits;

/// The producers of one partition, counted together with those that are known anywhere.
#[derive(Debug)]
pub(super) struct RefusedProducers {
    by_id: HashMap<i64, Refused>,
    /// When one was not noted since there were too many, for the last time.
    left_out_at: Option<i64>,
    together: Arc<ProducerCount>,
}

/// What of a producer was refused first, in its newest epoch.
#[derive(Debug)]
struct Refused {
    epoch: i16,
    base_sequence: i32,
    /// When something was refused for the last time, by the wall clock in milliseconds.
    at: i64,
}

impl Refused {
    /// Takes note of what is refused later. A newer epoch begins anew; an older one has been given up.
    fn go_on(&mut self, later: Self) {
        match later.epoch.cmp(&self.epoch) {
            Ordering::Less => {}
            Ordering::Equal => self.at = later.at,
            Ordering::Greater => *self = later,
        }
    }

    const fn begin_in(&self, epoch: i16) -> i32 {
        match self.epoch == epoch {
            true => self.base_sequence,
            false => 0,
        }
    }
}

impl RefusedProducers {
    /// None yet.
    pub(super) fn new(together: Arc<ProducerCount>) -> Self {
        Self {
            by_id: HashMap::new(),
            left_out_at: None,
            together,
        }
    }

    /// Takes note of a batch that was refused.
    pub(super) fn note(&mut self, header: &BatchHeader, now: i64) {
        let id = header.producer_id;
        if id < 0 {
            return;
        }
        let refused = Refused {
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            at: now,
        };
        if let Some(first) = self.by_id.get_mut(&id) {
            first.go_on(refused);
        } else if self.is_full() {
            self.left_out_at = Some(now);
        } else {
            self.change(|by_id| {
                by_id.insert(id, refused);
            });
        }
    }

    /// The sequence that a producer must begin with that is not known, if there is any. It is 0 in another epoch than
    /// that of what was refused, and, where there were so many that some were not noted, for those.
    pub(super) fn begin_of(&self, id: i64, epoch: i16) -> Option<i32> {
        let refused = self.by_id.get(&id).map(|refused| refused.begin_in(epoch));
        refused.or_else(|| self.left_out_at.map(|_at| 0))
    }

    /// Forgets a producer that has begun.
    pub(super) fn forget(&mut self, id: i64) {
        self.change(|by_id| {
            by_id.remove(&id);
        });
    }

    /// Forgets the producers of which nothing was refused since `since`.
    pub(super) fn expire(&mut self, since: i64) {
        self.left_out_at = self.left_out_at.filter(|at| *at >= since);
        self.change(|by_id| {
            by_id.retain(|_, refused| refused.at >= since);
            by_id.shrink_to(by_id.len().saturating_mul(2));
        });
    }

    fn is_full(&self) -> bool {
        let count = self.by_id.len();
        let is_share_taken = count >= limits::PRODUCERS_PER_PARTITION_SHARE;
        count >= limits::PRODUCERS_PER_PARTITION_MAX || is_share_taken && self.together.is_reached()
    }

    fn change(&mut self, change: impl FnOnce(&mut HashMap<i64, Refused>)) {
        let before = self.by_id.len();
        change(&mut self.by_id);
        self.together.replace_refused(before, self.by_id.len());
    }
}

impl Drop for RefusedProducers {
    fn drop(&mut self) {
        self.together.replace_refused(self.by_id.len(), 0);
    }
}

#[cfg(test)]
mod tests {
    use sluice_protocol::record_batch::{BatchBuilder, BatchProducer, Compression, NewRecord};

    use super::*;

    const SHARE: i64 = 16;

    fn header(id: i64, base_sequence: i32) -> BatchHeader {
        header_in(0, id, base_sequence)
    }

    fn header_in(epoch: i16, id: i64, base_sequence: i32) -> BatchHeader {
        let producer = BatchProducer {
            id,
            epoch,
            base_sequence,
        };
        let mut builder = BatchBuilder::new(Compression::None).with_producer(producer);
        builder.append(&NewRecord::default()).unwrap();
        *builder.build().unwrap().unwrap().header()
    }

    fn of_one_partition() -> RefusedProducers {
        RefusedProducers::new(ProducerCount::new(usize::MAX))
    }

    /// Mutations: `note` without a limit; `note` that does not say that one was left out.
    #[test]
    fn their_number_is_bounded_and_beyond_it_who_is_not_known_begins_with_zero() {
        let mut refused = of_one_partition();
        let max = i64::try_from(limits::PRODUCERS_PER_PARTITION_MAX).unwrap();
        for id in 0..max {
            assert_eq!(refused.begin_of(max, 0), None);
            refused.note(&header(id, 9), id);
        }
        refused.note(&header(max, 9), max);
        assert_eq!(
            (refused.begin_of(1, 0), refused.begin_of(max, 0)),
            (Some(9), Some(0))
        );
        refused.forget(1);
        assert_eq!(refused.begin_of(max, 0), Some(0), "nobody noted it since");
        refused.expire(max / 2);
        assert_eq!(refused.by_id.len(), limits::PRODUCERS_PER_PARTITION_MAX / 2);
        assert_eq!(refused.begin_of(max, 0), Some(0));
        refused.expire(max + 1);
        assert_eq!(refused.begin_of(max, 0), None);
    }

    /// Mutations: `is_full` of a partition alone; a share of nothing; `note`, `forget`, `expire` or `Drop` that does
    /// not count.
    #[test]
    fn those_of_all_partitions_together_are_bounded_and_each_has_its_share() {
        let together = ProducerCount::new(100);
        let count = || together.refused();
        let new = || RefusedProducers::new(Arc::clone(&together));
        let mut partitions: Vec<_> = std::iter::repeat_with(new).take(10).collect();
        for partition in &mut partitions {
            for id in 0..1000 {
                partition.note(&header(id, 9), 0);
            }
            assert_eq!(partition.begin_of(SHARE - 1, 0), Some(9));
            assert_eq!(partition.begin_of(999, 0), Some(0));
        }
        assert_eq!(count(), 100 + 9 * 16);
        partitions[9].forget(0);
        assert_eq!(count(), 100 + 9 * 16 - 1);
        partitions[9].expire(1);
        assert_eq!(count(), 100 + 8 * 16);
        partitions.clear();
        assert_eq!(count(), 0);
    }

    /// Mutations: `note` that replaces what it has; one that leaves the time of it.
    #[test]
    fn a_producer_begins_with_what_was_refused_of_it_first_until_nothing_is_for_long() {
        let mut refused = of_one_partition();
        for (sequence, now) in [(40, 0), (41, 5)] {
            refused.note(&header(7, sequence), now);
        }
        refused.note(&header(-1, -1), 0);
        assert_eq!(
            (refused.begin_of(7, 0), refused.begin_of(-1, 0)),
            (Some(40), None)
        );
        refused.expire(5);
        assert_eq!(refused.begin_of(7, 0), Some(40));
        refused.expire(6);
        assert_eq!(refused.begin_of(7, 0), None);
    }

    /// A client that gives up what was refused raises its epoch and begins with 0. Mutations: `begin_in` that passes
    /// over the epoch; `go_on` that keeps the first of an older one, or that takes one given up for the newest.
    #[test]
    fn what_was_refused_in_an_epoch_that_was_given_up_is_no_beginning() {
        let mut refused = of_one_partition();
        refused.note(&header_in(0, 7, 40), 0);
        assert_eq!(refused.begin_of(7, 1), Some(0));
        refused.note(&header_in(1, 7, 3), 5);
        refused.note(&header_in(0, 7, 41), 9);
        let begins = [0, 1, 2].map(|epoch| refused.begin_of(7, epoch));
        assert_eq!(begins, [0, 3, 0].map(Some));
        refused.expire(5);
        assert_eq!(refused.begin_of(7, 1), Some(3));
        refused.expire(6);
        assert_eq!(refused.begin_of(7, 1), None);
    }
}
