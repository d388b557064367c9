//! How large a commit log may be, and how far behind it the segments.

use std::time::Duration;

/// The size of a commit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitLogConfig {
    /// Bytes of an extent, at least two pages. A batch that does not fit gets an extent of its own.
    pub extent_bytes: u64,
    /// Bytes of full extents at which segments are synced, so that the extents can be used again.
    pub checkpoint_bytes: u64,
    /// Bytes of full extents at which the flush waits for that. As many stay to be used again: making one
    /// takes longer than filling it.
    pub full_bytes_max: u64,
    /// Files and directories that a checkpoint syncs one by one; where there are more, it syncs the whole
    /// file system with one call, if that can be relied on.
    pub synced_singly_max: usize,
    /// Bytes by which a log grows before what makes the next start quick is saved again: a start after a
    /// crash looks through the headers of about so much of a log that was written.
    pub grown_bytes: u64,
    /// How long what was written may wait for its sync, where there is not much of it.
    pub checkpoint_interval: Duration,
}

impl Default for CommitLogConfig {
    /// 16 MiB are written in the time of a few syncs, and a start after a crash replays at most
    /// 256 MiB and the flush that was under way, which takes a fraction of a second.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            extent_bytes: 16 * MIB,
            checkpoint_bytes: 16 * MIB,
            full_bytes_max: 256 * MIB,
            synced_singly_max: 256,
            grown_bytes: 16 * MIB,
            checkpoint_interval: Duration::from_secs(5),
        }
    }
}
