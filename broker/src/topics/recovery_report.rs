//! What opening a data directory found, for whoever tells people.

use super::Partition;
use super::change::directory_name;
use super::topic_config::{InvalidTopicConfig, TopicConfig};
use crate::log::{ChangedEnd, DamagedRange, DataDirectory, LastStop, LogRecovery, Loss};
use crate::model::TopicName;

/// What opening a data directory found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// How the last process that had it ended.
    pub last_stop: LastStop,
    /// The format of the directory, where that was an earlier one.
    pub earlier_format: Option<u32>,
    /// Partitions opened.
    pub partition_count: usize,
    /// Logs whose end was not whole, and was cut.
    pub cut: Vec<CutLog>,
    /// Compacted segments that were not whole before they took their place, by their names in `topics/`; they are
    /// gone, and what they were made of stays.
    pub undone: Vec<String>,
    /// Logs of which the disk lost or changed what was durable.
    pub damaged_logs: Vec<DamagedLog>,
    /// Logs that do not end as a clean stop left them.
    pub changed_logs: Vec<ChangedLog>,
    /// What was found in `topics/` and is no partition's directory, by name; it was moved to `quarantine/`.
    pub quarantined: Vec<String>,
    /// Bytes of batches that the commit log had and the segments perhaps lacked.
    pub replayed_bytes: u64,
    /// Whether the file that says how far logs were durable is gone or not whole.
    pub are_points_lost: bool,
    /// Whether the file that says which logs were compacted says nothing, so that all may have been.
    pub are_cleaned_unknown: bool,
    /// What of the commit log is lost, or from elsewhere.
    pub losses: Vec<Loss>,
    /// Topics whose settings contradict each other since the broker's defaults are others.
    pub contradictions: Vec<(TopicName, InvalidTopicConfig)>,
}

impl RecoveryReport {
    /// What is known before the partitions are looked at.
    pub(super) fn begin(directory: &DataDirectory, losses: &[Loss]) -> Self {
        Self {
            last_stop: directory.last_stop(),
            earlier_format: directory.earlier_format(),
            partition_count: 0,
            cut: Vec::new(),
            undone: Vec::new(),
            damaged_logs: Vec::new(),
            changed_logs: Vec::new(),
            quarantined: Vec::new(),
            replayed_bytes: 0,
            are_points_lost: false,
            are_cleaned_unknown: false,
            losses: losses.to_vec(),
            contradictions: Vec::new(),
        }
    }

    /// Takes note of what is odd about the settings of a topic.
    pub(super) fn note_config(&mut self, topic: &TopicName, config: &TopicConfig) {
        if let Some(contradiction) = config.contradiction() {
            let contradiction = contradiction.clone();
            self.contradictions.push((topic.clone(), contradiction));
        }
    }

    /// Takes note of what opening a partition found.
    pub(super) fn note(&mut self, partition: &Partition, recovery: LogRecovery) {
        let directory = || directory_name(partition.topic(), partition.id());
        let undone = recovery.undone.iter();
        let undone = undone.map(|name| format!("{}/{name}", directory()));
        self.undone.extend(undone);
        if recovery.cut_bytes > 0 {
            self.cut.push(CutLog {
                directory: directory(),
                bytes: recovery.cut_bytes,
            });
        }
        if !recovery.damaged.is_empty() {
            self.damaged_logs.push(DamagedLog {
                directory: directory(),
                ranges: recovery.damaged,
            });
        }
        if let Some(end) = recovery.changed_end {
            self.changed_logs.push(ChangedLog {
                directory: directory(),
                end,
            });
        }
    }
}

/// A log whose end was cut: what was on its way when the last process died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutLog {
    /// Name of its directory.
    pub directory: String,
    /// Bytes cut.
    pub bytes: u64,
}

/// A log of which the disk lost or changed what was durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLog {
    /// Name of its directory.
    pub directory: String,
    /// The offsets whose records are lost.
    pub ranges: Vec<DamagedRange>,
}

/// A log that does not end as a clean stop left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedLog {
    /// Name of its directory.
    pub directory: String,
    /// How it ends.
    pub end: ChangedEnd,
}
