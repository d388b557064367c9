//! Makes batches: for the client's producer and for the broker's own topics.
//!
//! Records are encoded as they are added, so that the size of the batch is always known; they are
//! compressed at the end, unless that would make them larger. So [`BatchBuilder::estimated_size`] is
//! an upper bound, and a producer that stays below the broker's limit with it is never refused.

use bytes::Bytes;

use super::encode::{RecordFields, sealed};
use super::raw::RawBatch;
use super::{
    Attributes, BatchHeader, BatchProducer, Compression, HEADER_BYTES, MAGIC, ValidatedBatch,
};
use crate::compression::CompressionError;
use crate::record::Headers;

/// A record to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// Milliseconds since the epoch, or -1 for none.
    pub timestamp: i64,
    /// The key, where there is one.
    pub key: Option<Bytes>,
    /// The value; `None` marks a deletion in a compacted topic.
    pub value: Option<Bytes>,
    /// Headers in their order, duplicates allowed.
    pub headers: Headers,
}

/// The batch would be larger than its length field can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a record of {record_bytes} bytes does not fit a batch of {batch_bytes} bytes; a batch ends at 2 GiB"
)]
pub struct AppendError {
    /// Bytes of the record.
    pub record_bytes: usize,
    /// Bytes of the batch before it.
    pub batch_bytes: usize,
}

/// A batch being made.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    compression: Compression,
    producer: Option<BatchProducer>,
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    record_count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            producer: None,
            bytes: vec![0; HEADER_BYTES],
            record_count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
        }
    }

    /// The same batch as part of an idempotent producer's sequence.
    #[must_use]
    pub const fn with_producer(mut self, producer: BatchProducer) -> Self {
        self.producer = Some(producer);
        self
    }

    /// Records added.
    #[must_use]
    pub const fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether nothing was added yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes of the batch as it is, at most: compression can only make them fewer.
    #[must_use]
    pub const fn estimated_size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of the batch with `record` added, at most.
    #[must_use]
    pub fn estimated_size_with(&self, record: &NewRecord) -> usize {
        let size = self.fields(record).size();
        self.bytes.len().saturating_add(size)
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`AppendError`], leaving the batch as it was.
    pub fn append(&mut self, record: &NewRecord) -> Result<(), AppendError> {
        let fields = self.fields(record);
        let next_count = self.record_count.checked_add(1);
        let (Some(next_count), Ok(_fits)) =
            (next_count, i32::try_from(self.estimated_size_with(record)))
        else {
            return Err(AppendError {
                record_bytes: fields.body_bytes(),
                batch_bytes: self.bytes.len(),
            });
        };
        fields.put(&mut self.bytes);
        if self.record_count == 0 {
            self.base_timestamp = record.timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.record_count = next_count;
        Ok(())
    }

    /// The batch, with base offset 0; `None` where no record was added.
    ///
    /// # Errors
    /// [`CompressionError`].
    pub fn build(mut self) -> Result<Option<ValidatedBatch>, CompressionError> {
        if self.is_empty() {
            return Ok(None);
        }
        let compression = self.compress()?;
        let header = self.header(compression);
        let (header, bytes) = sealed(header, self.bytes);
        Ok(Some(ValidatedBatch::trusted(RawBatch::new(header, bytes))))
    }

    /// Compresses the records where that makes them smaller, and says what they are now.
    fn compress(&mut self) -> Result<Compression, CompressionError> {
        if self.compression == Compression::None {
            return Ok(Compression::None);
        }
        let records = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        let mut compressed = vec![0; HEADER_BYTES];
        self.compression.compress(records, &mut compressed)?;
        if compressed.len() >= self.bytes.len() {
            return Ok(Compression::None);
        }
        self.bytes = compressed;
        Ok(self.compression)
    }

    fn header(&self, compression: Compression) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: 0,
            leader_epoch: -1,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes::default().with_compression(compression),
            last_offset_delta: self.record_count.saturating_sub(1),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer.map_or(-1, |producer| producer.id),
            producer_epoch: self.producer.map_or(-1, |producer| producer.epoch),
            base_sequence: self.producer.map_or(-1, |producer| producer.base_sequence),
            record_count: self.record_count,
        }
    }

    fn fields<'a>(&self, record: &'a NewRecord) -> RecordFields<'a> {
        RecordFields {
            timestamp_delta: self.timestamp_delta(record),
            offset_delta: self.record_count,
            key: record.key.as_ref(),
            value: record.value.as_ref(),
            headers: &record.headers,
        }
    }

    const fn timestamp_delta(&self, record: &NewRecord) -> i64 {
        if self.is_empty() {
            return 0;
        }
        record.timestamp.wrapping_sub(self.base_timestamp)
    }
}
