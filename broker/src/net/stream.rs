//! Frames over a byte stream: a 4-byte length, then as many bytes.
//!
//! A length is checked before anything is allocated for it, and memory grows as bytes arrive: who
//! announces a large request pays for it in bytes sent, not in promises. A frame that has begun must
//! arrive at a least rate, and large ones that have not arrived yet hold half of the budget at most
//! together, so that slow senders cannot keep it from those who are done.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::link::{Frame, FrameSink, FrameSource, LinkError};
use super::request_buffers::{BUFFER_BYTES_MIN, RequestBuffer, RequestBuffers};
use crate::budget::{Budget, Reservation, SMALL_BYTES_MAX};

/// Bytes in front of every frame.
const LENGTH_BYTES: usize = 4;
/// Room for the first bytes of a frame; most requests fit, and an idle connection costs no more.
const FIRST_READ_BYTES: usize = 4 * 1024;
/// How much more room than has arrived a large frame gets.
const GROWTH_FACTOR: usize = 4;

/// The least rate at which a frame must arrive on average, in bytes a second.
const RATE_MIN: usize = 1024 * 1024;

/// What one stream may ask for.
#[derive(Clone, Debug)]
pub(crate) struct StreamLimits {
    /// Largest frame, in bytes.
    pub(crate) size_max: usize,
    /// Silence allowed inside a frame, and the time a frame gets besides that for its size.
    pub(crate) stall_timeout: Duration,
}

/// Takes frames off a byte stream.
#[derive(Debug)]
pub(crate) struct StreamSource<R> {
    stream: R,
    /// What has arrived, until it is known to be of a large frame.
    buffer: BytesMut,
    /// The beginning of a large frame, and nothing behind it.
    large: Option<RequestBuffer>,
    buffers: RequestBuffers,
    reservation: Reservation,
    /// What a large frame holds of what such frames may hold together.
    unfinished: Reservation,
    /// When the frame that has begun must have arrived, once its size is known.
    deadline: Option<Instant>,
    limits: StreamLimits,
    budget: Budget,
}

/// Puts frames on a byte stream, all chunks of a frame in one system call where possible.
#[derive(Debug)]
pub(crate) struct StreamSink<W> {
    stream: W,
    stall_timeout: Duration,
}

impl<R: AsyncRead + Unpin + Send + 'static> StreamSource<R> {
    /// A source over `stream`.
    pub(crate) fn new(
        stream: R,
        limits: StreamLimits,
        budget: Budget,
        buffers: RequestBuffers,
    ) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            large: None,
            buffers,
            reservation: Reservation::default(),
            unfinished: Reservation::default(),
            deadline: None,
            limits,
            budget,
        }
    }

    /// What has arrived and was not taken.
    fn arrived(&self) -> &[u8] {
        self.large
            .as_ref()
            .map_or(&self.buffer, RequestBuffer::bytes)
    }

    /// Bytes of the next frame with its length, once the length is there.
    fn announced(&self) -> Result<Option<usize>, LinkError> {
        let Some(length) = self.arrived().first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*length);
        let size = match usize::try_from(length) {
            Ok(size) if size > 0 => size,
            _ => return Err(LinkError::FrameSize { size: length }),
        };
        let limit = self.limits.size_max;
        if size > limit {
            return Err(LinkError::FrameTooLarge { size, limit });
        }
        Ok(Some(size + LENGTH_BYTES))
    }

    /// Makes room for more bytes of a frame of `size` bytes, at most as many as it still lacks.
    async fn make_room(&mut self, size: usize) -> Result<(), LinkError> {
        let seconds = u64::try_from(size / RATE_MIN).unwrap_or(u64::MAX);
        let patience = self.limits.stall_timeout + Duration::from_secs(seconds);
        let begun = Instant::now();
        let deadline = *self.deadline.get_or_insert(begun + patience);
        let have = self.arrived().len();
        if size <= SMALL_BYTES_MAX {
            self.hold(size, size).await?;
            self.buffer.reserve(size - have);
        } else if self
            .large
            .as_ref()
            .is_none_or(|large| have == large.capacity())
        {
            let wanted = size.min(BUFFER_BYTES_MIN.max(have.saturating_mul(GROWTH_FACTOR)));
            let capacity = RequestBuffers::capacity_for(wanted);
            self.hold_unfinished(capacity).await?;
            self.hold(capacity, size).await?;
            self.enlarge(wanted);
        }
        // That others are in the way is not the client's fault.
        self.deadline = Some(deadline + begun.elapsed());
        Ok(())
    }

    /// Moves what has arrived of a large frame to where there is more room.
    fn enlarge(&mut self, bytes: usize) {
        let mut larger = self.buffers.take(bytes);
        larger.extend(self.arrived());
        self.buffer = BytesMut::new();
        self.large = Some(larger);
    }

    /// Takes as much of the budget as `bytes` of a frame of `size` bytes need.
    async fn hold(&mut self, bytes: usize, size: usize) -> Result<(), LinkError> {
        let held = self.reservation.bytes();
        let bytes = bytes.min(self.limits.size_max);
        let more = self.budget.reserve_of(bytes.saturating_sub(held), size);
        // Who holds a part of the budget must not wait forever for the rest: all might.
        let more = if held == 0 {
            more.await
        } else {
            patiently(more, self.limits.stall_timeout).await?
        };
        self.reservation.merge(more);
        Ok(())
    }

    /// As [`Self::hold`], of what frames may hold before they have arrived.
    async fn hold_unfinished(&mut self, bytes: usize) -> Result<(), LinkError> {
        let held = self.unfinished.bytes();
        let more = self.budget.reserve_unfinished(held, bytes);
        let more = if held == 0 {
            more.await
        } else {
            patiently(more, self.limits.stall_timeout).await?
        };
        self.unfinished.merge(more);
        Ok(())
    }

    /// Reads what the stream has, into the room there is; of a large frame, which is of `size` bytes, no
    /// more than its end.
    async fn read_more(&mut self, size: usize) -> Result<(), LinkError> {
        let between_frames = self.arrived().is_empty();
        let silent = Instant::now() + self.limits.stall_timeout;
        let until = self
            .deadline
            .map_or(silent, |deadline| silent.min(deadline));
        let read = async {
            match &mut self.large {
                Some(large) => self.stream.read_buf(&mut large.rest(size)).await,
                None => self.stream.read_buf(&mut self.buffer).await,
            }
        };
        let count = if between_frames {
            // How long nothing may be asked is the connection's to know.
            read.await?
        } else {
            timeout_at(until, read)
                .await
                .map_err(|_elapsed| LinkError::Stalled)??
        };
        match count {
            0 if between_frames => Err(LinkError::Closed),
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(()),
        }
    }

    /// Takes a complete frame out of the buffer.
    fn split(&mut self, size: usize) -> Frame {
        let (mut frame, memory) = match self.large.take() {
            Some(large) => {
                let memory = large.capacity();
                (large.freeze(), memory)
            }
            None => (self.buffer.split_to(size).freeze(), size),
        };
        if self.buffer.is_empty() {
            // A buffer of its own for each frame: one that is kept for long pins no other's memory.
            self.buffer = BytesMut::new();
        }
        frame.advance(LENGTH_BYTES);
        self.unfinished = Reservation::default();
        self.deadline = None;
        let mut reservation = std::mem::take(&mut self.reservation);
        reservation.shrink_to(memory);
        Frame {
            chunks: vec![frame],
            reservation,
        }
    }
}

/// What is reserved, where it is within `patience`.
async fn patiently(
    more: impl Future<Output = Reservation>,
    patience: Duration,
) -> Result<Reservation, LinkError> {
    timeout(patience, more)
        .await
        .map_err(|_elapsed| LinkError::OutOfBudget)
}

impl<R: AsyncRead + Unpin + Send + 'static> FrameSource for StreamSource<R> {
    async fn next(&mut self) -> Result<Frame, LinkError> {
        loop {
            let announced = self.announced()?;
            match announced {
                None => self.buffer.reserve(FIRST_READ_BYTES),
                Some(size) if size <= self.arrived().len() => {
                    self.hold(size, size).await?;
                    return Ok(self.split(size));
                }
                Some(size) => self.make_room(size).await?,
            }
            self.read_more(announced.unwrap_or(FIRST_READ_BYTES))
                .await?;
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> StreamSink<W> {
    /// A sink over `stream`.
    pub(crate) const fn new(stream: W, stall_timeout: Duration) -> Self {
        Self {
            stream,
            stall_timeout,
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> FrameSink for StreamSink<W> {
    async fn send(&mut self, chunks: Vec<Bytes>) -> Result<(), LinkError> {
        let mut chunks = Chunks::with_length(chunks)?;
        while chunks.has_remaining() {
            let written = timeout(self.stall_timeout, self.stream.write_buf(&mut chunks))
                .await
                .map_err(|_elapsed| LinkError::Stalled)??;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
        }
        Ok(())
    }
}

/// The chunks of a frame that have not been written yet.
#[derive(Debug)]
struct Chunks {
    chunks: VecDeque<Bytes>,
    remaining: usize,
}

impl Chunks {
    /// The chunks of a frame behind their length.
    fn with_length(chunks: Vec<Bytes>) -> Result<Self, LinkError> {
        let size = chunks.iter().map(Bytes::len).sum::<usize>();
        let length = i32::try_from(size).map_err(|_too_long| {
            let limit = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
            LinkError::FrameTooLarge { size, limit }
        })?;
        let mut chunks = VecDeque::from(chunks);
        chunks.push_front(Bytes::copy_from_slice(&length.to_be_bytes()));
        Ok(Self {
            chunks,
            remaining: size + LENGTH_BYTES,
        })
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining -= count;
        while let Some(front) = self.chunks.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
