//! Record batches (magic 2): the header by hand, and what is known of a batch as types.
//!
//! A broker reads the 61 bytes in front of the records and passes the records on undecoded. Trust is
//! a type: [`RawBatch`] is bytes with a header, [`ValidatedBatch`] has passed every check of a
//! produce request, [`StampedBatch`] has its place in the log, and nothing else may reach a segment,
//! but for what compaction leaves of a batch there ([`RawBatch::with_only`]).
//! [`BatchBuilder`] makes batches, [`batches`] walks over consecutive ones. Base offset and leader
//! epoch lie outside the checksum, so a broker stamps them into a copy of the header alone.
//! Layout of the header (Kafka's protocol guide, "Record Batch"):
//!
//! ```text
//!  0 base offset i64       23 last offset delta i32
//!  8 batch length i32      27 base timestamp i64
//! 12 leader epoch i32      35 max timestamp i64
//! 16 magic i8              43 producer id i64
//! 17 crc32c u32            51 producer epoch i16
//! 21 attributes i16        53 base sequence i32
//!                          57 record count i32
//!                          61 records
//! ```

mod builder;
mod compacted;
mod encode;
mod outline;
mod raw;
mod stamped;
mod validated;

use bytes::Bytes;

use crate::error::DecodeError;
use crate::wire::Reader;

pub use crate::compression::Compression;
pub use builder::{AppendError, BatchBuilder, NewRecord};
pub use outline::{BatchOutline, OUTLINE_BYTES};
pub use raw::{Batches, RawBatch, UnreadableBatch, batches};
pub use stamped::{Stamp, StampedBatch};
pub use validated::{InvalidBatch, Origin, ValidatedBatch};

/// Bytes in front of the records.
pub const HEADER_BYTES: usize = 61;
/// Bytes that the batch length does not count: base offset and the length itself.
pub const LOG_OVERHEAD_BYTES: usize = 12;
/// Where the checksummed part begins: at the attributes.
pub const CHECKED_FROM: usize = 21;
/// The only magic served.
pub const MAGIC: i8 = 2;

/// Which clock the timestamps of a batch come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    const COMPRESSION: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The codec, or `None` where the bits name no codec.
    #[must_use]
    pub const fn compression(self) -> Option<Compression> {
        match self.0 & Self::COMPRESSION {
            0 => Some(Compression::None),
            1 => Some(Compression::Gzip),
            2 => Some(Compression::Snappy),
            3 => Some(Compression::Lz4),
            4 => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// The same attributes with another codec.
    #[must_use]
    pub const fn with_compression(self, compression: Compression) -> Self {
        let bits = match compression {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        };
        Self((self.0 & !Self::COMPRESSION) | bits)
    }

    /// Which clock the timestamps come from.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// The same attributes with another clock.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => Self(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | Self::LOG_APPEND_TIME),
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds markers instead of a client's records.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is a delete horizon (KIP-534).
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same attributes with or without a delete horizon.
    #[must_use]
    pub const fn with_delete_horizon(self, has_horizon: bool) -> Self {
        match has_horizon {
            true => Self(self.0 | Self::DELETE_HORIZON),
            false => Self(self.0 & !Self::DELETE_HORIZON),
        }
    }
}

/// Which idempotent producer wrote a batch, and where in its sequence (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchProducer {
    /// Id the broker gave out.
    pub id: i64,
    /// Incarnation of the id.
    pub epoch: i16,
    /// Sequence number of the first record; -1 in markers.
    pub base_sequence: i32,
}

impl BatchProducer {
    /// Sequence number of the last of the records, which wraps to 0 behind `i32::MAX`.
    #[must_use]
    pub const fn last_sequence(&self, last_offset_delta: i32) -> i32 {
        match self.base_sequence.checked_add(last_offset_delta) {
            Some(sequence) => sequence,
            None => self.base_sequence.wrapping_add(last_offset_delta) & i32::MAX,
        }
    }
}

/// The 61 bytes in front of the records, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes from the leader epoch to the end of the batch.
    pub batch_length: i32,
    /// Epoch of the leader that appended it; outside the checksum.
    pub leader_epoch: i32,
    /// Format; 2 is the only one served.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, clock and kind.
    pub attributes: Attributes,
    /// Offset of the last record less the base offset.
    pub last_offset_delta: i32,
    /// Timestamp the records' deltas refer to, in milliseconds.
    pub base_timestamp: i64,
    /// Largest timestamp, in milliseconds.
    pub max_timestamp: i64,
    /// Id of the idempotent producer, or -1.
    pub producer_id: i64,
    /// Epoch of the idempotent producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

impl BatchHeader {
    /// Decodes the header at the start of `bytes`. Nothing is checked but its presence.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`] below 61 bytes.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes.slice(..bytes.len().min(HEADER_BYTES)));
        Ok(Self {
            base_offset: reader.i64()?,
            batch_length: reader.i32()?,
            leader_epoch: reader.i32()?,
            magic: reader.i8()?,
            crc: reader.u32()?,
            attributes: Attributes(reader.i16()?),
            last_offset_delta: reader.i32()?,
            base_timestamp: reader.i64()?,
            max_timestamp: reader.i64()?,
            producer_id: reader.i64()?,
            producer_epoch: reader.i16()?,
            base_sequence: reader.i32()?,
            record_count: reader.i32()?,
        })
    }

    /// The 61 bytes of this header.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = bytes.as_mut_slice();
        let mut put = |field: &[u8]| {
            if let Some((place, left)) = std::mem::take(&mut rest).split_at_mut_checked(field.len())
            {
                place.copy_from_slice(field);
                rest = left;
            }
        };
        put(&self.base_offset.to_be_bytes());
        put(&self.batch_length.to_be_bytes());
        put(&self.leader_epoch.to_be_bytes());
        put(&self.magic.to_be_bytes());
        put(&self.crc.to_be_bytes());
        put(&self.attributes.0.to_be_bytes());
        put(&self.last_offset_delta.to_be_bytes());
        put(&self.base_timestamp.to_be_bytes());
        put(&self.max_timestamp.to_be_bytes());
        put(&self.producer_id.to_be_bytes());
        put(&self.producer_epoch.to_be_bytes());
        put(&self.base_sequence.to_be_bytes());
        put(&self.record_count.to_be_bytes());
        bytes
    }

    /// Bytes of the whole batch, or `None` where the length makes no sense.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        let length = usize::try_from(self.batch_length).ok()?;
        let size = length.checked_add(LOG_OVERHEAD_BYTES)?;
        (size >= HEADER_BYTES).then_some(size)
    }

    /// From when on the batch's deletion markers may go, by the wall clock in milliseconds (KIP-534).
    #[must_use]
    pub fn delete_horizon(&self) -> Option<i64> {
        self.attributes
            .has_delete_horizon()
            .then_some(self.base_timestamp)
    }

    /// The idempotent producer that wrote the batch; none below id 0.
    #[must_use]
    pub const fn producer(&self) -> Option<BatchProducer> {
        if self.producer_id < 0 {
            return None;
        }
        Some(BatchProducer {
            id: self.producer_id,
            epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
        })
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }
}

#[cfg(test)]
mod tests;
