//! Snappy as Kafka uses it: blocks behind the header of the Java library, or one bare block.
//!
//! The framing is that of snappy-java ("xerial"), not the official frame format: sixteen bytes of
//! header, then blocks, each behind its length as a big-endian `i32`.

use std::io::{self, Read};

use snap::raw::{self, Encoder, decompress_len};

/// Magic, version 1, and 1 as the lowest version that can read it.
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// The part of the header that tells framed from bare.
const MAGIC_BYTES: usize = 8;
/// Content of a block; the Java library's default.
const BLOCK_BYTES: usize = 32 * 1024;
/// Bytes of content a compressed byte can stand for, at most: a copy of 64 bytes takes 3.
const RATIO_MAX: usize = 22;

/// Appends `input` to `output` in the Java library's framing.
pub(super) fn compress(input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = Encoder::new();
    output.extend_from_slice(&HEADER);
    for block in input.chunks(BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block)?;
        let length = i32::try_from(compressed.len()).map_err(io::Error::other)?;
        output.extend_from_slice(&length.to_be_bytes());
        output.extend_from_slice(&compressed);
    }
    Ok(())
}

/// The content of compressed bytes, a block at a time.
pub(super) struct Decoder<'a> {
    rest: Rest<'a>,
    limit: usize,
    block: Vec<u8>,
    /// What of the block is taken.
    taken: usize,
}

/// What is not decompressed yet.
enum Rest<'a> {
    Bare(&'a [u8]),
    Framed(&'a [u8]),
}

impl<'a> Decoder<'a> {
    /// Of `input`, whose blocks hold `limit` bytes at most.
    pub(super) fn new(input: &'a [u8], limit: usize) -> io::Result<Self> {
        let framed = input
            .split_at_checked(HEADER.len())
            .filter(|(header, _)| header.get(..MAGIC_BYTES) == HEADER.get(..MAGIC_BYTES));
        let rest = match framed {
            None => Rest::Bare(input),
            Some((header, blocks)) if header == HEADER => Rest::Framed(blocks),
            Some(_) => return Err(io::Error::other("a version of the framing other than 1")),
        };
        Ok(Self {
            rest,
            limit,
            block: Vec::new(),
            taken: 0,
        })
    }

    /// Decompresses the next block, where there is one.
    fn next_block(&mut self) -> io::Result<bool> {
        let block = match &mut self.rest {
            Rest::Framed([]) => return Ok(false),
            Rest::Framed(blocks) => take_block(blocks).ok_or(io::ErrorKind::UnexpectedEof)?,
            Rest::Bare(block) => {
                let block = *block;
                self.rest = Rest::Framed(&[]);
                block
            }
        };
        let size = decompress_len(block)?;
        if size > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if size > block.len().saturating_mul(RATIO_MAX) {
            return Err(io::Error::other("a block claims more than it can hold"));
        }
        self.block.resize(size, 0);
        self.taken = 0;
        raw::Decoder::new().decompress(block, &mut self.block)?;
        Ok(true)
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut left = self.block.get(self.taken..).unwrap_or_default();
            if !left.is_empty() {
                let count = left.read(buffer)?;
                self.taken += count;
                return Ok(count);
            }
            if !self.next_block()? {
                return Ok(0);
            }
        }
    }
}

fn take_block<'a>(blocks: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = blocks.split_first_chunk()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    let (block, rest) = rest.split_at_checked(length)?;
    *blocks = rest;
    Some(block)
}
