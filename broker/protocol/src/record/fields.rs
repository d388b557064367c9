//! The fields of one record, taken off its bytes one after the other.
//!
//! `None` stands for bytes that end early or make no sense; the reader of the batch knows which
//! record that was, and names it.

use bytes::Bytes;

use super::{Header, Headers};

/// What is left of a record.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    bytes: Bytes,
    position: usize,
}

impl Fields {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// Everything not yet taken.
    pub(super) fn into_rest(mut self) -> Bytes {
        self.bytes.split_off(self.position.min(self.bytes.len()))
    }

    /// Takes the attributes, which are unused, and the deltas of timestamp and offset.
    pub(super) fn deltas(&mut self) -> Option<(i64, i32)> {
        let _attributes = self.byte()?;
        Some((self.varlong()?, self.varint()?))
    }

    /// Takes a length; `Some(None)` for null, which is any negative one.
    pub(super) fn length(&mut self) -> Option<Option<usize>> {
        self.varint().map(|length| usize::try_from(length).ok())
    }

    /// Takes `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<Bytes> {
        let start = self.position;
        self.skip(count)?;
        Some(self.bytes.slice(start..self.position))
    }

    /// Takes a length and that many bytes; `Some(None)` for null.
    pub(super) fn bytes(&mut self) -> Option<Option<Bytes>> {
        match self.length()? {
            Some(length) => self.take(length).map(Some),
            None => Some(None),
        }
    }

    /// Takes the count of the headers and the headers, each of which must be whole.
    pub(super) fn headers(&mut self) -> Option<Headers> {
        let start = self.position;
        for _ in 0..self.length()?? {
            let key_length = self.length()??;
            self.skip(key_length)?;
            let value_length = self.length()?.unwrap_or(0);
            self.skip(value_length)?;
        }
        Some(Headers::new(self.bytes.slice(start..self.position)))
    }

    /// Takes one header.
    pub(super) fn header(&mut self) -> Option<Header> {
        let key = self.bytes()??;
        let value = self.bytes()?;
        Some(Header { key, value })
    }

    /// Passes over `count` bytes.
    fn skip(&mut self, count: usize) -> Option<()> {
        let end = self.position.checked_add(count)?;
        (end <= self.bytes.len()).then(|| self.position = end)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<i32> {
        let bits = u32::try_from(self.varint_bits(5)?).ok()?;
        Some((bits >> 1).cast_signed() ^ -((bits & 1).cast_signed()))
    }

    fn varlong(&mut self) -> Option<i64> {
        let bits = self.varint_bits(10)?;
        Some((bits >> 1).cast_signed() ^ -((bits & 1).cast_signed()))
    }

    fn varint_bits(&mut self, bytes_max: u32) -> Option<u64> {
        let mut value = 0_u64;
        for index in 0..bytes_max {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}
