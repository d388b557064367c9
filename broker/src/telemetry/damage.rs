//! The disk loses or changes what was durable.

use std::fmt::Display;
use std::path::Path;

use prometheus::{IntCounter, IntGauge, Registry};

use super::{Telemetry, metric};

/// The metrics of damage and of the search for it.
#[derive(Debug)]
pub(super) struct Metrics {
    ranges: IntGauge,
    extents: IntGauge,
    scrubbed: IntCounter,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            ranges: metric::DAMAGED_RANGES.gauge(registry)?,
            extents: metric::COMMIT_LOG_DAMAGED_EXTENTS.gauge(registry)?,
            scrubbed: metric::SCRUBBED.counter(registry)?,
        })
    }
}

/// Records of a partition are lost; the rest of it is served.
pub(crate) struct RecordsDamaged<'a> {
    /// The directory of the partition.
    pub(crate) directory: &'a Path,
    /// The first offset that is lost.
    pub(crate) begin: i64,
    /// One past the last.
    pub(crate) end: i64,
}

impl RecordsDamaged<'_> {
    pub(crate) fn emit(self) {
        let Self {
            directory,
            begin,
            end,
        } = self;
        let directory = directory.file_name().unwrap_or(directory.as_os_str());
        tracing::error!(
            directory = %directory.display(),
            begin,
            end,
            "the disk lost or changed records from offset {begin} to before {end}; readers get CORRUPT_MESSAGE there: check the \
             disk; once Sluice is stopped, sluice log verify says what can be done"
        );
    }
}

/// How much damage there is now.
pub(crate) struct DamageCounted {
    /// Damaged ranges of all partitions.
    pub(crate) ranges: i64,
}

impl DamageCounted {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.damage.ranges.set(self.ranges);
    }
}

/// What became of a part of the commit log.
pub(crate) enum CommitLogHarm {
    /// The disk lost or changed a part of an extent.
    Changed,
    /// The extents that are needed are gone.
    Gone,
    /// An extent was put there that is none of this log.
    Stray,
}

/// The commit log is not what it was.
pub(crate) struct CommitLogDamaged<'a> {
    pub(crate) harm: CommitLogHarm,
    /// An extent, or their directory.
    pub(crate) path: &'a Path,
    pub(crate) reason: &'a str,
}

impl CommitLogDamaged<'_> {
    pub(crate) fn emit(self) {
        let Self { harm, path, reason } = self;
        let path = path.display();
        match harm {
            CommitLogHarm::Changed => tracing::error!(
                extent = %path,
                reason,
                "the disk lost or changed a part of the commit log, kept in commit-log/damaged; acknowledged records may be missing: check the disk"
            ),
            CommitLogHarm::Gone => tracing::error!(
                directory = %path,
                reason,
                "files of the commit log are gone; acknowledged records may be missing: check the disk, or who removed them"
            ),
            CommitLogHarm::Stray => tracing::warn!(
                extent = %path,
                reason,
                "somebody put a file among those of the commit log; it is kept in commit-log/damaged, and nothing of it is used: look at it with sluice log dump, and remove it"
            ),
        }
    }
}

/// Nothing says how far logs were durable.
pub(crate) struct RecoveryPointsLost;

impl RecoveryPointsLost {
    pub(crate) fn emit(self) {
        tracing::warn!(
            "the file recovery-points, which says how far logs were durable, is gone or not whole; it is written anew: check the disk, or who removed it"
        );
    }
}

/// Nobody knows which producer ids were given.
pub(crate) struct ProducerIdsLost<'a> {
    /// The file that should say so.
    pub(crate) path: &'a Path,
    /// The first id that is given from now on.
    pub(crate) next: i64,
}

impl ProducerIdsLost<'_> {
    pub(crate) fn emit(self) {
        let Self { path, next } = self;
        tracing::warn!(
            path = %path.display(),
            next,
            "the file of producer ids is gone or not whole; ids go on beyond all that were given"
        );
    }
}

/// Producers are known that have larger ids than were given, by what the file of producer ids says.
pub(crate) struct ProducerIdsOlder<'a> {
    /// The file.
    pub(crate) path: &'a Path,
    /// The first id that is given from now on.
    pub(crate) next: i64,
}

impl ProducerIdsOlder<'_> {
    pub(crate) fn emit(self) {
        let Self { path, next } = self;
        tracing::warn!(
            path = %path.display(),
            next,
            "producers have larger ids than the file of producer ids says were given, so it may be an older one; ids go on behind those"
        );
    }
}

/// How many damaged extents of the commit log are kept, and whether the last start missed some.
pub(crate) struct DamagedExtents {
    pub(crate) count: usize,
}

impl DamagedExtents {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        telemetry.damage.extents.set(count);
    }
}

/// Bytes of segments were checked.
pub(crate) struct SegmentsScrubbed {
    pub(crate) bytes: u64,
}

impl SegmentsScrubbed {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        telemetry.damage.scrubbed.inc_by(self.bytes);
    }
}

/// The search for damage failed; it goes on with the next partition.
pub(crate) struct ScrubFailed<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl ScrubFailed<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::warn!(%reason, "partition not scrubbed; the next pass tries again");
    }
}
