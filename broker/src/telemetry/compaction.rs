//! Compacted topics are compacted.

use std::fmt::Display;
use std::time::Duration;

use prometheus::{Gauge, IntCounter, IntGauge, Registry};

use super::{Telemetry, metric};

/// The metrics of compaction.
#[derive(Debug)]
pub(super) struct Metrics {
    read: IntCounter,
    removed: IntCounter,
    dirty_ratio: Gauge,
    last_run: Gauge,
    uncleanable: IntGauge,
    memory_max: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            read: metric::COMPACTION_READ.counter(registry)?,
            removed: metric::COMPACTION_REMOVED.counter(registry)?,
            dirty_ratio: metric::COMPACTION_DIRTY_RATIO.fraction(registry)?,
            last_run: metric::COMPACTION_LAST_RUN.fraction(registry)?,
            uncleanable: metric::COMPACTION_UNCLEANABLE.gauge(registry)?,
            memory_max: metric::COMPACTION_MEMORY_MAX.gauge(registry)?,
        })
    }
}

/// Somebody looked for something to compact.
pub(crate) struct CompactionLooked {
    /// The largest share of bytes not yet compacted, of all partitions.
    pub(crate) max_dirty_ratio: f64,
    /// Partitions that cannot be compacted.
    pub(crate) uncleanable: usize,
    /// Limit of the memory for keys, in bytes.
    pub(crate) memory_max: usize,
}

impl CompactionLooked {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let metrics = &telemetry.compaction;
        metrics.dirty_ratio.set(self.max_dirty_ratio);
        metrics.uncleanable.set(count(self.uncleanable));
        metrics.memory_max.set(count(self.memory_max));
    }
}

/// A partition was compacted, or part of it.
pub(crate) struct PartitionCompacted<'a> {
    pub(crate) topic: &'a dyn Display,
    pub(crate) partition: &'a dyn Display,
    /// Bytes of the segments looked through.
    pub(crate) bytes_before: u64,
    /// Bytes left of them.
    pub(crate) bytes_after: u64,
    pub(crate) elapsed: Duration,
}

impl PartitionCompacted<'_> {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let Self {
            topic,
            partition,
            bytes_before,
            bytes_after,
            elapsed,
        } = self;
        let metrics = &telemetry.compaction;
        metrics.read.inc_by(bytes_before);
        metrics
            .removed
            .inc_by(bytes_before.saturating_sub(bytes_after));
        metrics.last_run.set(elapsed.as_secs_f64());
        let elapsed_ms = elapsed.as_millis();
        tracing::debug!(%topic, %partition, bytes_before, bytes_after, elapsed_ms, "partition compacted");
    }
}

/// A partition could not be compacted; it is left alone for a while, or until the next start.
pub(crate) struct CompactionFailed<'a> {
    pub(crate) topic: &'a dyn Display,
    pub(crate) partition: &'a dyn Display,
    pub(crate) reason: &'a dyn Display,
}

impl CompactionFailed<'_> {
    pub(crate) fn emit(self) {
        let Self {
            topic,
            partition,
            reason,
        } = self;
        tracing::error!(%topic, %partition, %reason, "partition not compacted; left alone for now");
    }
}

/// The file that says which logs were compacted, and how far, is torn, rotten, unreadable or of an early build.
pub(crate) struct CleanedLogsUnknown;

impl CleanedLogsUnknown {
    pub(crate) fn emit(self) {
        tracing::warn!(
            "cleaner-offset-checkpoint says nothing; compacted topics are compacted from the beginning again"
        );
    }
}

/// Nothing is compacted.
pub(crate) struct CompactionUnavailable<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl CompactionUnavailable<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::error!(%reason, "compaction is not possible");
    }
}
