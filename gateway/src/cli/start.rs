//! Starts the program, and ends it in order.
//!
//! Start: configuration, log, data directory, HTTP port, broker, client, HTTP. The line that says so
//! comes when everything listens. Stop, on SIGTERM or Ctrl-C, within one deadline: readiness off, HTTP
//! stops accepting, streams end, requests finish, the client flushes, the broker drains. A second signal
//! exits at once.

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use prometheus::Registry;
use rustix::process::Resource;
use sluice::app::{AppError, AppState, app};
use sluice::config::{Config, Loaded};
use sluice::data_dir::{DataDir, DataDirError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::listen::{self, ListenError};

/// Threads for broker, client and monitor.
const CORE_THREADS: usize = 2;

/// The program cannot start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The data directory cannot be used.
    #[error("data_dir: {0}")]
    DataDir(#[from] DataDirError),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A mistake of ours.
    #[error(transparent)]
    App(#[from] AppError),
    /// The system refuses threads, sockets or signals.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// Starts, serves until a signal, and stops.
pub(super) fn start(loaded: Loaded) -> Result<(), StartError> {
    let config = loaded.config;
    log(&config);
    raise_file_limit();
    let data_dir = DataDir::open(&config.general.data_dir)?;
    let http = listen::bind("http.listen", config.http.listen)?;
    let core = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CORE_THREADS)
        .thread_name("sluice-core")
        .enable_all()
        .build()?;
    let state = Data::new(AppState::new(config, Registry::new())?);
    let outcome = actix_web::rt::System::new().block_on(serve(state, http, &loaded.changed));
    core.shutdown_background();
    drop(data_dir);
    outcome
}

/// Every connection is an open file, and so is every segment: take what the system grants.
fn raise_file_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(cause) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%cause, "cannot raise the limit of open files");
    }
}

/// The log goes to standard error, so that standard output holds the line that says "ready" alone.
fn log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(config.log.level.as_str());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
}

async fn serve(
    state: Data<AppState>,
    listeners: Vec<TcpListener>,
    settings_given: &str,
) -> Result<(), StartError> {
    let mut signals = Signals::listen()?;
    let settings = &state.config.http;
    let workers = match usize::from(settings.workers) {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    };
    let connections = usize::try_from(settings.connections_max).unwrap_or(usize::MAX);
    let shutdown_timeout = state.config.general.shutdown_timeout;
    let shared = state.clone();
    let mut server = HttpServer::new(move || app(shared.clone()))
        .workers(workers)
        .max_connections(connections.div_ceil(workers))
        .keep_alive(settings.idle_timeout)
        .client_request_timeout(settings.idle_timeout)
        .shutdown_timeout(shutdown_timeout.as_secs())
        .disable_signals();
    for listener in listeners {
        server = server.listen(listener)?;
    }
    let line = ready_line(&state.config, &server.addrs());
    let server = server.run();
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    super::say(&line);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        settings_given,
        "started"
    );
    signals.next().await;
    let deadline = Instant::now() + shutdown_timeout;
    tokio::select! {
        () = stop(&state, &handle, deadline) => {}
        () = signals.next() => tracing::warn!("second signal, exiting at once"),
    }
    server.abort();
    Ok(())
}

async fn stop(state: &AppState, http: &ServerHandle, deadline: Instant) {
    tracing::info!("stopping");
    state.lifecycle.drain();
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    if tokio::time::timeout(left(deadline), http.stop(true))
        .await
        .is_err()
    {
        tracing::warn!("requests were cut off at the deadline");
    }
    tracing::info!("stopped");
}

/// SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What a person wants to know and a test can parse.
fn ready_line(config: &Config, http: &[std::net::SocketAddr]) -> String {
    let http: Vec<String> = http
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let data = config.general.data_dir.display();
    format!("sluice ready: http {}, data {data}\n", http.join(" "))
}
