//! A frame: one batch of one partition, chained to the frame before it.
//!
//! ```text
//!  0  u32  bytes of the batch
//!  4  u32  CRC-32C of all that follows, the batch included, begun with the secret of the generation
//!  8  u32  CRC of the frame before; 0 for the first of a generation
//! 12  u32  generation
//! 16  u64  sequence: 0, 1, 2, ... in a generation
//! 24 [16]  topic id
//! 40  i32  partition
//! 44  u32  its place in its flush: 0, 1, 2, ...
//! 48       the batch
//! ```
//! Numbers are big-endian. A frame says by itself whether it is whole, and by its chain whether it is
//! the one that was written next: what an extent held before it was recycled never is. Nobody who sends
//! records knows the secret, so none of them, wherever its bytes come to lie, is a frame.

use bytes::Bytes;
use sluice_protocol::Uuid;
use sluice_protocol::record_batch::StampedBatch;

use super::live::Live;
use crate::log::LogKey;
use crate::log::ids::random_bytes;

/// Bytes before the batch.
pub(super) const HEADER_BYTES: usize = 48;
/// The same, as sizes of files are counted.
pub(super) const HEADER_SIZE: u64 = 48;
/// Where the bytes begin that the CRC covers.
pub(super) const COVERED_FROM: usize = 8;

/// What stands before the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the batch.
    pub(crate) length: u32,
    /// Checksum of the frame.
    pub(crate) crc: u32,
    /// Checksum of the frame before.
    pub(crate) previous_crc: u32,
    /// Which life of the data directory wrote it.
    pub(crate) generation: u32,
    /// Its number in that life.
    pub(crate) sequence: u64,
    /// Whose batch it is.
    pub(crate) key: LogKey,
    /// Its place in its flush. All before the first of a flush were durable when that was written.
    pub(crate) place: u32,
}

/// What the next frame is chained to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The generation all its frames have.
    pub(crate) generation: u32,
    /// Sequence of the next frame.
    pub(crate) sequence: u64,
    /// CRC of the last one.
    pub(crate) crc: u32,
    /// What their CRCs begin with: random, so that what looks like a frame in a record is none.
    pub(crate) secret: u32,
}

impl Chain {
    /// The chain that a generation begins with.
    pub(super) fn begin(generation: u32) -> Self {
        let [first, second, third, fourth, ..] = random_bytes();
        Self {
            generation,
            sequence: 0,
            crc: 0,
            secret: u32::from_be_bytes([first, second, third, fourth]),
        }
    }

    /// The extent `number`, as the next one that it begins.
    pub(super) const fn live(&self, number: u64) -> Live {
        Live::ahead(self.generation, Some(self.secret), number)
    }

    /// The header of the frame that holds `batch`, which is the last one from now on.
    pub(super) fn add(
        &mut self,
        key: LogKey,
        place: u32,
        batch: &StampedBatch,
    ) -> [u8; HEADER_BYTES] {
        let mut header = FrameHeader {
            length: u32::try_from(batch.size()).unwrap_or(u32::MAX),
            crc: 0,
            previous_crc: self.crc,
            generation: self.generation,
            sequence: self.sequence,
            key,
            place,
        };
        let crc = header.crc_with(self.secret, &[batch.header_bytes(), batch.record_bytes()]);
        header.crc = crc;
        self.follow(&header);
        header.to_bytes()
    }

    /// Whether a frame with this header is the next one.
    pub(super) fn continues(&self, header: &FrameHeader) -> bool {
        header.generation == self.generation
            && header.sequence == self.sequence
            && header.previous_crc == self.crc
    }

    /// Goes on behind a frame.
    pub(crate) const fn follow(&mut self, header: &FrameHeader) {
        self.sequence = header.sequence.saturating_add(1);
        self.crc = header.crc;
    }
}

impl FrameHeader {
    /// The header in the first bytes of `bytes`, which may be anything.
    pub(super) fn read(bytes: &Bytes) -> Option<Self> {
        let u32_at = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(4)?)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let sequence = bytes.get(16..24)?.try_into().ok()?;
        let topic = bytes.get(24..40)?.try_into().ok()?;
        let partition = bytes.get(40..44)?.try_into().ok()?;
        Some(Self {
            length: u32_at(0)?,
            crc: u32_at(4)?,
            previous_crc: u32_at(8)?,
            generation: u32_at(12)?,
            sequence: u64::from_be_bytes(sequence),
            key: LogKey {
                topic: Uuid(topic),
                partition: i32::from_be_bytes(partition),
            },
            place: u32_at(44)?,
        })
    }

    /// Bytes of the frame.
    pub(crate) fn frame_size(&self) -> u64 {
        size_of_frame(u64::from(self.length))
    }

    /// Whether this is a header of a generation with that secret, and `batch` the batch that belongs to it.
    pub(super) fn is_whole(&self, secret: u32, batch: &[u8]) -> bool {
        u32::try_from(batch.len()) == Ok(self.length) && self.crc_with(secret, &[batch]) == self.crc
    }

    fn crc_with(&self, secret: u32, batch: &[&[u8]]) -> u32 {
        let header = self.to_bytes();
        let covered = header.get(COVERED_FROM..).unwrap_or_default();
        let mut crc = crc32c::crc32c_append(secret, covered);
        for chunk in batch {
            crc = crc32c::crc32c_append(crc, chunk);
        }
        crc
    }

    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields: [(usize, &[u8]); 8] = [
            (0, &self.length.to_be_bytes()),
            (4, &self.crc.to_be_bytes()),
            (8, &self.previous_crc.to_be_bytes()),
            (12, &self.generation.to_be_bytes()),
            (16, &self.sequence.to_be_bytes()),
            (24, &self.key.topic.0),
            (40, &self.key.partition.to_be_bytes()),
            (44, &self.place.to_be_bytes()),
        ];
        for (at, field) in fields {
            if let Some(place) = bytes.get_mut(at..at.saturating_add(field.len())) {
                place.copy_from_slice(field);
            }
        }
        bytes
    }
}

/// Bytes of the frame of a batch of that many bytes.
pub(super) const fn size_of_frame(batch: u64) -> u64 {
    batch.saturating_add(HEADER_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation: a `crc_with` that puts the secret in the place of the previous CRC.
    #[test]
    fn checksums_are_those_of_the_examples_in_the_documentation() {
        let batch = b"123456789";
        let header = FrameHeader {
            length: 9,
            crc: 0,
            previous_crc: 0,
            generation: 1,
            sequence: 0,
            key: LogKey::METADATA,
            place: 0,
        };
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/storage-format.md");
        let documentation = std::fs::read_to_string(path).unwrap();
        let secret = 0x0102_0304;
        for (secret, crc) in [
            (0, crc32c::crc32c(batch)),
            (secret, crc32c::crc32c_append(secret, batch)),
            (secret, header.crc_with(secret, &[batch])),
        ] {
            let example = documentation.lines().any(|line| {
                line.starts_with(&format!("| `{secret:08x}` | "))
                    && line.ends_with(&format!(" | `{crc:08x}` |"))
            });
            assert!(example, "secret {secret:08x}: {crc:08x}");
        }
    }
}
