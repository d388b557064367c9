//! How far each partition is known to be durable, so that a start after a crash checks only what is
//! behind that.
//!
//! The file `recovery-points` ([`PartitionPoints`]) is written when much was flushed since the last
//! time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::partition_points::PartitionPoints;
use super::registry::Catalog;
use crate::log::{LogContext, StorageError};

/// Name of the file.
const FILE_NAME: &str = "recovery-points";
/// Bytes flushed between two writes of the file: what a start reads again takes it under a second.
const INTERVAL_BYTES: usize = 128 * 1024 * 1024;

/// Writes the file from time to time.
#[derive(Debug)]
pub(super) struct Checkpoint {
    context: Arc<LogContext>,
    path: PathBuf,
    catalog: Arc<RwLock<Catalog>>,
    flushed_bytes: usize,
}

/// The offsets up to which partitions are durable at least.
pub(super) fn read(
    context: &LogContext,
    directory: &Path,
) -> Result<PartitionPoints, StorageError> {
    PartitionPoints::read(context, &directory.join(FILE_NAME))
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
        let mut points = PartitionPoints::default();
        for topic in self.catalog.read().topics() {
            for partition in topic.partitions().iter() {
                let (_, durable_end) = partition.log.bounds();
                if durable_end > 0 {
                    points.set(topic.id(), partition.id(), durable_end);
                }
            }
        }
        points.write(&self.context, &self.path)
    }
}
