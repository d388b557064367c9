//! Connections come, go, and are refused.

use std::fmt::Display;
use std::io;

use super::Telemetry;

/// A client connected.
pub(crate) struct ConnectionOpened<'a> {
    pub(crate) peer: &'a dyn Display,
}

impl ConnectionOpened<'_> {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.connections.inc();
        tracing::debug!(peer = %self.peer, "connection opened");
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As connections do.
    Usual,
    /// The client did what no client should.
    Fault,
}

/// A connection is over.
pub(crate) struct ConnectionEnded<'a> {
    pub(crate) peer: &'a dyn Display,
    pub(crate) reason: &'a dyn Display,
    pub(crate) ending: Ending,
}

impl ConnectionEnded<'_> {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.connections.dec();
        let Self { peer, reason, .. } = self;
        match self.ending {
            Ending::Usual => tracing::debug!(%peer, %reason, "connection ended"),
            Ending::Fault => tracing::warn!(%peer, %reason, "connection closed"),
        }
    }
}

/// A connection was closed at once, since as many as allowed are open.
pub(crate) struct ConnectionRefused<'a> {
    pub(crate) peer: &'a dyn Display,
    pub(crate) limit: usize,
}

impl ConnectionRefused<'_> {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let Self { peer, limit } = self;
        // The first one is news; a flood of them must not become a flood of lines.
        if telemetry.connections_refused.get() == 0 {
            tracing::warn!(%peer, limit, "connection refused: as many as allowed are open");
        } else {
            tracing::debug!(%peer, limit, "connection refused");
        }
        telemetry.connections_refused.inc();
    }
}

/// The system gave no connection, for want of file descriptors as a rule.
pub(crate) struct AcceptFailed<'a> {
    pub(crate) error: &'a io::Error,
}

impl AcceptFailed<'_> {
    pub(crate) fn emit(self) {
        tracing::warn!(error = %self.error, "cannot accept connections for now");
    }
}

/// A request of so many bytes arrived.
pub(crate) struct BytesReceived(pub(crate) usize);

impl BytesReceived {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.bytes_in.inc_by(self.0.try_into().unwrap_or(0));
    }
}

/// A response of so many bytes left.
pub(crate) struct BytesSent(pub(crate) usize);

impl BytesSent {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.bytes_out.inc_by(self.0.try_into().unwrap_or(0));
    }
}
