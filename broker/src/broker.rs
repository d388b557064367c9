//! A broker from its start to its stop.

mod news;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use news::{observed, tell_compaction, tell_damage, tell_recovery};

use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::{Config, InvalidConfig};
use crate::groups::{Coordinator, LoadError};
use crate::handlers::{Handlers, Services, Turns};
use crate::log::{Disk, FileSystem, OpenError, Room, Space, StorageError};
use crate::net::acceptor::Acceptor;
use crate::net::listener::Listeners;
use crate::net::request_buffers::RequestBuffers;
use crate::net::{Connector, ListenError};
use crate::phase::{Phase, PhaseSwitch, PhaseWatch};
use crate::telemetry::{
    BrokerListening, BrokerStopped, CloseFailed, CompactionUnavailable, DamagedExtents,
    ProducersCounted, RetentionFailed, ScrubFailed, SegmentsScrubbed, Telemetry,
};
use crate::topics::{CompactionLook, Compactor, ScrubNews, Scrubber, Topics, TopicsConfig};
use crate::transactions::ProducerIds;

/// The least time that closing the log gets, even where draining took the whole deadline.
const CLOSE_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// Time between two looks whether the time of dropped files has come, and, while the disk is full, for
/// something to drop.
const REMOVAL_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Time between two counts of the producers that are remembered.
const PRODUCERS_COUNT_INTERVAL: Duration = Duration::from_secs(5);

/// The part of `in_flight_bytes_max` that connections from within the process get, on top of it.
const OWN_PART: usize = 2;
/// The part of that memory which is kept for further requests when nobody uses it.
const KEPT_PART: usize = 8;

/// A running broker. Dropping it closes its connections at once; [`Broker::shutdown`] lets requests
/// finish first, and marks the data directory as cleanly closed.
#[derive(Debug)]
pub struct Broker {
    addresses: Vec<SocketAddr>,
    connector: Connector,
    services: Arc<Services>,
    phase: PhaseSwitch,
    compactor: Compactor,
    scrubber: Scrubber,
    /// Held while the broker takes connections.
    at_work: mpsc::Sender<()>,
    /// Ends once nothing is at work any more.
    work_ended: mpsc::Receiver<()>,
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Limits that would let nothing through.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The data directory is in use, of another format, or cannot be read or written.
    #[error(transparent)]
    Directory(#[from] OpenError),
    /// The data directory cannot be read or written.
    #[error("the data directory cannot be used: {0}")]
    Storage(#[from] StorageError),
    /// The groups cannot be restored.
    #[error("the groups cannot be restored: {0}")]
    Groups(#[from] LoadError),
    /// The system has no thread left.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// A thread died on the way.
    #[error("opening the data directory ended unexpectedly")]
    Lost,
    /// Its metrics are registered already: one registry serves one broker.
    #[error("the broker's metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Broker {
    /// Starts a broker on the runtime of the caller, with its metrics in `registry`. When this
    /// returns, what was in the log is recovered and connections are served.
    ///
    /// # Errors
    /// [`StartError`], which names the setting to change. Nothing is left running.
    pub async fn start(config: Config, registry: &Registry) -> Result<Self, StartError> {
        config.check()?;
        let clock = Clock::system();
        // First what fails fastest; clients that come early wait in the kernel's queue.
        let listeners = Listeners::bind(&config.network).await?;
        let telemetry = Arc::new(Telemetry::register(registry)?);
        let (topics, producer_ids) = open(&config, clock.clone(), Arc::clone(&telemetry)).await?;
        let groups = load(&config, &topics, clock.clone()).await?;
        let compactor = match compactor(&config, &topics, &telemetry) {
            Ok(compactor) => compactor,
            Err(error) => {
                close(move || topics.close(), CLOSE_TIMEOUT_MIN).await;
                return Err(error);
            }
        };
        let scrubber = match scrubber(&config, &topics, &telemetry) {
            Ok(scrubber) => scrubber,
            Err(error) => {
                close(move || topics.close(), CLOSE_TIMEOUT_MIN).await;
                return Err(error);
            }
        };
        let phase = PhaseSwitch::new();
        let services = Arc::new(Services {
            turns: Turns::new(),
            config,
            topics,
            groups,
            producer_ids,
            clock,
            phase: phase.watch(),
            telemetry,
        });
        let (at_work, work_ended) = mpsc::channel(1);
        let acceptor = acceptor(&services, &listeners, at_work.downgrade());
        BrokerListening {
            addresses: &listeners.addresses,
            advertised: &listeners.advertised,
            cluster_id: services.topics.cluster_id(),
        }
        .emit();
        for socket in listeners.sockets {
            tokio::spawn(acceptor.clone().accept(socket));
        }
        tokio::spawn(check_retention(
            services.topics.clone(),
            services.config.topics.retention_check_interval,
            phase.watch(),
        ));
        tokio::spawn(count_producers(Arc::clone(&services), phase.watch()));
        tokio::spawn(count_damaged_extents(Arc::clone(&services), phase.watch()));
        Ok(Self {
            addresses: listeners.addresses,
            connector: Connector::new(acceptor, Handle::current()),
            services,
            phase,
            compactor,
            scrubber,
            at_work,
            work_ended,
        })
    }

    /// The addresses listened on, with the ports the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Makes connections from within this process.
    #[must_use]
    pub fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// Id of the cluster, which stays with the data directory.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        self.services.topics.cluster_id()
    }

    /// The room on its disk, which says whether records are refused because it is full.
    #[must_use]
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(self.services.topics.space())
    }

    /// Resolves when the disk failed. Nothing is acknowledged from then on: the process should end,
    /// and its next start finds out what is on the disk.
    pub async fn failed(&self) -> StorageError {
        self.services.topics.failed().await
    }

    /// Stops: takes no more requests, answers those it took, closes what is left after `deadline`,
    /// and marks the data directory as cleanly closed.
    pub async fn shutdown(self, deadline: Duration) {
        let Self {
            services,
            phase,
            compactor,
            scrubber,
            at_work,
            mut work_ended,
            ..
        } = self;
        let started = services.clock.now();
        drop(at_work);
        phase.advance(Phase::Draining);
        services.groups.stop();
        compactor.ask_to_stop();
        scrubber.ask_to_stop();
        let patience = match services.topics.space().room() {
            // What waits for room may wait for ever.
            Room::Exhausted => deadline.min(CLOSE_TIMEOUT_MIN),
            Room::Low | Room::Enough => deadline,
        };
        let is_drained = timeout(patience, work_ended.recv()).await.is_ok();
        phase.advance(Phase::Closed);
        let left = deadline.saturating_sub(services.clock.now().duration_since(started));
        let topics = services.topics.clone();
        let finish = move || {
            // Compaction begins with a checkpoint, which waits on a full disk.
            topics.space().close();
            compactor.stop();
            scrubber.stop();
            topics.close()
        };
        close(finish, left.max(CLOSE_TIMEOUT_MIN)).await;
        let elapsed = services.clock.now().duration_since(started);
        BrokerStopped {
            is_drained,
            elapsed,
        }
        .emit();
    }
}

/// Starts the thread that compacts.
fn compactor(
    config: &Config,
    topics: &Topics,
    telemetry: &Arc<Telemetry>,
) -> Result<Compactor, StartError> {
    let telemetry = Arc::clone(telemetry);
    let memory_max = config.compaction.memory_max;
    let observe = move |look: Result<CompactionLook, StorageError>| match look {
        Ok(look) => tell_compaction(&look, memory_max, &telemetry),
        // That the disk is full is told already.
        Err(error) if error.is_full() => {}
        Err(error) => CompactionUnavailable { reason: &error }.emit(),
    };
    Compactor::start(topics.clone(), config.compaction, observe).map_err(StartError::Thread)
}

/// Starts the thread that looks for damage.
fn scrubber(
    config: &Config,
    topics: &Topics,
    telemetry: &Arc<Telemetry>,
) -> Result<Scrubber, StartError> {
    let telemetry = Arc::clone(telemetry);
    let observe = move |news| match news {
        ScrubNews::Checked(bytes) => {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            SegmentsScrubbed { bytes }.emit(&telemetry);
        }
        ScrubNews::Failed(error) => ScrubFailed { reason: &error }.emit(),
    };
    Scrubber::start(topics.clone(), config.scrub, observe).map_err(StartError::Thread)
}

fn acceptor(
    services: &Arc<Services>,
    listeners: &Listeners,
    at_work: mpsc::WeakSender<()>,
) -> Acceptor {
    let config = services.config.network.clone();
    Acceptor {
        handlers: Handlers::new(Arc::clone(services)),
        permits: Arc::new(Semaphore::new(config.connections_max)),
        endpoint: listeners.advertised.clone(),
        budget: Budget::new(config.in_flight_bytes_max),
        own_budget: Budget::new(config.in_flight_bytes_max / OWN_PART),
        buffers: RequestBuffers::new(config.in_flight_bytes_max / KEPT_PART),
        phase: services.phase.clone(),
        telemetry: Arc::clone(&services.telemetry),
        at_work,
        config,
    }
}

/// Opens the data directory, away from the threads that serve connections.
async fn open(
    config: &Config,
    clock: Clock,
    telemetry: Arc<Telemetry>,
) -> Result<(Topics, ProducerIds), StartError> {
    let directory = config.data_dir.clone();
    let config = TopicsConfig {
        directory: directory.clone(),
        node_id: config.node_id,
        topics_max: config.topics.topics_max,
        partitions_max: config.topics.partitions_max,
        producers_max: config.topics.producers_max,
        sync_interval: config.topics.durability_interval,
        commit_log: config.commit_log,
        space: config.space,
        defaults: config.topics.settings.clone(),
    };
    let open = move || {
        let space = config.space;
        let of_work = Arc::clone(&telemetry);
        let observe = move |observation| observed(&observation, &space, &of_work);
        let topics = Topics::open(config, clock.clone(), observe)?;
        tell_recovery(topics.recovery(), &telemetry);
        let count = topics.damaged_extents().map_err(OpenError::from)?;
        DamagedExtents { count }.emit(&telemetry);
        topics.observe_damage(move |news| tell_damage(news, &telemetry));
        let disk = Disk::new(FileSystem);
        let (is_new, now) = (topics.is_new(), clock.wall());
        let known = topics.largest_producer_id(ProducerIds::beyond_all(now));
        let opened = ProducerIds::open(&disk, &directory, is_new, now, known);
        let producer_ids = opened.inspect_err(|_| {
            if let Err(error) = topics.close() {
                CloseFailed { reason: &error }.emit();
            }
        })?;
        Ok((topics, producer_ids))
    };
    spawn_blocking(open)
        .await
        .map_err(|_panicked| StartError::Lost)?
}

/// Restores the groups; where that fails, closes the data directory again.
async fn load(config: &Config, topics: &Topics, clock: Clock) -> Result<Coordinator, StartError> {
    let loaded = Coordinator::load(config.groups.clone(), topics.clone(), clock).await;
    if loaded.is_err() {
        let topics = topics.clone();
        close(move || topics.close(), CLOSE_TIMEOUT_MIN).await;
    }
    Ok(loaded?)
}

/// Closes the data directory. A disk that hangs must not hang the stop: the next start recovers.
async fn close(
    finish: impl FnOnce() -> Result<(), StorageError> + Send + 'static,
    patience: Duration,
) {
    match timeout(patience, spawn_blocking(finish)).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => CloseFailed { reason: &error }.emit(),
        Ok(Err(panicked)) => CloseFailed { reason: &panicked }.emit(),
        Err(elapsed) => CloseFailed { reason: &elapsed }.emit(),
    }
}

/// Tells how many producers are remembered, again and again, until the broker drains.
async fn count_producers(services: Arc<Services>, phase: PhaseWatch) {
    loop {
        let (known, max) = services.topics.producers();
        ProducersCounted { known, max }.emit(&services.telemetry);
        tokio::select! {
            () = tokio::time::sleep(PRODUCERS_COUNT_INTERVAL) => {}
            () = phase.reached(Phase::Draining) => return,
        }
    }
}

/// Tells how many damaged extents of the commit log are kept, again and again, until somebody removed all of them, for
/// only a start keeps any, or the broker drains.
async fn count_damaged_extents(services: Arc<Services>, phase: PhaseWatch) {
    let topics = &services.config.topics;
    let interval = topics.retention_check_interval.min(REMOVAL_CHECK_INTERVAL);
    loop {
        let topics = services.topics.clone();
        // What cannot be counted now stays as it was told.
        if let Ok(Ok(count)) = spawn_blocking(move || topics.damaged_extents()).await {
            DamagedExtents { count }.emit(&services.telemetry);
            if count == 0 {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = phase.reached(Phase::Draining) => return,
        }
    }
}

/// Looks for segments to roll and to drop, again and again, until the broker drains, and removes what
/// was dropped when its time has come. On a full disk all wait for that, so it looks more often.
async fn check_retention(topics: Topics, interval: Duration, phase: PhaseWatch) {
    let step = interval.min(REMOVAL_CHECK_INTERVAL);
    let mut waited = Duration::ZERO;
    loop {
        tokio::select! {
            () = tokio::time::sleep(step) => waited += step,
            () = phase.reached(Phase::Draining) => return,
        }
        let is_full = topics.space().refusal().is_some();
        let checked = topics.clone();
        if waited < interval && !is_full {
            if topics.is_removal_due() {
                drop(spawn_blocking(move || checked.remove_due()).await);
            }
            continue;
        }
        waited = Duration::ZERO;
        match spawn_blocking(move || checked.retention_check()).await {
            Ok(Ok(())) => {}
            Ok(Err(failures)) => {
                // That the disk is full is told already.
                let is_news = |failure: &&StorageError| !(is_full && failure.is_full());
                for failure in failures.iter().filter(is_news) {
                    RetentionFailed { reason: failure }.emit();
                }
            }
            Err(panicked) => RetentionFailed { reason: &panicked }.emit(),
        }
    }
}
