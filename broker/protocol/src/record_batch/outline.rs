//! What a reader of whole batches needs to know of each: few bytes of the header, cheaply.

use super::{HEADER_BYTES, LOG_OVERHEAD_BYTES, MAGIC};

/// Bytes at the start of a batch that tell its outline.
pub const OUTLINE_BYTES: usize = 27;

/// Where a batch begins and ends, in offsets and in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOutline {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Bytes of the whole batch.
    pub size: usize,
}

impl BatchOutline {
    /// The outline in the first bytes of a batch; `None` where no batch of magic 2 begins so.
    #[must_use]
    pub fn decode(bytes: &[u8; OUTLINE_BYTES]) -> Option<Self> {
        let (base_offset, rest) = bytes.split_first_chunk()?;
        let (batch_length, rest) = rest.split_first_chunk()?;
        let (magic, _) = rest.get(4..)?.split_first_chunk()?;
        let (_, last_offset_delta) = rest.split_last_chunk()?;
        if i8::from_be_bytes(*magic) != MAGIC {
            return None;
        }
        let length = usize::try_from(i32::from_be_bytes(*batch_length)).ok()?;
        let size = length.checked_add(LOG_OVERHEAD_BYTES)?;
        let base_offset = i64::from_be_bytes(*base_offset);
        let last_offset_delta = i32::from_be_bytes(*last_offset_delta);
        (size >= HEADER_BYTES).then_some(Self {
            base_offset,
            last_offset: base_offset.saturating_add(last_offset_delta.into()),
            size,
        })
    }
}
