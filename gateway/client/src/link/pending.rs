//! The requests of one link whose answers are awaited, oldest first.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_protocol::DecodeError;
use sluice_protocol::wire::Reader;
use tokio::sync::Notify;

use super::Awaited;
use crate::error::ClientError;
use crate::observer::Observed;

/// How late a passed deadline is noticed, at most.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// Answers awaited, in the order of the requests.
#[derive(Debug, Default)]
pub(super) struct Pending {
    queue: Mutex<VecDeque<Awaited>>,
    begun: Notify,
    observed: Option<Observed>,
}

impl Pending {
    /// None so far; who is to be told of them.
    pub(super) fn new(observed: Option<Observed>) -> Self {
        Self {
            observed,
            ..Self::default()
        }
    }

    /// Adds a request. Called before it is written, for the answer may be quick.
    pub(super) fn push(&self, awaited: Awaited) {
        if let Some(observed) = &self.observed {
            observed.observer.sent(awaited.what);
        }
        let mut queue = self.queue.lock();
        if queue.is_empty() {
            self.begun.notify_one();
        }
        queue.push_back(awaited);
    }

    /// Gives an answer to the oldest request.
    pub(super) fn complete(&self, frame: Vec<Bytes>) -> Result<(), String> {
        let found = correlation_id(&frame).map_err(|error| error.to_string())?;
        let awaited = self.queue.lock().pop_front();
        let awaited = awaited.ok_or("an answer came that nobody asked for")?;
        if awaited.correlation_id != found {
            let expected = awaited.correlation_id;
            self.queue.lock().push_front(awaited);
            return Err(format!("answer {found} came where {expected} was due"));
        }
        if let Some(Observed { observer, broker }) = &self.observed {
            observer.answered(*broker, awaited.what, awaited.asked.elapsed());
        }
        // The caller may have gone; then nobody wants the answer.
        drop(awaited.reply.send(Ok(frame)));
        Ok(())
    }

    /// Fails every request with the error `of` it.
    pub(super) fn fail(&self, of: impl Fn(&Awaited) -> ClientError) {
        let queue = std::mem::take(&mut *self.queue.lock());
        for awaited in queue {
            let error = of(&awaited);
            drop(awaited.reply.send(Err(error)));
        }
    }

    /// Returns when a request is overdue. Sleeps while nothing is awaited.
    pub(super) async fn overdue(&self) {
        loop {
            let deadline = self.deadline();
            match deadline {
                None => self.begun.notified().await,
                Some(deadline) if deadline <= Instant::now() => return,
                Some(deadline) => {
                    let wake = deadline.min(Instant::now() + WATCH_INTERVAL);
                    tokio::time::sleep_until(wake.into()).await;
                }
            }
        }
    }

    /// The deadline of the oldest request; later ones cannot be answered before it.
    fn deadline(&self) -> Option<Instant> {
        let queue = self.queue.lock();
        queue.front().map(|awaited| awaited.asked + awaited.timeout)
    }
}

fn correlation_id(frame: &[Bytes]) -> Result<i32, DecodeError> {
    Reader::from_chunks(frame.to_vec()).i32()
}
