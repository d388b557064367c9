//! The idempotent producers that a partition knows, counted together with those of all other partitions.
//!
//! Where there are as many as there may be, a partition that knows more than its share forgets the idlest for each
//! new one, so that none is kept from its share by others. Those that were refused push out none. Does not decide what
//! follows from a sequence: [`ProducerStates`] does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sluice_protocol::record_batch::BatchHeader;

use crate::limits::{PRODUCERS_PER_PARTITION_MAX, PRODUCERS_PER_PARTITION_SHARE};
use crate::log::ProducerStates;

/// How many producers all partitions know, and how many they have refused a batch of; one that writes to many counts
/// in each of them.
#[derive(Debug)]
pub(super) struct ProducerCount {
    known: AtomicUsize,
    /// Apart from the known ones, whom they are not to push out.
    refused: AtomicUsize,
    max: usize,
}

impl ProducerCount {
    /// None yet, and at most `max` beside the share of each partition.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            known: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            max,
        })
    }

    /// Whether there is room for no further one that was refused.
    pub(super) fn is_reached(&self) -> bool {
        self.known().saturating_add(self.refused()) >= self.max
    }

    /// How many were refused.
    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many are known.
    pub(super) fn known(&self) -> usize {
        self.known.load(Ordering::Relaxed)
    }

    fn is_exceeded(&self) -> bool {
        self.known() > self.max
    }

    /// Counts `after` that are known in the place of `before`.
    fn replace_known(&self, before: usize, after: usize) {
        replace(&self.known, before, after);
    }

    /// Counts `after` that were refused in the place of `before`.
    pub(super) fn replace_refused(&self, before: usize, after: usize) {
        replace(&self.refused, before, after);
    }
}

/// Never counts more than there are, not even for a moment: others would forget theirs.
fn replace(count: &AtomicUsize, before: usize, after: usize) {
    let difference = before.abs_diff(after);
    match before < after {
        true => count.fetch_add(difference, Ordering::Relaxed),
        false => count.fetch_sub(difference, Ordering::Relaxed),
    };
}

/// The producers of one partition.
#[derive(Debug)]
pub(super) struct KnownProducers {
    states: ProducerStates,
    together: Arc<ProducerCount>,
}

impl KnownProducers {
    /// Those that a start found; no more than the share of a partition where others have all else.
    pub(super) fn new(states: ProducerStates, together: Arc<ProducerCount>) -> Self {
        together.replace_known(0, states.len());
        let mut known = Self { states, together };
        if known.together.is_exceeded() {
            known.change(|states| states.keep_within(PRODUCERS_PER_PARTITION_SHARE));
        }
        known
    }

    /// What is known of them.
    pub(super) const fn states(&self) -> &ProducerStates {
        &self.states
    }

    /// Takes note of an appended batch, at the wall clock's `now` in milliseconds.
    pub(super) fn record(&mut self, header: &BatchHeader, now: i64) {
        self.change(|states| states.record(header, now));
    }

    /// Forgets the producers that last wrote before `since`.
    pub(super) fn expire(&mut self, since: i64) {
        self.change(|states| states.expire(since));
    }

    /// Carries out a change, and forgets the idlest where there are too many then.
    fn change(&mut self, change: impl FnOnce(&mut ProducerStates)) {
        let before = self.states.len();
        change(&mut self.states);
        self.together.replace_known(before, self.states.len());
        let before = self.states.len();
        let fewer = before.saturating_sub(1);
        self.states.keep_within(match self.together.is_exceeded() {
            true => fewer.clamp(PRODUCERS_PER_PARTITION_SHARE, PRODUCERS_PER_PARTITION_MAX),
            false => PRODUCERS_PER_PARTITION_MAX,
        });
        self.together.replace_known(before, self.states.len());
    }
}

impl Drop for KnownProducers {
    fn drop(&mut self) {
        self.together.replace_known(self.states.len(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::KnownBatch;

    const MAX: usize = 100;

    fn write(producers: &mut KnownProducers, ids: std::ops::Range<i64>) {
        for id in ids {
            let batch = KnownBatch {
                first_sequence: 0,
                last_sequence: 0,
                last_offset: id,
                offset_delta: 0,
                timestamp: 0,
            };
            producers.change(|states| states.insert(id, 0, batch, id));
        }
    }

    fn ids(producers: &KnownProducers) -> Vec<i64> {
        let mut ids: Vec<_> = producers.states().iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// Mutations: `is_exceeded` that is false; a share of nothing; `Drop` that gives nothing back; `keep_within` that
    /// takes some of the share as well.
    #[test]
    fn all_together_are_bounded_and_each_partition_has_its_share() {
        let together = ProducerCount::new(MAX);
        let new = || KnownProducers::new(ProducerStates::default(), Arc::clone(&together));
        let mut many = new();
        write(&mut many, 0..1000);
        assert!(many.states().len() <= MAX, "{}", many.states().len());
        assert_eq!(together.known(), many.states().len());
        assert_eq!(ids(&many).last(), Some(&999), "the idlest go");

        let share = i64::try_from(PRODUCERS_PER_PARTITION_SHARE).unwrap();
        let mut others: Vec<_> = std::iter::repeat_with(new).take(20).collect();
        for other in &mut others {
            write(other, 0..share);
            assert_eq!(ids(other), Vec::from_iter(0..share));
            write(other, share..200);
            assert_eq!(ids(other), Vec::from_iter(200 - share..200));
        }
        let bound = MAX + 21 * PRODUCERS_PER_PARTITION_SHARE;
        assert!(together.known() <= bound, "{}", together.known());

        others.clear();
        assert_eq!(together.known(), many.states().len());
        many.expire(i64::MAX);
        assert_eq!(together.known(), 0);
    }

    /// On a full disk every producer that goes on to write is refused. Mutations: `is_exceeded` by the sum; `is_reached`
    /// by the refused ones alone.
    #[test]
    fn refused_producers_push_out_none_that_is_known() {
        let together = ProducerCount::new(MAX);
        let mut known = KnownProducers::new(ProducerStates::default(), Arc::clone(&together));
        write(&mut known, 0..60);
        assert!(!together.is_reached());
        together.replace_refused(0, 40);
        assert!(together.is_reached());
        write(&mut known, 60..100);
        assert_eq!(ids(&known), Vec::from_iter(0..100));
        together.replace_refused(40, 0);
        assert!(together.is_reached(), "the known ones count");
    }

    /// Mutation: `KnownProducers::new` without `keep_within`.
    #[test]
    fn what_a_start_finds_counts_and_is_bounded() {
        let together = ProducerCount::new(MAX);
        let mut before = KnownProducers::new(ProducerStates::default(), ProducerCount::new(1000));
        write(&mut before, 0..500);
        let found = KnownProducers::new(before.states().clone(), Arc::clone(&together));
        assert_eq!(found.states().len(), PRODUCERS_PER_PARTITION_SHARE);
        assert_eq!(together.known(), found.states().len());
        assert_eq!(ids(&found).last(), Some(&499), "the idlest go");
    }
}
