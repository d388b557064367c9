//! The latest picture, and how readers get one that is fresh enough.
//!
//! One task takes the pictures; everybody else reads. A reader that needs a picture taken after this
//! moment (a commit just went through the gateway) asks for one; all who ask while one is being taken
//! share the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

use super::sample::Millis;
use super::snapshot::Snapshot;
use crate::metrics::lag::Rendered;

/// A picture and what was made of it.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What is known.
    pub snapshot: Arc<Snapshot>,
    /// The text of `/metrics` that follows from it.
    pub rendered: Arc<Rendered>,
    /// What the monitor tells of itself, in the same format.
    pub standing: Arc<str>,
    /// Why the last reading failed as a whole, where it did.
    pub failure: Option<Arc<str>>,
}

impl Picture {
    /// Whether the cluster was read at least once.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.snapshot.sampled_at > 0
    }

    /// Milliseconds since it was taken.
    #[must_use]
    pub fn age(&self, now: Millis) -> Millis {
        now.saturating_sub(self.snapshot.sampled_at).max(0)
    }
}

/// Where pictures are published.
#[derive(Debug)]
pub(super) struct Gallery {
    latest: watch::Sender<(u64, Picture)>,
    /// Readings begun so far.
    begun: AtomicU64,
    wanted: Notify,
}

impl Default for Gallery {
    fn default() -> Self {
        Self {
            latest: watch::Sender::default(),
            begun: AtomicU64::new(0),
            wanted: Notify::new(),
        }
    }
}

impl Gallery {
    /// The latest picture.
    pub(super) fn latest(&self) -> Picture {
        self.latest.borrow().1.clone()
    }

    /// A picture whose reading began after this call.
    pub(super) async fn fresh(&self) -> Picture {
        let mut latest = self.latest.subscribe();
        let next = self.begun.load(Ordering::SeqCst) + 1;
        self.wanted.notify_one();
        match latest.wait_for(|(number, _)| *number >= next).await {
            Ok(found) => found.1.clone(),
            // The sender lives in `self`.
            Err(_closed) => self.latest(),
        }
    }

    /// Resolves when somebody wants a fresh picture.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Notes that a reading begins, and gives its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Publishes the outcome of reading `number`.
    pub(super) fn publish(&self, number: u64, picture: Picture) {
        self.latest.send_replace((number, picture));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(sampled_at: Millis) -> Picture {
        let snapshot = Arc::new(Snapshot {
            sampled_at,
            ..Snapshot::default()
        });
        Picture {
            snapshot,
            ..Picture::default()
        }
    }

    #[tokio::test]
    async fn all_who_ask_during_a_reading_share_the_one_after_it() {
        let gallery = Arc::new(Gallery::default());
        let under_way = gallery.begin();
        let asking: Vec<_> = (0..3)
            .map(|_| {
                let gallery = Arc::clone(&gallery);
                tokio::spawn(async move { gallery.fresh().await.snapshot.sampled_at })
            })
            .collect();
        while gallery.latest.receiver_count() < 3 {
            tokio::task::yield_now().await;
        }
        gallery.publish(under_way, picture(1));
        gallery.wanted().await;
        let next = gallery.begin();
        gallery.publish(next, picture(2));
        for asked in asking {
            assert_eq!(asked.await.unwrap(), 2);
        }
        assert_eq!(gallery.latest().snapshot.sampled_at, 2);
    }
}
