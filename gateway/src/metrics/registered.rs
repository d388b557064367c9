//! Families of few series, kept by the `prometheus` registry.

use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::exposition::Family;

impl Family {
    /// A counter without labels, registered.
    ///
    /// # Errors
    /// The name is registered already.
    pub fn counter(&self, registry: &Registry) -> prometheus::Result<IntCounter> {
        register(registry, IntCounter::with_opts(self.options())?)
    }

    /// A counter with labels, registered.
    ///
    /// # Errors
    /// The name is registered already.
    pub fn counters(&self, registry: &Registry) -> prometheus::Result<IntCounterVec> {
        register(registry, IntCounterVec::new(self.options(), self.labels)?)
    }

    /// A gauge without labels, registered.
    ///
    /// # Errors
    /// The name is registered already.
    pub fn gauge(&self, registry: &Registry) -> prometheus::Result<IntGauge> {
        register(registry, IntGauge::with_opts(self.options())?)
    }

    /// A gauge with labels, registered.
    ///
    /// # Errors
    /// The name is registered already.
    pub fn gauges(&self, registry: &Registry) -> prometheus::Result<IntGaugeVec> {
        register(registry, IntGaugeVec::new(self.options(), self.labels)?)
    }

    /// A histogram with labels and the upper bounds `buckets`, registered.
    ///
    /// # Errors
    /// The name is registered already.
    pub fn histograms(
        &self,
        registry: &Registry,
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(self.name, self.help).buckets(buckets.to_vec());
        register(registry, HistogramVec::new(options, self.labels)?)
    }

    /// Name and help, as the `prometheus` crate takes them.
    pub(super) fn options(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
