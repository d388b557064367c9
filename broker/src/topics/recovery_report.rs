//! What opening a data directory found, for whoever tells people.

use std::path::PathBuf;

use crate::log::LastStop;

/// What opening a data directory found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// How the last process that had it ended.
    pub last_stop: LastStop,
    /// Partitions opened.
    pub partition_count: usize,
    /// Logs whose end was not whole, and was cut.
    pub cut: Vec<CutLog>,
    /// Directories that belong to no topic, by name; they were moved to `quarantine/`.
    pub quarantined: Vec<String>,
    /// Extents of the commit log of which the disk lost or changed a part.
    pub damaged: Vec<PathBuf>,
}

impl RecoveryReport {
    /// What is known before the partitions are looked at.
    pub(super) fn begin(last_stop: LastStop, damaged: &[PathBuf]) -> Self {
        Self {
            last_stop,
            partition_count: 0,
            cut: Vec::new(),
            quarantined: Vec::new(),
            damaged: damaged.to_vec(),
        }
    }
}

/// A log whose end was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutLog {
    /// Name of its directory.
    pub directory: String,
    /// Bytes cut.
    pub bytes: u64,
    /// Offsets missing though they were known to be durable. What was cut then is kept in a file
    /// `.log.cut` beside the segment.
    pub missing_offsets: i64,
}
