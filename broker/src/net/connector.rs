//! Connections from within the process.
//!
//! Frames go over bounded channels, so that a client here pays neither copies nor system calls, and
//! meets every rule of a connection all the same. Only what it shares with nobody differs: it takes no
//! place of another connection and has memory of its own, so that nobody can shut it out.

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::acceptor::Acceptor;
use super::link::{Frame, FrameSink, FrameSource, LinkError};
use crate::budget::Budget;

/// Frames under way in each direction; more wait at their sender.
const FRAMES_MAX: usize = 16;

/// Makes connections to a broker in the same process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connector {
    acceptor: Acceptor,
    runtime: Handle,
}

/// The client's end of a connection. Dropping it closes the connection.
#[derive(Debug)]
pub struct InProcessLink {
    /// Takes requests.
    pub requests: mpsc::Sender<Vec<Bytes>>,
    /// Gives their responses, in the order of the requests.
    pub responses: mpsc::Receiver<Vec<Bytes>>,
}

/// The broker's end, where requests arrive.
#[derive(Debug)]
struct ChannelSource {
    requests: mpsc::Receiver<Vec<Bytes>>,
    budget: Budget,
    size_max: usize,
}

/// The broker's end, where responses leave.
#[derive(Debug)]
struct ChannelSink(mpsc::Sender<Vec<Bytes>>);

impl Connector {
    /// A connector whose connections `acceptor` serves on `runtime`.
    pub(crate) const fn new(acceptor: Acceptor, runtime: Handle) -> Self {
        Self { acceptor, runtime }
    }

    /// Opens a connection. On a broker that stops the link is closed at once.
    #[must_use]
    pub fn connect(&self) -> InProcessLink {
        let (requests, requests_end) = mpsc::channel(FRAMES_MAX);
        let (responses_end, responses) = mpsc::channel(FRAMES_MAX);
        let source = ChannelSource {
            requests: requests_end,
            budget: self.acceptor.own_budget.clone(),
            size_max: self.acceptor.config.request_bytes_max,
        };
        let _runtime = self.runtime.enter();
        self.acceptor
            .serve_in_process(source, ChannelSink(responses_end));
        InProcessLink {
            requests,
            responses,
        }
    }
}

impl FrameSource for ChannelSource {
    async fn next(&mut self) -> Result<Frame, LinkError> {
        let chunks = self.requests.recv().await.ok_or(LinkError::Closed)?;
        let size = chunks.iter().map(Bytes::len).sum();
        if size > self.size_max {
            let limit = self.size_max;
            return Err(LinkError::FrameTooLarge { size, limit });
        }
        // It is in memory already: there is nothing to save by refusing what the budget cannot hold.
        let reservation = self.budget.reserve(size.min(self.budget.bytes())).await;
        Ok(Frame {
            chunks,
            reservation,
        })
    }
}

impl FrameSink for ChannelSink {
    async fn send(&mut self, chunks: Vec<Bytes>) -> Result<(), LinkError> {
        self.0
            .send(chunks)
            .await
            .map_err(|_closed| LinkError::Closed)
    }
}
