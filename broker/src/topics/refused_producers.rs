//! Producers of which a batch was refused that they send again, since there was no room for it.
//!
//! Batches behind it may be here before it is. Of a producer that is known its sequence tells; one that is
//! not known may begin anywhere, and so it is kept here what it has to begin with, until it does or has been
//! silent for so long that nothing of it is on its way. Does not decide what follows from a sequence.

use std::collections::HashMap;

use sluice_protocol::record_batch::BatchHeader;

use crate::limits;

/// The producers, by id.
#[derive(Debug, Default)]
pub(super) struct RefusedProducers(HashMap<i64, Refused>);

/// What of a producer was refused first.
#[derive(Debug)]
struct Refused {
    base_sequence: i32,
    /// When, by the wall clock in milliseconds.
    at: i64,
}

impl RefusedProducers {
    /// Takes note of a batch that was refused.
    pub(super) fn note(&mut self, header: &BatchHeader, now: i64) {
        if header.producer_id >= 0 && !self.is_full() {
            let refused = Refused {
                base_sequence: header.base_sequence,
                at: now,
            };
            self.0.entry(header.producer_id).or_insert(refused);
        }
    }

    /// The sequence that a producer must begin with that is not known, if there is any. Where there are so many
    /// that some were not noted, it is 0 for those.
    pub(super) fn begin_of(&self, id: i64) -> Option<i32> {
        let refused = self.0.get(&id).map(|refused| refused.base_sequence);
        refused.or_else(|| self.is_full().then_some(0))
    }

    /// Forgets a producer that has begun.
    pub(super) fn forget(&mut self, id: i64) {
        self.0.remove(&id);
    }

    /// Forgets what was refused before `since`.
    pub(super) fn expire(&mut self, since: i64) {
        self.0.retain(|_, refused| refused.at >= since);
    }

    fn is_full(&self) -> bool {
        self.0.len() >= limits::PRODUCERS_PER_PARTITION_MAX
    }
}

#[cfg(test)]
mod tests {
    use sluice_protocol::record_batch::{BatchBuilder, BatchProducer, Compression, NewRecord};

    use super::*;

    fn header(id: i64, base_sequence: i32) -> BatchHeader {
        let producer = BatchProducer {
            id,
            epoch: 0,
            base_sequence,
        };
        let mut builder = BatchBuilder::new(Compression::None).with_producer(producer);
        builder.append(&NewRecord::default()).unwrap();
        *builder.build().unwrap().unwrap().header()
    }

    /// Mutations: `note` without a limit; `begin_of` that does not ask whether it is reached.
    #[test]
    fn their_number_is_bounded_and_beyond_it_who_is_not_known_begins_with_zero() {
        let mut refused = RefusedProducers::default();
        let max = i64::try_from(limits::PRODUCERS_PER_PARTITION_MAX).unwrap();
        for id in 0..max {
            assert_eq!(refused.begin_of(max), None);
            refused.note(&header(id, 9), id);
        }
        refused.note(&header(max, 9), max);
        assert_eq!(
            (refused.begin_of(1), refused.begin_of(max)),
            (Some(9), Some(0))
        );
        refused.forget(1);
        assert_eq!((refused.begin_of(1), refused.begin_of(max)), (None, None));
        refused.expire(max / 2);
        assert_eq!(refused.0.len(), limits::PRODUCERS_PER_PARTITION_MAX / 2);
    }

    /// Mutation: `note` that replaces what it has.
    #[test]
    fn a_producer_begins_with_what_was_refused_of_it_first() {
        let mut refused = RefusedProducers::default();
        for sequence in [40, 41] {
            refused.note(&header(7, sequence), 0);
        }
        refused.note(&header(-1, -1), 0);
        assert_eq!(
            (refused.begin_of(7), refused.begin_of(-1)),
            (Some(40), None)
        );
    }
}
