//! The headers of a record, kept as the bytes they are in a batch.
//!
//! A header may take two bytes there, and forty times as many as a [`Header`]. So they are taken apart
//! while somebody looks at them, one at a time.
//!
//! Invariant: the bytes are a count and as many whole headers, since they were read or made as such.

use bytes::Bytes;

use super::fields::Fields;

/// The count of no headers.
const NONE: &[u8] = &[0];

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The key; UTF-8 by convention only.
    pub key: Bytes,
    /// The value; empty is not null.
    pub value: Option<Bytes>,
}

impl Header {
    /// The key as text, or `None` where it is not UTF-8.
    #[must_use]
    pub fn key_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.key).ok()
    }
}

/// Headers in their order, duplicates included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers(Bytes);

impl Headers {
    /// Headers as they are in a batch, which the caller knows to be whole.
    pub(crate) fn new(bytes: Bytes) -> Self {
        match &*bytes {
            // Most records have none, and need not hold on to their batch for that.
            NONE => Self::default(),
            _ => Self(bytes),
        }
    }

    /// The count and the headers, as in a batch.
    pub(crate) const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Bytes of the headers and their count in a batch.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.0.len()
    }

    /// The headers one after the other.
    #[must_use]
    pub fn iter(&self) -> HeaderIter {
        let mut rest = Fields::new(self.0.clone());
        let left = rest.length().flatten().unwrap_or(0);
        HeaderIter { rest, left }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().left
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self(Bytes::from_static(NONE))
    }
}

impl IntoIterator for &Headers {
    type Item = Header;
    type IntoIter = HeaderIter;

    fn into_iter(self) -> HeaderIter {
        self.iter()
    }
}

/// What [`Headers::iter`] returns.
#[derive(Clone, Debug)]
pub struct HeaderIter {
    rest: Fields,
    left: usize,
}

impl Iterator for HeaderIter {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        self.left = self.left.checked_sub(1)?;
        self.rest.header()
    }
}
