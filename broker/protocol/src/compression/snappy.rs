//! Snappy as Kafka uses it: blocks behind the header of the Java library, or one bare block.
//!
//! The framing is that of snappy-java ("xerial"), not the official frame format: sixteen bytes of
//! header, then blocks, each behind its length as a big-endian `i32`.

use std::io;

use snap::raw::{Decoder, Encoder, decompress_len};

/// Magic, version 1, and 1 as the lowest version that can read it.
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// The part of the header that tells framed from bare.
const MAGIC_BYTES: usize = 8;
/// Content of a block; the Java library's default.
const BLOCK_BYTES: usize = 32 * 1024;

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

/// The content of `input`, or `None` where that is more than `limit` bytes.
pub(super) fn decompress(input: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let Some((header, mut blocks)) = input
        .split_at_checked(HEADER.len())
        .filter(|(header, _)| header.get(..MAGIC_BYTES) == HEADER.get(..MAGIC_BYTES))
    else {
        return Ok(append_block(input, limit, &mut content)?.then_some(content));
    };
    if header != HEADER {
        return Err(io::Error::other("a version of the framing other than 1"));
    }
    while !blocks.is_empty() {
        let block = take_block(&mut blocks).ok_or(io::ErrorKind::UnexpectedEof)?;
        if !append_block(block, limit, &mut content)? {
            return Ok(None);
        }
    }
    Ok(Some(content))
}

fn take_block<'a>(blocks: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = blocks.split_first_chunk()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    let (block, rest) = rest.split_at_checked(length)?;
    *blocks = rest;
    Some(block)
}

/// Appends the content of a block, unless `content` would then exceed `limit` bytes.
fn append_block(block: &[u8], limit: usize, content: &mut Vec<u8>) -> io::Result<bool> {
    let start = content.len();
    let end = start.saturating_add(decompress_len(block)?);
    if end > limit {
        return Ok(false);
    }
    content.resize(end, 0);
    let place = content.get_mut(start..).unwrap_or_default();
    Decoder::new().decompress(block, place)?;
    Ok(true)
}
