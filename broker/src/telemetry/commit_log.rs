//! The commit log is written, emptied and replayed.

use std::time::Duration;

use prometheus::{Histogram, IntGauge, IntGaugeVec, Registry};

use super::{Telemetry, metric};

/// Seconds of the buckets in which checkpoints are counted.
const CHECKPOINT_SECONDS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The metrics of the commit log.
#[derive(Debug)]
pub(super) struct Metrics {
    extents: IntGaugeVec,
    bytes: IntGaugeVec,
    bytes_max: IntGauge,
    replayed: IntGauge,
    checkpoint_duration: Histogram,
    pending: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            extents: metric::COMMIT_LOG_EXTENTS.gauges(registry)?,
            bytes: metric::COMMIT_LOG_BYTES.gauges(registry)?,
            bytes_max: metric::COMMIT_LOG_BYTES_MAX.gauge(registry)?,
            replayed: metric::COMMIT_LOG_REPLAYED.gauge(registry)?,
            checkpoint_duration: metric::CHECKPOINT_DURATION
                .histogram(registry, CHECKPOINT_SECONDS)?,
            pending: metric::CHECKPOINT_PENDING.gauge(registry)?,
        })
    }
}

/// So many extents of the commit log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtentsOf {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// Somebody looked what there is of the commit log.
pub(crate) struct CommitLogLooked {
    /// Extents with what may be needed.
    pub(crate) used: ExtentsOf,
    /// Extents that are ready to be written.
    pub(crate) free: ExtentsOf,
    /// Bytes at which writes wait.
    pub(crate) bytes_max: u64,
    /// Bytes of batches since the last checkpoint.
    pub(crate) pending_bytes: u64,
}

impl CommitLogLooked {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let metrics = &telemetry.commit_log;
        for (state, extents) in [("used", self.used), ("free", self.free)] {
            let (count, bytes) = (gauge(extents.count), gauge(extents.bytes));
            metrics.extents.with_label_values(&[state]).set(count);
            metrics.bytes.with_label_values(&[state]).set(bytes);
        }
        metrics.bytes_max.set(gauge(self.bytes_max));
        metrics.pending.set(gauge(self.pending_bytes));
    }
}

/// A start took batches from the commit log, or found none there.
pub(crate) struct CommitLogReplayed {
    pub(crate) bytes: u64,
}

impl CommitLogReplayed {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.commit_log.replayed.set(gauge(self.bytes));
    }
}

/// What only the commit log kept is in the segments, durably.
pub(crate) struct CheckpointDone {
    pub(crate) elapsed: Duration,
}

impl CheckpointDone {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let duration = &telemetry.commit_log.checkpoint_duration;
        duration.observe(self.elapsed.as_secs_f64());
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
