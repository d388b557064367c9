//! The records of a batch, read lazily and without copies.
//!
//! A record's key, value and headers are slices of the batch, or of its decompressed content, which
//! stays in memory as long as one of them does. Rules are those of Kafka's own reader
//! (`DefaultRecord`), with one more: offsets must ascend within the batch, so that a consumer can
//! never step back.
//!
//! ```text
//! length varint | attributes i8 | timestamp delta varlong | offset delta varint
//! key length varint (-1 for null), key | value length varint (-1 for null), value
//! header count varint | (key length varint, key, value length varint (-1 for null), value)*
//! ```
//!
//! Invariant: nothing is allocated by a count or length before the bytes it speaks of are there.

mod fields;
mod headers;
mod outline;

use bytes::Bytes;

use crate::compression::CompressionError;
use crate::record_batch::{BatchHeader, TimestampType};
use fields::Fields;
pub use headers::{Header, HeaderIter, Headers};
pub use outline::RecordOutline;
pub(crate) use outline::visit_records;

/// Bytes of the smallest record: no key, no value, no headers.
pub const RECORD_BYTES_MIN: usize = 7;

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch, by the clock the batch names; -1 for none.
    pub timestamp: i64,
    /// The key, where there is one; empty is not null.
    pub key: Option<Bytes>,
    /// The value; null marks a deletion in a compacted topic.
    pub value: Option<Bytes>,
    /// Headers in their order, duplicates included.
    pub headers: Headers,
}

/// Why the records of a batch could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The attributes of the batch name no codec.
    #[error("attributes {attributes:#06x} name no known compression")]
    UnknownCodec {
        /// The attributes of the batch.
        attributes: i16,
    },
    /// The content could not be had.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The bytes of a record end before its fields do, or a length makes no sense.
    #[error("record {index} of the batch is malformed")]
    Malformed {
        /// Index of the record in the batch.
        index: usize,
    },
    /// A record is longer than its fields.
    #[error("record {index} of the batch has {count} bytes too many")]
    RecordTooLong {
        /// Index of the record in the batch.
        index: usize,
        /// Bytes left over.
        count: usize,
    },
    /// The offset of a record does not follow the one before it, or leaves the batch.
    #[error("record {index} of the batch has the offset delta {delta}, which is out of order")]
    OffsetOutOfOrder {
        /// Index of the record in the batch.
        index: usize,
        /// The delta as read.
        delta: i32,
    },
    /// The batch ends before the number of records it declares.
    #[error("the batch declares {declared} records and holds {found}")]
    MissingRecords {
        /// Number in the header of the batch.
        declared: i32,
        /// Number found.
        found: usize,
    },
    /// Bytes follow the number of records the batch declares.
    #[error("{count} bytes follow the last record of the batch")]
    TrailingBytes {
        /// Bytes left over.
        count: usize,
    },
}

/// The records of one batch, in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Records(Cursor);

/// The keys of one batch's records, in order, at the cost of a key alone: what follows the key is
/// skipped unread. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Keys(Cursor);

impl Records {
    /// Reads `records`, what follows `header`, once decompressed into at most `limit` bytes.
    pub(crate) fn new(
        header: &BatchHeader,
        records: &Bytes,
        limit: usize,
    ) -> Result<Self, RecordError> {
        Cursor::new(header, records, limit).map(Self)
    }
}

impl Keys {
    /// As [`Records::new`].
    pub(crate) fn new(
        header: &BatchHeader,
        records: &Bytes,
        limit: usize,
    ) -> Result<Self, RecordError> {
        Cursor::new(header, records, limit).map(Self)
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(Cursor::record)
    }
}

impl Iterator for Keys {
    type Item = Result<Option<Bytes>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(Cursor::key)
    }
}

/// What is left of a batch's content.
#[derive(Clone, Debug)]
struct Cursor {
    header: BatchHeader,
    rest: Bytes,
    index: usize,
    last_delta: i32,
    is_over: bool,
}

impl Cursor {
    fn new(header: &BatchHeader, records: &Bytes, limit: usize) -> Result<Self, RecordError> {
        let attributes = header.attributes;
        let codec = attributes.compression().ok_or(RecordError::UnknownCodec {
            attributes: attributes.0,
        })?;
        Ok(Self {
            header: *header,
            rest: codec.decompress(records, limit)?,
            index: 0,
            last_delta: -1,
            is_over: false,
        })
    }

    /// The next record as `read` sees it; `None` after the last one and after an error.
    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Self, Fields) -> Result<T, RecordError>,
    ) -> Option<Result<T, RecordError>> {
        if self.is_over {
            return None;
        }
        let item = match self.next_fields() {
            Ok(Some(fields)) => Some(read(self, fields)),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        };
        self.index = self.index.saturating_add(1);
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }

    /// Takes the bytes of one record, without its length.
    fn next_fields(&mut self) -> Result<Option<Fields>, RecordError> {
        let declared = self.header.record_count;
        let is_last = usize::try_from(declared).is_ok_and(|declared| self.index >= declared);
        match self.rest.len() {
            0 if is_last => return Ok(None),
            count if is_last => return Err(RecordError::TrailingBytes { count }),
            0 => {
                let found = self.index;
                return Err(RecordError::MissingRecords { declared, found });
            }
            _ => {}
        }
        let mut fields = Fields::new(std::mem::take(&mut self.rest));
        let record = fields
            .length()
            .flatten()
            .and_then(|length| fields.take(length))
            .ok_or_else(|| self.malformed())?;
        self.rest = fields.into_rest();
        Ok(Some(Fields::new(record)))
    }

    fn record(&mut self, mut fields: Fields) -> Result<Record, RecordError> {
        let (timestamp, offset) = self.position(&mut fields)?;
        let malformed = || self.malformed();
        let key = fields.bytes().ok_or_else(malformed)?;
        let value = fields.bytes().ok_or_else(malformed)?;
        let headers = fields.headers().ok_or_else(malformed)?;
        match fields.remaining() {
            0 => Ok(Record {
                offset,
                timestamp,
                key,
                value,
                headers,
            }),
            count => Err(RecordError::RecordTooLong {
                index: self.index,
                count,
            }),
        }
    }

    fn key(&mut self, mut fields: Fields) -> Result<Option<Bytes>, RecordError> {
        self.position(&mut fields)?;
        fields.bytes().ok_or_else(|| self.malformed())
    }

    /// Reads up to the key: the timestamp and the offset of the record.
    fn position(&mut self, fields: &mut Fields) -> Result<(i64, i64), RecordError> {
        let (timestamp_delta, delta) = fields.deltas().ok_or_else(|| self.malformed())?;
        if delta <= self.last_delta || delta > self.header.last_offset_delta {
            let index = self.index;
            return Err(RecordError::OffsetOutOfOrder { index, delta });
        }
        self.last_delta = delta;
        let timestamp = match self.header.attributes.timestamp_type() {
            TimestampType::CreateTime => self.header.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.header.max_timestamp,
        };
        Ok((
            timestamp,
            self.header.base_offset.wrapping_add(i64::from(delta)),
        ))
    }

    const fn malformed(&self) -> RecordError {
        RecordError::Malformed { index: self.index }
    }
}

#[cfg(test)]
mod tests;
