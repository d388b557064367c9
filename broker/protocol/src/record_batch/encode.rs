//! Records and whole batches as bytes, for whoever makes or rewrites a batch.

use bytes::Bytes;

use super::{BatchHeader, CHECKED_FROM, HEADER_BYTES, LOG_OVERHEAD_BYTES};
use crate::record::{Header, Headers};

/// What is written of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordFields<'a> {
    /// Its timestamp less the base timestamp of the batch.
    pub(super) timestamp_delta: i64,
    /// Its offset less the base offset of the batch.
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a Bytes>,
    pub(super) value: Option<&'a Bytes>,
    pub(super) headers: &'a Headers,
}

impl RecordFields<'_> {
    /// Bytes of the record with its length.
    pub(super) fn size(&self) -> usize {
        let body = self.body_bytes();
        varint_bytes(signed(body)).saturating_add(body)
    }

    /// Bytes of the record behind its length, with one byte of attributes.
    pub(super) fn body_bytes(&self) -> usize {
        [
            1,
            varint_bytes(self.timestamp_delta),
            varint_bytes(i64::from(self.offset_delta)),
            field_bytes(self.key),
            field_bytes(self.value),
            self.headers.size(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Appends the record with its length.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        put_varint(bytes, signed(self.body_bytes()));
        bytes.push(0);
        put_varint(bytes, self.timestamp_delta);
        put_varint(bytes, i64::from(self.offset_delta));
        put_field(bytes, self.key);
        put_field(bytes, self.value);
        bytes.extend_from_slice(self.headers.as_bytes());
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<T: IntoIterator<Item = Header>>(headers: T) -> Self {
        let mut count = 0_usize;
        let mut fields = Vec::new();
        for header in headers {
            count = count.saturating_add(1);
            put_field(&mut fields, Some(&header.key));
            put_field(&mut fields, header.value.as_ref());
        }
        let mut bytes =
            Vec::with_capacity(varint_bytes(signed(count)).saturating_add(fields.len()));
        put_varint(&mut bytes, signed(count));
        bytes.append(&mut fields);
        Self::new(bytes.into())
    }
}

/// A batch of `bytes`, which have room for the header in front: its length and checksum are made
/// right, and it is written to its place.
pub(super) fn sealed(mut header: BatchHeader, mut bytes: Vec<u8>) -> (BatchHeader, Bytes) {
    let length = bytes.len().saturating_sub(LOG_OVERHEAD_BYTES);
    header.batch_length = i32::try_from(length).unwrap_or(i32::MAX);
    let checked = header.to_bytes();
    let records = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let crc = crc32c::crc32c(checked.get(CHECKED_FROM..).unwrap_or_default());
    header.crc = crc32c::crc32c_append(crc, records);
    if let Some(place) = bytes.first_chunk_mut() {
        *place = header.to_bytes();
    }
    (header, Bytes::from(bytes))
}

fn put_field(bytes: &mut Vec<u8>, field: Option<&Bytes>) {
    let Some(field) = field else {
        return put_varint(bytes, -1);
    };
    put_varint(bytes, signed(field.len()));
    bytes.extend_from_slice(field);
}

fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut bits = zigzag(value);
    loop {
        let [low, ..] = bits.to_le_bytes();
        bits >>= 7;
        if bits == 0 {
            return bytes.push(low & 0x7f);
        }
        bytes.push(low | 0x80);
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
