//! A batch as it lies in bytes, and the walk over consecutive ones.
//!
//! Used where the bytes come from a log or a broker: recovery, compaction, clients. A raw batch has a
//! header and the size it says, no more; whoever needs its checksum checked asks for it.

use bytes::Bytes;

use super::{BatchHeader, CHECKED_FROM, HEADER_BYTES, MAGIC};
use crate::record::{Keys, RecordError, RecordOutline, Records, visit_records};

/// Where the magic lies, in every format that ever was.
const MAGIC_AT: usize = 16;

/// One batch: its header and all its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBatch {
    header: BatchHeader,
    bytes: Bytes,
}

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableBatch {
    /// A message of the formats before Kafka 0.11, or of one that is yet to come.
    #[error("a batch has the format {magic}, where only {MAGIC} is supported")]
    UnsupportedMagic {
        /// The format.
        magic: i8,
    },
    /// The length is below that of a header.
    #[error("{length} is not the length of a batch")]
    InvalidLength {
        /// The length as read.
        length: i32,
    },
}

impl RawBatch {
    /// Takes the first batch off `bytes`; `None`, taking nothing, where they end before it does.
    ///
    /// # Errors
    /// [`UnreadableBatch`].
    pub fn take(bytes: &mut Bytes) -> Result<Option<Self>, UnreadableBatch> {
        match bytes.get(MAGIC_AT).copied().map(u8::cast_signed) {
            None => return Ok(None),
            Some(MAGIC) => {}
            Some(magic) => return Err(UnreadableBatch::UnsupportedMagic { magic }),
        }
        let Ok(header) = BatchHeader::decode(bytes) else {
            return Ok(None);
        };
        let length = header.batch_length;
        let size = header
            .size()
            .ok_or(UnreadableBatch::InvalidLength { length })?;
        if size > bytes.len() {
            return Ok(None);
        }
        let bytes = bytes.split_to(size);
        Ok(Some(Self { header, bytes }))
    }

    /// A batch of the parts given, which the caller knows to belong together.
    pub(super) const fn new(header: BatchHeader, bytes: Bytes) -> Self {
        Self { header, bytes }
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch, without its header.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// What follows the header: the records, as the batch's codec left them.
    #[must_use]
    pub fn record_bytes(&self) -> Bytes {
        self.bytes.slice(HEADER_BYTES.min(self.bytes.len())..)
    }

    /// The checksum of the bytes as they are.
    #[must_use]
    pub fn computed_crc(&self) -> u32 {
        crc32c::crc32c(self.bytes.get(CHECKED_FROM..).unwrap_or_default())
    }

    /// Whether the checksum in the header is that of the bytes.
    #[must_use]
    pub fn has_valid_crc(&self) -> bool {
        self.computed_crc() == self.header.crc
    }

    /// The records, decompressed into at most `limit` bytes. Of a control batch they are markers.
    ///
    /// # Errors
    /// [`RecordError`] of the codec; what is wrong with a record comes when it is reached.
    pub fn records(&self, limit: usize) -> Result<Records, RecordError> {
        Records::new(&self.header, &self.record_bytes(), limit)
    }

    /// The keys of the records, decompressed into at most `limit` bytes.
    ///
    /// # Errors
    /// As [`RawBatch::records`].
    pub fn keys(&self, limit: usize) -> Result<Keys, RecordError> {
        Keys::new(&self.header, &self.record_bytes(), limit)
    }

    /// Reads every record without keeping any, from at most `limit` bytes of content, and shows each
    /// to `visit`. Without an error, the records are as many as the header says, and whole.
    ///
    /// # Errors
    /// [`RecordError`], or what `visit` returns.
    pub fn visit_records<E: From<RecordError>>(
        &self,
        limit: usize,
        visit: impl FnMut(RecordOutline) -> Result<(), E>,
    ) -> Result<(), E> {
        let records = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        visit_records(&self.header, records, limit, visit)
    }
}

/// The batches that lie one behind the other in `bytes`. Ends after an error, and without one at a
/// batch that `bytes` hold only in part, as the end of a fetch or a torn write may.
#[must_use]
pub const fn batches(bytes: Bytes) -> Batches {
    Batches {
        rest: bytes,
        position: 0,
        is_over: false,
    }
}

/// What [`batches`] returns.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    position: usize,
    is_over: bool,
}

impl Batches {
    /// Bytes of the batches returned so far: where the next one begins, or the first bad byte.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes not returned as batches.
    #[must_use]
    pub const fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for Batches {
    type Item = Result<RawBatch, UnreadableBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = RawBatch::take(&mut self.rest).transpose();
        match &item {
            Some(Ok(batch)) => self.position = self.position.saturating_add(batch.bytes.len()),
            Some(Err(_)) | None => self.is_over = true,
        }
        item
    }
}
