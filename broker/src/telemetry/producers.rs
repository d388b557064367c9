//! Idempotent producers come and go.

use prometheus::{IntGauge, Registry};

use super::{Telemetry, metric};

/// The metrics of producers.
#[derive(Debug)]
pub(super) struct Metrics {
    known: IntGauge,
    max: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            known: metric::PRODUCERS.gauge(registry)?,
            max: metric::PRODUCERS_MAX.gauge(registry)?,
        })
    }
}

/// Somebody looked how many producers are remembered.
pub(crate) struct ProducersCounted {
    /// How many there are, in each partition that knows them.
    pub(crate) known: usize,
    /// How many there may be.
    pub(crate) max: usize,
}

impl ProducersCounted {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        telemetry.producers.known.set(number(self.known));
        telemetry.producers.max.set(number(self.max));
    }
}
