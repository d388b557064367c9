//! The broker starts and stops.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use super::Telemetry;

/// The broker takes connections.
pub(crate) struct BrokerListening<'a> {
    pub(crate) addresses: &'a [SocketAddr],
    pub(crate) advertised: &'a dyn Display,
    pub(crate) cluster_id: &'a str,
}

impl BrokerListening<'_> {
    pub(crate) fn emit(self) {
        let Self {
            addresses,
            advertised,
            cluster_id,
        } = self;
        tracing::info!(?addresses, %advertised, cluster_id, "broker listening");
    }
}

/// The data directory is open, and what was in it is recovered.
pub(crate) struct DirectoryOpened {
    pub(crate) partitions: usize,
    /// Whether the last process closed it.
    pub(crate) was_closed: bool,
}

impl DirectoryOpened {
    pub(crate) fn emit(self) {
        let partitions = self.partitions;
        if self.was_closed {
            tracing::info!(partitions, "data directory open");
        } else {
            tracing::warn!(partitions, "data directory recovered after an unclean stop");
        }
    }
}

/// The data directory was of an earlier format.
pub(crate) struct DirectoryUpgraded {
    /// The format it had.
    pub(crate) from: u32,
    /// The format it has.
    pub(crate) format: u32,
}

impl DirectoryUpgraded {
    pub(crate) fn emit(self) {
        let Self { from, format } = self;
        tracing::info!(
            from,
            format,
            "data directory is of a newer format now, which earlier versions refuse"
        );
    }
}

/// What was on its way when the last process died was cut off a log.
pub(crate) struct TailCut<'a> {
    pub(crate) directory: &'a str,
    pub(crate) bytes: u64,
}

impl TailCut<'_> {
    pub(crate) fn emit(self) {
        let Self { directory, bytes } = self;
        tracing::warn!(directory, bytes, "torn end of a log cut off");
    }
}

/// A compacted segment was not whole before it took its place.
pub(crate) struct CompactionUndone<'a> {
    pub(crate) segment: &'a str,
}

impl CompactionUndone<'_> {
    pub(crate) fn emit(self) {
        let segment = self.segment;
        tracing::warn!(
            segment,
            "a compacted segment that was about to take its place is not whole and was removed; what it was made of stays, and no record is lost"
        );
    }
}

/// A log does not end as a clean stop left it.
pub(crate) struct LogChanged<'a> {
    pub(crate) directory: &'a str,
    /// The next offset at the stop.
    pub(crate) left: i64,
    /// The one that was found.
    pub(crate) found: i64,
}

impl LogChanged<'_> {
    pub(crate) fn emit(self) {
        let Self {
            directory,
            left,
            found,
        } = self;
        tracing::warn!(
            directory,
            left,
            found,
            "the last segment of a log is not the one that a clean stop left, by its next offset or, where that is the same, by its length; whole batches are served, whoever wrote them"
        );
    }
}

/// What is no partition's directory, though it was in the place of them, was put aside.
pub(crate) struct StrangerQuarantined<'a> {
    pub(crate) name: &'a str,
}

impl StrangerQuarantined<'_> {
    pub(crate) fn emit(self) {
        let name = self.name;
        tracing::warn!(
            name,
            "moved from topics/ to quarantine/, where nobody reads or removes it: it is no partition's directory"
        );
    }
}

/// The settings of a topic contradict each other, since the broker's defaults are others than when it was made.
pub(crate) struct ConfigsContradict<'a> {
    pub(crate) topic: &'a dyn Display,
    pub(crate) reason: &'a dyn Display,
}

impl ConfigsContradict<'_> {
    pub(crate) fn emit(self) {
        let Self { topic, reason } = self;
        tracing::warn!(
            %topic,
            %reason,
            "configs of this topic contradict what broker.topic_defaults says now; the topic is served, and the smallest lag counts: \
             alter its configs, or change the defaults back"
        );
    }
}

/// Old records could not be dropped, or only some of them; the next check tries again.
pub(crate) struct RetentionFailed<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl RetentionFailed<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::error!(%reason, "retention failed; the next check tries again");
    }
}

/// What would make the start after a crash quick was not saved of a log.
pub(crate) struct SavingFailed<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl SavingFailed<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::warn!(
            %reason,
            "indexes or producers not saved; a start after a crash may take longer, and no record is in danger"
        );
    }
}

/// The data directory was not closed cleanly.
pub(crate) struct CloseFailed<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl CloseFailed<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::error!(%reason, "data directory not closed cleanly; the next start recovers it");
    }
}

/// The broker has stopped.
pub(crate) struct BrokerStopped {
    /// Whether everything asked was answered before the deadline.
    pub(crate) is_drained: bool,
    pub(crate) elapsed: Duration,
}

impl BrokerStopped {
    pub(crate) fn emit(self) {
        let elapsed_ms = self.elapsed.as_millis();
        if self.is_drained {
            tracing::info!(elapsed_ms, "broker stopped");
        } else {
            tracing::warn!(elapsed_ms, "broker stopped with requests unanswered");
        }
    }
}

/// A group of appends became durable.
pub(crate) struct LogFlushed {
    pub(crate) elapsed: Duration,
}

impl LogFlushed {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.flush_duration.observe(self.elapsed.as_secs_f64());
    }
}
