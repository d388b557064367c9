//! Serves until something ends it, and ends in order.
//!
//! On SIGTERM or Ctrl-C, within one deadline: readiness off, HTTP stops accepting, streams end, requests
//! finish, consumer instances commit and leave, records under way are acknowledged, the broker drains
//! and marks its directory as cleanly closed. A second signal exits at once. When the disk fails under the broker nothing more can be
//! acknowledged: readiness goes off and the program ends with an error within a second.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use actix_web::HttpServer;
use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;
use sluice::app::{AppState, app};
use sluice_broker::Broker;
use sluice_broker::log::{DiskFull, Room, StorageError};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::signals::Signals;
use super::start::StartError;

/// What is kept of the deadline for what comes after HTTP.
const AFTER_HTTP: Duration = Duration::from_secs(5);

/// How long answers under way get when the disk has failed.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Everything that runs.
pub(super) struct Program {
    pub(super) state: Data<AppState>,
    /// The bundled broker, where there is one.
    pub(super) broker: Option<Broker>,
    /// Where broker and client run.
    pub(super) core: Handle,
}

/// Serves on `listeners` until a signal comes, and calls `ready` with their addresses once it does.
pub(super) async fn serve(
    program: Program,
    mut signals: Signals,
    listeners: Vec<TcpListener>,
    ready: impl FnOnce(&Program, &[SocketAddr]),
) -> Result<(), StartError> {
    if let Some(broker) = &program.broker {
        let space = broker.space();
        let check = move || {
            let full = space.refusal()?;
            let DiskFull {
                of,
                free,
                needed,
                room,
            } = full;
            let refused = match room {
                Room::Exhausted => "produces refused, commits and joins too",
                Room::Low | Room::Enough => "produces refused",
            };
            Some(format!(
                "disk full, {refused}: {free} {of} are free, and {needed} must be before they are taken \
                 again; {}",
                full.advice()
            ))
        };
        program.state.lifecycle.caution(check);
    }
    let (server, addresses) = http(&program.state, listeners)?;
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    ready(&program, &addresses);
    let failure = tokio::select! {
        () = signals.next() => None,
        failure = failed(program.broker.as_ref()) => Some(failure),
    };
    if let Some(failure) = failure {
        program.state.lifecycle.fail(failure.to_string());
        timeout(LAST_WORDS, handle.stop(true))
            .await
            .unwrap_or_default();
        return Err(StartError::Storage(failure));
    }
    tokio::select! {
        () = program.stop(&handle) => {}
        () = signals.again() => tracing::warn!("second signal: ending at once"),
    }
    server.abort();
    Ok(())
}

fn http(
    state: &Data<AppState>,
    listeners: Vec<TcpListener>,
) -> io::Result<(Server, Vec<SocketAddr>)> {
    let settings = &state.config.http;
    let workers = match usize::from(settings.workers) {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    };
    let connections = usize::try_from(settings.connections_max.get()).unwrap_or(usize::MAX);
    let shared = state.clone();
    let mut server = HttpServer::new(move || app(shared.clone()))
        .workers(workers)
        .max_connections(connections.div_ceil(workers))
        .keep_alive(settings.idle_timeout)
        .client_request_timeout(settings.idle_timeout)
        .shutdown_timeout(state.config.general.shutdown_timeout.as_secs())
        .disable_signals();
    for listener in listeners {
        server = server.listen(listener)?;
    }
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// Resolves when the disk fails under the bundled broker; never where there is none.
async fn failed(broker: Option<&Broker>) -> StorageError {
    match broker {
        Some(broker) => broker.failed().await,
        None => std::future::pending().await,
    }
}

impl Program {
    async fn stop(self, http: &ServerHandle) {
        let Self {
            state,
            broker,
            core,
        } = self;
        let whole = state.config.general.shutdown_timeout;
        let deadline = Instant::now() + whole;
        let left = move || deadline.saturating_duration_since(Instant::now());
        tracing::info!("stopping");
        state.lifecycle.drain();
        let for_http = whole.saturating_sub(AFTER_HTTP.min(whole / 2));
        if timeout(for_http, http.stop(true)).await.is_err() {
            tracing::warn!("requests were cut off at the deadline");
        }
        if timeout(left(), state.consumers.close_all()).await.is_err() {
            tracing::warn!("consumer instances were still leaving at the deadline");
        }
        if timeout(left(), state.cluster.client.flush()).await.is_err() {
            tracing::warn!("records were still on their way at the deadline");
        }
        if let Some(broker) = broker {
            // Its timers and threads belong to the runtime it was started on.
            let closed = core.spawn(async move { broker.shutdown(left()).await });
            if let Err(cause) = closed.await {
                tracing::error!(%cause, "the broker did not stop in order");
            }
        }
        tracing::info!("stopped");
    }
}
