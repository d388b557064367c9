//! What stays of a batch. Decisions only.
//!
//! Of each key the record with its last offset stays. A deletion marker stays too, until its horizon:
//! the first compaction that leaves it in a batch notes in the batch when that will be (KIP-534).
//! Records without a key, from times when the topic was not compacted, go. What is left without
//! records goes altogether, unless it is the last batch of a producer, which tells its sequence.

use std::collections::HashMap;

use sluice_protocol::compression::CompressionError;
use sluice_protocol::record::{Record, RecordError};
use sluice_protocol::record_batch::{BatchHeader, RawBatch};

use super::offset_map::OffsetMap;
use crate::limits::DECOMPRESSED_BATCH_BYTES_MAX;

/// What is known while a log is compacted.
#[derive(Debug)]
pub(super) struct Sieve<'a> {
    /// The last offset of every key that has a record in the dirty part.
    pub(super) offsets: &'a OffsetMap,
    /// What is from here on stays.
    pub(super) end: i64,
    /// The wall clock when the compaction began, in milliseconds.
    pub(super) now: i64,
    /// How long deletion markers stay, in milliseconds.
    pub(super) delete_retention_ms: i64,
    /// Whether deletion markers stay whatever their horizon.
    pub(super) keeps_markers: bool,
    /// Last offset of the last batch of each idempotent producer, by its id.
    pub(super) last_batches: &'a HashMap<i64, i64>,
}

/// What stays of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sifted {
    /// All of it.
    Whole,
    /// This.
    Part(RawBatch),
    /// Nothing.
    Nothing,
}

/// Why a batch could not be looked into.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum SieveError {
    #[error(transparent)]
    Records(#[from] RecordError),
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

impl Sieve<'_> {
    /// What stays of `batch`.
    pub(super) fn sift(&self, batch: &RawBatch) -> Result<Sifted, SieveError> {
        let header = batch.header();
        // Markers of transactions stay until there are transactions, whose end they may be.
        if header.attributes.is_control() || header.base_offset >= self.end {
            return Ok(Sifted::Whole);
        }
        // Looked at twice instead of kept: records in memory take many times their bytes.
        let records = batch.records(DECOMPRESSED_BATCH_BYTES_MAX)?;
        let (mut kept, mut has_marker) = (0_i32, false);
        for record in records.clone() {
            let record = record?;
            if self.keeps(&record, header) {
                kept = kept.saturating_add(1);
                has_marker |= record.value.is_none() && record.offset < self.end;
            }
        }
        if kept == 0 {
            return Ok(self.without_records(batch)?);
        }
        let known = header.delete_horizon();
        let is_new = has_marker && known.is_none();
        if kept == header.record_count && !is_new {
            return Ok(Sifted::Whole);
        }
        let horizon = match is_new {
            true => Some(self.now.saturating_add(self.delete_retention_ms)),
            false => known,
        };
        let records = records.map_while(Result::ok);
        let kept = records.filter(|record| self.keeps(record, header));
        Ok(Sifted::Part(batch.with_only(kept, horizon)?))
    }

    fn keeps(&self, record: &Record, header: &BatchHeader) -> bool {
        if record.offset >= self.end {
            return true;
        }
        let Some(key) = &record.key else {
            return false;
        };
        let last = self.offsets.get(key);
        let is_last = last.is_none_or(|last| record.offset >= last);
        is_last && (record.value.is_some() || !self.is_past(header))
    }

    /// Whether the deletion markers of a batch may go.
    fn is_past(&self, header: &BatchHeader) -> bool {
        let horizon = header.delete_horizon();
        horizon.is_some_and(|horizon| horizon <= self.now) && !self.keeps_markers
    }

    fn without_records(&self, batch: &RawBatch) -> Result<Sifted, CompressionError> {
        let header = batch.header();
        let producer = header.producer();
        let last = producer.and_then(|producer| self.last_batches.get(&producer.id));
        if last != Some(&header.last_offset()) {
            return Ok(Sifted::Nothing);
        }
        Ok(match header.record_count {
            0 => Sifted::Whole,
            _ => Sifted::Part(batch.with_only([], None)?),
        })
    }
}
