//! Bounded primitives of the Kafka wire format.
//!
//! [`Reader`] takes values off a frame, [`Writer`] puts them into one, and [`Wire`] is implemented
//! by everything that has a form on the wire. Invariants:
//! * every length is checked against the bytes that remain before anything is allocated;
//! * what a frame may make us allocate is bounded by a budget that grows with the frame up to a
//!   limit, so neither nesting nor cheap elements turn a small frame into a large allocation;
//! * bytes and records are slices of the frame, never copies.
//!
//! It does not know which message it reads: that is declared in [`crate::messages`].

use std::ops::RangeBounds;

use crate::error::DecodeError;

mod reader;
mod values;
mod writer;

pub use reader::Reader;
pub use values::{Chunks, Uuid};
pub use writer::{TaggedFields, Writer};

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

#[cfg(test)]
mod tests;
