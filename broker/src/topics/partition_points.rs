//! An offset of each partition, in a small text file that is derived, and synced only where it forgets what it said.
//!
//! The file has a line `version 2`, a line with the number of entries, for each partition a line
//! `topic-id partition offset`, and a line `crc32c` with the checksum of all before. It is replaced as a
//! whole, so one that is not, or of the version without a checksum, says nothing. An old one only costs
//! time.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::log::{
    Disk, LogContext, LogKey, StorageError, checked, offsets_text, parse_offsets, with_checksum,
};
use crate::model::{PartitionId, Uuid};

/// First line of the file.
const VERSION: &str = "version 2";
const VERSION_WITHOUT_CHECKSUM: &str = "version 1\n";

/// Offsets by partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartitionPoints(HashMap<LogKey, i64>);

impl PartitionPoints {
    /// An entry for each of `logs`, at an offset below all.
    pub(super) fn nothing_of(logs: &HashSet<LogKey>) -> Self {
        Self(logs.iter().map(|log| (*log, 0)).collect())
    }

    /// Reads a file; empty where there is none, and `None` where it says nothing, or cannot be read.
    pub(super) fn read(disk: &Disk, path: &Path) -> Result<Option<Self>, StorageError> {
        Ok(match disk.read_doubtful(path)? {
            Some(bytes) => Self::parse(&String::from_utf8_lossy(&bytes)),
            None => Some(Self::default()),
        })
    }

    /// Whether a file of such a text is as some build wrote it, as far as it can be told.
    pub(super) fn is_whole(text: &str) -> bool {
        text.starts_with(VERSION_WITHOUT_CHECKSUM) || Self::parse(text).is_some()
    }

    /// Writes the file.
    pub(super) fn write(&self, context: &LogContext, path: &Path) -> Result<(), StorageError> {
        context.swap_file(path, self.to_text().as_bytes())
    }

    /// The logs that have an offset.
    pub(super) fn logs(&self) -> HashSet<LogKey> {
        self.0.keys().copied().collect()
    }

    /// Whether a log has an offset.
    pub(super) fn has(&self, key: LogKey) -> bool {
        self.0.contains_key(&key)
    }

    /// The offset of a partition, where there is one.
    pub(super) fn get(&self, topic: Uuid, partition: PartitionId) -> Option<i64> {
        self.0.get(&key(topic, partition)).copied()
    }

    pub(super) fn set(&mut self, topic: Uuid, partition: PartitionId, offset: i64) {
        self.0.insert(key(topic, partition), offset);
    }

    /// Forgets the partitions of topics for which `exists` does not hold.
    pub(super) fn retain(&mut self, exists: impl Fn(Uuid) -> bool) {
        self.0.retain(|key, _| exists(key.topic));
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = checked(text)?.lines();
        if lines.next()? != VERSION {
            return None;
        }
        parse_offsets(lines).map(Self)
    }

    pub(super) fn to_text(&self) -> String {
        with_checksum(format!("{VERSION}\n{}", offsets_text(&self.0)))
    }
}

const fn key(topic: Uuid, partition: PartitionId) -> LogKey {
    LogKey {
        topic,
        partition: partition.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_back_and_a_file_that_is_not_whole_is_ignored() {
        let id = Uuid([7; 16]);
        let mut points = PartitionPoints::default();
        points.set(id, PartitionId(0), 17);
        points.set(id, PartitionId(1), 1 << 40);
        let text = points.to_text();
        for end in 0..text.len() {
            let part = text.get(..end).unwrap();
            assert_eq!(PartitionPoints::parse(part), None, "{end}");
        }
        let read = PartitionPoints::parse(&text).unwrap();
        assert_eq!(read, points);
        assert_eq!(read.get(id, PartitionId(1)), Some(1 << 40));
        assert_eq!(read.get(id, PartitionId(2)), None);
    }
}
