//! How far each partition is known to be durable, so that a start after a crash checks only what is
//! behind that.
//!
//! The file `recovery-points` has a line `version 1`, a line with the number of entries, and for each
//! partition a line `topic-id partition offset`. It is written when much was flushed since the last
//! time, and never synced: one that is old only costs time, and one that is not whole is ignored.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::registry::Catalog;
use crate::log::{LogContext, StorageError, id_text, parse_id};
use crate::model::{PartitionId, Uuid};

/// Name of the file.
const FILE_NAME: &str = "recovery-points";
/// First line of the file.
const VERSION: &str = "version 1";
/// Bytes flushed between two writes of the file: what a start reads again takes it under a second.
const INTERVAL_BYTES: usize = 128 * 1024 * 1024;

/// The offsets up to which partitions are durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RecoveryPoints(HashMap<(Uuid, PartitionId), i64>);

/// Writes the file from time to time.
#[derive(Debug)]
pub(super) struct Checkpoint {
    context: Arc<LogContext>,
    path: PathBuf,
    catalog: Arc<RwLock<Catalog>>,
    flushed_bytes: usize,
}

impl RecoveryPoints {
    /// Reads the file of a data directory; empty where there is none that is whole.
    pub(super) fn read(context: &LogContext, directory: &Path) -> Result<Self, StorageError> {
        let bytes = context.read_file(&directory.join(FILE_NAME))?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(text.as_deref().and_then(Self::parse).unwrap_or_default())
    }

    /// The offset up to which a partition is durable at least.
    pub(super) fn of(&self, topic: Uuid, partition: PartitionId) -> i64 {
        self.0.get(&(topic, partition)).copied().unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != VERSION {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut points = HashMap::new();
        for line in lines {
            let mut fields = line.split(' ');
            let topic = parse_id(fields.next()?)?;
            let partition = PartitionId(fields.next()?.parse().ok()?);
            points.insert((topic, partition), fields.next()?.parse().ok()?);
        }
        (points.len() == count && text.ends_with('\n')).then_some(Self(points))
    }

    fn to_text(&self) -> String {
        let mut text = format!("{VERSION}\n{}\n", self.0.len());
        for ((topic, partition), offset) in &self.0 {
            // Writing to a string cannot fail.
            writeln!(text, "{} {partition} {offset}", id_text(*topic)).ok();
        }
        text
    }
}

impl Checkpoint {
    pub(super) fn new(
        context: Arc<LogContext>,
        directory: &Path,
        catalog: Arc<RwLock<Catalog>>,
    ) -> Self {
        Self {
            context,
            path: directory.join(FILE_NAME),
            catalog,
            flushed_bytes: 0,
        }
    }

    /// Takes note of a flush, and writes the file if it is time.
    pub(super) fn flushed(&mut self, bytes: usize) {
        self.flushed_bytes = self.flushed_bytes.saturating_add(bytes);
        if self.flushed_bytes >= INTERVAL_BYTES {
            self.flushed_bytes = 0;
            // Without the file a start takes longer, no more; a disk that fails shows elsewhere.
            self.write().ok();
        }
    }

    /// Writes the file.
    pub(super) fn write(&self) -> Result<(), StorageError> {
        let mut points = RecoveryPoints::default();
        for topic in self.catalog.read().topics() {
            for partition in topic.partitions().iter() {
                let (_, durable_end) = partition.log.bounds();
                if durable_end > 0 {
                    points.0.insert((topic.id(), partition.id()), durable_end);
                }
            }
        }
        self.context
            .swap_file(&self.path, points.to_text().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_back_and_a_file_that_is_not_whole_is_ignored() {
        let id = Uuid([7; 16]);
        let points = [((id, PartitionId(0)), 17), ((id, PartitionId(1)), 1 << 40)];
        let points = RecoveryPoints(points.into());
        let text = points.to_text();
        for end in 0..text.len() {
            let part = text.get(..end).unwrap();
            assert_eq!(RecoveryPoints::parse(part), None, "{end}");
        }
        let read = RecoveryPoints::parse(&text).unwrap();
        assert_eq!(read, points);
        assert_eq!(read.of(id, PartitionId(1)), 1 << 40);
        assert_eq!(read.of(id, PartitionId(2)), 0);
    }
}
