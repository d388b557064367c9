//! The forms of numbers, strings, bytes, arrays and ids on the wire.

use bytes::{Buf, Bytes};

use super::{Nullable, Reader, Version, Wire, Writer};
use crate::error::DecodeError;

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
    Chunks;
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

/// Bytes in pieces that follow each other: one value on the wire. Large pieces are sent without being
/// copied, so that whole batches go from a log to a socket as they are.
#[derive(Clone, Debug, Default)]
pub struct Chunks(pub Vec<Bytes>);

impl Chunks {
    /// Bytes of all pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// The pieces as one; copies where there are several. What was read off a frame is one.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        match self.0.len() {
            0 | 1 => self.0.pop().unwrap_or_default(),
            _ => self.0.concat().into(),
        }
    }
}

impl From<Bytes> for Chunks {
    fn from(bytes: Bytes) -> Self {
        Self(vec![bytes])
    }
}

impl PartialEq for Chunks {
    /// Where the pieces end makes no difference.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().flatten().eq(other.0.iter().flatten())
    }
}

impl Nullable for Chunks {
    fn encode_some(&self, writer: &mut Writer, version: Version) {
        writer.length(Some(self.len()), version);
        for chunk in &self.0 {
            writer.shared(chunk);
        }
    }

    fn encode_null(writer: &mut Writer, version: Version) {
        Bytes::encode_null(writer, version);
    }

    fn decode_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        Ok(Bytes::decode_nullable(reader, version)?.map(Self::from))
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
