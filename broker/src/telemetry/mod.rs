//! What the broker tells its operator: events, each of which is one log line, its metrics, or both.
//!
//! Domain code emits events and knows neither metric names nor log levels. Keys, values and headers
//! of records are never part of an event. Levels: error where a person must act, warn where service
//! is degraded, info for the life of the broker, debug for single requests and connections.

mod connection;
mod groups;
mod lifecycle;
mod request;

pub(crate) use connection::{
    AcceptFailed, BytesReceived, BytesSent, ConnectionEnded, ConnectionOpened, ConnectionRefused,
    Ending,
};
pub(crate) use groups::{
    GroupRecordPassedOver, GroupWriteFailed, GroupsLoaded, OffsetsTopicUnavailable,
};
pub(crate) use lifecycle::{
    BrokerListening, BrokerStopped, CloseFailed, DirectoryOpened, DirectoryQuarantined,
    RetentionFailed, TailCut,
};
pub(crate) use request::{RequestAnswered, RequestRefused};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

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
}

impl Telemetry {
    /// Registers the metrics, all of which exist from the start.
    ///
    /// # Errors
    /// A name that is registered already, as by a second broker on one registry.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let telemetry = Self {
            request_duration: HistogramVec::new(
                HistogramOpts::new(
                    "sluice_broker_request_duration_seconds",
                    "Time from the arrival of a request until its response is ready, by API. Parked \
                     requests (Fetch, JoinGroup, SyncGroup) include the time they waited.",
                )
                .buckets(REQUEST_SECONDS.to_vec()),
                &["api"],
            )?,
            errors: IntCounterVec::new(
                Opts::new(
                    "sluice_broker_errors_total",
                    "Errors answered, by API and Kafka's name of the error.",
                ),
                &["api", "error"],
            )?,
            bytes_in: IntCounter::new(
                "sluice_broker_bytes_in_total",
                "Bytes of requests received.",
            )?,
            bytes_out: IntCounter::new(
                "sluice_broker_bytes_out_total",
                "Bytes of responses sent.",
            )?,
            connections: IntGauge::new(
                "sluice_broker_connections",
                "Client connections open, the gateway's own among them.",
            )?,
            connections_refused: IntCounter::new(
                "sluice_broker_connections_refused_total",
                "Connections closed at once because the limit was reached.",
            )?,
            flush_duration: Histogram::with_opts(
                HistogramOpts::new(
                    "sluice_broker_log_flush_duration_seconds",
                    "Time to make one group of appends durable.",
                )
                .buckets(FLUSH_SECONDS.to_vec()),
            )?,
        };
        registry.register(Box::new(telemetry.request_duration.clone()))?;
        registry.register(Box::new(telemetry.errors.clone()))?;
        registry.register(Box::new(telemetry.bytes_in.clone()))?;
        registry.register(Box::new(telemetry.bytes_out.clone()))?;
        registry.register(Box::new(telemetry.connections.clone()))?;
        registry.register(Box::new(telemetry.connections_refused.clone()))?;
        registry.register(Box::new(telemetry.flush_duration.clone()))?;
        Ok(telemetry)
    }
}
