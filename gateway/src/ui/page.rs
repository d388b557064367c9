//! What every page shows around its content: the cluster, and how old what it shows is.

use std::sync::Arc;
use std::time::Duration;

use super::format;
use crate::config;
use crate::monitor::sample::Millis;
use crate::monitor::snapshot::Snapshot;

/// A page asks for itself again as often as there is a new sample, within these bounds.
const REFRESH_MILLIS: std::ops::RangeInclusive<Millis> = 1_000..=30_000;
/// Cycles without a new sample after which what is shown is marked as old.
const STALE_CYCLES: i64 = 3;

/// The frame around a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Configured name of the cluster.
    pub cluster: Arc<str>,
    /// Kafka's id of the cluster.
    pub cluster_id: Arc<str>,
    /// Age of what is shown, as text.
    pub age: String,
    /// Whether it is older than it should be.
    pub is_stale: bool,
    /// Release of this binary.
    pub version: &'static str,
    /// Milliseconds until the page asks for itself again.
    pub refresh_millis: Millis,
    /// The address the page was asked for at, for examples that can be copied.
    pub base_url: String,
    /// How far charts reach back, behind "last": `hour`, `6 h`.
    pub reach: String,
    /// Whether there is anything to show yet.
    pub is_empty: bool,
}

impl Frame {
    /// The frame around what `snapshot` knows, `now`, where `settings` say how often a new one is due
    /// and how far charts reach back.
    #[must_use]
    pub fn new(
        snapshot: &Snapshot,
        now: Millis,
        settings: &config::Monitor,
        base_url: String,
    ) -> Self {
        let interval = Millis::try_from(settings.interval.as_millis()).unwrap_or(Millis::MAX);
        let age = now.saturating_sub(snapshot.sampled_at).max(0);
        Self {
            cluster: Arc::clone(&snapshot.cluster),
            cluster_id: Arc::clone(&snapshot.cluster_id),
            age: format::duration(f64::from(i32::try_from(age / 1_000).unwrap_or(i32::MAX))),
            is_stale: snapshot.sampled_at > 0 && age > interval.saturating_mul(STALE_CYCLES),
            version: env!("CARGO_PKG_VERSION"),
            refresh_millis: interval.clamp(*REFRESH_MILLIS.start(), *REFRESH_MILLIS.end()),
            base_url,
            reach: reach(settings.history),
            is_empty: snapshot.sampled_at == 0,
        }
    }
}

/// A span of time behind "last".
fn reach(span: Duration) -> String {
    if span == Duration::from_secs(3_600) {
        "hour".to_owned()
    } else {
        format::duration(span.as_secs_f64())
    }
}
