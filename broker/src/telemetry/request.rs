//! Requests are answered, and refused.

use std::fmt::Display;
use std::time::Duration;

use sluice_protocol::{ApiKey, ErrorCode};

use super::Telemetry;

/// A response is ready.
pub(crate) struct RequestAnswered {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) elapsed: Duration,
}

impl RequestAnswered {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let api = self.api.name();
        telemetry
            .request_duration
            .with_label_values(&[api])
            .observe(self.elapsed.as_secs_f64());
        tracing::trace!(api, version = self.version, elapsed = ?self.elapsed, "request answered");
    }
}

/// A request, or a part of it, is answered with an error.
pub(crate) struct RequestRefused<'a> {
    pub(crate) api: ApiKey,
    pub(crate) code: ErrorCode,
    pub(crate) reason: &'a dyn Display,
    /// Whether the disk or the broker itself did wrong, and not the client.
    pub(crate) is_failure: bool,
}

impl RequestRefused<'_> {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let Self {
            api, code, reason, ..
        } = self;
        let api = api.name();
        let error = code.kafka_name();
        telemetry
            .errors
            .with_label_values(&[api, error.as_str()])
            .inc();
        if self.is_failure {
            tracing::error!(api, error, %reason, "request failed");
        } else {
            tracing::debug!(api, error, %reason, "request refused");
        }
    }
}
