//! The disk fills up, and has room again.

use std::fmt::{Display, Formatter};

use prometheus::{IntGauge, Registry};

use super::{Telemetry, metric};

/// The metrics of room.
#[derive(Debug)]
pub(super) struct Metrics {
    free: IntGauge,
    inodes: IntGauge,
    free_min: IntGauge,
    reserve: IntGauge,
    is_full: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            free: metric::DISK_FREE.gauge(registry)?,
            inodes: metric::DISK_FREE_INODES.gauge(registry)?,
            free_min: metric::DISK_FREE_MIN.gauge(registry)?,
            reserve: metric::DISK_RESERVE.gauge(registry)?,
            is_full: metric::DISK_FULL.gauge(registry)?,
        })
    }
}

/// What a full disk refuses.
#[derive(Clone, Copy)]
pub(crate) enum RefusedByDisk<'a> {
    /// Nothing.
    Nothing,
    /// Records of users.
    Records(Shortage<'a>),
    /// Records, and committed offsets with them.
    Commits(Shortage<'a>),
}

/// What a full disk lacks.
#[derive(Clone, Copy)]
pub(crate) struct Shortage<'a> {
    /// How much has to be free for records to be taken again.
    pub(crate) needed: u64,
    /// Of what.
    pub(crate) of: &'a dyn Display,
    /// What says how much that is.
    pub(crate) measure: &'a str,
    /// What makes room.
    pub(crate) advice: &'a str,
}

impl Display for Shortage<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self {
            needed,
            of,
            measure,
            advice,
        } = self;
        write!(f, "{needed} {of} are free ({measure}); {advice}")
    }
}

/// Somebody looked how much room there is.
pub(crate) struct SpaceLooked<'a> {
    /// Bytes free.
    pub(crate) free: u64,
    /// Files that can be made.
    pub(crate) inodes: u64,
    /// Bytes to be free at least.
    pub(crate) free_min: u64,
    /// Bytes of the reserve that are there.
    pub(crate) reserve: u64,
    /// What is refused.
    pub(crate) refused: RefusedByDisk<'a>,
    /// Whether something else was refused before.
    pub(crate) is_news: bool,
}

impl SpaceLooked<'_> {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let metrics = &telemetry.space;
        metrics.free.set(count(self.free));
        metrics.inodes.set(count(self.inodes));
        metrics.free_min.set(count(self.free_min));
        metrics.reserve.set(count(self.reserve));
        metrics.is_full.set(match self.refused {
            RefusedByDisk::Nothing => 0,
            RefusedByDisk::Records(_) => 1,
            RefusedByDisk::Commits(_) => 2,
        });
        if self.is_news {
            self.tell();
        }
    }

    fn tell(&self) {
        let Self { free, reserve, .. } = self;
        // Of a disk that counts none there is nothing to say.
        let inodes = (self.inodes < u64::MAX).then_some(self.inodes);
        match self.refused {
            RefusedByDisk::Nothing => {
                tracing::info!(
                    free,
                    inodes,
                    reserve,
                    "the disk has room: records are taken"
                );
            }
            RefusedByDisk::Records(shortage) => tracing::error!(
                free,
                inodes,
                reserve,
                "the disk is full: records are refused until {shortage}"
            ),
            RefusedByDisk::Commits(shortage) => tracing::error!(
                free,
                inodes,
                reserve,
                "the disk is full and the reserve is used up: commits, joins and rebalances are refused too, and records \
                 until {shortage}"
            ),
        }
    }
}

/// Nobody knows how much room there is.
pub(crate) struct SpaceUnknown<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl SpaceUnknown<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::warn!(%reason, "the room on the disk cannot be told; what was last known holds");
    }
}
