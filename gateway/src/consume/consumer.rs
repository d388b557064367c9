//! One consumer instance: its row, the order of its calls, its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluice_client::Client;
use tokio::sync::{MutexGuard, Notify};
use tokio::time::timeout;

use super::Shared;
use super::error::ConsumeError;
use super::interest::Interest;
use super::options::Options;
use super::progress::Progress;
use crate::config::RestV2;
use crate::metrics::rest::RestMetrics;

/// How long the end of an instance may take to tell its group.
pub(super) const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// A consumer instance.
#[derive(Debug)]
pub(super) struct Instance {
    group: Arc<str>,
    options: Options,
    progress: Arc<Progress>,
    /// Held by the call that runs: the others follow in their order.
    row: tokio::sync::Mutex<Row>,
    usage: Mutex<Usage>,
    has_ended: AtomicBool,
    ended: Notify,
}

/// What the calls of an instance change.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) interest: Interest,
    /// When it last committed by itself.
    pub(super) committed: Instant,
    /// Counts reads, so that each begins with another partition.
    pub(super) turn: usize,
}

#[derive(Debug)]
struct Usage {
    calls: usize,
    last: Instant,
}

impl Instance {
    pub(super) fn new(group: Arc<str>, options: Options) -> Self {
        let now = Instant::now();
        Self {
            group,
            progress: Arc::new(Progress::new(options.auto_commit)),
            options,
            row: tokio::sync::Mutex::new(Row {
                interest: Interest::Nothing,
                committed: now,
                turn: 0,
            }),
            usage: Mutex::new(Usage {
                calls: 0,
                last: now,
            }),
            has_ended: AtomicBool::new(false),
            ended: Notify::new(),
        }
    }

    /// Whether nobody uses it, or did within `idle`.
    pub(super) fn is_idle(&self, idle: Duration) -> bool {
        let usage = self.usage.lock();
        usage.calls == 0 && usage.last.elapsed() >= idle
    }
}

/// A consumer instance in use: it does not end for want of use before this is dropped.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    instance: Arc<Instance>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut usage = self.instance.usage.lock();
        usage.calls = usage.calls.saturating_sub(1);
        usage.last = Instant::now();
    }
}

impl Consumer {
    pub(super) fn new(shared: Arc<Shared>, instance: Arc<Instance>) -> Self {
        instance.usage.lock().calls += 1;
        Self { shared, instance }
    }

    pub(super) fn client(&self) -> &Client {
        &self.shared.client
    }

    pub(super) fn settings(&self) -> &RestV2 {
        &self.shared.settings
    }

    pub(super) fn metrics(&self) -> &RestMetrics {
        &self.shared.metrics
    }

    pub(super) fn group(&self) -> &str {
        &self.instance.group
    }

    pub(super) fn options(&self) -> &Options {
        &self.instance.options
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.instance.progress
    }

    pub(super) fn progress_shared(&self) -> Arc<Progress> {
        Arc::clone(&self.instance.progress)
    }

    /// The row, when the calls before this one are done.
    pub(super) async fn row(&self) -> Result<MutexGuard<'_, Row>, ConsumeError> {
        let row = tokio::select! {
            biased;
            () = self.ended() => return Err(ConsumeError::NoInstance),
            row = self.instance.row.lock() => row,
        };
        if self.instance.has_ended.load(Ordering::Acquire) {
            return Err(ConsumeError::NoInstance);
        }
        Ok(row)
    }

    /// Whether a call runs.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.instance.row.try_lock().is_err()
    }

    /// Returns when the instance ends.
    pub(super) async fn ended(&self) {
        let ended = self.instance.ended.notified();
        if !self.instance.has_ended.load(Ordering::Acquire) {
            ended.await;
        }
    }

    /// Ends the calls that wait and refuses further ones; then commits and leaves.
    pub(super) async fn close(self) {
        self.instance.has_ended.store(true, Ordering::Release);
        self.instance.ended.notify_waiters();
        let mut row = self.instance.row.lock().await;
        let interest = std::mem::take(&mut row.interest);
        self.release(interest).await;
    }

    /// Gives up what was read: commits where the instance commits by itself, and leaves the group.
    pub(super) async fn release(&self, interest: Interest) {
        if self.options().auto_commit {
            self.commit_delivered(&interest, FAREWELL_MAX).await;
        }
        self.progress().clear();
        let Some(member) = interest.into_member() else {
            return;
        };
        match timeout(FAREWELL_MAX, member.leave()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(group = self.group(), %error, "an instance left without a word");
            }
            Err(_elapsed) => {
                tracing::debug!(
                    group = self.group(),
                    "an instance could not take its leave in time"
                );
            }
        }
    }

    /// Commits what was delivered, for an instance that commits by itself: a failure is made good by
    /// the next commit, or records are delivered again.
    pub(super) async fn commit_delivered(&self, interest: &Interest, patience: Duration) {
        let commit = self.commit_uncommitted(interest);
        match timeout(patience, commit).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(group = self.group(), %error, "offsets were not committed");
            }
            Err(_elapsed) => {
                tracing::debug!(group = self.group(), "offsets were not committed in time");
            }
        }
    }
}
