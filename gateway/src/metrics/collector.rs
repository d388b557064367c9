//! What the monitor tells of itself: how fresh its picture is, what it costs, what it could not read.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::exposition::{Exposition, families};
use crate::monitor::snapshot::{Lag, Snapshot, UnknownReason};

families! {
    LAST_SUCCESS = "sluice_collector_last_success_timestamp_seconds", Gauge, ["cluster", "phase"],
        "When the monitor last read all it wanted: `fast` is offsets, `discovery` groups and sizes.";
    CYCLE_DURATION = "sluice_collector_cycle_duration_seconds", Histogram, ["cluster", "phase"],
        "How long a reading took.";
    ERRORS = "sluice_collector_errors_total", Counter, ["cluster", "phase", "error"],
        "Requests of a reading that failed, by Kafka's name of the error; `UNREACHABLE` without an answer.";
    KAFKA_REQUESTS = "sluice_collector_kafka_requests_total", Counter, ["cluster", "api"],
        "Requests the monitor sent to Kafka, by API.";
    KAFKA_REQUEST_DURATION = "sluice_collector_kafka_request_duration_seconds", Histogram, ["cluster", "broker", "api"],
        "How long the answers to the monitor took; `bootstrap` is whoever was asked first for the brokers.";
    UNAVAILABLE = "sluice_collector_unavailable_partitions", Gauge, ["cluster", "reason"],
        "Partitions of groups whose lag could not be told in the last reading, by reason.";
    ANOMALIES = "sluice_collector_offset_anomalies_total", Counter, ["cluster", "kind"],
        "Offsets found where they cannot be: `commit_beyond_end`.";
    SERIES_DROPPED = "sluice_collector_series_dropped", Gauge, ["reason"],
        "Series left out: `partition_series_max` from /metrics, `history_series_max` from the charts.";
}

/// Upper bounds of the duration of a reading, in seconds.
const CYCLE_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Upper bounds of the time an answer takes, in seconds.
const REQUEST_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The two kinds of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Committed and end offsets.
    Fast,
    /// Groups, members, log starts, sizes.
    Discovery,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Discovery => "discovery",
        }
    }
}

/// Counters and histograms of the readings of one cluster.
#[derive(Clone, Debug)]
pub struct CollectorMetrics {
    cluster: String,
    durations: HistogramVec,
    errors: IntCounterVec,
    kafka_requests: IntCounterVec,
    kafka_durations: HistogramVec,
}

impl CollectorMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// A name is registered already.
    pub fn new(cluster: &str, registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            cluster: cluster.to_owned(),
            durations: CYCLE_DURATION.histograms(registry, CYCLE_SECONDS)?,
            errors: ERRORS.counters(registry)?,
            kafka_requests: KAFKA_REQUESTS.counters(registry)?,
            kafka_durations: KAFKA_REQUEST_DURATION.histograms(registry, REQUEST_SECONDS)?,
        })
    }

    /// A reading ended, whole or not.
    pub fn took(&self, phase: Phase, elapsed: Duration) {
        let labels = [self.cluster.as_str(), phase.as_str()];
        self.durations
            .with_label_values(&labels)
            .observe(elapsed.as_secs_f64());
    }

    /// A request of a reading failed.
    pub fn failed(&self, phase: Phase, error: &str) {
        self.errors
            .with_label_values(&[self.cluster.as_str(), phase.as_str(), error])
            .inc();
    }

    /// Counts a request to Kafka.
    pub fn kafka_asked(&self, api: &str) {
        let labels = [self.cluster.as_str(), api];
        self.kafka_requests.with_label_values(&labels).inc();
    }

    /// Counts an answer of Kafka: by which broker, where that is known, and after how long.
    pub fn kafka_answered(&self, broker: Option<i32>, api: &str, elapsed: Duration) {
        let broker = broker.map_or_else(|| "bootstrap".to_owned(), |id| id.to_string());
        let labels = [self.cluster.as_str(), broker.as_str(), api];
        let durations = self.kafka_durations.with_label_values(&labels);
        durations.observe(elapsed.as_secs_f64());
    }
}

/// What the monitor knows of its own work when a snapshot is published.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// When offsets were last read whole, in seconds since the epoch.
    pub fast_success: Option<f64>,
    /// When a discovery last succeeded whole, in seconds since the epoch.
    pub discovery_success: Option<f64>,
    /// Commits seen beyond the end since the start.
    pub anomalies: u64,
    /// Partition series left out of `/metrics`.
    pub partition_series_dropped: usize,
    /// Groups and topics without a chart.
    pub history_series_dropped: usize,
}

/// Writes the families that follow from the last snapshot.
#[must_use]
pub fn render(snapshot: &Snapshot, standing: &Standing) -> String {
    let mut exposition = Exposition::default();
    let cluster = &snapshot.cluster;
    exposition.family(&LAST_SUCCESS, |series| {
        series.add_known(&[cluster, &Phase::Fast.as_str()], standing.fast_success);
        series.add_known(
            &[cluster, &Phase::Discovery.as_str()],
            standing.discovery_success,
        );
    });
    exposition.family(&UNAVAILABLE, |series| {
        for reason in UnknownReason::ALL {
            series.add(&[cluster, &reason.as_str()], count(snapshot, reason));
        }
    });
    exposition.family(&ANOMALIES, |series| {
        series.add(
            &[cluster, &UnknownReason::CommitBeyondEnd.as_str()],
            standing.anomalies,
        );
    });
    exposition.family(&SERIES_DROPPED, |series| {
        series.add(
            &[&"partition_series_max"],
            standing.partition_series_dropped,
        );
        series.add(&[&"history_series_max"], standing.history_series_dropped);
    });
    exposition.finish().0
}

fn count(snapshot: &Snapshot, wanted: UnknownReason) -> usize {
    let partitions = snapshot
        .groups
        .values()
        .flat_map(|group| group.partitions());
    partitions
        .filter(|(_, _, view)| matches!(view.lag, Lag::Unknown { reason, .. } if reason == wanted))
        .count()
}
