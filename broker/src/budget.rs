//! Memory that requests and responses in flight may hold, over all connections.
//!
//! A reservation is taken before the memory is, grows with it, and returns when it is dropped. Who
//! must wait for room waits in turn, so a large request cannot starve behind small ones.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that may be in flight. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    bytes: usize,
}

/// Bytes taken from a [`Budget`], given back on drop.
#[derive(Debug, Default)]
pub(crate) struct Reservation(Option<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(usize::try_from(u32::MAX).unwrap_or(Semaphore::MAX_PERMITS));
        Self {
            free: Arc::new(Semaphore::new(bytes)),
            bytes,
        }
    }

    /// Takes `bytes`, waiting until they are there. More than the whole budget never is, so limits
    /// on single requests must lie below it.
    pub(crate) async fn reserve(&self, bytes: usize) -> Reservation {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        Reservation(Arc::clone(&self.free).acquire_many_owned(bytes).await.ok())
    }

    /// Takes up to `wanted` bytes: at most half of what is free, so that a large response leaves
    /// room for requests, but not less than `least`, for which it waits, or than the whole budget.
    pub(crate) async fn reserve_up_to(&self, wanted: usize, least: usize) -> Reservation {
        let bytes = wanted.min((self.free.available_permits() / 2).max(least));
        self.reserve(bytes.min(self.bytes)).await
    }

    /// Takes `bytes` where that leaves as much for requests and needs no waiting.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        if bytes > self.free.available_permits() / 2 {
            return None;
        }
        let bytes = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.free).try_acquire_many_owned(bytes).ok()?;
        Some(Reservation(Some(permit)))
    }
}

impl Reservation {
    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Adds another reservation of the same budget to this one.
    pub(crate) fn merge(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
    }

    /// Gives back what is above `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let spare = self.bytes().saturating_sub(bytes);
        if let Some(permit) = &mut self.0 {
            drop(permit.split(spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_reserved_returns_when_it_is_dropped() {
        let budget = Budget::new(100);
        let mut held = budget.reserve(60).await;
        held.merge(budget.reserve(40).await);
        assert_eq!(held.bytes(), 100);
        held.shrink_to(30);
        assert_eq!(budget.reserve(70).await.bytes(), 70);
        drop(held);
        assert_eq!(budget.reserve(100).await.bytes(), 100);
    }

    #[tokio::test]
    async fn a_large_response_leaves_room_for_requests() {
        let budget = Budget::new(100);
        let response = budget.reserve_up_to(1000, 10).await;
        assert_eq!(response.bytes(), 50);
        assert_eq!(budget.reserve_up_to(1000, 40).await.bytes(), 40);
        assert_eq!(budget.reserve_up_to(5, 40).await.bytes(), 5);
        assert_eq!(budget.try_reserve(25).unwrap().bytes(), 25);
        assert!(budget.try_reserve(26).is_none());
        drop(response);
        assert_eq!(budget.reserve_up_to(1000, 1000).await.bytes(), 100);
    }
}
