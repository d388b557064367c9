//! Where the frames of a connection come from and go to.
//!
//! A frame is a list of chunks without the length that a byte stream puts in front of it.

use std::future::Future;

use bytes::Bytes;

use crate::budget::Reservation;

/// One request, with the memory it accounts for.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The bytes, in order.
    pub(crate) chunks: Vec<Bytes>,
    /// What they hold of the budget.
    pub(crate) reservation: Reservation,
}

impl Frame {
    /// Bytes of the frame.
    pub(crate) fn size(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }
}

/// Why a link carries no more frames.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The peer closed its side between two frames.
    #[error("closed by the peer")]
    Closed,
    /// The stream failed, or ended inside a frame.
    #[error("the stream failed: {0}")]
    Io(#[from] std::io::Error),
    /// A length that no frame has.
    #[error("a frame of {size} bytes: is the client speaking Kafka's protocol, without TLS?")]
    FrameSize {
        /// The size as read.
        size: i32,
    },
    /// A frame above the limit.
    #[error("a frame of {size} bytes exceeds the limit of {limit}")]
    FrameTooLarge {
        /// Bytes announced.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The peer stopped in the middle of a frame, or takes no response.
    #[error("stalled in the middle of a frame")]
    Stalled,
    /// There was no room in memory for the rest of a frame.
    #[error("no memory for the rest of a frame: too many large requests at once")]
    OutOfBudget,
}

/// Where requests come from.
pub(crate) trait FrameSource: Send + 'static {
    /// The next request. Not called again after an error.
    fn next(&mut self) -> impl Future<Output = Result<Frame, LinkError>> + Send;
}

/// Where responses go to.
pub(crate) trait FrameSink: Send + 'static {
    /// Sends one response wholly.
    fn send(&mut self, chunks: Vec<Bytes>) -> impl Future<Output = Result<(), LinkError>> + Send;
}
