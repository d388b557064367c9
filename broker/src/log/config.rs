//! What the log of one partition is told by its topic's configuration.

use std::time::Duration;

use super::compaction::CompactionPolicy;

/// When a batch is acknowledged, and so what it survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk: it survives a power cut.
    #[default]
    Group,
    /// When the system has it, which is told every so often to bring it to the disk: it survives the
    /// death of the process; a power cut may take as much as the interval.
    Interval,
    /// When the system has it: as [`Durability::Interval`], but the disk has it when the next checkpoint
    /// runs, or when the system finds the time.
    Os,
}

/// The settings that the log obeys.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// Size at which a new segment is begun, in bytes.
    pub segment_bytes: u32,
    /// Age at which a new segment is begun, in milliseconds of record time.
    pub segment_ms: i64,
    /// Bytes of log between two entries of the offset index.
    pub index_interval_bytes: u32,
    /// Size of the file of an index at which a new segment is begun, in bytes.
    pub index_bytes_max: u32,
    /// How long the file of a dropped segment stays on disk.
    pub file_delete_delay: Duration,
    /// When a batch is acknowledged.
    pub durability: Durability,
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
