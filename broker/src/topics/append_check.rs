//! What a topic's configuration asks of a batch. Pure, and before the partition's lock.
//!
//! The header tells nearly everything; records are read only where the topic is compacted (keys),
//! limits how old records may be, or stores another codec than the producer's. That takes time and
//! memory, so [`must_unpack`] tells beforehand.

use sluice_protocol::record::Record;
use sluice_protocol::record_batch::{
    BatchBuilder, BatchProducer, Compression, NewRecord, TimestampType, ValidatedBatch,
};

use super::AppendError;
use super::topic_config::{BatchCompression, TopicConfig};
use crate::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use crate::model::{Acks, TimestampMs};

/// A timestamp that says there is none.
const NO_TIMESTAMP: i64 = -1;

/// Bytes of an uncompressed batch whose records are looked at without much ado.
const LIGHT_BYTES_MAX: usize = 16 * 1024;

/// Whether the check of a batch takes time and memory for its records.
pub(super) fn must_unpack(batch: &ValidatedBatch, config: &TopicConfig, now: TimestampMs) -> bool {
    let codec = batch.header().attributes.compression();
    let is_light = codec == Some(Compression::None) && batch.size() <= LIGHT_BYTES_MAX;
    !is_light
        && (config.cleanup.compact
            || new_codec(batch, config).is_some()
            || (config.timestamp_type == TimestampType::CreateTime
                && !Span::allowed(config, now).holds_all(batch)))
}

/// Checks a batch, and compresses it again where the topic asks for it.
pub(super) fn checked(
    batch: ValidatedBatch,
    acks: Acks,
    config: &TopicConfig,
    now: TimestampMs,
) -> Result<ValidatedBatch, AppendError> {
    if batch.header().attributes.is_transactional() {
        return Err(AppendError::Transactional);
    }
    if acks == Acks::All && config.min_insync_replicas > 1 {
        return Err(AppendError::NotEnoughReplicas {
            required: config.min_insync_replicas,
        });
    }
    check_size(&batch, config)?;
    if config.cleanup.compact
        && let Some(record_index) = batch.first_null_key(DECOMPRESSED_BATCH_BYTES_MAX)?
    {
        return Err(AppendError::MissingKey { record_index });
    }
    if config.timestamp_type == TimestampType::CreateTime {
        check_timestamps(&batch, config, now)?;
    }
    let batch = with_codec(batch, config)?;
    check_size(&batch, config)?;
    Ok(batch)
}

fn check_size(batch: &ValidatedBatch, config: &TopicConfig) -> Result<(), AppendError> {
    let size = batch.size();
    let limit = config.max_message_bytes;
    if size > limit {
        return Err(AppendError::TooLarge { size, limit });
    }
    let segment_bytes = config.log.segment_bytes;
    if u32::try_from(size).is_ok_and(|size| size <= segment_bytes) {
        return Ok(());
    }
    Err(AppendError::LargerThanSegment {
        size,
        segment_bytes,
    })
}

fn check_timestamps(
    batch: &ValidatedBatch,
    config: &TopicConfig,
    now: TimestampMs,
) -> Result<(), AppendError> {
    let allowed = Span::allowed(config, now);
    if allowed.holds_all(batch) {
        return Ok(());
    }
    let invalid = |record_index: usize, timestamp: i64| AppendError::InvalidTimestamp {
        record_index,
        timestamp: TimestampMs(timestamp),
        earliest: TimestampMs(allowed.earliest),
        latest: TimestampMs(allowed.latest),
    };
    for (index, record) in batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?.enumerate() {
        let timestamp = record?.timestamp;
        if !allowed.holds(timestamp) {
            return Err(invalid(index, timestamp));
        }
    }
    let max_timestamp = batch.header().max_timestamp;
    match allowed.holds(max_timestamp) {
        true => Ok(()),
        // The header does not tell the truth about its records.
        false => Err(invalid(0, max_timestamp)),
    }
}

/// Timestamps that a topic accepts.
#[derive(Clone, Copy, Debug)]
struct Span {
    earliest: i64,
    latest: i64,
}

impl Span {
    const fn allowed(config: &TopicConfig, now: TimestampMs) -> Self {
        Self {
            earliest: now.0.saturating_sub(config.timestamp_before_max_ms),
            latest: now.0.saturating_add(config.timestamp_after_max_ms),
        }
    }

    fn holds(&self, timestamp: i64) -> bool {
        timestamp == NO_TIMESTAMP || (self.earliest..=self.latest).contains(&timestamp)
    }

    /// Whether the header says so of all records. Below zero lies no timestamp, so a limit there is
    /// none, as it is by default.
    fn holds_all(&self, batch: &ValidatedBatch) -> bool {
        self.earliest <= 0 && self.holds(batch.header().max_timestamp.max(0))
    }
}

fn with_codec(batch: ValidatedBatch, config: &TopicConfig) -> Result<ValidatedBatch, AppendError> {
    match new_codec(&batch, config) {
        Some(codec) => compressed_again(&batch, codec),
        None => Ok(batch),
    }
}

/// The codec in which the topic wants the batch, where it is in another one.
fn new_codec(batch: &ValidatedBatch, config: &TopicConfig) -> Option<Compression> {
    let current = batch.header().attributes.compression();
    match config.compression {
        BatchCompression::Fixed(codec) if current != Some(codec) => Some(codec),
        BatchCompression::Fixed(_) | BatchCompression::Producer => None,
    }
}

fn compressed_again(
    batch: &ValidatedBatch,
    codec: Compression,
) -> Result<ValidatedBatch, AppendError> {
    let header = batch.header();
    let mut builder = BatchBuilder::new(codec);
    if header.producer_id >= 0 {
        builder = builder.with_producer(BatchProducer {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        });
    }
    let unpacked = |reason: String| AppendError::Recompression { codec, reason };
    for record in batch.records(DECOMPRESSED_BATCH_BYTES_MAX)? {
        let record = new_record(record?);
        let appended = builder.append(&record);
        appended.map_err(|error| unpacked(error.to_string()))?;
    }
    let built = builder
        .build()
        .map_err(|error| unpacked(error.to_string()))?;
    built.ok_or_else(|| unpacked("the batch has no records".to_owned()))
}

fn new_record(record: Record) -> NewRecord {
    NewRecord {
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record.headers,
    }
}
