//! Groups are restored, and what goes wrong with their storage.

use std::fmt::Display;
use std::time::Duration;

/// The groups are restored from `__consumer_offsets`.
pub(crate) struct GroupsLoaded {
    pub(crate) groups: usize,
    /// Records of kinds or versions this release does not know.
    pub(crate) unknown_records: u64,
    pub(crate) elapsed: Duration,
}

impl GroupsLoaded {
    pub(crate) fn emit(self) {
        let Self {
            groups,
            unknown_records,
            elapsed,
        } = self;
        let elapsed_ms = elapsed.as_millis();
        tracing::info!(groups, unknown_records, elapsed_ms, "groups restored");
    }
}

/// A record of `__consumer_offsets` is none of a group.
pub(crate) struct GroupRecordPassedOver<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl GroupRecordPassedOver<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::warn!(%reason, "record of __consumer_offsets passed over");
    }
}

/// `__consumer_offsets` cannot be created, so nobody can join or commit.
pub(crate) struct OffsetsTopicUnavailable<'a> {
    pub(crate) reason: &'a dyn Display,
}

impl OffsetsTopicUnavailable<'_> {
    pub(crate) fn emit(self) {
        let reason = self.reason;
        tracing::error!(%reason, "__consumer_offsets cannot be created");
    }
}

/// A change of a group was not stored, which its client is told.
pub(crate) struct GroupWriteFailed<'a> {
    pub(crate) group: &'a dyn Display,
    pub(crate) reason: &'a dyn Display,
    /// Whether the disk is full, which is told already: a line for each commit would fill it the more.
    pub(crate) is_full: bool,
}

impl GroupWriteFailed<'_> {
    pub(crate) fn emit(self) {
        let Self {
            group,
            reason,
            is_full,
        } = self;
        match is_full {
            true => tracing::debug!(%group, %reason, "change of a group not stored"),
            false => tracing::warn!(%group, %reason, "change of a group not stored"),
        }
    }
}
