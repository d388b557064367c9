//! Starts the program: configuration, log, data directory, HTTP port, Kafka, HTTP.
//!
//! What fails fastest comes first. The line that says so comes when everything listens; whatever is in
//! the way is one line that names the setting.

use std::io;
use std::net::SocketAddr;

use actix_web::web::Data;
use prometheus::Registry;
use sluice::app::{AppError, AppState};
use sluice::config::{Config, Loaded};
use sluice::data_dir::{DataDir, DataDirError};
use tokio::runtime::Runtime;

use super::kafka::{self, Kafka, KafkaError};
use super::listen::{self, ListenError};
use super::open_files;
use super::serve::{self, Program};
use super::signals::Signals;

/// Threads for broker, client and monitor. HTTP has its own.
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
    /// There is no Kafka to work with.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// A mistake of ours.
    #[error(transparent)]
    App(#[from] AppError),
    /// The disk failed while the bundled broker was serving.
    #[error(
        "the bundled broker can no longer keep what it acknowledges: {0}; check the disk, then start \
         again: what was acknowledged is kept"
    )]
    Storage(sluice_broker::log::StorageError),
    /// The system refuses threads, sockets or signals.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// Starts, serves until a signal, and stops.
pub(super) fn start(loaded: Loaded) -> Result<(), StartError> {
    let Loaded {
        mut config,
        changed,
        ..
    } = loaded;
    log(&config);
    let shortage = open_files::share(&mut config);
    let data_dir = DataDir::open(&config.general.data_dir)?;
    let listeners = listen::bind("http.listen", config.http.listen)?;
    let core = core()?;
    let registry = Registry::new();
    let mut signals = core.block_on(async { Signals::listen() })?;
    let started = core.block_on(async {
        tokio::select! {
            biased;
            kafka = kafka::start(&config, &registry) => Some(kafka),
            // Nothing was served before it is started.
            () = signals.next() => None,
        }
    });
    let Some(kafka) = started else {
        core.shutdown_background();
        return Ok(());
    };
    let Kafka {
        cluster,
        broker,
        line,
    } = kafka?;
    let state = Data::new(AppState::new(config, cluster, registry)?);
    let program = Program {
        state,
        broker,
        core: core.handle().clone(),
    };
    let outcome = actix_web::rt::System::new().block_on(serve::serve(
        program,
        signals,
        listeners,
        |program, http| {
            super::say(&ready_line(&program.state, &line, http));
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                settings = changed,
                "started"
            );
            if let Some(shortage) = shortage {
                shortage.tell();
            }
        },
    ));
    core.shutdown_background();
    drop(data_dir);
    outcome
}

fn core() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CORE_THREADS)
        .thread_name("sluice-core")
        .enable_all()
        .build()
}

/// What a client that does not speak HTTP makes the HTTP server say, an error a request. It says nothing
/// about us, and anybody could fill the log with it. `log.level` can name the target to hear it.
const NOT_OURS: &str = "actix_http::h1=off";

/// The log goes to standard error, so that standard output holds the line that says "ready" alone.
fn log(config: &Config) {
    let filter = format!("{NOT_OURS},{}", config.log.level.as_str());
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
}

/// What a person wants to know and a test can parse.
fn ready_line(state: &AppState, kafka: &str, http: &[SocketAddr]) -> String {
    let http: Vec<String> = http
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let (http, data) = (http.join(" "), state.config.general.data_dir.display());
    format!(
        "sluice ready: {kafka}, http {http}, data {data} (cluster {})\n",
        state.cluster.name
    )
}
