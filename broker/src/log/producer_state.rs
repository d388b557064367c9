//! What a partition knows of its idempotent producers (KIP-98): enough to tell the next batch from a
//! repeated one and from one that comes too early.
//!
//! Pure: the partition asks [`ProducerStates::check`] under its lock and calls
//! [`ProducerStates::record`] for what it appends. Sequence numbers count up to `i32::MAX` and go on
//! with 0. The state is rebuilt from a snapshot and the headers of the batches behind it.

use std::collections::{HashMap, VecDeque};

use sluice_protocol::record_batch::{BatchHeader, BatchProducer};

use crate::limits::PRODUCERS_PER_PARTITION_SHARE;

/// Batches of a producer that a snapshot remembers, as many as a client may have in flight (Kafka's
/// `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub(crate) const BATCHES_RETAINED: usize = 5;
/// Those that are kept in memory: as many may be in flight behind the last that are durable.
const BATCHES_HELD: usize = 2 * BATCHES_RETAINED;
/// Half of the sequence numbers: what is further behind than this counts as ahead.
const HALF_OF_SEQUENCES: i64 = 1 << 30;
/// All sequence numbers.
const SEQUENCES: i64 = 1 << 31;

/// A batch of a producer that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownBatch {
    /// Sequence of its first record.
    pub first_sequence: i32,
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Offset of the last record less that of the first.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: i64,
}

impl KnownBatch {
    /// Offset of its first record.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.last_offset
            .saturating_sub(i64::from(self.offset_delta))
    }
}

/// What a batch is to its producer's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequenced {
    /// The next one.
    Next,
    /// One that is in the log already.
    Duplicate(KnownBatch),
}

/// Why a batch is not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// The producer skipped sequence numbers, or did not begin with 0 where it must.
    #[error("sequence {found} came where {expected} is next")]
    OutOfOrder {
        /// What would be right.
        expected: i32,
        /// What came.
        found: i32,
    },
    /// The batch was appended so long ago that its offset is forgotten.
    #[error("sequence {found} is older than the batches remembered")]
    Duplicate {
        /// What came.
        found: i32,
    },
    /// A newer incarnation of the producer has written.
    #[error("epoch {found} is older than {current}")]
    StaleEpoch {
        /// The epoch known.
        current: i16,
        /// What came.
        found: i16,
    },
}

/// A producer, as one partition knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// Its incarnation.
    pub epoch: i16,
    /// Its last batches, oldest first; at least one.
    pub batches: VecDeque<KnownBatch>,
    /// When it last wrote, by the wall clock in milliseconds.
    pub last_used: i64,
}

/// The producers of one partition.
#[derive(Clone, Debug, Default)]
pub struct ProducerStates(HashMap<i64, ProducerState>);

impl ProducerStates {
    /// What a batch of `count` records is to its producer's sequence. `begin` is what a producer that is not
    /// known must begin with, unless it begins anew. In a partition that never held a record that is 0, or the
    /// first of two batches in flight could be lost without notice (KAFKA-15591). Elsewhere such a producer
    /// may begin anywhere, since its state may have expired (KIP-360), unless it is known what it has to
    /// send first.
    ///
    /// # Errors
    /// [`SequenceError`].
    pub fn check(
        &self,
        producer: BatchProducer,
        count: i32,
        begin: Option<i32>,
    ) -> Result<Sequenced, SequenceError> {
        let found = producer.base_sequence;
        let begin_with = |begin: Option<i32>| match begin {
            Some(expected) if ![0, expected].contains(&found) => {
                Err(SequenceError::OutOfOrder { expected, found })
            }
            Some(_) | None => Ok(Sequenced::Next),
        };
        let Some(state) = self.0.get(&producer.id) else {
            return begin_with(begin);
        };
        if producer.epoch < state.epoch {
            return Err(SequenceError::StaleEpoch {
                current: state.epoch,
                found: producer.epoch,
            });
        }
        if producer.epoch > state.epoch {
            return begin_with(Some(0));
        }
        let last_sequence = advanced(found, count.saturating_sub(1));
        let is_same = |batch: &&KnownBatch| {
            batch.first_sequence == found && batch.last_sequence == last_sequence
        };
        if let Some(batch) = state.batches.iter().find(is_same) {
            return Ok(Sequenced::Duplicate(*batch));
        }
        let expected = state
            .batches
            .back()
            .map_or(0, |batch| advanced(batch.last_sequence, 1));
        let oldest = state
            .batches
            .front()
            .map_or(0, |batch| batch.first_sequence);
        match found {
            _ if found == expected => Ok(Sequenced::Next),
            _ if is_before(found, oldest) => Err(SequenceError::Duplicate { found }),
            _ => Err(SequenceError::OutOfOrder { expected, found }),
        }
    }

    /// Takes note of an appended batch, at the wall clock's `now` in milliseconds.
    pub fn record(&mut self, header: &BatchHeader, now: i64) {
        let batch = KnownBatch {
            first_sequence: header.base_sequence,
            last_sequence: advanced(header.base_sequence, header.last_offset_delta),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        };
        self.insert(header.producer_id, header.producer_epoch, batch, now);
    }

    /// Takes note of a batch known from a snapshot.
    pub fn insert(&mut self, id: i64, epoch: i16, batch: KnownBatch, now: i64) {
        let state = self.0.entry(id).or_insert_with(|| ProducerState {
            epoch,
            batches: VecDeque::with_capacity(BATCHES_RETAINED),
            last_used: now,
        });
        if state.epoch != epoch {
            state.epoch = epoch;
            state.batches.clear();
        }
        if state.batches.len() >= BATCHES_HELD {
            state.batches.pop_front();
        }
        state.batches.push_back(batch);
        state.last_used = now;
    }

    /// Forgets the producers that last wrote before `since`.
    pub fn expire(&mut self, since: i64) {
        self.0.retain(|_, state| state.last_used >= since);
        self.0.shrink_to(self.0.len().saturating_mul(2));
    }

    /// Where there are more than `count` producers, forgets those that wrote longest ago, and enough of them
    /// that it is a while until the next time: it takes time in proportion to their number. Of the share of a partition
    /// it takes none.
    pub fn keep_within(&mut self, count: usize) {
        if self.0.len() > count {
            let share = count.min(PRODUCERS_PER_PARTITION_SHARE);
            self.shrink_to(share.max(count / 8 * 7));
        }
    }

    /// Forgets the producers that wrote longest ago until at most `count` are left.
    fn shrink_to(&mut self, count: usize) {
        let Some(excess) = self.0.len().checked_sub(count).filter(|excess| *excess > 0) else {
            return;
        };
        // At a start all were used just now, and the log tells who wrote first.
        let place = |state: &ProducerState| state.batches.back().map(|batch| batch.last_offset);
        let states = self.0.iter();
        let mut used: Vec<_> = states
            .map(|(id, state)| (state.last_used, place(state), *id))
            .collect();
        used.sort_unstable();
        for (_, _, id) in used.into_iter().take(excess) {
            self.0.remove(&id);
        }
    }

    /// Number of producers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no producer is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The producers by id, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &ProducerState)> {
        self.0.iter().map(|(id, state)| (*id, state))
    }

    /// The same without the batches that end at `end` or behind it, those not durable yet, and without those that a
    /// client cannot have in flight with them any more.
    #[must_use]
    pub fn up_to(&self, end: i64) -> Self {
        let mut states = self.clone();
        for state in states.0.values_mut() {
            state.batches.retain(|batch| batch.last_offset < end);
            let excess = state.batches.len().saturating_sub(BATCHES_RETAINED);
            state.batches.drain(..excess);
        }
        states.0.retain(|_, state| !state.batches.is_empty());
        states
    }
}

/// The sequence number `count` after `sequence`.
pub(super) fn advanced(sequence: i32, count: i32) -> i32 {
    let next = (i64::from(sequence) + i64::from(count)).rem_euclid(SEQUENCES);
    i32::try_from(next).unwrap_or_default()
}

/// Whether `sequence` lies behind `other`, by less than half of all numbers.
fn is_before(sequence: i32, other: i32) -> bool {
    let distance = (i64::from(other) - i64::from(sequence)).rem_euclid(SEQUENCES);
    distance > 0 && distance <= HALF_OF_SEQUENCES
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::producer_snapshot;
    use super::*;

    fn producer(epoch: i16, base_sequence: i32) -> BatchProducer {
        BatchProducer {
            id: 7,
            epoch,
            base_sequence,
        }
    }

    fn batch(first_sequence: i32, last_sequence: i32, last_offset: i64) -> KnownBatch {
        KnownBatch {
            first_sequence,
            last_sequence,
            last_offset,
            offset_delta: advanced(last_sequence, -first_sequence),
            timestamp: 5,
        }
    }

    /// Batches of two records each, from sequence 0 and offset 0 on.
    fn states(batches: i32) -> ProducerStates {
        let mut states = ProducerStates::default();
        for index in 0..batches {
            let known = batch(index * 2, index * 2 + 1, i64::from(index) * 2 + 1);
            states.insert(7, 3, known, 100);
        }
        states
    }

    /// Mutation: `check` that takes what lies ahead for the next one.
    #[test]
    fn the_next_sequence_is_appended_and_a_gap_is_refused() {
        let states = states(2);
        assert_eq!(states.check(producer(3, 4), 2, None), Ok(Sequenced::Next));
        assert_eq!(
            states.check(producer(3, 5), 2, None),
            Err(SequenceError::OutOfOrder {
                expected: 4,
                found: 5
            })
        );
    }

    /// Mutation: `insert` that keeps one batch less.
    #[test]
    fn each_of_the_last_ten_batches_is_known_and_an_older_one_is_a_duplicate_without_offset() {
        let states = states(12);
        for index in 2..12 {
            let known = batch(index * 2, index * 2 + 1, i64::from(index) * 2 + 1);
            assert_eq!(
                states.check(producer(3, index * 2), 2, None),
                Ok(Sequenced::Duplicate(known))
            );
            assert_eq!(known.base_offset(), i64::from(index) * 2);
        }
        assert_eq!(
            states.check(producer(3, 2), 2, None),
            Err(SequenceError::Duplicate { found: 2 })
        );
    }

    /// Mutation: `check` that knows a batch by its first sequence alone.
    #[test]
    fn a_batch_that_overlaps_known_ones_is_out_of_order() {
        let found = states(7).check(producer(3, 6), 3, None);
        assert!(matches!(found, Err(SequenceError::OutOfOrder { .. })));
    }

    /// Mutation: `check` that lets a new epoch begin anywhere.
    #[test]
    fn a_new_epoch_begins_with_zero_and_an_old_one_is_refused() {
        let states = states(2);
        assert_eq!(states.check(producer(4, 0), 1, None), Ok(Sequenced::Next));
        assert_eq!(
            states.check(producer(4, 4), 1, None),
            Err(SequenceError::OutOfOrder {
                expected: 0,
                found: 4
            })
        );
        assert_eq!(
            states.check(producer(2, 4), 1, None),
            Err(SequenceError::StaleEpoch {
                current: 3,
                found: 2
            })
        );
    }

    /// Mutation: `check` that does not look at `begin`.
    #[test]
    fn an_unknown_producer_begins_anywhere_but_in_a_partition_that_never_held_a_record() {
        let states = ProducerStates::default();
        assert_eq!(states.check(producer(0, 9), 1, None), Ok(Sequenced::Next));
        for begins in [0, 9] {
            let checked = states.check(producer(0, begins), 1, Some(9));
            assert_eq!(checked, Ok(Sequenced::Next));
        }
        assert_eq!(
            states.check(producer(0, 9), 1, Some(0)),
            Err(SequenceError::OutOfOrder {
                expected: 0,
                found: 9
            })
        );
    }

    /// Mutation: `advanced` that goes on with the negative numbers.
    #[test]
    fn sequences_go_on_with_zero_after_the_largest() {
        let mut states = ProducerStates::default();
        states.insert(7, 3, batch(i32::MAX - 1, i32::MAX, 9), 100);
        assert_eq!(states.check(producer(3, 0), 5, None), Ok(Sequenced::Next));
        let wrapped = KnownBatch {
            first_sequence: i32::MAX,
            last_sequence: 1,
            last_offset: 12,
            offset_delta: 2,
            timestamp: 5,
        };
        let mut states = ProducerStates::default();
        states.insert(7, 3, wrapped, 100);
        assert_eq!(
            states.check(producer(3, i32::MAX), 3, None),
            Ok(Sequenced::Duplicate(wrapped))
        );
        assert_eq!(states.check(producer(3, 2), 1, None), Ok(Sequenced::Next));
        assert_eq!(
            states.check(producer(3, i32::MAX - 5), 1, None),
            Err(SequenceError::Duplicate {
                found: i32::MAX - 5
            })
        );
    }

    /// Mutation: `producer_snapshot::decode` without the checksum.
    #[test]
    fn a_snapshot_keeps_all_five_batches_and_a_harmed_one_is_refused() {
        let states = states(7).up_to(i64::MAX);
        assert_eq!(states.0[&7].batches.len(), BATCHES_RETAINED);
        let bytes = Bytes::from(producer_snapshot::encode(&states));
        let read = producer_snapshot::decode(bytes.clone(), 100).unwrap();
        assert_eq!(read.0, states.0);
        for index in 0..bytes.len() {
            let mut harmed = bytes.to_vec();
            harmed[index] ^= 1;
            assert!(producer_snapshot::decode(harmed.into(), 100).is_none());
            assert!(producer_snapshot::decode(bytes.slice(..index), 100).is_none());
        }
    }

    /// Mutations: `shrink_to` without the order; `expire` that forgets nobody.
    #[test]
    fn the_number_of_producers_is_bounded_and_idle_ones_are_forgotten() {
        let mut states = ProducerStates::default();
        for id in 0..100 {
            states.insert(id, 0, batch(0, 0, id), id / 2);
        }
        states.shrink_to(11);
        assert_eq!(states.len(), 11);
        assert!(states.0.contains_key(&99) && states.0.contains_key(&90));
        states.keep_within(11);
        assert_eq!(states.len(), 11);
        states.expire(49);
        assert_eq!(states.len(), 2);
    }

    /// Mutations: `up_to` that keeps all batches; `BATCHES_HELD` that is `BATCHES_RETAINED`.
    #[test]
    fn what_is_not_durable_is_left_out_of_a_snapshot_and_the_five_batches_before_are_in_it() {
        let states = states(10).up_to(10);
        assert_eq!(states.check(producer(3, 10), 2, None), Ok(Sequenced::Next));
        for index in 0..5 {
            let known = batch(index * 2, index * 2 + 1, i64::from(index) * 2 + 1);
            let found = states.check(producer(3, index * 2), 2, None);
            assert_eq!(found, Ok(Sequenced::Duplicate(known)));
        }
    }
}
