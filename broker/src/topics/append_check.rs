//! What a topic's configuration asks of a batch. Pure, and before the partition's lock.
//!
//! The header tells nearly everything; records are read only where the topic is compacted (keys),
//! limits how old records may be, or stores another codec than the producer's.

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
    let earliest = now.0.saturating_sub(config.timestamp_before_max_ms);
    let latest = now.0.saturating_add(config.timestamp_after_max_ms);
    let is_valid =
        |timestamp: i64| timestamp == NO_TIMESTAMP || (earliest..=latest).contains(&timestamp);
    let header = batch.header();
    // Below zero lies no timestamp, so a limit there is none, as it is by default.
    if earliest <= 0 && is_valid(header.max_timestamp.max(0)) {
        return Ok(());
    }
    let invalid = |record_index: usize, timestamp: i64| AppendError::InvalidTimestamp {
        record_index,
        timestamp: TimestampMs(timestamp),
        earliest: TimestampMs(earliest),
        latest: TimestampMs(latest),
    };
    for (index, record) in batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?.enumerate() {
        let timestamp = record?.timestamp;
        if !is_valid(timestamp) {
            return Err(invalid(index, timestamp));
        }
    }
    match is_valid(header.max_timestamp) {
        true => Ok(()),
        // The header does not tell the truth about its records.
        false => Err(invalid(0, header.max_timestamp)),
    }
}

fn with_codec(batch: ValidatedBatch, config: &TopicConfig) -> Result<ValidatedBatch, AppendError> {
    let header = *batch.header();
    match config.compression {
        BatchCompression::Fixed(codec) if header.attributes.compression() != Some(codec) => {
            compressed_again(&batch, codec)
        }
        BatchCompression::Fixed(_) | BatchCompression::Producer => Ok(batch),
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
