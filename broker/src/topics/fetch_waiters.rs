//! Waiting for partitions to change, without polling and without lost wake-ups.
//!
//! A long poll registers one [`FetchWaiter`] with every partition it asks for, reads, and awaits
//! [`FetchWaiter::woken`] if it has not enough. A change between the registration and the await is
//! remembered, so the order "register, read, await" cannot miss one. A wake-up says that something
//! changed, not what: the waiter reads again.
//!
//! Partitions wake their waiters when data became durable, when the log start moved and when the
//! topic is deleted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The long polls that wait for one partition.
#[derive(Debug, Default)]
pub(crate) struct FetchWaiters(Mutex<HashMap<u64, Arc<Notify>>>);

impl FetchWaiters {
    /// Wakes every waiter. It stays registered until it is dropped.
    pub(crate) fn wake(&self) {
        for waiter in self.0.lock().values() {
            waiter.notify_one();
        }
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// One long poll over any number of partitions. Dropping it takes it off all of them.
#[derive(Debug)]
pub struct FetchWaiter {
    id: u64,
    notify: Arc<Notify>,
    watched: Vec<Arc<FetchWaiters>>,
}

impl Default for FetchWaiter {
    fn default() -> Self {
        Self::new()
    }
}

impl FetchWaiter {
    /// A waiter that watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            notify: Arc::new(Notify::new()),
            watched: Vec::new(),
        }
    }

    /// Registers with one more partition.
    pub(crate) fn watch(&mut self, waiters: &Arc<FetchWaiters>) {
        let known = waiters.0.lock().insert(self.id, Arc::clone(&self.notify));
        if known.is_none() {
            self.watched.push(Arc::clone(waiters));
        }
    }

    /// Returns when a watched partition changed since the last call returned (or since it was
    /// registered, for the first call). Cancel safe.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl Drop for FetchWaiter {
    fn drop(&mut self) {
        for waiters in &self.watched {
            waiters.0.lock().remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn is_woken(waiter: &FetchWaiter) -> bool {
        let mut woken = pin!(waiter.woken());
        let mut context = Context::from_waker(Waker::noop());
        woken.as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn a_change_before_the_await_is_not_lost() {
        let partition = Arc::new(FetchWaiters::default());
        let mut waiter = FetchWaiter::new();
        waiter.watch(&partition);
        partition.wake();
        assert!(is_woken(&waiter));
        assert!(!is_woken(&waiter), "one change wakes once");
    }

    #[test]
    fn any_of_the_watched_partitions_wakes() {
        let partitions = [(); 3].map(|()| Arc::new(FetchWaiters::default()));
        let mut waiter = FetchWaiter::new();
        for partition in &partitions {
            waiter.watch(partition);
        }
        for partition in &partitions {
            assert!(!is_woken(&waiter));
            partition.wake();
            assert!(is_woken(&waiter));
        }
    }

    #[test]
    fn every_waiter_of_a_partition_is_woken() {
        let partition = Arc::new(FetchWaiters::default());
        let mut waiters = [(); 3].map(|()| FetchWaiter::new());
        for waiter in &mut waiters {
            waiter.watch(&partition);
        }
        partition.wake();
        assert!(waiters.iter().all(is_woken));
    }

    #[test]
    fn a_dropped_waiter_is_forgotten() {
        let partition = Arc::new(FetchWaiters::default());
        let mut waiter = FetchWaiter::new();
        waiter.watch(&partition);
        waiter.watch(&partition);
        assert_eq!(partition.count(), 1);
        drop(waiter);
        assert_eq!(partition.count(), 0);
    }

    #[test]
    fn wake_ups_from_another_thread_reach_a_parked_waiter() {
        let partition = Arc::new(FetchWaiters::default());
        let mut waiter = FetchWaiter::new();
        waiter.watch(&partition);
        let remote = Arc::clone(&partition);
        let thread = std::thread::spawn(move || remote.wake());
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(waiter.woken());
        thread.join().unwrap();
    }
}
