//! The small charts of the overview, each drawn once a picture however many people look.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::chart;
use crate::monitor::history::History;
use crate::monitor::sample::Millis;

/// Charts kept; about a kilobyte each.
const CHARTS_MAX: u64 = 4_096;
/// Long enough for the readers of one picture, short enough to forget groups that are gone.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Charts that were drawn, by group and by the picture they belong to.
#[derive(Clone, Debug)]
pub struct Sparklines {
    drawn: Cache<(Arc<str>, Millis), Arc<str>>,
}

impl Default for Sparklines {
    fn default() -> Self {
        let drawn = Cache::builder()
            .max_capacity(CHARTS_MAX)
            .time_to_live(KEPT_FOR);
        Self {
            drawn: drawn.build(),
        }
    }
}

/// What the charts of one picture are drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Recent<'a> {
    /// Points of all groups.
    pub history: &'a History,
    /// Where the charts begin.
    pub since: Millis,
    /// Charts drawn already.
    pub sparklines: &'a Sparklines,
}

impl Recent<'_> {
    /// The chart of a group's lag in the picture sampled at `sampled_at`; empty before there are two
    /// points.
    pub(super) fn sparkline(&self, group: &Arc<str>, sampled_at: Millis) -> Arc<str> {
        let key = (Arc::clone(group), sampled_at);
        self.sparklines
            .drawn
            .get_with(key, || self.draw(group).into())
    }

    fn draw(&self, group: &str) -> String {
        let points = self.history.group_points(group, self.since);
        let times: Vec<_> = points.iter().map(|point| point.at).collect();
        let lags: Vec<_> = points.iter().map(|point| point.lag).collect();
        chart::sparkline(&times, &lags).unwrap_or_default()
    }
}
