//! A batch that has passed every check of a produce request that needs no decompression.
//!
//! The rules are Kafka's (`LogValidator`, `ProduceRequest`): exactly one batch of the current format,
//! whole, unharmed, and only what clients may write. Of the records no more is looked at here than
//! that there is room for them. They are read once ([`ValidatedBatch::visit_records`]) by who knows
//! what the topic asks of them (size limits, keys, timestamps).

use bytes::Bytes;

use super::raw::{RawBatch, UnreadableBatch};
use super::stamped::corrected_crc;
use super::{BatchHeader, Compression};
use crate::record::{Keys, RECORD_BYTES_MIN, RecordError, RecordOutline, Records};

/// The first version of Produce that may carry Zstandard (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;

/// Where a batch comes from, and so what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client's produce request.
    Client {
        /// Version of the request.
        produce_version: i16,
    },
    /// The broker's own coordinators, which also write markers.
    Broker,
}

/// Why the bytes of one partition of a produce request are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    /// No batch at all (`INVALID_RECORD`).
    #[error("a produce request must carry one record batch for each partition, and has none")]
    Missing,
    /// More than one batch (`INVALID_RECORD`).
    #[error("a produce request must carry one record batch for each partition, and has several")]
    Several,
    /// The format is not the current one (`UNSUPPORTED_FOR_MESSAGE_FORMAT`).
    #[error(
        "a batch has the format {magic}, where only 2 is supported; use a client of Kafka 0.11 or later"
    )]
    UnsupportedMagic {
        /// The format.
        magic: i8,
    },
    /// The length makes no sense, or is not that of the bytes (`CORRUPT_MESSAGE`).
    #[error("a batch says it is {length} bytes long and comes with {available} bytes")]
    WrongSize {
        /// Bytes by the length in the batch, which does not count the first 12.
        length: i32,
        /// Bytes there are, all counted.
        available: usize,
    },
    /// The checksum is not that of the bytes (`CORRUPT_MESSAGE`).
    #[error("a batch has the checksum {found:#010x} where {expected:#010x} is that of its bytes")]
    WrongChecksum {
        /// Computed of the bytes.
        expected: u32,
        /// Found in the header.
        found: u32,
    },
    /// No records, or not as many as there are offsets (`INVALID_RECORD`).
    #[error("a batch declares {count} records and the last offset delta {last_offset_delta}")]
    WrongCount {
        /// Number of records declared.
        count: i32,
        /// Offset of the last record less that of the first.
        last_offset_delta: i32,
    },
    /// The bytes cannot hold the number of records declared (`INVALID_RECORD`).
    #[error("a batch declares {count} records in {available} bytes")]
    TooShort {
        /// Number of records declared.
        count: i32,
        /// Bytes behind the header.
        available: usize,
    },
    /// The attributes name no codec, or one too new for the request (`UNSUPPORTED_COMPRESSION_TYPE`).
    #[error(
        "a batch has the attributes {attributes:#06x}, whose compression this request may not use"
    )]
    UnsupportedCompression {
        /// The attributes.
        attributes: i16,
    },
    /// Only the broker writes markers (`INVALID_RECORD`).
    #[error("a client may not write control batches")]
    Control,
    /// A producer id without a sensible epoch and sequence (`INVALID_RECORD`).
    #[error("a batch of producer {producer_id} has the epoch {epoch} and the sequence {sequence}")]
    InvalidProducer {
        /// The producer.
        producer_id: i64,
        /// Its epoch.
        epoch: i16,
        /// Sequence number of the first record.
        sequence: i32,
    },
    /// Part of a transaction of nobody (`INVALID_RECORD`).
    #[error("a transactional batch needs a producer id")]
    TransactionalWithoutProducer,
}

/// One batch, checked: as the producer wrote it, but for what [`ValidatedBatch::with_max_timestamp`] changed. Its
/// base offset and leader epoch are the client's, and mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedBatch(RawBatch);

impl ValidatedBatch {
    /// Checks what a produce request holds for one partition.
    ///
    /// # Errors
    /// [`InvalidBatch`].
    pub fn parse(bytes: Bytes, origin: Origin) -> Result<Self, InvalidBatch> {
        let batch = only_batch(bytes)?;
        let found = batch.header().crc;
        let expected = batch.computed_crc();
        if found != expected {
            return Err(InvalidBatch::WrongChecksum { expected, found });
        }
        check_codec(batch.header(), origin)?;
        check_count(&batch)?;
        check_producer(batch.header(), origin)?;
        Ok(Self(batch))
    }

    /// A batch that is valid by the way it was made.
    pub(super) const fn trusted(batch: RawBatch) -> Self {
        Self(batch)
    }

    /// The same batch with the largest timestamp that its records have, where the header has another.
    #[must_use]
    pub fn with_max_timestamp(self, max_timestamp: i64) -> Self {
        let old = *self.header();
        if old.max_timestamp == max_timestamp {
            return self;
        }
        let mut header = BatchHeader {
            max_timestamp,
            ..old
        };
        let records = self.record_bytes();
        header.crc = corrected_crc(&old, &header, records.len());
        let bytes = [header.to_bytes().as_slice(), &records].concat();
        Self(RawBatch::new(header, bytes.into()))
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        self.0.header()
    }

    /// The whole batch.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    /// The whole batch, without the checks' result.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// Bytes of the whole batch: what `max.message.bytes` limits.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.bytes().len()
    }

    /// What follows the header, untouched.
    #[must_use]
    pub fn record_bytes(&self) -> Bytes {
        self.0.record_bytes()
    }

    /// As [`RawBatch::records`].
    ///
    /// # Errors
    /// As there.
    pub fn records(&self, limit: usize) -> Result<Records, RecordError> {
        self.0.records(limit)
    }

    /// As [`RawBatch::keys`].
    ///
    /// # Errors
    /// As there.
    pub fn keys(&self, limit: usize) -> Result<Keys, RecordError> {
        self.0.keys(limit)
    }

    /// As [`RawBatch::visit_records`].
    ///
    /// # Errors
    /// As there.
    pub fn visit_records<E: From<RecordError>>(
        &self,
        limit: usize,
        visit: impl FnMut(RecordOutline) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.visit_records(limit, visit)
    }
}

fn only_batch(mut bytes: Bytes) -> Result<RawBatch, InvalidBatch> {
    if bytes.is_empty() {
        return Err(InvalidBatch::Missing);
    }
    let available = bytes.len();
    let wrong_size = |length| InvalidBatch::WrongSize { length, available };
    let Some(batch) = RawBatch::take(&mut bytes).map_err(|error| match error {
        UnreadableBatch::InvalidLength { length } => wrong_size(length),
        UnreadableBatch::UnsupportedMagic { magic } => InvalidBatch::UnsupportedMagic { magic },
    })?
    else {
        let length = BatchHeader::decode(&bytes).map_or(0, |header| header.batch_length);
        return Err(wrong_size(length));
    };
    match RawBatch::take(&mut bytes) {
        Ok(Some(_second)) => Err(InvalidBatch::Several),
        Ok(None) | Err(_) if !bytes.is_empty() => Err(wrong_size(batch.header().batch_length)),
        Ok(None) | Err(_) => Ok(batch),
    }
}

fn check_codec(header: &BatchHeader, origin: Origin) -> Result<(), InvalidBatch> {
    let is_supported = match (header.attributes.compression(), origin) {
        (None, _) => false,
        (Some(Compression::Zstd), Origin::Client { produce_version }) => {
            produce_version >= ZSTD_PRODUCE_VERSION
        }
        (Some(_), _) => true,
    };
    if is_supported {
        return Ok(());
    }
    Err(InvalidBatch::UnsupportedCompression {
        attributes: header.attributes.0,
    })
}

fn check_count(batch: &RawBatch) -> Result<(), InvalidBatch> {
    let BatchHeader {
        record_count: count,
        last_offset_delta,
        attributes,
        ..
    } = *batch.header();
    if count <= 0 || last_offset_delta != count - 1 {
        return Err(InvalidBatch::WrongCount {
            count,
            last_offset_delta,
        });
    }
    let available = batch.record_bytes().len();
    let needed = match attributes.compression() {
        Some(Compression::None) => usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(RECORD_BYTES_MIN),
        Some(_) | None => 1,
    };
    if available < needed {
        return Err(InvalidBatch::TooShort { count, available });
    }
    Ok(())
}

/// Without a producer id, which any negative one is, nobody looks at epoch and sequence; some clients
/// leave 0 there, not -1.
fn check_producer(header: &BatchHeader, origin: Origin) -> Result<(), InvalidBatch> {
    let attributes = header.attributes;
    if attributes.is_control() && origin != Origin::Broker {
        return Err(InvalidBatch::Control);
    }
    match header.producer() {
        None if attributes.is_transactional() => Err(InvalidBatch::TransactionalWithoutProducer),
        None => Ok(()),
        Some(producer)
            if producer.epoch >= 0 && (producer.base_sequence >= 0 || attributes.is_control()) =>
        {
            Ok(())
        }
        Some(_) => Err(InvalidBatch::InvalidProducer {
            producer_id: header.producer_id,
            epoch: header.producer_epoch,
            sequence: header.base_sequence,
        }),
    }
}
