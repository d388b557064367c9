//! What every page shows around its content: the cluster, and how old what it shows is.

use std::sync::Arc;

use super::format;
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
    /// Whether there is anything to show yet.
    pub is_empty: bool,
}

impl Frame {
    /// The frame around what `snapshot` knows, `now`, where a new one is due every `interval`
    /// milliseconds.
    #[must_use]
    pub fn new(snapshot: &Snapshot, now: Millis, interval: Millis, base_url: String) -> Self {
        let age = now.saturating_sub(snapshot.sampled_at).max(0);
        Self {
            cluster: Arc::clone(&snapshot.cluster),
            cluster_id: Arc::clone(&snapshot.cluster_id),
            age: format::duration(f64::from(i32::try_from(age / 1_000).unwrap_or(i32::MAX))),
            is_stale: snapshot.sampled_at > 0 && age > interval.saturating_mul(STALE_CYCLES),
            version: env!("CARGO_PKG_VERSION"),
            refresh_millis: interval.clamp(*REFRESH_MILLIS.start(), *REFRESH_MILLIS.end()),
            base_url,
            is_empty: snapshot.sampled_at == 0,
        }
    }
}
