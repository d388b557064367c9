//! How many requests may do at once what costs much memory or waits for the disk. Each kind has turns of
//! its own: who waits for one never delays what is of another kind.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};

use crate::limits;

/// The turns of all kinds.
#[derive(Debug)]
pub(crate) struct Turns {
    /// To decompress a batch that is appended.
    pub(crate) unpacking: Turn,
    /// To look a record up by its time, which reads and may decompress a batch.
    pub(crate) look_ups: Turn,
    /// To read records that are not in memory.
    pub(crate) cold_reads: Turn,
}

/// The turns of one kind. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Turn(Arc<Semaphore>);

impl Turns {
    pub(crate) fn new() -> Self {
        let turn = |count| Turn(Arc::new(Semaphore::new(count)));
        Self {
            unpacking: turn(limits::BATCHES_UNPACKED_MAX),
            look_ups: turn(limits::LOOK_UPS_MAX),
            cold_reads: turn(limits::COLD_READS_MAX),
        }
    }
}

impl Turn {
    /// Does what may wait for the disk or takes long, away from the threads that serve connections, when it
    /// is its turn. Nobody's turn passes in vain: it does not matter how often the caller is polled, who
    /// may be a request behind an answer that its client does not read. `None` where `work` panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.clone();
        // Dropped before its turn it does nothing.
        let mut running = JoinSet::new();
        running.spawn(async move {
            let taken = turn.taken().await;
            let working = spawn_blocking(move || {
                let done = work();
                drop(taken);
                done
            });
            working.await
        });
        running.join_next().await?.ok()?.ok()
    }

    /// Waits for a turn, which lasts until what is returned is dropped.
    pub(crate) async fn taken(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::{Pin, pin};
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    /// Polls once, as a connection does with a request behind another one.
    async fn start(work: Pin<&mut impl Future>) {
        let mut work = work;
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending()));
        assert!(polled.await);
    }

    /// Mutation: where `run` takes the turn itself, the first one has it and does nothing.
    #[tokio::test]
    async fn who_is_not_polled_any_more_does_not_keep_the_turn() {
        let turn = Turn(Arc::new(Semaphore::new(1)));
        let taken = turn.taken().await;
        let mut stuck = pin!(turn.run(|| "stuck"));
        start(stuck.as_mut()).await;
        let next = turn.run(|| "next");
        drop(taken);
        let next = tokio::time::timeout(Duration::from_secs(5), next).await;
        assert_eq!(next, Ok(Some("next")));
        assert_eq!(stuck.await, Some("stuck"));
    }
}
