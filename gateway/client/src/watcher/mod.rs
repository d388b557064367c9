//! Waiting for records, for any number of readers on a handful of links.
//!
//! A reader that found nothing waits here, not at the broker: per broker one parked fetch covers every
//! partition somebody waits for, in a fetch session where the broker grants one (KIP-227). A parked
//! fetch cannot be amended, so partitions newly waited for are parked at once on a further link, and
//! join the others when their fetch returns.
//!
//! * `board`: who waits for what and what is parked where, pure; `session`: what a request must say;
//! * `desk`: the task that parks fetches at one broker.
//!
//! Waking up means "read again": there are records, or an error the reader will meet.

mod board;
mod desk;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::cluster::Cluster;
use crate::model::{Isolation, TopicPartition};
use board::Wait;
use desk::Desk;

/// Pause of a reader none of whose partitions has a known leader.
const LEADER_PAUSE: Duration = Duration::from_millis(100);

/// Waits for records of a cluster. Clones share everything.
#[derive(Clone, Debug)]
pub struct Watcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    desks: Mutex<HashMap<(i32, Isolation), Arc<Desk>>>,
}

/// A reader that waits.
#[derive(Debug, Default)]
struct Waiter(Notify);

impl Watcher {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self(Arc::new(Shared {
            cluster,
            desks: Mutex::default(),
        }))
    }

    /// Returns true when one of the partitions has a record at its position or behind it, or an
    /// error that a read would meet; false when the time is over.
    pub async fn wait(
        &self,
        positions: &[(TopicPartition, i64)],
        isolation: Isolation,
        timeout: Duration,
    ) -> bool {
        let deadline = Instant::now() + timeout;
        let partitions = positions.iter().map(|(at, _)| at.clone()).collect();
        let leaders = self.0.cluster.leaders(partitions, 0).await;
        let mut by_leader: HashMap<i32, Vec<(TopicPartition, i64)>> = HashMap::new();
        for (position, leader) in positions.iter().zip(leaders) {
            if let Ok(leader) = leader {
                by_leader.entry(leader).or_default().push(position.clone());
            }
        }
        let is_lost = by_leader.is_empty() && !positions.is_empty();
        let waiter = Arc::new(Waiter::default());
        let waits: Vec<WaitGuard> = by_leader
            .into_iter()
            .map(|(leader, positions)| {
                let desk = self.desk(leader, isolation);
                let wait = desk.wait(&positions, &waiter);
                WaitGuard { desk, wait }
            })
            .collect();
        let end = if is_lost {
            deadline.min(Instant::now() + LEADER_PAUSE)
        } else {
            deadline
        };
        let woken = tokio::time::timeout_at(end.into(), waiter.0.notified()).await;
        drop(waits);
        woken.is_ok() || (is_lost && end < deadline)
    }

    fn desk(&self, broker: i32, isolation: Isolation) -> Arc<Desk> {
        let mut desks = self.0.desks.lock();
        let desk = desks.entry((broker, isolation));
        let desk =
            desk.or_insert_with(|| Desk::new(Arc::clone(&self.0.cluster), broker, isolation));
        Arc::clone(desk)
    }
}

/// A wait at a desk; ends when dropped.
#[derive(Debug)]
struct WaitGuard {
    desk: Arc<Desk>,
    wait: Wait,
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.desk.end(&self.wait);
    }
}
