//! The one immutable picture of lag that metrics, REST and pages read.
//!
//! Built by [`super::calculator`], never changed afterwards. Unknown is unknown: there is no number
//! that stands for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sample::{BrokerSample, MemberSample, Millis, TopicSample};

/// What is known of a cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Configured name of the cluster.
    pub cluster: Arc<str>,
    /// Kafka's id of the cluster.
    pub cluster_id: Arc<str>,
    /// When the committed offsets were asked for.
    pub committed_at: Millis,
    /// When the end offsets had arrived: the moment lag refers to.
    pub sampled_at: Millis,
    /// Whether the cluster has been silent for so long that what it said of its state is no more told
    /// to programs; pages show it with its age.
    pub is_outdated: bool,
    /// The controller, where known.
    pub controller: Option<i32>,
    /// Brokers by id.
    pub brokers: BTreeMap<i32, BrokerSample>,
    /// Topics by name.
    pub topics: BTreeMap<Arc<str>, TopicView>,
    /// Groups by id.
    pub groups: BTreeMap<Arc<str>, GroupView>,
}

/// A topic, and what was counted since the monitor first saw it.
#[derive(Clone, Debug, Default)]
pub struct TopicView {
    /// As sampled.
    pub sample: TopicSample,
    /// Records produced since the monitor started, by the advance of the ends.
    pub records_produced: u64,
}

/// A group and its lag.
#[derive(Clone, Debug, Default)]
pub struct GroupView {
    /// Kafka's name of the state.
    pub state: Arc<str>,
    /// Kafka's name of the type.
    pub kind: Arc<str>,
    /// Protocol type, empty for a group of bare commits.
    pub protocol_type: Arc<str>,
    /// Assignor in use, empty where none is.
    pub assignor: Arc<str>,
    /// The broker that coordinates it, where known.
    pub coordinator: Option<i32>,
    /// Whether members of two protocols are in it.
    pub is_mixed: bool,
    /// Members, sorted by id; `None` where Kafka did not tell them, or cannot.
    pub members: Option<Vec<MemberSample>>,
    /// Whether Kafka told its committed offsets.
    pub are_commits_known: bool,
    /// Topics it committed to or owns partitions of, by name.
    pub topics: BTreeMap<Arc<str>, GroupTopicView>,
}

/// A group's standing in one topic.
#[derive(Clone, Debug, Default)]
pub struct GroupTopicView {
    /// Partitions by number.
    pub partitions: BTreeMap<i32, GroupPartitionView>,
}

/// A group's standing in one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPartitionView {
    /// The committed offset, where there is one.
    pub committed: Option<i64>,
    /// Offset of the first record kept, where known.
    pub log_start: Option<i64>,
    /// High watermark, where known.
    pub log_end: Option<i64>,
    /// Records the group has yet to read.
    pub lag: Lag,
    /// Age of the oldest of them.
    pub time_lag: TimeLag,
    /// Index into [`GroupView::members`] of the member that owns the partition.
    pub owner: Option<usize>,
}

/// Records between a commit and the end that can still be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// So many.
    Known(u64),
    /// The group owns the partition but never committed to it.
    Uncommitted,
    /// It cannot be told.
    Unknown {
        /// Why not.
        reason: UnknownReason,
        /// The last value told, for at most two cycles: the lag, and when it was sampled.
        last: Option<(u64, Millis)>,
    },
}

/// Why a lag cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnknownReason {
    /// The coordinator did not tell what is committed.
    CommitsUnavailable,
    /// The leader did not tell where the partition ends.
    EndUnavailable,
    /// The topic or the partition is not there any more.
    PartitionMissing,
    /// The commit lies beyond the end: the log was truncated, recreated, or the commit is wrong.
    CommitBeyondEnd,
}

impl UnknownReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::CommitsUnavailable,
        Self::EndUnavailable,
        Self::PartitionMissing,
        Self::CommitBeyondEnd,
    ];

    /// The reason as a label or a JSON value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommitsUnavailable => "commits_unavailable",
            Self::EndUnavailable => "end_unavailable",
            Self::PartitionMissing => "partition_missing",
            Self::CommitBeyondEnd => "commit_beyond_end",
        }
    }

    /// The reason for people, as the rest of a sentence.
    #[must_use]
    pub const fn because(self) -> &'static str {
        match self {
            Self::CommitsUnavailable => "the coordinator does not answer",
            Self::EndUnavailable => "the leader does not answer",
            Self::PartitionMissing => "the partition is gone",
            Self::CommitBeyondEnd => "the commit lies beyond the end of the log",
        }
    }
}

/// Age of the oldest record a group has yet to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimeLag {
    /// Nothing is left to read.
    CaughtUp,
    /// So long.
    Measured {
        /// Seconds since the record arrived.
        seconds: f64,
        /// Seconds the measure may be off, either way.
        error_seconds: f64,
    },
    /// The record is older than the monitor's memory.
    AtLeast {
        /// Seconds the monitor can vouch for.
        seconds: f64,
    },
    /// Lag itself is unknown.
    Unknown,
}

impl Lag {
    /// The lag, where it is known.
    #[must_use]
    pub const fn known(self) -> Option<u64> {
        match self {
            Self::Known(lag) => Some(lag),
            Self::Uncommitted | Self::Unknown { .. } => None,
        }
    }
}

impl TimeLag {
    /// Seconds, measured or at least.
    #[must_use]
    pub const fn bound_seconds(self) -> Option<f64> {
        match self {
            Self::AtLeast { seconds } => Some(seconds),
            Self::CaughtUp | Self::Measured { .. } | Self::Unknown => self.known_seconds(),
        }
    }

    /// Seconds, where they are known well enough to alert on.
    #[must_use]
    pub const fn known_seconds(self) -> Option<f64> {
        match self {
            Self::CaughtUp => Some(0.0),
            Self::Measured { seconds, .. } => Some(seconds),
            Self::AtLeast { .. } | Self::Unknown => None,
        }
    }
}

impl GroupTopicView {
    /// Sum over the partitions with a commit; `None` while one of them is unknown, since a sum that
    /// leaves some out would shrink in silence.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        sum_lag(self.partitions.values())
    }

    /// The largest lag of a partition that is known.
    #[must_use]
    pub fn lag_max(&self) -> Option<u64> {
        self.partitions
            .values()
            .filter_map(|view| view.lag.known())
            .max()
    }

    /// The largest time lag; `None` while that of some committed partition is not known.
    #[must_use]
    pub fn lag_seconds(&self) -> Option<f64> {
        let committed = self
            .partitions
            .values()
            .filter(|view| view.lag != Lag::Uncommitted);
        let mut largest = None;
        for view in committed {
            let seconds = view.time_lag.known_seconds()?;
            largest = Some(f64::max(largest.unwrap_or(0.0), seconds));
        }
        largest
    }

    /// Partitions owned without a commit.
    #[must_use]
    pub fn uncommitted_count(&self) -> usize {
        self.partitions
            .values()
            .filter(|view| view.lag == Lag::Uncommitted)
            .count()
    }

    /// Partitions whose lag cannot be told.
    #[must_use]
    pub fn unknown_count(&self) -> usize {
        self.partitions
            .values()
            .filter(|view| matches!(view.lag, Lag::Unknown { .. }))
            .count()
    }
}

impl GroupView {
    /// All partitions with their topics, in order.
    pub fn partitions(&self) -> impl Iterator<Item = (&Arc<str>, i32, &GroupPartitionView)> {
        self.topics.iter().flat_map(|(topic, view)| {
            view.partitions
                .iter()
                .map(move |(number, partition)| (topic, *number, partition))
        })
    }

    /// Sum over all topics; `None` while a committed partition is unknown.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        sum_lag(self.partitions().map(|(_, _, partition)| partition))
    }

    /// Partitions whose lag cannot be told.
    #[must_use]
    pub fn unknown_count(&self) -> usize {
        self.topics
            .values()
            .map(GroupTopicView::unknown_count)
            .sum()
    }

    /// The largest time lag of any topic; `None` while one is not known.
    #[must_use]
    pub fn lag_seconds(&self) -> Option<f64> {
        let mut largest = None;
        for topic in self.topics.values() {
            if topic.uncommitted_count() < topic.partitions.len() {
                largest = Some(f64::max(largest.unwrap_or(0.0), topic.lag_seconds()?));
            }
        }
        largest
    }

    /// The member that owns a partition.
    #[must_use]
    pub fn owner(&self, partition: &GroupPartitionView) -> Option<&MemberSample> {
        let members = self.members.as_ref()?;
        members.get(partition.owner?)
    }
}

fn sum_lag<'a>(partitions: impl Iterator<Item = &'a GroupPartitionView>) -> Option<u64> {
    let mut sum = None;
    for partition in partitions {
        match partition.lag {
            Lag::Known(lag) => sum = Some(sum.unwrap_or(0_u64).saturating_add(lag)),
            Lag::Uncommitted => {}
            Lag::Unknown { .. } => return None,
        }
    }
    sum
}
