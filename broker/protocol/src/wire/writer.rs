//! Puts values into a frame.

use bytes::{BufMut, Bytes, BytesMut};

use super::Version;
use crate::error::EncodeError;

/// Byte fields of at least this size are passed on as a chunk of their own instead of being copied.
pub(super) const CHUNK_BYTES_MIN: usize = 4 * 1024;

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

    pub(super) fn string_length(&mut self, length: Option<usize>, version: Version) {
        if version.flexible {
            return self.compact_length(length);
        }
        match length.map(i16::try_from) {
            None => self.i16(-1),
            Some(Ok(length)) => self.i16(length),
            Some(Err(_)) => self.fail(length),
        }
    }

    pub(super) fn length(&mut self, length: Option<usize>, version: Version) {
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
