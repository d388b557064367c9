//! The task that parks fetches at one broker, while somebody waits there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use sluice_protocol::ErrorCode;
use sluice_protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic,
};
use tokio::sync::Notify;

use super::Waiter;
use super::board::{Board, MAIN, News, Park, Slot, Wait};
use super::session::{Session, Step};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::model::{Isolation, TopicPartition, by_topic};
use crate::pool::Purpose;
use crate::retry::Backoff;

/// How long the main fetch parks without news.
const MAIN_WAIT: Duration = Duration::from_secs(5);
/// How long the others do; then the main fetch has taken over, or they park again.
const OTHER_WAIT: Duration = Duration::from_secs(1);
/// A parked fetch asks for news, not for records: the least a broker can send.
const BYTES_MAX: i32 = 1;

/// Partitions for each [`PAUSE`] of a main fetch that must name them all.
const PARTITIONS_PER_PAUSE: usize = 1000;
const PAUSE: Duration = Duration::from_millis(1);
const PAUSES_MAX: u32 = 10;

/// The waiting at one broker.
#[derive(Debug)]
pub(super) struct Desk {
    cluster: Arc<Cluster>,
    broker: i32,
    isolation: Isolation,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    board: Board,
    is_running: bool,
}

impl Desk {
    pub(super) fn new(cluster: Arc<Cluster>, broker: i32, isolation: Isolation) -> Arc<Self> {
        let board = Board::new(cluster.config().watch_links, Instant::now());
        Arc::new(Self {
            cluster,
            broker,
            isolation,
            state: Mutex::new(State {
                board,
                is_running: false,
            }),
            changed: Notify::new(),
        })
    }

    /// Adds a reader.
    pub(super) fn wait(
        self: &Arc<Self>,
        positions: &[(TopicPartition, i64)],
        waiter: &Arc<Waiter>,
    ) -> Wait {
        let mut state = self.state.lock();
        let wait = state.board.wait(positions, waiter, Instant::now());
        let has_fresh = state.board.has_fresh();
        let starts = !std::mem::replace(&mut state.is_running, true);
        drop(state);
        if starts {
            let desk = Arc::clone(self);
            self.cluster.runtime().spawn(desk.run());
        } else if has_fresh {
            self.changed.notify_one();
        }
        wait
    }

    /// Removes a reader.
    pub(super) fn end(&self, wait: &Wait) {
        self.state.lock().board.end(wait);
    }

    async fn run(self: Arc<Self>) {
        let mut session = Session::default();
        let mut backoff = Backoff::default();
        let mut parked = FuturesUnordered::new();
        let mut main_from = None;
        loop {
            main_from = main_from.filter(|from| *from > Instant::now());
            while let Some((slot, step, request)) = self.next(session, main_from.is_none()) {
                let desk = Arc::clone(&self);
                parked.push(async move { (slot, step, desk.park(slot, &request).await) });
            }
            if parked.is_empty() && main_from.is_none() && self.stop() {
                return;
            }
            let (slot, step, answer) = tokio::select! {
                Some(answer) = parked.next(), if !parked.is_empty() => answer,
                () = self.changed.notified() => continue,
                () = until(main_from), if main_from.is_some() => continue,
            };
            match answer {
                Ok(response) => {
                    backoff.reset();
                    self.answered(slot, step, response, &mut session);
                    if slot == MAIN && session.step().is_full {
                        main_from = self.pause();
                    }
                }
                Err(error) => {
                    tracing::debug!(broker = self.broker, %error, "a wait for records failed");
                    if slot == MAIN {
                        session.reset();
                    }
                    // Readers that come back at once must not meet the same failure in a circle.
                    tokio::time::sleep(backoff.pause()).await;
                    self.state.lock().board.failed(slot);
                }
            }
        }
    }

    /// Until when the main fetch waits before it parks again. Without a session it names every
    /// partition each time; were that after every record, many partitions would take all of a core.
    fn pause(&self) -> Option<Instant> {
        let count = self.state.lock().board.len() / PARTITIONS_PER_PAUSE;
        let pauses = u32::try_from(count).unwrap_or(u32::MAX).min(PAUSES_MAX);
        (pauses > 0).then(|| Instant::now() + PAUSE * pauses)
    }

    fn next(&self, session: Session, may_main: bool) -> Option<(Slot, Step, FetchRequest)> {
        let mut state = self.state.lock();
        let mut park = state.board.plan(may_main, Instant::now())?;
        let step = if park.slot == MAIN {
            session.step()
        } else {
            Session::OUTSIDE
        };
        if park.slot == MAIN && step.is_full {
            park.changed = state.board.covered();
            park.forgotten.clear();
        }
        drop(state);
        Some((park.slot, step, self.request(park, step)))
    }

    /// Ends the task where nobody waits any more.
    fn stop(&self) -> bool {
        let mut state = self.state.lock();
        state.is_running = state.board.has_fresh();
        !state.is_running
    }

    async fn park(&self, slot: Slot, request: &FetchRequest) -> Result<FetchResponse, ClientError> {
        let purpose = Purpose::Watch(self.isolation, slot);
        let link = self.cluster.link(self.broker, purpose).await?;
        let timeout = wait_of(slot) + self.cluster.config().request_timeout;
        link.call(request, timeout).await
    }

    fn answered(&self, slot: Slot, step: Step, response: FetchResponse, session: &mut Session) {
        let mut state = self.state.lock();
        if response.error_code != ErrorCode::None {
            let is_forgotten = matches!(
                response.error_code,
                ErrorCode::FetchSessionIdNotFound | ErrorCode::InvalidFetchSessionEpoch
            );
            session.reset();
            if is_forgotten && slot == MAIN && !step.is_full {
                return state.board.restart();
            }
            return state.board.failed(slot);
        }
        if slot == MAIN {
            session.answered(response.session_id);
        }
        let topics = response.responses.into_iter();
        let news = topics.flat_map(|topic| {
            let name: Arc<str> = topic.topic.into();
            topic.partitions.into_iter().map(move |row| {
                let at = TopicPartition::new(Arc::clone(&name), row.partition_index);
                let end = match self.isolation {
                    Isolation::ReadUncommitted => row.high_watermark,
                    Isolation::ReadCommitted => row.last_stable_offset,
                };
                if row.error_code == ErrorCode::None {
                    (at, News::End(end))
                } else {
                    (at, News::Error)
                }
            })
        });
        state.board.answered(slot, news);
    }

    fn request(&self, park: Park, step: Step) -> FetchRequest {
        let rows = park.changed.into_iter().map(|(at, fetch_offset)| {
            let row = FetchPartition {
                partition: at.partition,
                fetch_offset,
                partition_max_bytes: BYTES_MAX,
                ..FetchPartition::default()
            };
            (at.topic, row)
        });
        let topics = by_topic(rows).into_iter();
        let forgotten = park
            .forgotten
            .into_iter()
            .map(|at| (at.topic, at.partition));
        let forgotten = by_topic(forgotten).into_iter();
        FetchRequest {
            max_wait_ms: i32::try_from(wait_of(park.slot).as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: BYTES_MAX,
            isolation_level: self.isolation.code(),
            session_id: step.id,
            session_epoch: step.epoch,
            topics: topics
                .map(|(topic, partitions)| FetchTopic {
                    topic: topic.to_string(),
                    partitions,
                    ..FetchTopic::default()
                })
                .collect(),
            forgotten_topics_data: forgotten
                .map(|(topic, partitions)| ForgottenTopic {
                    topic: topic.to_string(),
                    partitions,
                    ..ForgottenTopic::default()
                })
                .collect(),
            ..FetchRequest::default()
        }
    }
}

async fn until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time.into()).await;
    }
}

const fn wait_of(slot: Slot) -> Duration {
    if slot == MAIN { MAIN_WAIT } else { OTHER_WAIT }
}
