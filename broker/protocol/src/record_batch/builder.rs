//! Makes batches: for the client's producer and for the broker's own topics.
//!
//! Records are encoded as they are added, so that the size of the batch is always known; they are
//! compressed at the end, unless that would make them larger. So [`BatchBuilder::estimated_size`] is
//! an upper bound, and a producer that stays below the broker's limit with it is never refused.

use bytes::Bytes;

use super::raw::RawBatch;
use super::{
    Attributes, BatchHeader, BatchProducer, CHECKED_FROM, Compression, HEADER_BYTES,
    LOG_OVERHEAD_BYTES, MAGIC, ValidatedBatch,
};
use crate::compression::CompressionError;
use crate::record::Header;

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
    pub headers: Vec<Header>,
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
        let body = self.body_bytes(record);
        self.bytes
            .len()
            .saturating_add(varint_bytes(signed(body)))
            .saturating_add(body)
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`AppendError`], leaving the batch as it was.
    pub fn append(&mut self, record: &NewRecord) -> Result<(), AppendError> {
        let body = self.body_bytes(record);
        let next_count = self.record_count.checked_add(1);
        let (Some(next_count), Ok(_fits)) =
            (next_count, i32::try_from(self.estimated_size_with(record)))
        else {
            return Err(AppendError {
                record_bytes: body,
                batch_bytes: self.bytes.len(),
            });
        };
        let delta = self.timestamp_delta(record);
        self.put_varint(signed(body));
        self.bytes.push(0);
        self.put_varint(delta);
        self.put_varint(i64::from(self.record_count));
        self.put_bytes(record.key.as_deref());
        self.put_bytes(record.value.as_deref());
        self.put_varint(signed(record.headers.len()));
        for header in &record.headers {
            self.put_bytes(Some(&header.key));
            self.put_bytes(header.value.as_deref());
        }
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
        if let Some(place) = self.bytes.first_chunk_mut() {
            *place = header.to_bytes();
        }
        let bytes = Bytes::from(self.bytes);
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
        let length = self.bytes.len().saturating_sub(LOG_OVERHEAD_BYTES);
        let mut header = BatchHeader {
            base_offset: 0,
            batch_length: i32::try_from(length).unwrap_or(i32::MAX),
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
        };
        let checked = header.to_bytes();
        let records = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        let crc = crc32c::crc32c(checked.get(CHECKED_FROM..).unwrap_or_default());
        header.crc = crc32c::crc32c_append(crc, records);
        header
    }

    const fn timestamp_delta(&self, record: &NewRecord) -> i64 {
        if self.is_empty() {
            return 0;
        }
        record.timestamp.wrapping_sub(self.base_timestamp)
    }

    /// Bytes of a record behind its length, with one byte of attributes.
    fn body_bytes(&self, record: &NewRecord) -> usize {
        let headers = record.headers.iter().map(|header| {
            field_bytes(Some(&header.key)).saturating_add(field_bytes(header.value.as_ref()))
        });
        [
            1,
            varint_bytes(self.timestamp_delta(record)),
            varint_bytes(i64::from(self.record_count)),
            field_bytes(record.key.as_ref()),
            field_bytes(record.value.as_ref()),
            varint_bytes(signed(record.headers.len())),
        ]
        .into_iter()
        .chain(headers)
        .fold(0, usize::saturating_add)
    }

    fn put_bytes(&mut self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            return self.put_varint(-1);
        };
        self.put_varint(signed(bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    fn put_varint(&mut self, value: i64) {
        let mut bits = zigzag(value);
        loop {
            let [low, ..] = bits.to_le_bytes();
            bits >>= 7;
            if bits == 0 {
                return self.bytes.push(low & 0x7f);
            }
            self.bytes.push(low | 0x80);
        }
    }
}

/// Bytes of a length and what it counts.
fn field_bytes(bytes: Option<&Bytes>) -> usize {
    let length = bytes.map_or(-1, |bytes| signed(bytes.len()));
    varint_bytes(length).saturating_add(bytes.map_or(0, Bytes::len))
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Bytes of a zigzag varint; of 32 and of 64 bits it is the same.
const fn varint_bytes(value: i64) -> usize {
    let mut bits = zigzag(value) >> 7;
    let mut count = 1;
    while bits != 0 {
        bits >>= 7;
        count += 1;
    }
    count
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
