//! What a file is, by its name.

use crate::log::leader_epochs;
use crate::log::log_start::LOG_START_FILE;
use crate::log::segment::{LOG, OFFSET_INDEX, TIME_INDEX, parse_file_name};
use crate::log::{COMPACTED_FILE, DAMAGED_RANGES_FILE, RECOVERY_POINTS_FILE, RESERVE_FILE};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// Record batches.
    Segment,
    /// `.index`.
    OffsetIndex,
    /// `.timeindex`.
    TimeIndex,
    /// `.txnindex`, which Apache Kafka writes.
    TransactionIndex,
    /// `.snapshot` of idempotent producers.
    Snapshot,
    /// `leader-epoch-checkpoint`.
    LeaderEpochs,
    /// `damaged-ranges`.
    DamagedRanges,
    /// `recovery-points`.
    RecoveryPoints,
    /// Part of the commit log.
    Extent,
    /// `disk-reserve`: only its size means something.
    Reserve,
    /// Lines of text.
    Text,
    /// Nothing is in it; that it is there says something.
    Mark,
    /// What was being written, and is not used.
    Unfinished,
    /// Nothing that is known.
    Unknown,
}

impl FileKind {
    /// What the file `name` is.
    pub(super) fn of(name: &str) -> Self {
        match name {
            leader_epochs::FILE_NAME => return Self::LeaderEpochs,
            RECOVERY_POINTS_FILE => return Self::RecoveryPoints,
            RESERVE_FILE => return Self::Reserve,
            DAMAGED_RANGES_FILE => return Self::DamagedRanges,
            "producer-ids" | LOG_START_FILE => return Self::Text,
            COMPACTED_FILE | "lock" | "clean-shutdown" | ".lock" | ".kafka_cleanshutdown" => {
                return Self::Mark;
            }
            _ => {}
        }
        if name.ends_with(".tmp") {
            return Self::Unfinished;
        }
        let rest = parse_file_name(name).map_or(name, |(_, suffix)| suffix);
        // What has left its log keeps its kind: `.log.3.deleted`, `.log.damaged`.
        let mut parts = rest.split('.');
        let kind = parts.find_map(Self::of_ending);
        let is_segment = rest.ends_with(".swap") || rest.ends_with(".checkpoint");
        match kind {
            Some(kind) => kind,
            None if is_segment => Self::Segment,
            None if name.ends_with("-checkpoint") => Self::Text,
            None => Self::Unknown,
        }
    }

    fn of_ending(part: &str) -> Option<Self> {
        Some(match part {
            LOG | "cleaned" => Self::Segment,
            OFFSET_INDEX => Self::OffsetIndex,
            TIME_INDEX => Self::TimeIndex,
            "txnindex" => Self::TransactionIndex,
            "snapshot" => Self::Snapshot,
            "extent" => Self::Extent,
            "properties" | "metadata" => Self::Text,
            _ => return None,
        })
    }

    /// The word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::OffsetIndex => "offset-index",
            Self::TimeIndex => "time-index",
            Self::TransactionIndex => "transaction-index",
            Self::Snapshot => "producer-snapshot",
            Self::LeaderEpochs => "leader-epochs",
            Self::DamagedRanges => "damaged-ranges",
            Self::RecoveryPoints => "recovery-points",
            Self::Extent => "commit-log-extent",
            Self::Reserve => "disk-reserve",
            Self::Text => "text",
            Self::Mark => "mark",
            Self::Unfinished => "unfinished",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_files_are() {
        for (name, kind) in [
            ("00000000000000000007.log", FileKind::Segment),
            ("00000000000000000007.log.3.deleted", FileKind::Segment),
            ("00000000000000000007.log.damaged", FileKind::Segment),
            ("00000000000000000007.cleaned", FileKind::Segment),
            (
                "00000000000000000000.00000000000000000009.swap",
                FileKind::Segment,
            ),
            (
                "00000000000000000000-0000000000.checkpoint",
                FileKind::Segment,
            ),
            ("copy-of.log", FileKind::Segment),
            ("00000000000000000007.index", FileKind::OffsetIndex),
            (
                "00000000000000000007.timeindex.2.deleted",
                FileKind::TimeIndex,
            ),
            ("00000000000000000007.txnindex", FileKind::TransactionIndex),
            ("00000000000000000007.snapshot", FileKind::Snapshot),
            ("00000003.extent", FileKind::Extent),
            ("leader-epoch-checkpoint", FileKind::LeaderEpochs),
            ("recovery-point-offset-checkpoint", FileKind::Text),
            ("cleaner-offset-checkpoint", FileKind::Text),
            ("compacted", FileKind::Mark),
            ("partition.metadata", FileKind::Text),
            ("meta.properties", FileKind::Text),
            ("clean-shutdown", FileKind::Mark),
            ("disk-reserve", FileKind::Reserve),
            ("00000003.extent.tmp", FileKind::Unfinished),
            ("recovery-points.tmp", FileKind::Unfinished),
            ("notes", FileKind::Unknown),
        ] {
            assert_eq!(FileKind::of(name), kind, "{name}");
        }
    }
}
