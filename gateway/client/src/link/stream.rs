//! Frames on a stream of bytes: each is preceded by its length, four bytes, big-endian.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const LENGTH_BYTES: usize = 4;
/// Slices handed to one `writev`.
const SLICES_MAX: usize = 64;
/// Room made for a read when nothing is known about what comes.
const READ_BYTES: usize = 16 * 1024;

/// Takes frames off a byte stream.
pub(super) struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
    frame_bytes_max: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(stream: R, frame_bytes_max: usize) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            frame_bytes_max,
        }
    }

    /// The next frame. The bytes are a slice of what was read, not a copy.
    pub(super) async fn next(&mut self) -> io::Result<Bytes> {
        loop {
            let missing = match split_frame(&mut self.buffer, self.frame_bytes_max)? {
                Split::Frame(frame) => return Ok(frame),
                Split::Missing(missing) => missing,
            };
            self.buffer.reserve(missing.max(READ_BYTES));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

enum Split {
    Frame(Bytes),
    Missing(usize),
}

fn split_frame(buffer: &mut BytesMut, frame_bytes_max: usize) -> io::Result<Split> {
    let Some(prefix) = buffer.first_chunk::<LENGTH_BYTES>() else {
        return Ok(Split::Missing(LENGTH_BYTES - buffer.len()));
    };
    let length = usize::try_from(i32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if length > frame_bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame may have {frame_bytes_max} bytes at most"),
        ));
    }
    let whole = LENGTH_BYTES + length;
    if buffer.len() < whole {
        return Ok(Split::Missing(whole - buffer.len()));
    }
    buffer.advance(LENGTH_BYTES);
    Ok(Split::Frame(buffer.split_to(length).freeze()))
}

/// Adds a frame and its length to the chunks waiting to be written.
pub(super) fn queue_frame(chunks: &mut VecDeque<Bytes>, frame: Vec<Bytes>) -> io::Result<()> {
    let length = frame.iter().map(Bytes::len).sum::<usize>();
    let length = i32::try_from(length).map_err(io::Error::other)?;
    chunks.push_back(Bytes::copy_from_slice(&length.to_be_bytes()));
    chunks.extend(frame);
    Ok(())
}

/// Writes all chunks, many with one system call.
pub(super) async fn write_all<W: AsyncWrite + Unpin>(
    writer: &mut W,
    chunks: &mut VecDeque<Bytes>,
) -> io::Result<()> {
    while !chunks.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        for (slice, chunk) in slices.iter_mut().zip(chunks.iter()) {
            *slice = IoSlice::new(chunk);
        }
        let count = chunks.len().min(SLICES_MAX);
        let slices = slices.get(..count).unwrap_or_default();
        let written = writer.write_vectored(slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        drop_front(chunks, written);
    }
    writer.flush().await
}

fn drop_front(chunks: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(front) = chunks.front_mut() {
        if front.len() > count {
            front.advance(count);
            return;
        }
        count -= front.len();
        chunks.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_survive_a_narrow_pipe() {
        let (left, right) = tokio::io::duplex(7);
        let frames: Vec<Vec<u8>> = (0..100_u8).map(|n| vec![n; usize::from(n)]).collect();
        let mut chunks = VecDeque::new();
        for frame in &frames {
            let pieces = frame.chunks(10).map(Bytes::copy_from_slice).collect();
            queue_frame(&mut chunks, pieces).unwrap();
        }
        let (_, mut writer) = tokio::io::split(left);
        let writing = async { write_all(&mut writer, &mut chunks).await.unwrap() };
        let mut reader = FrameReader::new(right, 100);
        let reading = async {
            for frame in &frames {
                assert_eq!(reader.next().await.unwrap(), frame);
            }
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_is_refused_before_it_is_read() {
        for length in [101_i32, i32::MAX, -1] {
            let bytes = length.to_be_bytes();
            let mut reader = FrameReader::new(bytes.as_slice(), 100);
            let error = reader.next().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }
}
