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

use super::api_versions;
use super::call::{Call, Peer, Services};
use super::table::{is_pipelined, is_served, is_waiting, work};
use crate::budget::Reservation;
use crate::telemetry::RequestAnswered;

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
pub(crate) async fn serve<R, A, H>(call: Call, mut body: Reader, handler: H) -> Outcome
where
    R: Request,
    A: Into<Answer<R::Response>>,
    H: AsyncFnOnce(&Call, R) -> A,
{
    let started = call.services.clock.now();
    let (api, version) = (call.api, call.version);
    let request = match decode(&mut body, version) {
        Ok(request) => request,
        Err(source) => {
            return Outcome::Close(Rejection::Body {
                api,
                version,
                source,
            });
        }
    };
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

fn decode<R: Request>(body: &mut Reader, version: i16) -> Result<R, DecodeError> {
    let request = R::decode(body, R::version(version)?)?;
    body.finish()?;
    Ok(request)
}

impl Call {
    /// Encodes a response. What the request held is given back.
    fn finish<M: Message>(self, response: M) -> Outcome {
        let (api, version) = (self.api, self.version);
        drop(self.request_memory);
        match response_frame(&response, version, self.correlation_id) {
            Ok(chunks) => Outcome::Reply(Reply {
                chunks,
                memory: self.response_memory.into_inner(),
            }),
            Err(source) => Outcome::Close(Rejection::Response {
                api,
                version,
                source,
            }),
        }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("is_pipelined", &self.is_pipelined)
            .finish_non_exhaustive()
    }
}
