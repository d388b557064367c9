//! What a topic's configuration asks of a batch. Pure, and before the partition's lock.
//!
//! Every record is read once, as Kafka does: a batch that lies about its records would be stored for
//! every consumer to stumble over. They are kept only where the topic stores another codec than the
//! producer's. That may take time and memory: [`must_unpack`] tells beforehand what a batch's size tells, and
//! for all others there is a limit to what they are decompressed into.

use sluice_protocol::compression::CompressionError;
use sluice_protocol::record::{Record, RecordError};
use sluice_protocol::record_batch::{
    BatchBuilder, BatchProducer, Compression, NewRecord, TimestampType, ValidatedBatch,
};

use super::AppendError;
use super::topic_config::{BatchCompression, TopicConfig};
use crate::model::{Acks, TimestampMs};

/// A timestamp that says there is none.
const NO_TIMESTAMP: i64 = -1;

/// Bytes of a batch whose records are looked at without much ado.
const LIGHT_BYTES_MAX: usize = 16 * 1024;

/// Whether the size of a batch alone tells that its check takes time or memory for its records. Records that
/// are not compressed take neither.
pub(super) fn must_unpack(batch: &ValidatedBatch, config: &TopicConfig) -> bool {
    let is_compressed = batch.header().attributes.compression() != Some(Compression::None);
    let is_light = batch.size() <= LIGHT_BYTES_MAX;
    match new_codec(batch, config) {
        Some(_) => is_compressed || !is_light,
        None => is_compressed && !is_light,
    }
}

/// Whether what was refused takes more bytes than the limit of its check, and nothing else is known of it.
pub(super) const fn is_over_limit(error: &AppendError) -> bool {
    matches!(
        error,
        AppendError::UnreadableRecords(RecordError::Compression(
            CompressionError::OverLimit { .. }
        ))
    )
}

/// Checks a batch, of at most `limit` bytes when it is decompressed, and compresses it again where the topic
/// asks for it.
pub(super) fn checked(
    batch: ValidatedBatch,
    acks: Acks,
    config: &TopicConfig,
    now: TimestampMs,
    limit: usize,
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
    let max_timestamp = check_records(&batch, config, now, limit)?;
    let batch = match config.timestamp_type {
        TimestampType::CreateTime => batch.with_max_timestamp(max_timestamp),
        // The broker's clock takes its place.
        TimestampType::LogAppendTime => batch,
    };
    let batch = with_codec(batch, config, limit)?;
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

/// Checks each record, and returns the largest timestamp.
fn check_records(
    batch: &ValidatedBatch,
    config: &TopicConfig,
    now: TimestampMs,
    limit: usize,
) -> Result<i64, AppendError> {
    let mut max_timestamp = NO_TIMESTAMP;
    let takes_any_time = config.timestamp_type == TimestampType::LogAppendTime;
    batch.visit_records(limit, |record| {
        let record_index = record.index;
        if config.cleanup.compact && !record.has_key {
            return Err(AppendError::MissingKey { record_index });
        }
        if !takes_any_time && !is_timely(record.timestamp, config, now) {
            return Err(AppendError::InvalidTimestamp {
                record_index,
                timestamp: TimestampMs(record.timestamp),
                earliest: TimestampMs(now.0.saturating_sub(config.timestamp_before_max_ms)),
                latest: TimestampMs(now.0.saturating_add(config.timestamp_after_max_ms)),
            });
        }
        max_timestamp = max_timestamp.max(record.timestamp);
        Ok(())
    })?;
    Ok(max_timestamp)
}

/// Whether a timestamp is near enough to the broker's clock. One that no difference can be told to is
/// not, whatever the limits.
fn is_timely(timestamp: i64, config: &TopicConfig, now: TimestampMs) -> bool {
    if timestamp == NO_TIMESTAMP {
        return true;
    }
    let age = now.0.checked_sub(timestamp);
    age.is_some_and(|age| {
        age <= config.timestamp_before_max_ms
            && age.saturating_neg() <= config.timestamp_after_max_ms
    })
}

fn with_codec(
    batch: ValidatedBatch,
    config: &TopicConfig,
    limit: usize,
) -> Result<ValidatedBatch, AppendError> {
    match new_codec(&batch, config) {
        Some(codec) => compressed_again(&batch, codec, limit),
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
    limit: usize,
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
    for record in batch.records(limit)? {
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
