//! A batch with its place in the log: the only thing that may be written to a segment.
//!
//! The header is a patched copy, the records are the producer's bytes. Where the broker's clock rules
//! (`LogAppendTime`), attributes and largest timestamp change too, which lie under the checksum: it
//! is corrected from the old one, without reading the records again, since a CRC is linear.

use bytes::Bytes;

use super::{BatchHeader, CHECKED_FROM, HEADER_BYTES, RawBatch, TimestampType, ValidatedBatch};

/// What the log decides of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Epoch of the leader that appends.
    pub leader_epoch: i32,
    /// The broker's clock in milliseconds, where the topic has `LogAppendTime`; with `None` the
    /// producer's timestamps stay.
    pub append_time: Option<i64>,
}

/// A batch as it goes into a segment: the header's chunk, then the records'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampedBatch {
    header: BatchHeader,
    header_bytes: [u8; HEADER_BYTES],
    records: Bytes,
}

impl From<RawBatch> for StampedBatch {
    /// A batch that was stamped before, as it was found.
    fn from(batch: RawBatch) -> Self {
        let header = *batch.header();
        Self {
            header,
            header_bytes: header.to_bytes(),
            records: batch.record_bytes(),
        }
    }
}

impl StampedBatch {
    /// Gives a batch its place in the log.
    #[must_use]
    pub fn new(batch: &ValidatedBatch, stamp: Stamp) -> Self {
        let old = *batch.header();
        let mut header = BatchHeader {
            base_offset: stamp.base_offset,
            leader_epoch: stamp.leader_epoch,
            ..old
        };
        let timestamp_type = match stamp.append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        };
        header.attributes = old.attributes.with_timestamp_type(timestamp_type);
        header.max_timestamp = stamp.append_time.unwrap_or(old.max_timestamp);
        let records = batch.record_bytes();
        header.crc = corrected_crc(&old, &header, records.len());
        Self {
            header,
            header_bytes: header.to_bytes(),
            records,
        }
    }

    /// The header as stamped.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The first chunk to write.
    #[must_use]
    pub const fn header_bytes(&self) -> &[u8; HEADER_BYTES] {
        &self.header_bytes
    }

    /// The second chunk to write: the records, untouched.
    #[must_use]
    pub const fn record_bytes(&self) -> &Bytes {
        &self.records
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub const fn size(&self) -> usize {
        HEADER_BYTES.saturating_add(self.records.len())
    }

    /// Appends the whole batch to `buffer`, by copy.
    pub fn write_to(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.header_bytes);
        buffer.extend_from_slice(&self.records);
    }
}

/// The checksum after the header changed from `old` to `new` in front of `record_bytes` bytes: the
/// difference of the headers' checksums, moved over the records, is what the old one lacks.
pub(super) fn corrected_crc(old: &BatchHeader, new: &BatchHeader, record_bytes: usize) -> u32 {
    let difference = header_crc(old) ^ header_crc(new);
    if difference == 0 {
        return old.crc;
    }
    crc32c::crc32c_combine(difference, old.crc, record_bytes)
}

fn header_crc(header: &BatchHeader) -> u32 {
    crc32c::crc32c(header.to_bytes().get(CHECKED_FROM..).unwrap_or_default())
}
