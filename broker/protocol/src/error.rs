//! What can be wrong with bytes that claim to be Kafka's.
//!
//! One error for every decoder of the crate. The owner of the connection closes it on any of them;
//! none of them carries bytes of the frame, so they are safe to log.

/// Why bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A value needs more bytes than the frame has left.
    #[error("{needed} more bytes are needed where {remaining} remain")]
    UnexpectedEnd {
        /// Bytes the value needs.
        needed: usize,
        /// Bytes the frame has left.
        remaining: usize,
    },
    /// A length is negative where only -1 (null) may be.
    #[error("{length} is not a length")]
    InvalidLength {
        /// The length as read.
        length: i64,
    },
    /// A varint is longer than its type allows.
    #[error("a varint is longer than its type allows")]
    InvalidVarint,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    InvalidUtf8,
    /// A null stands where the field cannot be null in this version.
    #[error("null where a value is required")]
    UnexpectedNull,
    /// Tagged fields must be in ascending order without repetition (KIP-482).
    #[error("tagged field {tag} is out of order")]
    TagOutOfOrder {
        /// The offending tag.
        tag: u32,
    },
    /// The frame asks for more memory than its size justifies.
    #[error("{bytes} bytes of memory are more than the frame justifies")]
    OverBudget {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The arrays of the frame have more elements than whoever reads it accepts.
    #[error("{count} elements are too many; name fewer in one request")]
    TooManyElements {
        /// Elements of the array that is too much.
        count: usize,
    },
    /// The value ends before its frame does.
    #[error("{count} bytes follow the last field")]
    TrailingBytes {
        /// Bytes left over.
        count: usize,
    },
    /// No API has this key, or none that Sluice knows.
    #[error("unknown api key {key}")]
    UnknownApi {
        /// The key as read.
        key: i16,
    },
    /// The API exists, but not in this version.
    #[error("version {version} of {schema} is not supported")]
    UnsupportedVersion {
        /// The API or record schema.
        schema: &'static str,
        /// The version asked for.
        version: i16,
    },
}

/// A value was too long for the length field of its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of {length} bytes or elements does not fit the length field of this version")]
pub struct EncodeError {
    /// Length of the value, in bytes or elements.
    pub length: usize,
}
