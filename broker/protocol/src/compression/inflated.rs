//! Compressed content as a stream: read through a small buffer, and never held as a whole.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::{Compression, CompressionError, LZ4_MAGIC, snappy};

/// Content decoded at a time.
const BUFFER_BYTES: usize = 16 * 1024;

/// The content of compressed bytes, up to a limit.
pub(crate) struct Inflated<'a> {
    codec: Compression,
    decoder: Decoder<'a>,
    buffer: Box<[u8]>,
    /// What of the buffer is not taken yet.
    start: usize,
    end: usize,
    /// Bytes that may still come.
    left: usize,
    limit: usize,
    failure: Option<CompressionError>,
}

/// What undoes a codec.
pub(super) enum Decoder<'a> {
    None(&'a [u8]),
    Gzip(MultiGzDecoder<&'a [u8]>),
    Snappy(snappy::Decoder<'a>),
    Lz4(FrameDecoder<&'a [u8]>),
    Zstd(zstd::stream::read::Decoder<'static, &'a [u8]>),
}

impl<'a> Inflated<'a> {
    /// The content of `input`, of at most `limit` bytes.
    pub(crate) fn new(
        codec: Compression,
        input: &'a [u8],
        limit: usize,
    ) -> Result<Self, CompressionError> {
        let decoder = Decoder::new(codec, input, limit);
        Ok(Self {
            codec,
            decoder: decoder.map_err(|error| codec.unreadable(&error, limit))?,
            buffer: vec![0; BUFFER_BYTES].into(),
            start: 0,
            end: 0,
            left: limit,
            limit,
            failure: None,
        })
    }

    /// The next byte; `None` behind the last one that can be had.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        if self.start == self.end && !self.fill() {
            return None;
        }
        let byte = self.buffer.get(self.start).copied();
        self.start += 1;
        byte
    }

    /// Passes over `count` bytes; `false` where there are fewer.
    pub(crate) fn skip(&mut self, mut count: usize) -> bool {
        while count > self.end - self.start {
            count -= self.end - self.start;
            if !self.fill() {
                return false;
            }
        }
        self.start += count;
        true
    }

    /// Passes over everything, and counts it.
    pub(crate) fn drain(&mut self) -> usize {
        let mut count = self.end - self.start;
        while self.fill() {
            count += self.end - self.start;
        }
        count
    }

    /// Why the content ended, where it was not its end.
    pub(crate) const fn failure(&mut self) -> Option<CompressionError> {
        self.failure.take()
    }

    /// Replaces the buffer by what follows it; `false` where nothing does.
    fn fill(&mut self) -> bool {
        (self.start, self.end) = (0, 0);
        let limit = self.limit;
        match self.decoder.read(&mut self.buffer) {
            Ok(count) if count <= self.left => {
                self.left -= count;
                self.end = count;
            }
            Ok(_above) => self.failure = Some(CompressionError::OverLimit { limit }),
            Err(error) => self.failure = Some(self.codec.unreadable(&error, limit)),
        }
        self.end > 0
    }
}

impl<'a> Decoder<'a> {
    /// What turns `input` into its content, of which the caller takes `limit` bytes at most. What has
    /// to come as a whole and is larger is an [`io::ErrorKind::FileTooLarge`].
    pub(super) fn new(codec: Compression, input: &'a [u8], limit: usize) -> io::Result<Self> {
        Ok(match codec {
            Compression::None => Self::None(input),
            Compression::Gzip => Self::Gzip(MultiGzDecoder::new(input)),
            Compression::Snappy => Self::Snappy(snappy::Decoder::new(input, limit)?),
            Compression::Lz4 if input.starts_with(&LZ4_MAGIC) => {
                Self::Lz4(FrameDecoder::new(input))
            }
            Compression::Lz4 => {
                return Err(io::Error::other("no frame of version 1 begins here"));
            }
            Compression::Zstd => Self::Zstd(zstd::stream::read::Decoder::with_buffer(input)?),
        })
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(rest) => rest.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Snappy(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => match decoder.read(buffer)? {
                // One frame that fills the input is what Kafka's own reader takes.
                0 if !decoder.get_ref().is_empty() => {
                    Err(io::Error::other("bytes follow the frame"))
                }
                count => Ok(count),
            },
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}
