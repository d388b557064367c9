//! Metrics of the HTTP side, and the life of one exchange.

use std::sync::Arc;
use std::time::Instant;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::exposition::families;

families! {
    REQUESTS = "sluice_http_requests_total", Counter, ["method", "route", "code"],
        "Requests answered, by route template, never by path; without a route: unmatched.";
    REQUEST_DURATION = "sluice_http_request_duration_seconds", Histogram, ["method", "route"],
        "From the head of a request to the last byte of its answer, long polls included.";
    REQUESTS_IN_FLIGHT = "sluice_http_requests_in_flight", Gauge, [],
        "Requests being served.";
    REQUEST_BYTES = "sluice_http_request_bytes_total", Counter, [],
        "Bytes of request bodies read, after decompression.";
    RESPONSE_BYTES = "sluice_http_response_bytes_total", Counter, [],
        "Bytes of answer bodies sent, after compression.";
    REJECTED = "sluice_http_rejected_total", Counter, ["reason"],
        "Requests refused before a handler saw them: `in_flight` (too many at once), `memory` (bodies at once), `size` (body too large, or too many records in it), `origin` (foreign Host or Origin), `timeout` (body stopped arriving).";
}

/// Upper bounds of request durations in seconds: from a durable append to a long poll.
const REQUEST_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The metrics of the HTTP side.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    /// Bytes of request bodies read.
    pub request_bytes: IntCounter,
    response_bytes: IntCounter,
    rejected: IntCounterVec,
}

/// Why a request was refused before a handler saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// More requests than allowed at once.
    InFlight,
    /// More body bytes than allowed at once.
    Memory,
    /// A body larger than allowed.
    Size,
    /// A foreign Host or Origin.
    Origin,
    /// A body that stopped arriving.
    Timeout,
}

impl Rejection {
    const ALL: [Self; 5] = [
        Self::InFlight,
        Self::Memory,
        Self::Size,
        Self::Origin,
        Self::Timeout,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Memory => "memory",
            Self::Size => "size",
            Self::Origin => "origin",
            Self::Timeout => "timeout",
        }
    }
}

impl HttpMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// A name is registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let rejected = REJECTED.counters(registry)?;
        for reason in Rejection::ALL {
            rejected.with_label_values(&[reason.as_str()]);
        }
        Ok(Self {
            requests: REQUESTS.counters(registry)?,
            durations: REQUEST_DURATION.histograms(registry, REQUEST_SECONDS)?,
            in_flight: REQUESTS_IN_FLIGHT.gauge(registry)?,
            request_bytes: REQUEST_BYTES.counter(registry)?,
            response_bytes: RESPONSE_BYTES.counter(registry)?,
            rejected,
        })
    }

    /// Counts a refusal.
    pub fn reject(&self, reason: Rejection) {
        self.rejected.with_label_values(&[reason.as_str()]).inc();
    }

    /// Requests being served.
    #[must_use]
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }
}

/// One request from its head to the last byte of its answer; recorded when it is dropped.
#[derive(Debug)]
pub struct Exchange {
    metrics: Arc<HttpMetrics>,
    started: Instant,
    method: &'static str,
    answer: Option<Answer>,
    bytes: u64,
}

#[derive(Debug)]
struct Answer {
    route: String,
    status: u16,
}

impl Exchange {
    /// Starts with the head of a request.
    #[must_use]
    pub fn start(metrics: Arc<HttpMetrics>, method: &'static str) -> Self {
        metrics.in_flight.inc();
        Self {
            metrics,
            started: Instant::now(),
            method,
            answer: None,
            bytes: 0,
        }
    }

    /// Notes the head of the answer. `route` is the template that matched.
    pub fn answered(&mut self, route: String, status: u16) {
        self.answer = Some(Answer { route, status });
    }

    /// Notes bytes of the answer's body.
    pub fn sent(&mut self, bytes: usize) {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.response_bytes.inc_by(self.bytes);
        // Without an answer the client went away first; there is no code to count.
        let Some(Answer { route, status }) = &self.answer else {
            return;
        };
        let (method, took) = (self.method, self.started.elapsed());
        let code = status.to_string();
        self.metrics
            .requests
            .with_label_values(&[method, route, &code])
            .inc();
        self.metrics
            .durations
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
        tracing::debug!(
            method,
            route,
            status,
            bytes = self.bytes,
            ?took,
            "request served"
        );
    }
}
