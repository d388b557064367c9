//! Batches of a segment, and their records.

use bytes::{Buf, Bytes};
use sluice_protocol::record::Record;
use sluice_protocol::record_batch::{BatchHeader, RawBatch, TimestampType};

use super::{Dump, DumpError};
use crate::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::log::disk::DiskFile;
use crate::log::segment::{SEGMENT_OFFSETS_MAX, parse_file_name};
use crate::log::segment_survey::{SegmentSurvey, Stretch};
use crate::offline::line::Line;

/// The largest batch whose records are shown.
const BATCH_BYTES_MAX: usize = 128 * 1024 * 1024;

impl Dump<'_> {
    pub(super) fn segment(
        &mut self,
        name: &str,
        file: &DiskFile,
        size: u64,
    ) -> Result<(), DumpError> {
        let offsets = match parse_file_name(name) {
            Some((base, _)) => base..base.saturating_add(SEGMENT_OFFSETS_MAX),
            None => 0..i64::MAX,
        };
        let mut survey = SegmentSurvey::new(file, size, offsets);
        while let Some(stretch) = survey.next()? {
            match stretch {
                Stretch::Batch(position, header) => {
                    self.line(&batch_line(&header).number("position", position))?;
                    if self.options.records {
                        self.records_at(file, position, &header)?;
                    }
                }
                Stretch::Damage(damage) => self.damage(damage.from, damage.to, damage.fault)?,
            }
        }
        Ok(())
    }

    fn records_at(
        &mut self,
        file: &DiskFile,
        position: u64,
        header: &BatchHeader,
    ) -> Result<(), DumpError> {
        let size = header.size().unwrap_or(usize::MAX);
        let end = position.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
        if size > BATCH_BYTES_MAX {
            return self.damage(position, end, "too large for its records to be shown");
        }
        let mut bytes = file.read_at(position, size)?;
        match RawBatch::take(&mut bytes) {
            Ok(Some(batch)) => self.records(&batch, position),
            Ok(None) | Err(_) => self.damage(position, end, "changed while it was read"),
        }
    }

    /// The records of a batch at `position` of its file.
    pub(super) fn records(&mut self, batch: &RawBatch, position: u64) -> Result<(), DumpError> {
        let size = u64::try_from(batch.bytes().len()).unwrap_or(u64::MAX);
        let end = position.saturating_add(size);
        let records = match batch.records(DECOMPRESSED_BATCH_BYTES_MAX) {
            Ok(records) => records,
            Err(error) => return self.damage(position, end, error),
        };
        for record in records {
            match record {
                Ok(record) if batch.header().attributes.is_control() => {
                    self.line(&marker_line(record))?;
                }
                Ok(record) => self.line(&record_line(record))?,
                Err(error) => return self.damage(position, end, error),
            }
        }
        Ok(())
    }
}

/// The line of a batch.
pub(super) fn batch_line(header: &BatchHeader) -> Line {
    let attributes = header.attributes;
    let last_sequence = header.producer().filter(|it| it.base_sequence >= 0);
    let last_sequence = last_sequence.map(|it| it.last_sequence(header.last_offset_delta));
    let codec = attributes.compression();
    let clock = match attributes.timestamp_type() {
        TimestampType::CreateTime => "create",
        TimestampType::LogAppendTime => "append",
    };
    let size = header.size().and_then(|size| u64::try_from(size).ok());
    Line::new("batch")
        .number("base_offset", header.base_offset)
        .number("last_offset", header.last_offset())
        .number("count", header.record_count)
        .number("size", size.unwrap_or_default())
        .number("leader_epoch", header.leader_epoch)
        .word("codec", codec.map_or("unknown", |codec| codec.name()))
        .word("clock", clock)
        .number("base_timestamp", header.base_timestamp)
        .number("max_timestamp", header.max_timestamp)
        .number("delete_horizon", header.delete_horizon().unwrap_or(-1))
        .number("producer_id", header.producer_id)
        .number("producer_epoch", header.producer_epoch)
        .number("base_sequence", header.base_sequence)
        .number("last_sequence", last_sequence.unwrap_or(-1))
        .flag("transactional", attributes.is_transactional())
        .flag("control", attributes.is_control())
        .checksum("crc", header.crc)
}

fn record_line(record: Record) -> Line {
    Line::new("record")
        .number("offset", record.offset)
        .number("timestamp", record.timestamp)
        .content("key", "key_size", record.key)
        .content("value", "value_size", record.value)
        .headers(record.headers)
}

/// A record of a control batch: how a transaction ended, or what else Kafka says in one.
fn marker_line(record: Record) -> Line {
    let mut key = record.key.clone().unwrap_or_default();
    let mut value = record.value.clone().unwrap_or_default();
    let kind = key.try_get_i16().and_then(|_version| key.try_get_i16());
    let marker = match kind {
        Ok(0) => "abort",
        Ok(1) => "commit",
        Ok(_) | Err(_) => "other",
    };
    let line = Line::new("marker")
        .number("offset", record.offset)
        .number("timestamp", record.timestamp)
        .word("type", marker);
    let epoch = |value: &mut Bytes| {
        let _version = value.try_get_i16().ok()?;
        value.try_get_i32().ok()
    };
    match (marker, epoch(&mut value)) {
        ("abort" | "commit", Some(epoch)) => line.number("coordinator_epoch", epoch),
        _ => {
            line.content("key", "key_size", record.key)
                .content("value", "value_size", record.value)
        }
    }
}
