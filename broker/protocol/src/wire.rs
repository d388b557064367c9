//! Bounded primitives of the Kafka wire format.
//!
//! [`Reader`] takes values off a frame, [`Writer`] puts them into one, and [`Wire`] is implemented by
//! everything that has a form on the wire. Invariants:
//! * every length is checked against the bytes that remain before anything is allocated;
//! * what a frame may make us allocate is bounded by a budget that grows with the frame, so a small
//!   frame cannot ask for a large allocation by nesting or by cheap elements;
//! * bytes and records are slices of the frame, never copies.
//!
//! It does not know which message it reads: that is declared in [`crate::messages`].

use std::collections::VecDeque;
use std::ops::RangeBounds;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError};

/// Bytes a decoder may always allocate, whatever the size of the frame.
const BUDGET_BASE: usize = 64 * 1024;
/// Bytes a decoder may allocate for each byte of the frame. The densest honest message (an array of
/// partition entries of a few bytes each) stays below it.
const BUDGET_FACTOR: usize = 32;
/// Byte fields of at least this size are passed on as a chunk of their own instead of being copied.
const CHUNK_BYTES_MIN: usize = 4 * 1024;

/// The version of a message, with the encoding it implies (KIP-482).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number the request header carries.
    pub number: i16,
    /// Whether lengths are compact varints and structs end with tagged fields.
    pub flexible: bool,
}

impl Version {
    /// The version `number` of a message that is flexible from `first_flexible` on.
    #[must_use]
    pub const fn new(number: i16, first_flexible: i16) -> Self {
        Self {
            number,
            flexible: number >= first_flexible,
        }
    }

    /// Whether the number lies in `range`.
    pub fn within(self, range: impl RangeBounds<i16>) -> bool {
        range.contains(&self.number)
    }
}

/// A value with a form on the wire.
pub trait Wire: Sized {
    /// Appends the value. A length that its field cannot carry is reported by [`Writer::finish`].
    fn encode(&self, writer: &mut Writer, version: Version);

    /// Takes the value off the reader.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes end early or make no sense.
    fn decode(reader: &mut Reader, version: Version) -> Result<Self, DecodeError>;
}

/// A value that some field may hold as null.
pub trait Nullable: Wire {
    /// Appends a present value, with the mark that it is not null.
    fn encode_some(&self, writer: &mut Writer, version: Version);
    /// Appends the mark of a null.
    fn encode_null(writer: &mut Writer, version: Version);
    /// Takes a value or the mark of a null off the reader.
    ///
    /// # Errors
    /// As [`Wire::decode`].
    fn decode_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError>;
}

impl<T: Nullable> Wire for Option<T> {
    fn encode(&self, writer: &mut Writer, version: Version) {
        match self {
            Some(value) => value.encode_some(writer, version),
            None => T::encode_null(writer, version),
        }
    }

    fn decode(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        T::decode_nullable(reader, version)
    }
}

/// Takes values off one frame, given as a slice or as the chunks a [`Writer`] made of it.
#[derive(Debug)]
pub struct Reader {
    /// The chunk being read.
    bytes: Bytes,
    /// Chunks behind it.
    behind: VecDeque<Bytes>,
    /// Bytes in the chunks behind.
    behind_bytes: usize,
    budget: usize,
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
            .saturating_add(BUDGET_BASE);
        Self {
            bytes: Bytes::new(),
            behind,
            behind_bytes,
            budget,
        }
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
    fn string_length(&mut self, version: Version) -> Result<Option<usize>, DecodeError> {
        if version.flexible {
            return self.compact_length();
        }
        let length = self.i16()?;
        Self::signed_length(i32::from(length))
    }

    /// Takes the length of a byte field or an array, or `None` for null.
    fn length(&mut self, version: Version) -> Result<Option<usize>, DecodeError> {
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
                ..Self::new(bytes)
            };
            if field(value, tag, &mut inner)? {
                inner.finish()?;
                self.budget = inner.budget;
            }
        }
        Ok(())
    }

    /// Takes an array of `length` elements.
    fn elements<T: Wire>(
        &mut self,
        length: usize,
        version: Version,
    ) -> Result<Vec<T>, DecodeError> {
        self.require(length)?;
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
                Ok(())
            }
            None => Err(DecodeError::OverBudget { bytes }),
        }
    }

    /// Makes the next `needed` bytes contiguous; copies only where they span chunks.
    fn gather(&mut self, needed: usize) -> Result<(), DecodeError> {
        if needed <= self.bytes.len() {
            return Ok(());
        }
        self.require(needed)?;
        let mut gathered = BytesMut::new();
        while let Some(chunk) = self.behind.pop_front() {
            self.behind_bytes -= chunk.len();
            if self.bytes.is_empty() {
                self.bytes = chunk;
            } else {
                gathered.reserve(needed);
                gathered.extend_from_slice(&std::mem::take(&mut self.bytes));
                gathered.extend_from_slice(&chunk);
                self.bytes = std::mem::take(&mut gathered).freeze();
            }
            if self.bytes.len() >= needed {
                break;
            }
        }
        Ok(())
    }

    fn require(&self, needed: usize) -> Result<(), DecodeError> {
        let remaining = self.remaining();
        if needed > remaining {
            return Err(DecodeError::UnexpectedEnd { needed, remaining });
        }
        Ok(())
    }
}

/// Builds one frame as a list of chunks, so that record batches are passed on without a copy.
#[derive(Debug, Default)]
pub struct Writer {
    chunks: Vec<Bytes>,
    tail: BytesMut,
    error: Option<EncodeError>,
}

macro_rules! writer_numbers {
    ($($name:ident: $type:ty;)*) => {$(
        #[doc = concat!("Appends a big-endian `", stringify!($type), "`.")]
        pub fn $name(&mut self, value: $type) {
            self.tail.put_slice(&value.to_be_bytes());
        }
    )*};
}

impl Writer {
    /// An empty frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The chunks of the frame, in order, none of them empty.
    ///
    /// # Errors
    /// [`EncodeError`] when a value was too long for its field.
    pub fn finish(mut self) -> Result<Vec<Bytes>, EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.tail.is_empty() {
            self.chunks.push(self.tail.freeze());
        }
        Ok(self.chunks)
    }

    /// The frame as one slice; copies where there are several chunks.
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub fn finish_contiguous(self) -> Result<Bytes, EncodeError> {
        let mut chunks = self.finish()?;
        match chunks.len() {
            0 => Ok(Bytes::new()),
            1 => Ok(chunks.swap_remove(0)),
            _ => Ok(chunks.concat().into()),
        }
    }

    writer_numbers! {
        i8: i8;
        u8: u8;
        i16: i16;
        u16: u16;
        i32: i32;
        u32: u32;
        i64: i64;
        f64: f64;
    }

    /// Appends bytes by copy, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.tail.put_slice(bytes);
    }

    /// Appends bytes without a length, as a chunk of their own where they are large.
    pub fn shared(&mut self, bytes: &Bytes) {
        if bytes.len() < CHUNK_BYTES_MIN {
            return self.raw(bytes);
        }
        if !self.tail.is_empty() {
            self.chunks.push(self.tail.split().freeze());
        }
        self.chunks.push(bytes.clone());
    }

    /// Appends an unsigned varint.
    pub fn unsigned_varint(&mut self, value: u32) {
        self.varint_bits(u64::from(value));
    }

    /// Appends a zigzag varint of 32 bits.
    pub fn varint(&mut self, value: i32) {
        self.unsigned_varint(((value << 1) ^ (value >> 31)).cast_unsigned());
    }

    /// Appends a zigzag varint of 64 bits.
    pub fn varlong(&mut self, value: i64) {
        self.varint_bits(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn varint_bits(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.u8(low & 0x7f);
            }
            self.u8(low | 0x80);
        }
    }

    fn string_length(&mut self, length: Option<usize>, version: Version) {
        if version.flexible {
            return self.compact_length(length);
        }
        match length.map(i16::try_from) {
            None => self.i16(-1),
            Some(Ok(length)) => self.i16(length),
            Some(Err(_)) => self.fail(length),
        }
    }

    fn length(&mut self, length: Option<usize>, version: Version) {
        if version.flexible {
            return self.compact_length(length);
        }
        match length.map(i32::try_from) {
            None => self.i32(-1),
            Some(Ok(length)) => self.i32(length),
            Some(Err(_)) => self.fail(length),
        }
    }

    fn compact_length(&mut self, length: Option<usize>) {
        match length.map(i32::try_from) {
            None => self.unsigned_varint(0),
            Some(Ok(known)) if known < i32::MAX => self.unsigned_varint(known.cast_unsigned() + 1),
            Some(_) => self.fail(length),
        }
    }

    fn fail(&mut self, length: Option<usize>) {
        self.error.get_or_insert_with(|| EncodeError {
            length: length.unwrap_or_default(),
        });
    }

    /// Appends the tagged fields that `collect` adds, in ascending order of their tags.
    pub fn tagged_fields(&mut self, collect: impl FnOnce(&mut TaggedFields)) {
        let mut fields = TaggedFields::default();
        collect(&mut fields);
        fields.0.sort_unstable_by_key(|(tag, _)| *tag);
        self.unsigned_varint(u32::try_from(fields.0.len()).unwrap_or(u32::MAX));
        for (tag, value) in fields.0 {
            self.unsigned_varint(tag);
            match value.finish_contiguous() {
                Ok(bytes) => {
                    self.unsigned_varint(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                    self.shared(&bytes);
                }
                Err(error) => self.error = Some(error),
            }
        }
    }
}

/// Appends a value that this version cannot carry as null; the default stands for it then.
pub(crate) fn encode_present<T: Wire + Default>(
    value: &Option<T>,
    writer: &mut Writer,
    version: Version,
) {
    match value {
        Some(value) => value.encode(writer, version),
        None => T::default().encode(writer, version),
    }
}

/// Whether a tagged field has another value than its default, and so must be written.
pub(crate) fn differs<T: PartialEq>(value: &T, default: &T) -> bool {
    value != default
}

/// The tagged fields of a struct that do not have their default value.
#[derive(Debug, Default)]
pub struct TaggedFields(Vec<(u32, Writer)>);

impl TaggedFields {
    /// Adds the field `tag`, written by `encode`.
    pub fn push(&mut self, tag: u32, encode: impl FnOnce(&mut Writer)) {
        let mut writer = Writer::new();
        encode(&mut writer);
        self.0.push((tag, writer));
    }
}

macro_rules! wire_numbers {
    ($($type:ty: $name:ident;)*) => {$(
        impl Wire for $type {
            fn encode(&self, writer: &mut Writer, _: Version) {
                writer.$name(*self);
            }

            fn decode(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
                reader.$name()
            }
        }
    )*};
}

wire_numbers! {
    i8: i8;
    i16: i16;
    u16: u16;
    i32: i32;
    u32: u32;
    i64: i64;
    f64: f64;
}

impl Wire for bool {
    fn encode(&self, writer: &mut Writer, _: Version) {
        writer.i8(i8::from(*self));
    }

    fn decode(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(reader.i8()? != 0)
    }
}

/// A topic id or another 128-bit identifier.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The id that means "none".
    pub const ZERO: Self = Self([0; 16]);
}

impl std::fmt::Debug for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Wire for Uuid {
    fn encode(&self, writer: &mut Writer, _: Version) {
        writer.raw(&self.0);
    }

    fn decode(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        let mut id = [0; 16];
        reader.take(id.len())?.copy_to_slice(&mut id);
        Ok(Self(id))
    }
}

macro_rules! wire_by_nullable {
    ($($type:ty $(, $param:ident)?;)*) => {$(
        impl$(<$param: Wire>)? Wire for $type {
            fn encode(&self, writer: &mut Writer, version: Version) {
                self.encode_some(writer, version);
            }

            fn decode(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
                Self::decode_nullable(reader, version)?.ok_or(DecodeError::UnexpectedNull)
            }
        }
    )*};
}

wire_by_nullable! {
    String;
    Bytes;
    Vec<T>, T;
}

impl Nullable for String {
    fn encode_some(&self, writer: &mut Writer, version: Version) {
        writer.string_length(Some(self.len()), version);
        writer.raw(self.as_bytes());
    }

    fn encode_null(writer: &mut Writer, version: Version) {
        writer.string_length(None, version);
    }

    fn decode_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        let Some(length) = reader.string_length(version)? else {
            return Ok(None);
        };
        let bytes = reader.take(length)?;
        let text = std::str::from_utf8(&bytes).map_err(|_invalid| DecodeError::InvalidUtf8)?;
        Ok(Some(text.to_owned()))
    }
}

impl Nullable for Bytes {
    fn encode_some(&self, writer: &mut Writer, version: Version) {
        writer.length(Some(self.len()), version);
        writer.shared(self);
    }

    fn encode_null(writer: &mut Writer, version: Version) {
        writer.length(None, version);
    }

    fn decode_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        match reader.length(version)? {
            Some(length) => reader.take(length).map(Some),
            None => Ok(None),
        }
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn encode_some(&self, writer: &mut Writer, version: Version) {
        writer.length(Some(self.len()), version);
        for element in self {
            element.encode(writer, version);
        }
    }

    fn encode_null(writer: &mut Writer, version: Version) {
        writer.length(None, version);
    }

    fn decode_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        match reader.length(version)? {
            Some(length) => reader.elements(length, version).map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Version = Version::new(0, 1);
    const FLEXIBLE: Version = Version::new(1, 1);

    #[test]
    fn a_frame_in_chunks_reads_as_the_same_frame_in_one_piece() {
        let large = Bytes::from(vec![7; CHUNK_BYTES_MIN]);
        let values = vec![large.clone(), Bytes::from_static(b"small"), large];
        let mut writer = Writer::new();
        values.encode(&mut writer, FLEXIBLE);
        let chunks = writer.finish().unwrap();
        assert_eq!(chunks.len(), 4);

        let whole = Bytes::from(chunks.concat());
        let split = whole
            .iter()
            .map(|byte| Bytes::copy_from_slice(&[*byte]))
            .collect();
        for mut reader in [
            Reader::from_chunks(chunks),
            Reader::new(whole),
            Reader::from_chunks(split),
        ] {
            assert_eq!(Vec::<Bytes>::decode(&mut reader, FLEXIBLE).unwrap(), values);
            reader.finish().unwrap();
        }
    }

    #[test]
    fn an_array_longer_than_its_frame_is_refused_before_anything_is_allocated() {
        let mut writer = Writer::new();
        writer.i32(i32::MAX);
        let mut reader = Reader::new(writer.finish_contiguous().unwrap());
        let error = Vec::<i64>::decode(&mut reader, OLD).unwrap_err();
        assert!(
            matches!(error, DecodeError::UnexpectedEnd { remaining: 0, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_string_too_long_for_its_version_fails_the_frame_instead_of_corrupting_it() {
        let text = "x".repeat(40_000);
        let mut writer = Writer::new();
        text.encode(&mut writer, OLD);
        assert_eq!(writer.finish(), Err(EncodeError { length: 40_000 }));
        let mut writer = Writer::new();
        text.encode(&mut writer, FLEXIBLE);
        assert!(writer.finish().is_ok());
    }

    #[test]
    fn varints_keep_their_value_at_every_border() {
        for value in [0, 1, -1, 63, 64, -64, -65, i32::MAX, i32::MIN] {
            let mut writer = Writer::new();
            writer.varint(value);
            writer.varlong(i64::from(value) << 31);
            let mut reader = Reader::new(writer.finish_contiguous().unwrap());
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.varlong(), Ok(i64::from(value) << 31));
        }
        let mut reader = Reader::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x7f]));
        assert_eq!(reader.unsigned_varint(), Err(DecodeError::InvalidVarint));
    }
}
