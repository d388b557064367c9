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
