//! The latest picture, and how readers get one that is fresh enough.
//!
//! One task takes the pictures; everybody else reads. Readings are numbered as they begin. A reader
//! that needs to see what happened at some moment (a commit went through the gateway) waits for the
//! first reading begun after it, and asks for that one if nobody did; all who ask share it.
//!
//! A reading that was asked for is thorough: it looks for new groups too. Only such a one satisfies
//! those who ask, since the group that committed may be new.

use std::sync::Arc;

use parking_lot::Mutex;
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
#[derive(Debug, Default)]
pub(super) struct Gallery {
    /// The latest picture, and the number of the last thorough reading published.
    latest: watch::Sender<(u64, Picture)>,
    readings: Mutex<Readings>,
    wanted: Notify,
}

/// The readings begun so far.
#[derive(Debug, Default)]
struct Readings {
    /// Number of the last one.
    last: u64,
    /// Number of the last thorough one.
    thorough: u64,
    /// Whether the next one is to be thorough.
    is_wanted: bool,
}

/// A reading that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    number: u64,
    /// Whether somebody waits for it, so that it has to look for new groups.
    pub(super) is_thorough: bool,
}

impl Gallery {
    /// The latest picture.
    pub(super) fn latest(&self) -> Picture {
        self.latest.borrow().1.clone()
    }

    /// Number of the first reading that begins after this call.
    pub(super) fn next(&self) -> u64 {
        self.readings.lock().last + 1
    }

    /// The picture of a thorough reading begun after this call.
    pub(super) async fn fresh(&self) -> Picture {
        self.since(self.next()).await
    }

    /// The latest picture, once reading `number` or a later one was thorough.
    pub(super) async fn since(&self, number: u64) -> Picture {
        let mut latest = self.latest.subscribe();
        self.want(number);
        match latest.wait_for(|(shown, _)| *shown >= number).await {
            Ok(found) => found.1.clone(),
            // The sender lives in `self`.
            Err(_closed) => self.latest(),
        }
    }

    /// Asks for a thorough reading unless one of `number` or later has begun.
    fn want(&self, number: u64) {
        let mut readings = self.readings.lock();
        if readings.thorough < number {
            readings.is_wanted = true;
            self.wanted.notify_one();
        }
    }

    /// Resolves when somebody wants a fresh picture.
    pub(super) async fn wanted(&self) {
        while !self.readings.lock().is_wanted {
            self.wanted.notified().await;
        }
    }

    /// Notes that a reading begins.
    pub(super) fn begin(&self) -> Begun {
        let mut readings = self.readings.lock();
        readings.last += 1;
        let begun = Begun {
            number: readings.last,
            is_thorough: std::mem::take(&mut readings.is_wanted),
        };
        if begun.is_thorough {
            readings.thorough = begun.number;
        }
        begun
    }

    /// Publishes the outcome of a reading.
    pub(super) fn publish(&self, begun: Begun, picture: Picture) {
        self.latest.send_modify(|(thorough, latest)| {
            if begun.is_thorough {
                *thorough = begun.number;
            }
            *latest = picture;
        });
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
        assert!(next.is_thorough && !under_way.is_thorough);
        gallery.publish(next, picture(2));
        for asked in asking {
            assert_eq!(asked.await.unwrap(), 2);
        }
        assert_eq!(gallery.latest().snapshot.sampled_at, 2);
    }

    #[tokio::test]
    async fn a_reading_that_looks_for_no_groups_does_not_satisfy_who_asks() {
        let gallery = Gallery::default();
        let needed = gallery.next();
        gallery.publish(gallery.begin(), picture(1));
        let mut asked = std::pin::pin!(gallery.since(needed));
        assert!(futures_util::poll!(&mut asked).is_pending());
        gallery.wanted().await;
        gallery.publish(gallery.begin(), picture(2));
        assert_eq!(asked.await.snapshot.sampled_at, 2);
        gallery.publish(gallery.begin(), picture(3));
        assert_eq!(gallery.since(needed).await.snapshot.sampled_at, 3);
    }
}
