//! What the log of one partition is told by its topic's configuration.

use std::time::Duration;

use super::compaction::CompactionPolicy;

/// The settings that the log obeys.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// Size at which a new segment is begun, in bytes.
    pub segment_bytes: u32,
    /// Age at which a new segment is begun, in milliseconds of record time.
    pub segment_ms: i64,
    /// Bytes of log between two entries of the offset index.
    pub index_interval_bytes: u32,
    /// How long the file of a dropped segment stays on disk.
    pub file_delete_delay: Duration,
    /// Which segments are dropped.
    pub retention: Retention,
    /// When and how it is compacted; `None` for a log that is not.
    pub compaction: Option<CompactionPolicy>,
}

/// When whole segments are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Age from which on a segment goes, in milliseconds; `None` keeps it for ever.
    pub ms: Option<i64>,
    /// Size of the partition from which on its oldest segments go; `None` for no limit.
    pub bytes: Option<u64>,
}
