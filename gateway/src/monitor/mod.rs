//! The consumer-lag monitor.
//!
//! Each cycle a [`sample`] of the cluster becomes an immutable [`snapshot`] through the pure
//! [`calculator`]; metrics, REST and pages read that snapshot and nothing else, so they cannot
//! disagree. [`history`] keeps what the charts show. When a cluster stops answering, its picture stays
//! with its age, but what it says of lag becomes unknown: a number that no longer moves is a lie.

pub mod calculator;
pub mod history;
mod published;
pub mod sample;
mod sampler;
pub mod snapshot;
pub mod time_lag;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluice_client::Observer;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::cluster::Cluster;
use crate::config;
use crate::metrics::collector::{self, CollectorMetrics, Phase, Standing};
use crate::metrics::lag;
use crate::metrics::rest::RestMetrics;
use calculator::{Calculator, STALE_CYCLES_MAX};
use history::History;
use published::Gallery;
pub use published::Picture;
use sample::{Millis, Sample};
use sampler::Sampler;
use snapshot::Snapshot;

/// The monitor of one cluster. Reading stops when it is dropped.
#[derive(Debug)]
pub struct Monitor {
    gallery: Arc<Gallery>,
    history: Arc<Mutex<History>>,
    /// Number of the first reading that shows the last commit that went through the gateway.
    needed: AtomicU64,
    task: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Reads `cluster` from now on.
    #[must_use]
    pub fn start(
        cluster: &Cluster,
        settings: &config::Monitor,
        metrics: CollectorMetrics,
        rest: RestMetrics,
    ) -> Self {
        cluster.monitoring.observe(Arc::new(metrics.clone()));
        let mut monitor = Self::idle(settings);
        let mut watch = Watch {
            sampler: Sampler::new(
                cluster.monitoring.for_monitoring(),
                settings.discovery_interval,
                metrics.clone(),
            ),
            calculator: Calculator::new(&cluster.name),
            gallery: Arc::clone(&monitor.gallery),
            history: Arc::clone(&monitor.history),
            partition_series_max: usize::try_from(settings.partition_series_max)
                .unwrap_or(usize::MAX),
            last: Sample::default(),
            silence: Silence::default(),
            standing: Standing::default(),
            metrics,
            rest,
        };
        let period = settings.interval;
        monitor.task = Some(cluster.runtime.spawn(async move {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = watch.gallery.wanted() => {}
                }
                watch.take_picture().await;
            }
        }));
        monitor
    }

    /// A monitor that watches nothing: what is published to it stays.
    fn idle(settings: &config::Monitor) -> Self {
        let series_max = usize::try_from(settings.history_series_max).unwrap_or(usize::MAX);
        Self {
            gallery: Arc::default(),
            history: Arc::new(Mutex::new(History::new(
                series_max,
                millis(settings.history),
            ))),
            needed: AtomicU64::new(0),
            task: None,
        }
    }

    /// The latest picture; empty before the first reading.
    #[must_use]
    pub fn latest(&self) -> Picture {
        self.gallery.latest()
    }

    /// Tells that offsets were committed through the gateway: who reads lag from now on wants to see
    /// them.
    pub fn note_commit(&self) {
        self.needed.fetch_max(self.gallery.next(), Ordering::SeqCst);
    }

    /// The latest picture that shows every commit noted before this call, or a new one where there is
    /// none yet. All who ask at the same time share one reading.
    pub async fn current(&self) -> Picture {
        if self.latest().exists() {
            self.gallery.since(self.needed.load(Ordering::SeqCst)).await
        } else {
            self.gallery.fresh().await
        }
    }

    /// A picture that knows `group`: the current one, or a new one, since groups are looked for less
    /// often than offsets. A group that does not exist is in neither.
    pub async fn knowing(&self, group: &str) -> Picture {
        let current = self.current().await;
        if current.snapshot.groups.contains_key(group) {
            current
        } else {
            self.gallery.fresh().await
        }
    }

    /// Renders something from the history, which must be quick.
    pub fn with_history<T>(&self, read: impl FnOnce(&History) -> T) -> T {
        read(&self.history.lock())
    }
}

/// The metrics know no client, so it is told here whom to tell of its requests.
impl Observer for CollectorMetrics {
    fn sent(&self, api: &'static str) {
        self.kafka_asked(api);
    }

    fn answered(&self, broker: Option<i32>, api: &'static str, elapsed: Duration) {
        self.kafka_answered(broker, api, elapsed);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What the one task that takes pictures owns.
struct Watch {
    sampler: Sampler,
    calculator: Calculator,
    gallery: Arc<Gallery>,
    history: Arc<Mutex<History>>,
    partition_series_max: usize,
    /// The last sample that could be had.
    last: Sample,
    silence: Silence,
    standing: Standing,
    metrics: CollectorMetrics,
    /// Forgets the topics that are seen to be gone.
    rest: RestMetrics,
}

/// Readings that failed in a row. The log has its beginning, each new reason, and its end.
#[derive(Debug, Default)]
struct Silence {
    cycles: u8,
    failure: Option<Arc<str>>,
}

impl Silence {
    fn goes_on(&mut self, failure: &Arc<str>) {
        self.cycles = self.cycles.saturating_add(1);
        if self.failure.as_ref() != Some(failure) {
            tracing::warn!(error = %failure, "the cluster cannot be read; its lag is unknown");
            self.failure = Some(Arc::clone(failure));
        }
    }

    /// Whether what was told before it is no more to be shown to programs.
    const fn is_long(&self) -> bool {
        self.cycles > STALE_CYCLES_MAX
    }

    fn ends(&mut self) {
        if self.cycles > 0 {
            tracing::info!(cycles = self.cycles, "the cluster can be read again");
            *self = Self::default();
        }
    }
}

impl Watch {
    /// Reads the cluster and publishes what came of it. A fresh picture that somebody waits for
    /// includes groups that are new.
    async fn take_picture(&mut self) {
        let begun = self.gallery.begin();
        let started = Instant::now();
        let reading = self.sampler.read(begun.is_thorough).await;
        self.metrics.took(Phase::Fast, started.elapsed());
        let picture = match reading {
            Ok(reading) => {
                self.silence.ends();
                if reading.is_fast_whole {
                    self.standing.fast_success = Some(seconds(reading.sample.ended_at));
                }
                self.standing.discovery_success = reading.discovered_at.map(seconds);
                self.last = reading.sample.clone();
                let snapshot = self.calculator.compute(reading.sample);
                self.history.lock().record(&snapshot);
                let topics = &snapshot.topics;
                self.rest.keep_topics(|topic| topics.contains_key(topic));
                self.picture(snapshot, None)
            }
            Err(error) => {
                let failure: Arc<str> = error.to_string().into();
                self.silence.goes_on(&failure);
                let mut snapshot = self.calculator.compute(self.last.clone().without_offsets());
                snapshot.is_outdated = self.silence.is_long();
                self.picture(snapshot, Some(failure))
            }
        };
        self.gallery.publish(begun, picture);
    }

    fn picture(&mut self, snapshot: Snapshot, failure: Option<Arc<str>>) -> Picture {
        let rendered = lag::render(&snapshot, self.partition_series_max);
        self.standing.anomalies = self.calculator.anomalies();
        self.standing.partition_series_dropped = rendered.series_dropped;
        self.standing.history_series_dropped = self.history.lock().dropped_count();
        Picture {
            standing: collector::render(&snapshot, &self.standing).into(),
            snapshot: Arc::new(snapshot),
            rendered: Arc::new(rendered),
            failure,
        }
    }
}

/// Milliseconds since the epoch, by the wall clock.
pub(crate) fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

#[expect(
    clippy::as_conversions,
    reason = "milliseconds since the epoch fit an f64 exactly"
)]
pub(crate) fn seconds(at: Millis) -> f64 {
    at as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(sampled_at: Millis) -> Picture {
        Picture {
            snapshot: Arc::new(Snapshot {
                sampled_at,
                ..Snapshot::default()
            }),
            ..Picture::default()
        }
    }

    fn monitor() -> Monitor {
        let config = config::Config::for_testing(std::path::Path::new("unused")).unwrap();
        let monitor = Monitor::idle(&config.monitor);
        let first = monitor.gallery.begin();
        monitor.gallery.publish(first, picture(1));
        monitor
    }

    #[test]
    fn a_silence_is_long_after_the_grace_of_lag_and_over_at_the_first_answer() {
        let mut silence = Silence::default();
        for cycle in 1..=STALE_CYCLES_MAX + 1 {
            silence.goes_on(&"nobody answers".into());
            assert_eq!(silence.is_long(), cycle > STALE_CYCLES_MAX);
        }
        silence.ends();
        assert!(!silence.is_long());
    }

    #[tokio::test]
    async fn everybody_who_reads_after_a_commit_sees_it() {
        let monitor = monitor();
        assert_eq!(monitor.current().await.snapshot.sampled_at, 1);
        monitor.note_commit();
        let mut readers: Vec<_> = (0..3).map(|_| Box::pin(monitor.current())).collect();
        for reader in &mut readers {
            assert!(futures_util::poll!(reader).is_pending(), "an old number");
        }
        monitor.gallery.wanted().await;
        monitor.gallery.publish(monitor.gallery.begin(), picture(2));
        for reader in readers {
            assert_eq!(reader.await.snapshot.sampled_at, 2);
        }
        assert_eq!(monitor.current().await.snapshot.sampled_at, 2);
    }

    #[tokio::test]
    async fn a_reading_under_way_at_the_commit_does_not_show_it() {
        let monitor = monitor();
        let under_way = monitor.gallery.begin();
        monitor.note_commit();
        let mut reader = Box::pin(monitor.current());
        assert!(futures_util::poll!(&mut reader).is_pending());
        monitor.gallery.publish(under_way, picture(2));
        assert!(futures_util::poll!(&mut reader).is_pending());
        monitor.gallery.publish(monitor.gallery.begin(), picture(3));
        assert_eq!(reader.await.snapshot.sampled_at, 3);
    }
}
