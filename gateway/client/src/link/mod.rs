//! One connection to one broker: requests in, answers out, in order.
//!
//! Requests are pipelined: each is written as soon as it is queued, and a broker answers in the order
//! it was asked. Invariants:
//! * an answer reaches exactly the request it belongs to, or the link ends;
//! * a request without an answer at its deadline ends the link, because every later answer waits
//!   behind the missing one;
//! * when a link ends, every request on it gets an error that says whether it was sent.
//!
//! It does not reconnect and does not retry: that is the pool's and the callers' business.

pub(crate) mod dial;
mod pending;
mod stream;
mod task;
pub(crate) mod versions;

use std::future::Future;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
pub use dial::{Address, AddressError, Connection, Dial, Dialing, TcpDial};
use sluice_protocol::messages::api_versions::ApiVersionsRequest;
use sluice_protocol::messages::{Message, Request};
use sluice_protocol::wire::{Reader, Wire};
use sluice_protocol::{ApiKey, header};
use tokio::sync::{mpsc, oneshot};
use versions::{Negotiation, Versions, negotiate};

use crate::error::ClientError;
use crate::observer::Observed;

/// Requests queued on a link before its callers wait.
const QUEUE: usize = 1024;

/// The frame of an answer.
type Answer = Result<Vec<Bytes>, ClientError>;
/// Where the frame of an answer arrives.
type Reply = oneshot::Receiver<Answer>;

/// What every link of a client is made with.
#[derive(Clone, Debug)]
pub(crate) struct LinkConfig {
    /// The name this client gives itself.
    pub(crate) client_id: Arc<str>,
    /// For connecting and for agreeing on versions.
    pub(crate) connect_timeout: Duration,
    /// Bytes of an answer, at most.
    pub(crate) frame_bytes_max: usize,
    /// Who is told of its requests.
    pub(crate) observed: Option<Observed>,
}

/// A handle on a link; the connection closes with the last one.
#[derive(Clone, Debug)]
pub(crate) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: Address,
    client_id: Arc<str>,
    queue: mpsc::Sender<Outgoing>,
    versions: Versions,
    correlation: AtomicI32,
    in_flight: AtomicUsize,
}

/// A request on its way to the connection's task.
#[derive(Debug)]
struct Outgoing {
    frame: Vec<Bytes>,
    awaited: Option<Awaited>,
}

/// A request whose answer is awaited.
#[derive(Debug)]
struct Awaited {
    correlation_id: i32,
    what: &'static str,
    asked: Instant,
    timeout: Duration,
    reply: oneshot::Sender<Answer>,
}

impl Link {
    /// Connects and agrees on versions. Must run on the runtime that shall carry the link.
    pub(crate) async fn open(
        dial: &dyn Dial,
        address: &Address,
        config: &LinkConfig,
    ) -> Result<Self, ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable {
            address: address.clone(),
            reason,
        };
        let dialing = tokio::time::timeout(config.connect_timeout, dial.dial(address));
        let connection = dialing
            .await
            .map_err(|_elapsed| unreachable("timed out".to_owned()))?
            .map_err(|error| unreachable(error.to_string()))?;
        let (queue, requests) = mpsc::channel(QUEUE);
        let task = task::run(
            connection,
            requests,
            address.clone(),
            config.frame_bytes_max,
            config.observed.clone(),
        );
        tokio::spawn(task);
        let bare = Self::new(address, config, queue, Versions::default());
        let versions = bare.agree(config.connect_timeout).await?;
        Ok(Self::new(address, config, bare.0.queue.clone(), versions))
    }

    fn new(
        address: &Address,
        config: &LinkConfig,
        queue: mpsc::Sender<Outgoing>,
        versions: Versions,
    ) -> Self {
        Self(Arc::new(Shared {
            address: address.clone(),
            client_id: Arc::clone(&config.client_id),
            queue,
            versions,
            // The two requests of the negotiation came before.
            correlation: AtomicI32::new(16),
            in_flight: AtomicUsize::new(0),
        }))
    }

    async fn agree(&self, timeout: Duration) -> Result<Versions, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: "sluice".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut asked = versions::FIRST_ASKED;
        loop {
            let reply = self.queue(&request, asked, timeout).await?;
            let chunks = self.received(reply.await)?;
            let malformed = |source| ClientError::Malformed {
                api: ApiKey::ApiVersions,
                source,
            };
            match negotiate(&chunks, asked).map_err(malformed)? {
                Negotiation::Settled(versions) => return Ok(versions),
                Negotiation::AskAgain(lower) => asked = lower,
            }
        }
    }

    /// Whether the connection still stands, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.queue.is_closed()
    }

    /// Where the connection leads.
    pub(crate) fn address(&self) -> &Address {
        &self.0.address
    }

    /// Requests not yet answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// The highest version both sides know, of those a request can be sent in.
    pub(crate) fn version<R: Request>(
        &self,
        wanted: RangeInclusive<i16>,
    ) -> Result<i16, ClientError> {
        let chosen = self.0.versions.choose(R::API, wanted);
        chosen.ok_or(ClientError::Unsupported { api: R::API })
    }

    /// Sends a request in the highest common version and waits for the answer.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        timeout: Duration,
    ) -> Result<R::Response, ClientError> {
        let version = self.version::<R>(R::VERSIONS)?;
        self.submit(request, version, timeout).await?.await
    }

    /// Queues a request behind those queued before it. The answer is awaited apart, so that the next
    /// request can follow at once.
    pub(crate) async fn submit<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<Pending<R>, ClientError> {
        let reply = self.queue(request, version, timeout).await?;
        Ok(self.pending(version, reply))
    }

    /// As [`Link::submit`], without waiting for room in the queue.
    pub(crate) fn try_submit<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<Pending<R>, ClientError> {
        let (outgoing, reply) = self.outgoing(request, version, timeout)?;
        self.try_queue(outgoing)?;
        Ok(self.pending(version, reply))
    }

    /// Queues a request that no broker answers: a `Produce` with acks 0.
    pub(crate) fn try_send<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<(), ClientError> {
        let (frame, _) = self.frame(request, version)?;
        self.try_queue(Outgoing {
            frame,
            awaited: None,
        })
    }

    fn try_queue(&self, outgoing: Outgoing) -> Result<(), ClientError> {
        self.0
            .queue
            .try_send(outgoing)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => ClientError::Overloaded {
                    what: "requests waiting for one connection",
                    limit: QUEUE,
                },
                mpsc::error::TrySendError::Closed(_) => self.unsent(),
            })
    }

    fn pending<R>(&self, version: i16, reply: Reply) -> Pending<R> {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        Pending {
            link: self.clone(),
            version,
            reply,
            request: PhantomData,
        }
    }

    async fn queue<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let (outgoing, reply) = self.outgoing(request, version, timeout)?;
        let queued = self.0.queue.send(outgoing).await;
        queued.map_err(|_closed| self.unsent())?;
        Ok(reply)
    }

    fn outgoing<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<(Outgoing, Reply), ClientError> {
        let (frame, correlation_id) = self.frame(request, version)?;
        let (reply, receiver) = oneshot::channel();
        let awaited = Awaited {
            correlation_id,
            what: R::API.name(),
            asked: Instant::now(),
            timeout,
            reply,
        };
        let outgoing = Outgoing {
            frame,
            awaited: Some(awaited),
        };
        Ok((outgoing, receiver))
    }

    fn frame<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<(Vec<Bytes>, i32), ClientError> {
        let correlation_id = self.0.correlation.fetch_add(1, Ordering::Relaxed);
        let client_id = Some(self.0.client_id.as_ref());
        let frame = header::request_frame(request, version, correlation_id, client_id)?;
        Ok((frame, correlation_id))
    }

    fn unsent(&self) -> ClientError {
        unsent(&self.0.address)
    }

    /// What a reply channel brought; its sender is lost only when the runtime goes down.
    fn received(&self, reply: Result<Answer, oneshot::error::RecvError>) -> Answer {
        reply.unwrap_or_else(|_lost| {
            Err(ClientError::Disconnected {
                address: self.0.address.clone(),
                reason: "the client is shutting down".to_owned(),
            })
        })
    }
}

fn unsent(address: &Address) -> ClientError {
    ClientError::Unreachable {
        address: address.clone(),
        reason: "the connection closed before the request was sent".to_owned(),
    }
}

/// An answer to come.
#[derive(Debug)]
pub(crate) struct Pending<R> {
    link: Link,
    version: i16,
    reply: Reply,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Future for Pending<R> {
    type Output = Result<R::Response, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(Pin::new(&mut self.reply).poll(context));
        let chunks = self.link.received(reply)?;
        let decoded = decode::<R>(chunks, self.version);
        Poll::Ready(decoded.map_err(|source| ClientError::Malformed {
            api: R::API,
            source,
        }))
    }
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        self.link.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn decode<R: Request>(
    chunks: Vec<Bytes>,
    version: i16,
) -> Result<R::Response, sluice_protocol::DecodeError> {
    let mut reader = Reader::from_chunks(chunks);
    header::decode_response_header(&mut reader, R::API, version)?;
    let response = R::Response::decode(&mut reader, R::Response::version(version)?)?;
    reader.finish()?;
    Ok(response)
}

#[cfg(test)]
mod tests;
