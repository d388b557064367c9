//! Memory that requests and responses in flight may hold, over all connections.
//!
//! A reservation is taken before the memory is, grows with it, and returns when it is dropped. Who
//! must wait for room waits in turn, so a large request cannot starve behind small ones. What is small
//! has room of its own, so it never waits for large requests that come slowly. So have records that are
//! read: what leaves slowly, or waits for the disk, never delays a request.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of what counts as small: heartbeats, commits, look-ups, most batches.
pub(crate) const SMALL_BYTES_MAX: usize = 64 * 1024;
/// The part of a budget that is set aside for what is small, on top of it.
const SMALL_PART: usize = 8;
/// The part of a budget that is set aside for what requests and answers take besides their bytes and
/// their records, on top of it.
const WORK_PART: usize = 2;
/// The part of a budget that is set aside for the records in answers, on top of it.
const ANSWERS_PART: usize = 2;
/// The part of a budget that large requests may hold before they have arrived wholly.
const UNFINISHED_PART: usize = 2;

/// Bytes that may be in flight. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    large: Room,
    small: Room,
    work: Room,
    answers: Room,
    small_answers: Room,
    unfinished: Room,
}

/// Bytes of one kind.
#[derive(Clone, Debug)]
struct Room {
    free: Arc<Semaphore>,
    bytes: usize,
}

/// Bytes taken from a [`Budget`], given back on drop: a permit for each kind.
#[derive(Debug, Default)]
pub(crate) struct Reservation(Vec<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of `bytes`, and more for what is small, for work and for records in answers.
    pub(crate) fn new(bytes: usize) -> Self {
        let small = (bytes / SMALL_PART).max(SMALL_BYTES_MAX);
        Self {
            large: Room::new(bytes),
            small: Room::new(small),
            work: Room::new(bytes / WORK_PART),
            answers: Room::new(bytes / ANSWERS_PART),
            small_answers: Room::new(small),
            unfinished: Room::new(bytes / UNFINISHED_PART),
        }
    }

    /// Bytes of the whole budget, without what is set aside.
    pub(crate) const fn bytes(&self) -> usize {
        self.large.bytes
    }

    /// Takes `bytes` of what is `whole` bytes in the end, waiting until they are there. More than the
    /// whole budget never is, so limits on single requests must lie below it.
    pub(crate) async fn reserve_of(&self, bytes: usize, whole: usize) -> Reservation {
        match whole <= SMALL_BYTES_MAX {
            true => self.small.reserve(bytes).await,
            false => self.large.reserve(bytes).await,
        }
    }

    /// As [`Budget::reserve_of`], where all is taken at once.
    pub(crate) async fn reserve(&self, bytes: usize) -> Reservation {
        self.reserve_of(bytes, bytes).await
    }

    /// Takes `bytes`, or what there is at most, of what large requests may hold together before they
    /// have arrived wholly. That is not memory, but the right to reserve some.
    pub(crate) async fn reserve_unfinished(&self, held: usize, bytes: usize) -> Reservation {
        let bytes = bytes.min(self.unfinished.bytes);
        self.unfinished.reserve(bytes.saturating_sub(held)).await
    }

    /// Takes `bytes` for work, or all there is for that at most, waiting until they are there.
    pub(crate) async fn reserve_work(&self, bytes: usize) -> Reservation {
        self.work.reserve(bytes.min(self.work.bytes)).await
    }

    /// Takes `bytes` for work, where they are there.
    pub(crate) fn try_reserve_work(&self, bytes: usize) -> Option<Reservation> {
        let small = match bytes <= SMALL_BYTES_MAX {
            true => self.small.try_reserve(bytes),
            false => None,
        };
        small.or_else(|| self.work.try_reserve(bytes))
    }

    /// Takes up to `wanted` bytes for the records of an answer: at most half of what is free, so that one
    /// client leaves room for others, but not less than `least`, for which it waits, or than all there is.
    pub(crate) async fn reserve_answer(&self, wanted: usize, least: usize) -> Reservation {
        if wanted <= SMALL_BYTES_MAX {
            return self.small_answers.reserve(wanted).await;
        }
        let bytes = wanted.min((self.answers.available() / 2).max(least));
        self.answers.reserve(bytes.min(self.answers.bytes)).await
    }

    /// Takes `bytes` for the records of an answer where that leaves as much for others and needs no waiting.
    pub(crate) fn try_reserve_answer(&self, bytes: usize) -> Option<Reservation> {
        let room = match bytes <= SMALL_BYTES_MAX {
            true => &self.small_answers,
            false => &self.answers,
        };
        if bytes > room.available() / 2 {
            return None;
        }
        room.try_reserve(bytes)
    }
}

impl Room {
    fn new(bytes: usize) -> Self {
        let bytes = bytes.min(usize::try_from(u32::MAX).unwrap_or(Semaphore::MAX_PERMITS));
        Self {
            free: Arc::new(Semaphore::new(bytes)),
            bytes,
        }
    }

    fn available(&self) -> usize {
        self.free.available_permits()
    }

    async fn reserve(&self, bytes: usize) -> Reservation {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let permit = Arc::clone(&self.free).acquire_many_owned(bytes).await.ok();
        Reservation(permit.into_iter().collect())
    }

    fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let bytes = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.free).try_acquire_many_owned(bytes).ok()?;
        Some(Reservation(vec![permit]))
    }
}

impl Reservation {
    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(OwnedSemaphorePermit::num_permits).sum()
    }

    /// Adds another reservation to this one.
    pub(crate) fn merge(&mut self, other: Self) {
        for theirs in other.0 {
            let is_same = |mine: &&mut OwnedSemaphorePermit| {
                Arc::ptr_eq(mine.semaphore(), theirs.semaphore())
            };
            match self.0.iter_mut().find(is_same) {
                Some(mine) => mine.merge(theirs),
                None => self.0.push(theirs),
            }
        }
    }

    /// Gives back what is above `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let mut spare = self.bytes().saturating_sub(bytes);
        for permit in &mut self.0 {
            let given = spare.min(permit.num_permits());
            drop(permit.split(given));
            spare -= given;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[tokio::test]
    async fn what_is_reserved_returns_when_it_is_dropped() {
        let budget = Budget::new(MIB);
        let mut held = budget.reserve_of(600_000, MIB).await;
        held.merge(budget.reserve_of(400_000, MIB).await);
        assert_eq!(held.bytes(), 1_000_000);
        held.shrink_to(300_000);
        assert_eq!(budget.reserve(700_000).await.bytes(), 700_000);
        drop(held);
        assert_eq!(budget.reserve(MIB).await.bytes(), MIB);
    }

    #[tokio::test]
    async fn a_large_answer_leaves_room_for_others() {
        let budget = Budget::new(2 * MIB);
        let answer = budget.reserve_answer(10 * MIB, 100_000).await;
        assert_eq!(answer.bytes(), MIB / 2);
        let next = budget.reserve_answer(10 * MIB, 400_000).await;
        assert_eq!(next.bytes(), 400_000);
        drop(next);
        let quarter = budget.try_reserve_answer(MIB / 4);
        assert_eq!(quarter.unwrap().bytes(), MIB / 4);
        assert!(budget.try_reserve_answer(MIB / 4 + 1).is_none());
        drop(answer);
        let all = budget.reserve_answer(10 * MIB, 10 * MIB).await;
        assert_eq!(all.bytes(), MIB);
    }

    /// Fails where the records of answers take from what requests have (`large` for `answers`, `small` for
    /// `small_answers`).
    #[tokio::test]
    async fn answers_that_nobody_takes_delay_no_request() {
        let budget = Budget::new(MIB);
        let large = budget.reserve_answer(10 * MIB, 10 * MIB).await;
        let mut small = Vec::new();
        while let Some(answer) = budget.small_answers.try_reserve(1000) {
            small.push(answer);
        }
        assert_eq!(budget.reserve(MIB).await.bytes(), MIB);
        let small_part = MIB / SMALL_PART;
        let requests = [budget.reserve(60_000), budget.reserve(60_000)];
        let [first, second] = requests;
        assert!(first.await.bytes() + second.await.bytes() < small_part);
        drop((large, small));
    }

    #[tokio::test]
    async fn what_is_small_has_room_where_large_ones_took_everything() {
        let budget = Budget::new(MIB);
        let all = budget.reserve(MIB).await;
        assert_eq!(budget.reserve(1000).await.bytes(), 1000);
        let answer = budget.reserve_answer(1000, 10).await;
        assert_eq!(answer.bytes(), 1000);
        assert_eq!(budget.try_reserve_answer(1000).unwrap().bytes(), 1000);
        let mut work = budget.try_reserve_work(100_000).unwrap();
        work.merge(all);
        assert_eq!(work.bytes(), MIB + 100_000);
        work.shrink_to(1000);
        assert_eq!(work.bytes(), 1000);
    }
}
