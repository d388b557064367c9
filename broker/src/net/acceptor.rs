//! Connections come in: over sockets, each with a permit or not at all, and from within the process.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex as Turn, OwnedSemaphorePermit, Semaphore, mpsc};

use super::connection::{Closed, Connection, ConnectionLimits};
use super::link::{FrameSink, FrameSource, LinkError};
use super::request_buffers::RequestBuffers;
use super::stream::{StreamLimits, StreamSink, StreamSource};
use crate::budget::Budget;
use crate::config::{HostPort, NetworkConfig};
use crate::handlers::{Handlers, Peer};
use crate::phase::{Phase, PhaseWatch};
use crate::telemetry::{
    AcceptFailed, ConnectionEnded, ConnectionOpened, ConnectionRefused, Ending, Telemetry,
};

/// How long to wait for file descriptors before accepting again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves every connection that comes in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Acceptor {
    /// What answers requests.
    pub(crate) handlers: Handlers,
    /// Limits.
    pub(crate) config: NetworkConfig,
    /// What clients are told to connect to.
    pub(crate) endpoint: HostPort,
    /// Memory of all connections over sockets.
    pub(crate) budget: Budget,
    /// Memory of the connections from within the process.
    pub(crate) own_budget: Budget,
    /// What large requests are received into.
    pub(crate) buffers: RequestBuffers,
    /// When to stop.
    pub(crate) phase: PhaseWatch,
    /// Where events go.
    pub(crate) telemetry: Arc<Telemetry>,
    /// One permit per connection over a socket.
    pub(crate) permits: Arc<Semaphore>,
    /// Held by every connection; its receiver ends with the last one. Gone once the broker stops.
    pub(crate) at_work: mpsc::WeakSender<()>,
}

impl Acceptor {
    /// Accepts from a socket until the broker drains.
    pub(crate) async fn accept(self, socket: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = self.phase.reached(Phase::Draining) => return,
            };
            match accepted {
                Ok((stream, address)) => {
                    let host = address.ip().to_canonical().to_string();
                    match self.admit(&address) {
                        Some(permit) => self.open(stream, host, permit),
                        None => drop(stream),
                    }
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    AcceptFailed { error: &error }.emit();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection from within the process: who opens those bounds their number.
    pub(crate) fn serve_in_process(&self, source: impl FrameSource, sink: impl FrameSink) {
        let peer = self.peer("127.0.0.1".to_owned(), &self.own_budget);
        self.spawn(source, sink, peer, None);
    }

    fn peer(&self, host: String, budget: &Budget) -> Arc<Peer> {
        Arc::new(Peer {
            host,
            endpoint: self.endpoint.clone(),
            budget: budget.clone(),
            memory_turn: Semaphore::new(1),
            append_turn: Turn::default(),
        })
    }

    fn admit(&self, peer: &SocketAddr) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        if permit.is_none() {
            let limit = self.config.connections_max;
            ConnectionRefused { peer, limit }.emit(&self.telemetry);
        }
        permit
    }

    fn open(&self, stream: TcpStream, host: String, permit: OwnedSemaphorePermit) {
        // Without it a small response may wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot disable Nagle's algorithm");
        }
        let stall_timeout = self.config.stall_timeout;
        let limits = StreamLimits {
            size_max: self.config.request_bytes_max,
            stall_timeout,
        };
        let (read, write) = stream.into_split();
        let budget = self.budget.clone();
        let source = StreamSource::new(read, limits, budget, self.buffers.clone());
        let sink = StreamSink::new(write, stall_timeout);
        let peer = self.peer(host, &self.budget);
        self.spawn(source, sink, peer, Some(permit));
    }

    fn spawn(
        &self,
        source: impl FrameSource,
        sink: impl FrameSink,
        peer: Arc<Peer>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let Some(at_work) = self.at_work.upgrade() else {
            return;
        };
        let connection = Connection {
            sink,
            peer: Arc::clone(&peer),
            handlers: self.handlers.clone(),
            limits: ConnectionLimits {
                requests_max: self.config.connection_requests_max,
                bytes_max: self.config.connection_bytes_max,
                idle_timeout: self.config.idle_timeout,
            },
            telemetry: Arc::clone(&self.telemetry),
        };
        let (phase, telemetry) = (self.phase.clone(), Arc::clone(&self.telemetry));
        tokio::spawn(async move {
            ConnectionOpened { peer: &peer }.emit(&telemetry);
            let closed = connection.serve(source, phase).await;
            ConnectionEnded {
                peer: &peer,
                reason: &closed,
                ending: ending(&closed),
            }
            .emit(&telemetry);
            drop((permit, at_work));
        });
    }
}

/// Whether accepting failed because the client was gone already.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

const fn ending(closed: &Closed) -> Ending {
    match closed {
        Closed::Idle | Closed::Stopped | Closed::Link(LinkError::Closed | LinkError::Io(_)) => {
            Ending::Usual
        }
        Closed::Rejected(_)
        | Closed::Link(
            LinkError::FrameSize { .. }
            | LinkError::FrameTooLarge { .. }
            | LinkError::Stalled
            | LinkError::OutOfBudget,
        ) => Ending::Fault,
    }
}
