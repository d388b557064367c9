//! From a frame to its handler, and from the response back to a frame.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_protocol::header::{RequestHeader, response_frame};
use sluice_protocol::messages::{Message, Request};
use sluice_protocol::wire::Reader;
use sluice_protocol::{ApiKey, DecodeError, EncodeError};
use tokio::time::timeout;

use super::api_versions;
use super::call::{Call, Peer, Services};
use super::table::{is_pipelined, is_served, is_waiting, work};
use crate::budget::{Reservation, SMALL_BYTES_MAX};
use crate::limits::REQUEST_ELEMENTS_MAX;
use crate::telemetry::RequestAnswered;

/// Bytes that an element takes while it is worked on and answered, for each byte of its decoded form.
const WORK_FACTOR: usize = 8;

/// Takes requests to their handlers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Handlers(Arc<Services>);

/// A request that is ready to start.
pub(crate) struct Prepared {
    /// Does what is asked, from the first poll on.
    pub(crate) work: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    /// Whether it may start before the requests in front of it are answered.
    pub(crate) is_pipelined: bool,
    /// Whether all it does, once started, is to wait for others: it need not be finished for a client
    /// that is gone.
    pub(crate) is_waiting: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is answered.
    Reply(Reply),
    /// It has no answer, by its own wish.
    Silent,
    /// Its connection ends.
    Close(Rejection),
}

/// A response, encoded.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The bytes, in order.
    pub(crate) chunks: Vec<Bytes>,
    /// What they hold of the budget until they are sent.
    pub(crate) memory: Reservation,
}

/// What a handler makes of a request.
#[derive(Debug)]
pub(crate) enum Answer<R> {
    /// A response.
    Reply(R),
    /// Nothing, as the client wishes.
    Silent,
    /// Nothing: the only way to tell this client is to end its connection.
    Close(&'static str),
}

impl<R> From<R> for Answer<R> {
    fn from(response: R) -> Self {
        Self::Reply(response)
    }
}

/// Why a connection is closed instead of answered: there is no response without a body to put an
/// error in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    /// The header cannot be read.
    #[error("the header of a request cannot be read: {0}")]
    Header(DecodeError),
    /// No such API here.
    #[error("api key {key} is not served")]
    UnknownApi {
        /// The key as read.
        key: i16,
    },
    /// The client is older than what is served.
    #[error(
        "{} version {version} is too old: clients of Apache Kafka 2.1 and later are served",
        api.name()
    )]
    TooOld {
        /// The API asked for.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// The client did not ask which versions there are.
    #[error("{} version {version} is not served", api.name())]
    UnsupportedVersion {
        /// The API asked for.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// The body cannot be read.
    #[error("{} version {version} cannot be read: {source}", api.name())]
    Body {
        /// The API asked for.
        api: ApiKey,
        /// The version asked for.
        version: i16,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// The response does not fit its version.
    #[error("the response to {} version {version} does not fit: {source}", api.name())]
    Response {
        /// The API asked for.
        api: ApiKey,
        /// The version asked for.
        version: i16,
        /// What does not fit.
        source: EncodeError,
    },
    /// Too much is worked on, or waits for clients that do not take it.
    #[error("there is no memory for the {bytes} bytes that this {} takes", api.name())]
    NoRoom {
        /// The API asked for.
        api: ApiKey,
        /// What was needed.
        bytes: usize,
    },
    /// A request without a response failed.
    #[error("{} failed, and has no response to say so: {reason}", api.name())]
    Unanswered {
        /// The API asked for.
        api: ApiKey,
        /// What failed.
        reason: &'static str,
    },
}

impl Handlers {
    /// Handlers that call `services`.
    pub(crate) const fn new(services: Arc<Services>) -> Self {
        Self(services)
    }

    /// Reads the header of a request and finds its handler. Nothing is changed before the work that
    /// this returns is polled. One that cannot be served ends the connection when its turn comes.
    pub(crate) fn prepare(
        &self,
        peer: &Arc<Peer>,
        frame: Vec<Bytes>,
        memory: Reservation,
    ) -> Prepared {
        let prepared = self.find(peer, frame, memory);
        prepared.unwrap_or_else(|rejection| Prepared {
            work: Box::pin(ready(Outcome::Close(rejection))),
            is_pipelined: false,
            is_waiting: false,
        })
    }

    fn find(
        &self,
        peer: &Arc<Peer>,
        frame: Vec<Bytes>,
        memory: Reservation,
    ) -> Result<Prepared, Rejection> {
        let mut body = Reader::from_chunks(frame);
        let header = RequestHeader::decode(&mut body).map_err(Rejection::Header)?;
        let key = header.api_key;
        let api = ApiKey::try_from(key).map_err(|_unknown| Rejection::UnknownApi { key })?;
        let mut call = Call {
            services: Arc::clone(&self.0),
            peer: Arc::clone(peer),
            api,
            version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.unwrap_or_default(),
            request_memory: memory,
            response_memory: Mutex::default(),
        };
        if api == ApiKey::ApiVersions && !is_served(api, call.version) {
            // Whatever the body is, the answer to it is one that every client can read.
            call.version = 0;
            return Ok(Prepared {
                work: Box::pin(async move { call.finish(api_versions::unsupported()) }),
                is_pipelined: false,
                is_waiting: false,
            });
        }
        let rejection = match super::table::advertised(api) {
            None => Some(Rejection::UnknownApi { key }),
            Some(_) if is_served(api, call.version) => None,
            Some(_) => Some(refused_version(api, call.version)),
        };
        match rejection {
            Some(rejection) => Err(rejection),
            None => Ok(Prepared {
                is_pipelined: is_pipelined(api),
                is_waiting: is_waiting(api),
                work: work(call, body),
            }),
        }
    }
}

fn refused_version(api: ApiKey, version: i16) -> Rejection {
    if version < *api.versions().start() {
        Rejection::TooOld { api, version }
    } else {
        Rejection::UnsupportedVersion { api, version }
    }
}

/// Decodes the body, lets `handler` answer it, and encodes the answer.
pub(crate) async fn serve<R, A, H>(mut call: Call, body: Reader, handler: H) -> Outcome
where
    R: Request,
    A: Into<Answer<R::Response>>,
    H: AsyncFnOnce(&Call, R) -> A,
{
    let started = call.services.clock.now();
    let (api, version) = (call.api, call.version);
    let peer = Arc::clone(&call.peer);
    // Between the end of this turn and the first step of the handler nothing waits, so that none overtakes it there.
    // It is never closed.
    let turn = peer.memory_turn.acquire().await.ok();
    let request = match call.request(body).await {
        Ok(request) => request,
        Err(rejection) => {
            // Nor is any behind it carried out: the connection ends with this answer.
            if let Some(turn) = turn {
                turn.forget();
            }
            return Outcome::Close(rejection);
        }
    };
    drop(turn);
    let answer = handler(&call, request).await.into();
    let elapsed = call.services.clock.now().duration_since(started);
    RequestAnswered {
        api,
        version,
        elapsed,
    }
    .emit(&call.services.telemetry);
    match answer {
        Answer::Reply(response) => call.finish(response),
        Answer::Silent => Outcome::Silent,
        Answer::Close(reason) => Outcome::Close(Rejection::Unanswered { api, reason }),
    }
}

/// The request, and the bytes that its elements take while they are worked on.
fn decode<R: Request>(mut body: Reader, version: i16) -> Result<(R, usize), DecodeError> {
    let request = R::decode(&mut body, R::version(version)?)?;
    body.finish()?;
    Ok((request, body.charged().saturating_mul(WORK_FACTOR)))
}

impl Call {
    /// Decodes the request, and takes the memory for the work on it where that is much: an element is
    /// a few bytes of the frame, and some hundred while it is looked up and answered.
    async fn request<R: Request>(&mut self, body: Reader) -> Result<R, Rejection> {
        let (api, version) = (self.api, self.version);
        let unreadable = |source| Rejection::Body {
            api,
            version,
            source,
        };
        let body = body.with_elements_max(self.elements_max());
        let (request, bytes) = decode(body.clone(), version).map_err(unreadable)?;
        if bytes <= SMALL_BYTES_MAX {
            return Ok(request);
        }
        if let Some(memory) = self.peer.budget.try_reserve_work(bytes) {
            self.request_memory.merge(memory);
            return Ok(request);
        }
        // Many may wait, so none does with more than its frame.
        drop(request);
        let patience = self.services.config.network.stall_timeout;
        let memory = timeout(patience, self.peer.budget.reserve_work(bytes)).await;
        let memory = memory.map_err(|_elapsed| Rejection::NoRoom { api, bytes })?;
        self.request_memory.merge(memory);
        let (request, _) = decode(body, version).map_err(unreadable)?;
        Ok(request)
    }

    /// Elements that a request may have: as many topics and partitions as there may be, and more.
    fn elements_max(&self) -> usize {
        let topics = &self.services.config.topics;
        let all = topics.topics_max.saturating_add(topics.partitions_max);
        all.saturating_mul(2).max(REQUEST_ELEMENTS_MAX)
    }

    /// Encodes a response. What it holds is counted until it is sent; what else the request held is
    /// given back.
    fn finish<M: Message>(self, response: M) -> Outcome {
        let (api, version) = (self.api, self.version);
        let chunks = match response_frame(&response, version, self.correlation_id) {
            Ok(chunks) => chunks,
            Err(source) => {
                return Outcome::Close(Rejection::Response {
                    api,
                    version,
                    source,
                });
            }
        };
        drop(response);
        let bytes = chunks.iter().map(Bytes::len).sum::<usize>();
        let mut memory = self.response_memory.into_inner();
        // What the request has is the response's before it is another's.
        let mut spare = self.request_memory;
        spare.shrink_to(bytes.saturating_sub(memory.bytes()));
        memory.merge(spare);
        let lacking = bytes.saturating_sub(memory.bytes());
        if lacking > 0 {
            match self.peer.budget.try_reserve_work(lacking) {
                Some(more) => memory.merge(more),
                None => return Outcome::Close(Rejection::NoRoom { api, bytes }),
            }
        }
        Outcome::Reply(Reply { chunks, memory })
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("is_pipelined", &self.is_pipelined)
            .finish_non_exhaustive()
    }
}
