//! Metrics of producing and consuming over REST.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Registry};

use super::exposition::families;

families! {
    RECORDS_PRODUCED = "sluice_rest_records_produced_total", Counter, ["cluster", "topic"],
        "Records written through the gateway.";
    PRODUCE_ERRORS = "sluice_rest_produce_errors_total", Counter, ["error"],
        "Records, or whole requests, that could not be written, by Kafka's name of the error; `UNREACHABLE` without an answer, `BUFFER_FULL` where too much was under way.";
    PRODUCE_DURATION = "sluice_rest_produce_duration_seconds", Histogram, [],
        "From the records of a request being ready to the last acknowledgement.";
    RECORDS_CONSUMED = "sluice_rest_records_consumed_total", Counter, ["cluster", "topic"],
        "Records read through the gateway.";
    CONSUMER_INSTANCES = "sluice_rest_consumer_instances", Gauge, [],
        "Consumer instances of the v2 API that exist now.";
    INSTANCES_EXPIRED = "sluice_rest_consumer_instances_expired_total", Counter, [],
        "Consumer instances of the v2 API that were removed because nobody used them.";
}

/// Upper bounds of the time to produce, in seconds.
const PRODUCE_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The metrics of REST. Clones share everything.
#[derive(Clone, Debug)]
pub struct RestMetrics {
    cluster: String,
    records_produced: IntCounterVec,
    produce_errors: IntCounterVec,
    produce_duration: Histogram,
    records_consumed: IntCounterVec,
    /// Topics that were counted, and that the last reading of the cluster did not find.
    missing: Arc<Mutex<HashSet<String>>>,
    /// Consumer instances that exist now.
    pub consumer_instances: IntGauge,
    /// Consumer instances removed for want of use.
    pub instances_expired: IntCounter,
}

impl RestMetrics {
    /// Registers them, for the cluster of that name.
    ///
    /// # Errors
    /// A name is registered already.
    pub fn new(cluster: &str, registry: &Registry) -> prometheus::Result<Self> {
        let options = HistogramOpts::new(PRODUCE_DURATION.name, PRODUCE_DURATION.help);
        let produce_duration = Histogram::with_opts(options.buckets(PRODUCE_SECONDS.to_vec()))?;
        registry.register(Box::new(produce_duration.clone()))?;
        Ok(Self {
            cluster: cluster.to_owned(),
            records_produced: RECORDS_PRODUCED.counters(registry)?,
            produce_errors: PRODUCE_ERRORS.counters(registry)?,
            produce_duration,
            records_consumed: RECORDS_CONSUMED.counters(registry)?,
            missing: Arc::default(),
            consumer_instances: CONSUMER_INSTANCES.gauge(registry)?,
            instances_expired: INSTANCES_EXPIRED.counter(registry)?,
        })
    }

    /// Records were written.
    pub fn produced(&self, topic: &str, records: usize) {
        add(&self.records_produced, [&self.cluster, topic], records);
    }

    /// Records were read.
    pub fn consumed(&self, topic: &str, records: usize) {
        add(&self.records_consumed, [&self.cluster, topic], records);
    }

    /// A request to produce ended.
    pub fn produced_in(&self, elapsed: Duration) {
        self.produce_duration.observe(elapsed.as_secs_f64());
    }

    /// A record was refused.
    pub fn refused(&self, error: String) {
        self.produce_errors.with_label_values(&[error]).inc();
    }

    /// Forgets topics that are gone, given the names of those a reading of the cluster found. A topic
    /// younger than that reading is not in it, so only what two readings miss is gone.
    pub fn keep_topics(&self, exists: impl Fn(&str) -> bool) {
        let mut missing = self.missing.lock();
        let counted = self.counted_topics();
        let absent: HashSet<String> = counted.into_iter().filter(|topic| !exists(topic)).collect();
        let (gone, missed_once): (HashSet<_>, HashSet<_>) = absent
            .into_iter()
            .partition(|topic| missing.contains(topic));
        *missing = missed_once;
        for topic in gone {
            for counters in [&self.records_produced, &self.records_consumed] {
                // One of the two may never have counted it.
                let _absent = counters.remove_label_values(&[self.cluster.as_str(), &topic]);
            }
        }
    }

    fn counted_topics(&self) -> HashSet<String> {
        let families = [&self.records_produced, &self.records_consumed];
        let families = families.into_iter().flat_map(Collector::collect);
        let mut topics = HashSet::new();
        for family in families {
            for metric in family.get_metric() {
                let topic = metric
                    .get_label()
                    .iter()
                    .find(|label| label.name() == "topic");
                topics.extend(topic.map(|label| label.value().to_owned()));
            }
        }
        topics
    }
}

fn add(counters: &IntCounterVec, labels: [&str; 2], count: usize) {
    if count > 0 {
        counters
            .with_label_values(&labels)
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_forgotten_when_two_readings_miss_it() {
        let metrics = RestMetrics::new("local", &Registry::new()).unwrap();
        for topic in ["kept", "deleted", "younger than the reading"] {
            metrics.produced(topic, 1);
        }
        metrics.consumed("deleted", 1);
        metrics.keep_topics(|topic| topic == "kept");
        assert_eq!(metrics.counted_topics().len(), 3);
        metrics.keep_topics(|topic| topic != "deleted");
        assert!(!metrics.counted_topics().contains("deleted"));
        metrics.keep_topics(|topic| topic == "kept");
        let left = HashSet::from(["kept", "younger than the reading"].map(str::to_owned));
        assert_eq!(metrics.counted_topics(), left);
    }
}
