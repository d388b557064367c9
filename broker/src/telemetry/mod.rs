//! What the broker tells its operator: events, each of which is one log line, its metrics, or both.
//!
//! Domain code emits events and knows neither metric names nor log levels. Keys, values and headers
//! of records are never part of an event. Levels: error where a person must act, warn where service
//! is degraded, info for the life of the broker, debug for single requests and connections.

mod commit_log;
mod compaction;
mod connection;
mod damage;
mod groups;
mod lifecycle;
mod metric;
mod producers;
mod request;
mod space;

pub(crate) use commit_log::{CheckpointDone, CommitLogLooked, CommitLogReplayed, ExtentsOf};
pub(crate) use compaction::{
    CleanedLogsUnknown, CompactionFailed, CompactionLooked, CompactionUnavailable,
    PartitionCompacted,
};
pub(crate) use connection::{
    AcceptFailed, BytesReceived, BytesSent, ConnectionEnded, ConnectionOpened, ConnectionRefused,
    Ending,
};
pub(crate) use damage::{
    CommitLogDamaged, CommitLogHarm, DamageCounted, DamagedExtents, ProducerIdsLost,
    ProducerIdsOlder, RecordsDamaged, RecoveryPointsLost, ScrubFailed, SegmentsScrubbed,
};
pub(crate) use groups::{
    GroupRecordPassedOver, GroupWriteFailed, GroupsLoaded, OffsetsTopicUnavailable,
};
pub(crate) use lifecycle::{
    BrokerListening, BrokerStopped, CloseFailed, CompactionUndone, ConfigsContradict,
    DirectoryOpened, DirectoryUpgraded, LogChanged, LogFlushed, RetentionFailed, SavingFailed,
    StrangerQuarantined, TailCut,
};
pub use metric::{METRICS, Metric};
pub(crate) use producers::ProducersCounted;
pub(crate) use request::{RequestAnswered, RequestRefused};
pub(crate) use space::{RefusedByDisk, Shortage, SpaceLooked, SpaceUnknown};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

/// Seconds of the buckets in which requests are counted; parked ones take up to minutes.
const REQUEST_SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    30.0,
];
/// Seconds of the buckets in which flushes are counted.
const FLUSH_SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];

/// The metrics of one broker. Names are those of the dashboards.
#[derive(Debug)]
pub(crate) struct Telemetry {
    request_duration: HistogramVec,
    errors: IntCounterVec,
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    connections: IntGauge,
    connections_refused: IntCounter,
    flush_duration: Histogram,
    commit_log: commit_log::Metrics,
    compaction: compaction::Metrics,
    space: space::Metrics,
    producers: producers::Metrics,
    damage: damage::Metrics,
}

impl Telemetry {
    /// Registers the metrics, all of which exist from the start.
    ///
    /// # Errors
    /// A name that is registered already, as by a second broker on one registry.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            request_duration: metric::REQUEST_DURATION.histograms(registry, REQUEST_SECONDS)?,
            errors: metric::ERRORS.counters(registry)?,
            bytes_in: metric::BYTES_IN.counter(registry)?,
            bytes_out: metric::BYTES_OUT.counter(registry)?,
            connections: metric::CONNECTIONS.gauge(registry)?,
            connections_refused: metric::CONNECTIONS_REFUSED.counter(registry)?,
            flush_duration: metric::FLUSH_DURATION.histogram(registry, FLUSH_SECONDS)?,
            commit_log: commit_log::Metrics::register(registry)?,
            compaction: compaction::Metrics::register(registry)?,
            space: space::Metrics::register(registry)?,
            producers: producers::Metrics::register(registry)?,
            damage: damage::Metrics::register(registry)?,
        })
    }
}
