//! The broker starts and stops.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

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
