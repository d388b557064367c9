//! The records of a batch checked in passing: all of them read, none of them kept.
//!
//! What a produce request brings is checked this way before it is stored, as Kafka does
//! (`LogValidator`): every length, every offset delta, and that there are as many records as the
//! header says. So is a batch in which a record is looked up by its time. Compressed content streams through a small buffer, so that the check costs time in
//! proportion to the content, up to a limit, and hardly any memory.

use super::RecordError;
use crate::compression::{Compression, CompressionError, Inflated};
use crate::record_batch::BatchHeader;

/// What there are rules about, and what a look-up by time asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordOutline {
    /// Index of the record in the batch.
    pub index: usize,
    /// Position in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch by the producer's clock; -1 for none.
    pub timestamp: i64,
    /// Whether there is a key; an empty one is one.
    pub has_key: bool,
}

/// Bytes taken one after the other.
trait Content {
    /// The next byte; `None` behind the last one that can be had.
    fn byte(&mut self) -> Option<u8>;

    /// Passes over `count` bytes; `false` where there are fewer.
    fn skip(&mut self, count: usize) -> bool;

    /// Passes over everything, and counts it.
    fn drain(&mut self) -> usize;

    /// Why the content ended, where it was not its end.
    fn failure(&mut self) -> Option<CompressionError>;
}

impl Content for &[u8] {
    fn byte(&mut self) -> Option<u8> {
        self.split_off_first().copied()
    }

    fn skip(&mut self, count: usize) -> bool {
        self.split_off(..count).is_some()
    }

    fn drain(&mut self) -> usize {
        std::mem::take(self).len()
    }

    fn failure(&mut self) -> Option<CompressionError> {
        None
    }
}

impl Content for Inflated<'_> {
    fn byte(&mut self) -> Option<u8> {
        Self::byte(self)
    }

    fn skip(&mut self, count: usize) -> bool {
        Self::skip(self, count)
    }

    fn drain(&mut self) -> usize {
        Self::drain(self)
    }

    fn failure(&mut self) -> Option<CompressionError> {
        Self::failure(self)
    }
}

/// Reads every record of a batch, compressed into `records`, and shows each to `visit`. Ends at the
/// first error, of the bytes or of `visit`.
pub(crate) fn visit_records<E: From<RecordError>>(
    header: &BatchHeader,
    records: &[u8],
    limit: usize,
    visit: impl FnMut(RecordOutline) -> Result<(), E>,
) -> Result<(), E> {
    let attributes = header.attributes;
    let codec = attributes.compression().ok_or(RecordError::UnknownCodec {
        attributes: attributes.0,
    })?;
    match codec {
        Compression::None => visit_content(header, records, visit),
        Compression::Gzip | Compression::Snappy | Compression::Lz4 | Compression::Zstd => {
            let content = Inflated::new(codec, records, limit).map_err(RecordError::from)?;
            visit_content(header, content, visit)
        }
    }
}

fn visit_content<E: From<RecordError>>(
    header: &BatchHeader,
    mut content: impl Content,
    visit: impl FnMut(RecordOutline) -> Result<(), E>,
) -> Result<(), E> {
    let visited = visit_each(header, &mut content, visit);
    match content.failure() {
        Some(failure) => Err(RecordError::from(failure).into()),
        None => visited,
    }
}

fn visit_each<E: From<RecordError>>(
    header: &BatchHeader,
    content: &mut impl Content,
    mut visit: impl FnMut(RecordOutline) -> Result<(), E>,
) -> Result<(), E> {
    let declared = header.record_count;
    let count = usize::try_from(declared).unwrap_or(0);
    let mut last_delta = -1;
    for index in 0..count {
        let Some(first) = content.byte() else {
            let found = index;
            return Err(RecordError::MissingRecords { declared, found }.into());
        };
        let fields = Fields::read(content, first).ok_or(RecordError::Malformed { index })?;
        let delta = fields.offset_delta;
        if fields.left > 0 {
            let count = fields.left;
            return Err(RecordError::RecordTooLong { index, count }.into());
        }
        if delta <= last_delta || delta > header.last_offset_delta {
            return Err(RecordError::OffsetOutOfOrder { index, delta }.into());
        }
        last_delta = delta;
        visit(RecordOutline {
            index,
            offset: header.base_offset.wrapping_add(i64::from(delta)),
            timestamp: header.base_timestamp.wrapping_add(fields.timestamp_delta),
            has_key: fields.has_key,
        })?;
    }
    match content.drain() {
        0 => Ok(()),
        count => Err(RecordError::TrailingBytes { count }.into()),
    }
}

/// What one record says.
struct Fields {
    timestamp_delta: i64,
    offset_delta: i32,
    has_key: bool,
    /// Bytes behind the last field.
    left: usize,
}

impl Fields {
    /// Reads the record whose first byte is `first`; `None` where its bytes make no sense.
    fn read(content: &mut impl Content, first: u8) -> Option<Self> {
        // A length takes five bytes at most, and counts for nothing but itself.
        let mut length = Part { content, left: 4 };
        let length = int(length.varint_from(first, 5)?)?;
        let mut record = Part {
            content,
            left: usize::try_from(length).ok()?,
        };
        let _attributes = record.byte()?;
        let timestamp_delta = record.varint(10)?;
        let offset_delta = int(record.varint(5)?)?;
        let has_key = record.skip_bytes()?;
        let _has_value = record.skip_bytes()?;
        let headers = u32::try_from(int(record.varint(5)?)?).ok()?;
        for _ in 0..headers {
            record.skip_bytes()?.then_some(())?;
            let _has_value = record.skip_bytes()?;
        }
        Some(Self {
            timestamp_delta,
            offset_delta,
            has_key,
            left: record.left,
        })
    }
}

/// As many bytes of the content as belong together.
struct Part<'a, C> {
    content: &'a mut C,
    left: usize,
}

impl<C: Content> Part<'_, C> {
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        self.content.byte()
    }

    /// Passes over a length and as many bytes; `false` for null.
    fn skip_bytes(&mut self) -> Option<bool> {
        let Ok(length) = usize::try_from(int(self.varint(5)?)?) else {
            return Some(false);
        };
        self.left = self.left.checked_sub(length)?;
        self.content.skip(length).then_some(true)
    }

    /// A zigzag varint of `bytes_max` bytes at most.
    #[inline]
    fn varint(&mut self, bytes_max: u32) -> Option<i64> {
        let first = self.byte()?;
        self.varint_from(first, bytes_max)
    }

    fn varint_from(&mut self, first: u8, bytes_max: u32) -> Option<i64> {
        let mut byte = first;
        let mut value = 0_u64;
        for index in 0..bytes_max {
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
            }
            byte = self.byte()?;
        }
        None
    }
}

/// A varint of 32 bits.
fn int(value: i64) -> Option<i32> {
    i32::try_from(value).ok()
}
