//! The families of series a broker registers, declared once: to register them and to document them.

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// A family of series: a name, what kind of number it holds, the labels that tell series apart, and
/// what the number means.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Full name, with the unit and `_total` where it counts.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of the labels, in the order their values are given.
    pub labels: &'static [&'static str],
    /// What it means, in a sentence or two.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($name:ident = $metric:literal, $kind:literal, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(super) const $name: Metric = Metric {
                name: $metric,
                kind: $kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*

        /// Every family of series a broker registers.
        pub const METRICS: &[Metric] = &[$($name),*];
    };
}

metrics! {
    REQUEST_DURATION = "sluice_broker_request_duration_seconds", "histogram", ["api"],
        "Time from the arrival of a request until its response is ready, by API. Parked requests (`Fetch`, `JoinGroup`, `SyncGroup`) include the time they waited.";
    ERRORS = "sluice_broker_errors_total", "counter", ["api", "error"],
        "Errors answered, by API and Kafka's name of the error.";
    BYTES_IN = "sluice_broker_bytes_in_total", "counter", [],
        "Bytes of requests received.";
    BYTES_OUT = "sluice_broker_bytes_out_total", "counter", [],
        "Bytes of responses sent.";
    CONNECTIONS = "sluice_broker_connections", "gauge", [],
        "Client connections open, the gateway's own among them.";
    CONNECTIONS_REFUSED = "sluice_broker_connections_refused_total", "counter", [],
        "Connections closed at once because the limit was reached.";
    FLUSH_DURATION = "sluice_broker_log_flush_duration_seconds", "histogram", [],
        "Time to make one group of appends durable.";
    COMMIT_LOG_EXTENTS = "sluice_broker_commit_log_extents", "gauge", ["state"],
        "Files of the commit log: `used` hold what segments may lack, `free` are ready to be written.";
    COMMIT_LOG_BYTES = "sluice_broker_commit_log_bytes", "gauge", ["state"],
        "Bytes of the files of the commit log, by the same states.";
    COMMIT_LOG_BYTES_MAX = "sluice_broker_commit_log_max_bytes", "gauge", [],
        "Bytes of full files at which writes wait for a checkpoint (`broker.commit_log_size_max`).";
    COMMIT_LOG_REPLAYED = "sluice_broker_commit_log_replayed_bytes", "gauge", [],
        "Bytes of batches that the last start took from the commit log.";
    CHECKPOINT_DURATION = "sluice_broker_checkpoint_duration_seconds", "histogram", [],
        "Time to make durable in the segments what so far only the commit log kept.";
    CHECKPOINT_PENDING = "sluice_broker_checkpoint_pending_bytes", "gauge", [],
        "Bytes of batches written since the last checkpoint, which a start after a crash would take from the commit log.";
    PRODUCERS = "sluice_broker_producers", "gauge", [],
        "Idempotent producers that the partitions remember; one that writes to many partitions counts in each.";
    PRODUCERS_MAX = "sluice_broker_producers_max", "gauge", [],
        "Limit of these (`broker.producers_max`), beside the 16 that each partition remembers in any case.";
    DISK_FREE = "sluice_broker_disk_free_bytes", "gauge", [],
        "Bytes free on the disk of the data directory, without the reserve.";
    DISK_FREE_INODES = "sluice_broker_disk_free_inodes", "gauge", [],
        "Files that can still be made on the disk of the data directory (`df -i`); 2^63-1 where its file system counts none. Records are refused below 1,000.";
    DISK_FREE_MIN = "sluice_broker_disk_free_min_bytes", "gauge", [],
        "Bytes free below which records are refused (`broker.disk_free_min`).";
    DISK_RESERVE = "sluice_broker_disk_reserve_bytes", "gauge", [],
        "Bytes of the reserve that are there; 0 where the disk needed them (`broker.disk_reserve`).";
    DISK_FULL = "sluice_broker_disk_full", "gauge", [],
        "0 while records are taken; 1 while they are refused because the disk is full; 2 while commits, joins and rebalances of groups are refused too, since the reserve is used up.";
    COMPACTION_READ = "sluice_broker_compaction_read_bytes_total", "counter", [],
        "Bytes of the segments that compaction looked through.";
    COMPACTION_REMOVED = "sluice_broker_compaction_removed_bytes_total", "counter", [],
        "Bytes by which compaction made segments smaller. Divided by the bytes read it tells what compaction is worth.";
    COMPACTION_DIRTY_RATIO = "sluice_broker_compaction_dirty_ratio", "gauge", [],
        "Share of bytes not yet compacted in the partition that has the largest one, from 0 to 1. Compaction does not keep up where it stays near 1.";
    COMPACTION_LAST_RUN = "sluice_broker_compaction_last_run_seconds", "gauge", [],
        "Time that the last compaction of a partition took.";
    COMPACTION_UNCLEANABLE = "sluice_broker_compaction_uncleanable_partitions", "gauge", [],
        "Partitions that are not compacted because they cannot be read, or because the disk failed them a short while ago.";
    COMPACTION_MEMORY_MAX = "sluice_broker_compaction_memory_max_bytes", "gauge", [],
        "Limit of the memory for the keys of the partition that is compacted.";
    DAMAGED_RANGES = "sluice_broker_damaged_ranges", "gauge", [],
        "Ranges of offsets whose records the disk lost or changed, in all partitions. The log names each; readers get `CORRUPT_MESSAGE` there.";
    COMMIT_LOG_DAMAGED_EXTENTS = "sluice_broker_commit_log_damaged_extents", "gauge", [],
        "Extents of the commit log of which the disk lost or changed a part, as kept in `commit-log/damaged/`; and one where the last start found none that it needed.";
    SCRUBBED = "sluice_broker_scrubbed_bytes_total", "counter", [],
        "Bytes of segments that the scrub read and checked.";
}

impl Metric {
    pub(super) fn counter(&self, registry: &Registry) -> Result<IntCounter, Error> {
        register(registry, IntCounter::with_opts(self.options())?)
    }

    pub(super) fn counters(&self, registry: &Registry) -> Result<IntCounterVec, Error> {
        register(registry, IntCounterVec::new(self.options(), self.labels)?)
    }

    pub(super) fn gauge(&self, registry: &Registry) -> Result<IntGauge, Error> {
        register(registry, IntGauge::with_opts(self.options())?)
    }

    pub(super) fn gauges(&self, registry: &Registry) -> Result<IntGaugeVec, Error> {
        register(registry, IntGaugeVec::new(self.options(), self.labels)?)
    }

    pub(super) fn fraction(&self, registry: &Registry) -> Result<Gauge, Error> {
        register(registry, Gauge::with_opts(self.options())?)
    }

    pub(super) fn histogram(
        &self,
        registry: &Registry,
        buckets: &[f64],
    ) -> Result<Histogram, Error> {
        register(
            registry,
            Histogram::with_opts(self.histogram_options(buckets))?,
        )
    }

    pub(super) fn histograms(
        &self,
        registry: &Registry,
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let options = self.histogram_options(buckets);
        register(registry, HistogramVec::new(options, self.labels)?)
    }

    fn options(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    fn histogram_options(&self, buckets: &[f64]) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help).buckets(buckets.to_vec())
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C, Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
