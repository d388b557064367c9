//! Takes values off a frame.
//!
//! Nothing is allocated before the bytes it stands for are known to be there, and what a frame may
//! make us allocate in all is bounded by its size.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::{Version, Wire};
use crate::error::DecodeError;

/// Bytes a decoder may always allocate, whatever the size of the frame.
const BUDGET_BASE: usize = 64 * 1024;
/// Bytes a decoder may allocate for each byte of the frame. The densest honest message (a list of
/// topics with names of one letter) needs 14.
const BUDGET_FACTOR: usize = 16;
/// Bytes a decoder may allocate at most: for a million partitions, each with its replicas.
const BUDGET_MAX: usize = 256 * 1024 * 1024;

/// Takes values off one frame, given as a slice or as the chunks a [`super::Writer`] made of it. A
/// clone takes the same values again.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The chunk being read.
    bytes: Bytes,
    /// Chunks behind it.
    behind: VecDeque<Bytes>,
    /// Bytes in the chunks behind.
    behind_bytes: usize,
    budget: usize,
    /// Bytes that elements of arrays take, so far.
    charged: usize,
    /// Elements that arrays may still have.
    elements_left: usize,
}

macro_rules! reader_numbers {
    ($($name:ident: $type:ty, $take:ident;)*) => {$(
        #[doc = concat!("Takes a big-endian `", stringify!($type), "`.")]
        ///
        /// # Errors
        /// [`DecodeError::UnexpectedEnd`].
        pub fn $name(&mut self) -> Result<$type, DecodeError> {
            self.gather(size_of::<$type>())?;
            Ok(self.bytes.$take())
        }
    )*};
}

impl Reader {
    /// A reader over one frame.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self::from_chunks(vec![bytes])
    }

    /// A reader over a frame in chunks. Values that lie within one chunk are not copied.
    #[must_use]
    pub fn from_chunks(chunks: Vec<Bytes>) -> Self {
        let behind = VecDeque::from(chunks);
        let behind_bytes = behind.iter().map(Bytes::len).sum::<usize>();
        let budget = behind_bytes
            .saturating_mul(BUDGET_FACTOR)
            .saturating_add(BUDGET_BASE)
            .min(BUDGET_MAX);
        Self {
            bytes: Bytes::new(),
            behind,
            behind_bytes,
            budget,
            charged: 0,
            elements_left: usize::MAX,
        }
    }

    /// The same reader, for a frame whose arrays have `limit` elements at most, of all together.
    #[must_use]
    pub const fn with_elements_max(mut self, limit: usize) -> Self {
        self.elements_left = limit;
        self
    }

    /// Bytes of memory that the elements of the arrays take which were taken off so far.
    #[must_use]
    pub const fn charged(&self) -> usize {
        self.charged
    }

    /// Bytes not yet taken.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() + self.behind_bytes
    }

    /// Ends the reading of a value that must fill its frame.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`].
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { count }),
        }
    }

    /// All bytes not yet taken.
    ///
    /// # Errors
    /// None in practice: what remains can be taken.
    pub fn rest(&mut self) -> Result<Bytes, DecodeError> {
        self.take(self.remaining())
    }

    reader_numbers! {
        i8: i8, get_i8;
        u8: u8, get_u8;
        i16: i16, get_i16;
        u16: u16, get_u16;
        i32: i32, get_i32;
        u32: u32, get_u32;
        i64: i64, get_i64;
        f64: f64, get_f64;
    }

    /// Takes `count` bytes as a slice of the frame.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        self.gather(count)?;
        Ok(self.bytes.split_to(count))
    }

    /// Takes an unsigned varint of at most 32 bits.
    ///
    /// # Errors
    /// [`DecodeError::InvalidVarint`] beyond five bytes or 32 bits.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let value = self.varint_bits(5)?;
        u32::try_from(value).map_err(|_overflow| DecodeError::InvalidVarint)
    }

    /// Takes a zigzag varint of 32 bits.
    ///
    /// # Errors
    /// As [`Reader::unsigned_varint`].
    pub fn varint(&mut self) -> Result<i32, DecodeError> {
        let value = self.unsigned_varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// Takes a zigzag varint of 64 bits.
    ///
    /// # Errors
    /// [`DecodeError::InvalidVarint`] beyond ten bytes.
    pub fn varlong(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint_bits(10)?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    fn varint_bits(&mut self, bytes_max: u32) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for index in 0..bytes_max {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return Err(DecodeError::InvalidVarint);
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::InvalidVarint)
    }

    /// Takes the length of a string, or `None` for null.
    pub(super) fn string_length(&mut self, version: Version) -> Result<Option<usize>, DecodeError> {
        if version.flexible {
            return self.compact_length();
        }
        let length = self.i16()?;
        Self::signed_length(i32::from(length))
    }

    /// Takes the length of a byte field or an array, or `None` for null.
    pub(super) fn length(&mut self, version: Version) -> Result<Option<usize>, DecodeError> {
        if version.flexible {
            return self.compact_length();
        }
        let length = self.i32()?;
        Self::signed_length(length)
    }

    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        match self.unsigned_varint()? {
            0 => Ok(None),
            length => Self::signed_length((length - 1).cast_signed()),
        }
    }

    fn signed_length(length: i32) -> Result<Option<usize>, DecodeError> {
        match length {
            -1 => Ok(None),
            length => {
                usize::try_from(length)
                    .map(Some)
                    .map_err(|_negative| DecodeError::InvalidLength {
                        length: i64::from(length),
                    })
            }
        }
    }

    /// Takes tagged fields, handing each to `field`, which puts it into `value` and says whether it
    /// knows the tag. Unknown ones are skipped, as KIP-482 asks.
    ///
    /// # Errors
    /// [`DecodeError`] of the fields, or when one does not fill the size it declared.
    pub fn tagged_fields<T>(
        &mut self,
        value: &mut T,
        field: impl Fn(&mut T, u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.unsigned_varint()?;
        let mut previous = None;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            if previous.is_some_and(|previous| previous >= tag) {
                return Err(DecodeError::TagOutOfOrder { tag });
            }
            previous = Some(tag);
            let size = usize::try_from(self.unsigned_varint()?)
                .map_err(|_overflow| DecodeError::InvalidVarint)?;
            let bytes = self.take(size)?;
            let mut inner = Self {
                budget: self.budget,
                charged: self.charged,
                elements_left: self.elements_left,
                ..Self::new(bytes)
            };
            if field(value, tag, &mut inner)? {
                inner.finish()?;
                self.budget = inner.budget;
                self.charged = inner.charged;
                self.elements_left = inner.elements_left;
            }
        }
        Ok(())
    }

    /// Takes an array of `length` elements.
    pub(super) fn elements<T: Wire>(
        &mut self,
        length: usize,
        version: Version,
    ) -> Result<Vec<T>, DecodeError> {
        self.require(length)?;
        self.elements_left = self
            .elements_left
            .checked_sub(length)
            .ok_or(DecodeError::TooManyElements { count: length })?;
        self.charge(length.saturating_mul(size_of::<T>()))?;
        let mut elements = Vec::with_capacity(length);
        for _ in 0..length {
            elements.push(T::decode(self, version)?);
        }
        Ok(elements)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                self.charged = self.charged.saturating_add(bytes);
                Ok(())
            }
            None => Err(DecodeError::OverBudget { bytes }),
        }
    }

    /// Makes the next `needed` bytes contiguous; copies only those, and only where they span chunks.
    fn gather(&mut self, needed: usize) -> Result<(), DecodeError> {
        if needed <= self.bytes.len() {
            return Ok(());
        }
        self.require(needed)?;
        while self.bytes.is_empty() {
            self.bytes = self.next_chunk();
        }
        if needed <= self.bytes.len() {
            return Ok(());
        }
        let mut gathered = BytesMut::with_capacity(needed);
        while gathered.len() < needed {
            let missing = needed - gathered.len();
            let part = self.bytes.split_to(missing.min(self.bytes.len()));
            gathered.extend_from_slice(&part);
            if self.bytes.is_empty() {
                self.bytes = self.next_chunk();
            }
        }
        self.return_chunk();
        self.bytes = gathered.freeze();
        Ok(())
    }

    /// Takes the next chunk; empty where there is none.
    fn next_chunk(&mut self) -> Bytes {
        let chunk = self.behind.pop_front().unwrap_or_default();
        self.behind_bytes -= chunk.len();
        chunk
    }

    /// Puts what is left of the current chunk before those behind.
    fn return_chunk(&mut self) {
        self.behind_bytes += self.bytes.len();
        self.behind.push_front(std::mem::take(&mut self.bytes));
    }

    fn require(&self, needed: usize) -> Result<(), DecodeError> {
        let remaining = self.remaining();
        if needed > remaining {
            return Err(DecodeError::UnexpectedEnd { needed, remaining });
        }
        Ok(())
    }
}
