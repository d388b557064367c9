//! Writing batches to the active segment, through the page cache. Who writes the segments of a flush
//! alone calls it; the commit log makes the same batches durable meanwhile, and a checkpoint syncs
//! what is noted here as dirty.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sluice_protocol::record_batch::StampedBatch;

use super::StorageError;
use super::checkpoint::Dirty;
use super::label::LABEL_FILE;
use super::leader_epochs;
use super::log_start;
use super::open_files::SegmentFile;
use super::partition_log::{ActiveWriter, PartitionLog, SegmentName, WriteStep, Writer};
use super::segment::{LOG, file_name};
use super::storage::OpenMode;

/// Why batches were not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The log is closed for good.
    #[error("the log is closed")]
    Closed,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl PartitionLog {
    /// Writes batches that follow each other, beginning new segments where they are due, and notes
    /// in `dirty` what is to be synced. Readers see nothing of it before [`PartitionLog::publish`].
    pub(super) fn write(
        &self,
        batches: &[&StampedBatch],
        dirty: &mut Dirty,
    ) -> Result<(), WriteError> {
        let mut writer = self.writer.lock();
        if writer.is_closed {
            return Err(WriteError::Closed);
        }
        let mut begun = 0;
        let is_index_full = self.is_index_full(&writer);
        for (index, batch) in batches.iter().enumerate() {
            if self.is_due(&writer, batch) || (index == 0 && is_index_full) {
                self.write_run(&writer, batches.get(begun..index), dirty)?;
                self.begin_segment(&mut writer, batch, dirty)?;
                begun = index;
            }
            self.note_epoch(&mut writer, batch, dirty)?;
            self.add(&mut writer, batch);
        }
        self.write_run(&writer, batches.get(begun..), dirty)?;
        Ok(())
    }

    /// Whether the indexes of the active segment, which are in memory, have grown as large as they may. What is
    /// written and not published yet is not in them.
    fn is_index_full(&self, writer: &Writer) -> bool {
        let view = self.view.lock();
        let (Some(written), Some(active)) = (&writer.active, &view.active) else {
            return false;
        };
        let is_same = active.base_offset == written.base_offset;
        is_same && active.index.is_full(self.config.load().index_bytes_max)
    }

    /// Whether `batch` must begin a segment of its own.
    fn is_due(&self, writer: &Writer, batch: &StampedBatch) -> bool {
        let Some(active) = &writer.active else {
            return true;
        };
        if active.size == 0 {
            return false;
        }
        let config = self.config.load();
        let header = batch.header();
        let size = active.size.saturating_add(size_of_batch(batch));
        let age = active
            .first_timestamp
            .map_or(0, |first| header.max_timestamp.saturating_sub(first));
        let reach = header.last_offset().saturating_sub(active.base_offset);
        let is_asked_for = self.segment_start.load(Ordering::Relaxed) == header.base_offset;
        size > u64::from(config.segment_bytes)
            || age > config.segment_ms
            || reach > i64::from(i32::MAX)
            || is_asked_for
    }

    /// Adds `batch` to the account of the active segment.
    fn add(&self, writer: &mut Writer, batch: &StampedBatch) {
        let header = *batch.header();
        if let Some(active) = &mut writer.active {
            active.size = active.size.saturating_add(size_of_batch(batch));
            active.first_timestamp = active.first_timestamp.or(Some(header.max_timestamp));
        }
        writer.next_offset = header.last_offset().saturating_add(1);
        writer.steps.push(WriteStep::Added(header));
    }

    /// Writes batches that the account already holds behind what is in the file.
    fn write_run(
        &self,
        writer: &Writer,
        batches: Option<&[&StampedBatch]>,
        dirty: &mut Dirty,
    ) -> Result<(), StorageError> {
        let (Some(active), Some(batches)) = (&writer.active, batches) else {
            return Ok(());
        };
        if batches.is_empty() {
            return Ok(());
        }
        let mut chunks: Vec<&[u8]> = Vec::with_capacity(batches.len().saturating_mul(2));
        let mut size = 0_u64;
        for batch in batches {
            chunks.push(batch.header_bytes());
            chunks.push(batch.record_bytes());
            size = size.saturating_add(size_of_batch(batch));
        }
        let file = self.context.files.get(&active.file)?;
        let position = active.size.saturating_sub(size);
        // Written again it is the same: nobody reads it before it is whole.
        let space = &self.context.space;
        space.when_there_is_room(|| file.write_at(position, &chunks))?;
        self.unsaved.add(size);
        dirty.files.insert(active.file.path().as_ref().clone());
        Ok(())
    }

    /// Makes an empty segment for `batch` the active one.
    fn begin_segment(
        &self,
        writer: &mut Writer,
        batch: &StampedBatch,
        dirty: &mut Dirty,
    ) -> Result<(), StorageError> {
        self.make_directory(writer, dirty)?;
        if !writer.name.is_durable(&self.context) {
            // Else a power cut could leave this one and take the one before.
            self.context.disk.sync_dir(&self.directory)?;
        }
        self.unsaved
            .seal(writer.active.as_ref().map_or(0, |full| full.size));
        self.note_start(writer, dirty)?;
        self.create_segment(writer, batch.header().base_offset)?;
        writer.name = SegmentName::New;
        dirty.directories.insert(self.directory.clone());
        Ok(())
    }

    /// Notes where the log begins, when its second segment does. Whoever drops one makes it durable first.
    fn note_start(&self, writer: &mut Writer, dirty: &mut Dirty) -> Result<(), StorageError> {
        let Some(active) = writer.active.as_ref().filter(|_| !writer.has_start) else {
            return Ok(());
        };
        let first = self.view.lock().first_base().unwrap_or(active.base_offset);
        let path = self.directory.join(log_start::LOG_START_FILE);
        let text = log_start::text(first.min(active.base_offset));
        let (disk, space) = (&self.context.disk, &self.context.space);
        space.when_there_is_room(|| disk.swap_file(&path, text.as_bytes()))?;
        dirty.files.insert(path);
        writer.has_start = true;
        Ok(())
    }

    /// Makes the file of a segment that begins at `base_offset`, and makes it the active one.
    pub(super) fn create_segment(
        &self,
        writer: &mut Writer,
        base_offset: i64,
    ) -> Result<(), StorageError> {
        let path = self.directory.join(file_name(base_offset, LOG));
        self.context.space.when_there_is_room(|| {
            // There may be a leftover of a segment that was dropped before it ever held anything.
            self.context.disk.draft(&path)
        })?;
        let file = SegmentFile::new(path, OpenMode::Write);
        writer.steps.push(WriteStep::Began {
            base_offset,
            file: Arc::clone(&file),
        });
        writer.active = Some(ActiveWriter {
            base_offset,
            file,
            size: 0,
            first_timestamp: None,
        });
        Ok(())
    }

    /// Makes the directory at the first batch, so that idle partitions cost nothing.
    pub(super) fn make_directory(
        &self,
        writer: &mut Writer,
        dirty: &mut Dirty,
    ) -> Result<(), StorageError> {
        if writer.has_directory {
            return Ok(());
        }
        let disk = &self.context.disk;
        let label = self.directory.join(LABEL_FILE);
        self.context.space.when_there_is_room(|| {
            disk.create_dir(&self.directory)?;
            disk.write_file(&label, self.label.as_bytes())
        })?;
        dirty.files.insert(label);
        let parent = self.directory.parent();
        dirty
            .directories
            .extend(parent.map(std::path::Path::to_owned));
        dirty.directories.insert(self.directory.clone());
        writer.has_directory = true;
        Ok(())
    }

    /// Notes the first batch of a leader epoch. What is not on disk yet is read from the batches.
    fn note_epoch(
        &self,
        writer: &mut Writer,
        batch: &StampedBatch,
        dirty: &mut Dirty,
    ) -> Result<(), StorageError> {
        let header = batch.header();
        if !writer.epochs.push(header.leader_epoch, header.base_offset) || writer.is_opening {
            return Ok(());
        }
        self.write_epochs(writer, dirty)
    }
}

impl PartitionLog {
    /// Writes the file of the leader epochs anew, without making it durable: what is to be synced for that is in `dirty` then.
    pub(super) fn write_epochs(
        &self,
        writer: &Writer,
        dirty: &mut Dirty,
    ) -> Result<(), StorageError> {
        let path = self.epochs_file();
        let text = writer.epochs.to_text();
        let (disk, space) = (&self.context.disk, &self.context.space);
        space.when_there_is_room(|| disk.swap_file(&path, text.as_bytes()))?;
        dirty.files.insert(path);
        dirty.directories.insert(self.directory.clone());
        Ok(())
    }

    /// As [`PartitionLog::write_epochs`], for nobody to wait for. Where it fails, the next start reads the batches again.
    pub(super) fn try_to_write_epochs(&self) {
        let path = self.epochs_file();
        let text = self.writer.lock().epochs.to_text();
        drop(self.context.disk.swap_file(&path, text.as_bytes()));
    }

    /// Where they are kept.
    pub(super) fn epochs_file(&self) -> PathBuf {
        self.directory.join(leader_epochs::FILE_NAME)
    }
}

pub(super) fn size_of_batch(batch: &StampedBatch) -> u64 {
    u64::try_from(batch.size()).unwrap_or(u64::MAX)
}
