//! What the metadata log says, read without a broker: the topics there are.
//!
//! After an unclean stop its end may be in the commit log alone, so that is read as well.

use std::path::Path;

use sluice_protocol::record_batch::RawBatch;

use super::finding::{Finding, Severity};
use crate::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::log::batch_walk::{BatchWalk, Step};
use crate::log::commit_log::{FoundExtent, Live, walk_row};
use crate::log::segment::{LOG, base_offsets, file_name};
use crate::log::storage::OpenMode;
use crate::log::{Disk, LogKey, StorageError};
use crate::topics::metadata_event::{MetadataEvent, MetadataState};

/// What can be done about damaged metadata.
pub(super) const RESTORE: &str =
    "the metadata cannot be mended: restore the data directory from a backup";

/// The topics, and what of them could not be read.
#[derive(Debug, Default)]
pub(super) struct MetadataReading {
    pub(super) state: MetadataState,
    pub(super) findings: Vec<Finding>,
    /// Whether there is not one event.
    pub(super) is_empty: bool,
}

impl MetadataReading {
    /// Reads the metadata log below `root`. Where the last stop was none in order, the commit log may have more of it;
    /// `live` is the first extent of that which is needed, as far as is known.
    pub(super) fn of(
        disk: &Disk,
        root: &Path,
        is_clean: bool,
        live: Option<Live>,
    ) -> Result<Self, StorageError> {
        let mut reading = Self {
            is_empty: true,
            ..Self::default()
        };
        let directory = root.join("metadata");
        let names = disk.list(&directory)?;
        let mut next_offset = 0;
        for base in base_offsets(&names) {
            let path = directory.join(file_name(base, LOG));
            let file = disk.open(&path, OpenMode::Read)?;
            let mut walk = BatchWalk::new(&file, 0, file.size()?);
            // What is not whole is found by the check of the log itself.
            while let Step::Batch((position, batch)) = walk.next_batch()? {
                if batch.has_valid_crc() && batch.header().base_offset >= next_offset {
                    next_offset = batch.header().last_offset().saturating_add(1);
                    reading.apply(&batch, &path, position);
                }
            }
        }
        if !is_clean {
            reading.pending(disk, &root.join("commit-log"), live, next_offset)?;
        }
        Ok(reading)
    }

    fn pending(
        &mut self,
        disk: &Disk,
        directory: &Path,
        live: Option<Live>,
        mut next_offset: i64,
    ) -> Result<(), StorageError> {
        let extents = FoundExtent::all(disk, directory)?;
        // What is lost of them is found by the check of the commit log.
        walk_row(directory, &extents, live, |mut frame| {
            if frame.header.key != LogKey::METADATA {
                return;
            }
            let batch = RawBatch::take(&mut frame.batch).ok().flatten();
            if let Some(batch) = batch.filter(|it| it.header().base_offset >= next_offset) {
                next_offset = batch.header().last_offset().saturating_add(1);
                self.apply(&batch, frame.extent.path(), frame.position);
            }
        })?;
        Ok(())
    }

    fn apply(&mut self, batch: &RawBatch, path: &Path, position: u64) {
        self.is_empty = false;
        let applied = self.applied(batch);
        if let Err(reason) = applied {
            let size = u64::try_from(batch.bytes().len()).unwrap_or(u64::MAX);
            let end = batch.header().last_offset().saturating_add(1);
            let finding = Finding::new(Severity::Damage, path, reason, RESTORE)
                .with_partition("metadata")
                .with_offsets(batch.header().base_offset..end)
                .with_bytes(position..position.saturating_add(size));
            self.findings.push(finding);
        }
    }

    fn applied(&mut self, batch: &RawBatch) -> Result<(), String> {
        let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX);
        for record in records.map_err(|error| error.to_string())? {
            let value = record.map_err(|error| error.to_string())?.value;
            MetadataEvent::from_json(&value.unwrap_or_default())
                .and_then(|event| self.state.apply(&event))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
