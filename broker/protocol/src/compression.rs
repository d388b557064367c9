//! The codecs of record batches, with a bound on what they may produce.
//!
//! What is written is what Kafka's own classes read: gzip, snappy in the framing of the Java client,
//! LZ4 frames (version 01, independent blocks of 64 KiB), Zstandard. Read is what clients are known
//! to write: also gzip of several members, and snappy without framing.
//!
//! Invariant: decompression never holds more than its limit, the output's growth and the window of
//! the codec aside, however much the input promises. Records are not known here.

mod inflated;
mod snappy;

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use inflated::Decoder;
pub(crate) use inflated::Inflated;

/// What an LZ4 frame begins with; the older frames without it are not Kafka's.
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// snappy, with or without the framing of the Java client.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110; Produce 7, Fetch 10).
    Zstd,
}

/// Why bytes could not be compressed or decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// The bytes are not what the codec writes, or end early.
    #[error("the records are not valid {codec}: {reason}")]
    Corrupt {
        /// The codec the batch names.
        codec: Compression,
        /// What the codec says.
        reason: String,
    },
    /// The content is larger than the caller accepts.
    #[error(
        "the records take more than {limit} bytes when decompressed; raise the limit or send smaller batches"
    )]
    OverLimit {
        /// Bytes accepted.
        limit: usize,
    },
    /// The codec failed to compress.
    #[error("the records cannot be compressed with {codec}: {reason}")]
    Failed {
        /// The codec asked for.
        codec: Compression,
        /// What the codec says.
        reason: String,
    },
}

impl Compression {
    /// Every codec, and none.
    pub const ALL: &[Self] = &[Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The name in Kafka's configuration (`compression.type`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Appends `input` to `output`, compressed at the codec's own default level.
    ///
    /// # Errors
    /// [`CompressionError::Failed`], when the codec has no memory; `output` is then of no use.
    pub fn compress(self, input: &[u8], output: &mut Vec<u8>) -> Result<(), CompressionError> {
        let result = match self {
            Self::None => output.write_all(input),
            Self::Gzip => compress_gzip(input, output),
            Self::Snappy => snappy::compress(input, output),
            Self::Lz4 => compress_lz4(input, output),
            Self::Zstd => zstd::stream::copy_encode(input, output, zstd::DEFAULT_COMPRESSION_LEVEL),
        };
        result.map_err(|error| CompressionError::Failed {
            codec: self,
            reason: error.to_string(),
        })
    }

    /// The content of `input`, at most `limit` bytes of it. Without a codec that is `input` itself,
    /// whatever its size: it is in memory already.
    ///
    /// # Errors
    /// [`CompressionError::Corrupt`] and [`CompressionError::OverLimit`].
    pub fn decompress(self, input: &Bytes, limit: usize) -> Result<Bytes, CompressionError> {
        if self == Self::None {
            return Ok(input.clone());
        }
        let decoder = Decoder::new(self, input, limit);
        match decoder.and_then(|decoder| read_bounded(decoder, limit)) {
            Ok(Some(content)) => Ok(content.into()),
            Ok(None) => Err(CompressionError::OverLimit { limit }),
            Err(error) => Err(self.unreadable(&error, limit)),
        }
    }

    fn unreadable(self, error: &io::Error, limit: usize) -> CompressionError {
        if error.kind() == io::ErrorKind::FileTooLarge {
            return CompressionError::OverLimit { limit };
        }
        CompressionError::Corrupt {
            codec: self,
            reason: error.to_string(),
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads everything, or `None` where that is more than `limit` bytes.
fn read_bounded(source: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(one_more).read_to_end(&mut content)?;
    Ok((content.len() <= limit).then_some(content))
}

fn compress_gzip(input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(output, flate2::Compression::default());
    encoder.write_all(input)?;
    encoder.finish().map(|_output| ())
}

fn compress_lz4(input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    let frame = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(frame, output);
    encoder.write_all(input)?;
    encoder.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests;
