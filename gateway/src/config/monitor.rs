//! Settings of the lag monitor.

use std::time::Duration;

use super::setting::settings;

settings! {
    /// The consumer-lag monitor.
    pub struct Monitor in "monitor" {
        /// Time between two readings of committed and end offsets. At least 100ms.
        interval: Duration = "5s",
        /// Time between two looks for new groups, members, log starts and sizes. At least
        /// `monitor.interval`.
        discovery_interval: Duration = "10s",
        /// How far the charts of the page reach back. From 1m to 7d.
        history: Duration = "1h",
        /// Groups and topics with a chart, counted in pairs. Further ones have numbers but no chart.
        history_series_max: u32 = "10000",
        /// Series on `/metrics` that carry a partition. Groups and topics beyond it show their sums
        /// alone.
        partition_series_max: u32 = "20000",
    }
}
