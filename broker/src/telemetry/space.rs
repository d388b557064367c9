//! The disk fills up, and has room again.

use std::fmt::Display;

use prometheus::{IntGauge, Registry};

use super::{Telemetry, metric};

/// The metrics of room.
#[derive(Debug)]
pub(super) struct Metrics {
    free: IntGauge,
    free_min: IntGauge,
    reserve: IntGauge,
    is_full: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            free: metric::DISK_FREE.gauge(registry)?,
            free_min: metric::DISK_FREE_MIN.gauge(registry)?,
            reserve: metric::DISK_RESERVE.gauge(registry)?,
            is_full: metric::DISK_FULL.gauge(registry)?,
        })
    }
}

/// What a full disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusedByDisk {
    /// Nothing.
    Nothing,
    /// Records of users.
    Records,
    /// Records, and committed offsets with them.
    Commits,
}

/// Somebody looked how much room there is.
pub(crate) struct SpaceLooked {
    /// Bytes free.
    pub(crate) free: u64,
    /// Files that can be made.
    pub(crate) inodes: u64,
    /// Bytes to be free at least.
    pub(crate) free_min: u64,
    /// Bytes of the reserve that are there.
    pub(crate) reserve: u64,
    /// What is refused.
    pub(crate) refused: RefusedByDisk,
    /// Whether something else was refused before.
    pub(crate) is_news: bool,
}

impl SpaceLooked {
    pub(crate) fn emit(self, telemetry: &Telemetry) {
        let bytes = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let metrics = &telemetry.space;
        metrics.free.set(bytes(self.free));
        metrics.free_min.set(bytes(self.free_min));
        metrics.reserve.set(bytes(self.reserve));
        metrics.is_full.set(match self.refused {
            RefusedByDisk::Nothing => 0,
            RefusedByDisk::Records => 1,
            RefusedByDisk::Commits => 2,
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
            RefusedByDisk::Records => tracing::error!(
                free,
                inodes,
                reserve,
                "the disk is full: records are refused until a quarter more than broker.disk_free_min is free; delete \
                 topics or records, or make room otherwise"
            ),
            RefusedByDisk::Commits => tracing::error!(
                free,
                inodes,
                reserve,
                "the disk is full and the reserve is used up: commits, joins and rebalances are refused too, until \
                 broker.disk_reserve can be made again; delete topics or records, or make room otherwise"
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
