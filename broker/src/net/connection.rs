//! One connection: requests start in the order they arrive, and are answered in it.
//!
//! Most requests wait for the one before to be answered, so a client sees what Kafka would show it.
//! Those that only add to what came before (see [`Prepared`]) start at once: waiting for each one to
//! be durable would cap a client at one request per flush. A parked request holds back everything
//! behind it, as it does in Kafka.
//!
//! Reading, working and writing go on in one task, so that a client that goes away is noticed while
//! its request is parked. What was taken from it is carried out all the same, as by Apache Kafka, but
//! for requests that only wait for others. Its answers go nowhere.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::link::{Frame, FrameSink, FrameSource, LinkError};
use crate::handlers::{Handlers, Outcome, Peer, Prepared, Rejection, Reply};
use crate::phase::{Phase, PhaseWatch};
use crate::telemetry::{BytesReceived, BytesSent, Telemetry};

/// What one connection may have in progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Requests, at most.
    pub(crate) requests_max: usize,
    /// Bytes of requests above which no further one is taken.
    pub(crate) bytes_max: usize,
    /// How long nothing may be asked.
    pub(crate) idle_timeout: Duration,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    /// The link carries no more frames.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The client sent what cannot be served.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Nothing was asked for longer than the idle timeout.
    #[error("idle for too long")]
    Idle,
    /// The broker stops.
    #[error("the broker stops")]
    Stopped,
}

/// A connection being served.
#[derive(Debug)]
pub(crate) struct Connection<K> {
    /// Where responses go.
    pub(crate) sink: K,
    /// Who is at the other end.
    pub(crate) peer: Arc<Peer>,
    /// What answers requests.
    pub(crate) handlers: Handlers,
    /// What may be in progress.
    pub(crate) limits: ConnectionLimits,
    /// Counts bytes.
    pub(crate) telemetry: Arc<Telemetry>,
}

impl<K: FrameSink> Connection<K> {
    /// Serves requests until the link ends, the client errs or the broker stops. What was taken by then
    /// is carried out, unless the broker has no more time.
    pub(crate) async fn serve(mut self, source: impl FrameSource, phase: PhaseWatch) -> Closed {
        // One frame waits here and one at the sender: reading goes on while a request is worked on.
        let (frames, arriving) = mpsc::channel(1);
        let telemetry = Arc::clone(&self.telemetry);
        let gone = Notify::new();
        let mut answer = pin!(self.answer(arriving, &gone));
        let ended = tokio::select! {
            ended = read(source, frames, &phase, &telemetry) => ended,
            closed = &mut answer => return closed,
            () = phase.reached(Phase::Closed) => return Closed::Stopped,
        };
        gone.notify_one();
        tokio::select! {
            _ = answer => ended,
            () = phase.reached(Phase::Closed) => Closed::Stopped,
        }
    }

    /// Starts and answers requests, in order, until there are no more. Once the client is `gone`,
    /// nobody is answered.
    async fn answer(&mut self, mut arriving: mpsc::Receiver<Frame>, gone: &Notify) -> Closed {
        let mut progress = Progress::default();
        let mut closed = Closed::Stopped;
        while !progress.is_over() {
            tokio::select! {
                biased;
                outcome = progress.answered(), if progress.is_busy() => match outcome {
                    Outcome::Close(rejection) => return rejection.into(),
                    Outcome::Reply(reply) if !progress.is_deserted => {
                        if let Err(error) = self.send(reply).await {
                            arriving.close();
                            progress.desert();
                            closed = error.into();
                        }
                    }
                    Outcome::Reply(_) | Outcome::Silent => {}
                },
                () = gone.notified() => progress.desert(),
                frame = arriving.recv(), if progress.takes_more(&self.limits) => match frame {
                    Some(frame) => {
                        let size = frame.size();
                        let prepared = self.handlers.prepare(&self.peer, frame.chunks, frame.reservation);
                        progress.next = Some(Queued { prepared, size });
                    }
                    None => progress.is_last = true,
                },
                () = sleep(self.limits.idle_timeout), if !progress.is_busy() => {
                    return Closed::Idle;
                }
            }
            progress.start().await;
        }
        closed
    }

    async fn send(&mut self, Reply { chunks, memory }: Reply) -> Result<(), LinkError> {
        let size = chunks.iter().map(Bytes::len).sum();
        self.sink.send(chunks).await?;
        drop(memory);
        BytesSent(size).emit(&self.telemetry);
        Ok(())
    }
}

/// Reads requests until the link ends. Draining ends the reading, and not the connection.
async fn read(
    mut source: impl FrameSource,
    frames: mpsc::Sender<Frame>,
    phase: &PhaseWatch,
    telemetry: &Telemetry,
) -> Closed {
    loop {
        let frame = tokio::select! {
            frame = source.next() => frame,
            () = phase.reached(Phase::Draining) => break,
        };
        match frame {
            Ok(frame) => {
                BytesReceived(frame.size()).emit(telemetry);
                if frames.send(frame).await.is_err() {
                    break;
                }
            }
            Err(error) => return error.into(),
        }
    }
    drop(frames);
    std::future::pending().await
}

/// The requests of a connection that are not answered yet.
#[derive(Debug, Default)]
struct Progress {
    /// Started, in the order of their answers.
    started: VecDeque<Started>,
    /// Bytes of the requests started.
    bytes: usize,
    /// Read, and not yet allowed to start.
    next: Option<Queued>,
    /// Whether no more will be read.
    is_last: bool,
    /// Whether nobody reads the answers any more.
    is_deserted: bool,
}

#[derive(Debug)]
struct Queued {
    prepared: Prepared,
    size: usize,
}

#[derive(Debug)]
struct Started {
    work: Work,
    is_pipelined: bool,
    size: usize,
}

#[derive(Debug)]
enum Work {
    Running(Prepared),
    Done(Outcome),
}

impl Work {
    /// Goes on to the next point at which it has to wait.
    fn go_on(&mut self, context: &mut Context<'_>) {
        if let Self::Running(prepared) = self
            && let Poll::Ready(outcome) = prepared.work.as_mut().poll(context)
        {
            *self = Self::Done(outcome);
        }
    }

    /// What is left of it without somebody to be answered.
    fn left(self) -> Self {
        match self {
            Self::Running(prepared) if prepared.is_waiting => Self::Done(Outcome::Silent),
            work @ (Self::Running(_) | Self::Done(_)) => work,
        }
    }
}

impl Progress {
    fn is_busy(&self) -> bool {
        !self.started.is_empty()
    }

    fn is_over(&self) -> bool {
        self.is_last && self.started.is_empty() && self.next.is_none()
    }

    fn takes_more(&self, limits: &ConnectionLimits) -> bool {
        !self.is_last
            && self.next.is_none()
            && self.started.len() < limits.requests_max
            && self.bytes < limits.bytes_max
    }

    /// Nobody reads the answers any more.
    fn desert(&mut self) {
        self.is_deserted = true;
        for started in &mut self.started {
            let work = std::mem::replace(&mut started.work, Work::Done(Outcome::Silent));
            started.work = work.left();
        }
    }

    /// Starts the next request where nothing is in its way: it runs to the first point at which it
    /// has to wait.
    async fn start(&mut self) {
        let after_pipelined = self.started.back().is_none_or(|last| last.is_pipelined);
        let may_start = |next: &mut Queued| {
            self.started.is_empty() || (next.prepared.is_pipelined && after_pipelined)
        };
        let Some(Queued { mut prepared, size }) = self.next.take_if(may_start) else {
            return;
        };
        let is_pipelined = prepared.is_pipelined;
        let first = poll_fn(|context| Poll::Ready(prepared.work.as_mut().poll(context))).await;
        let work = match first {
            Poll::Ready(outcome) => Work::Done(outcome),
            Poll::Pending if self.is_deserted => Work::Running(prepared).left(),
            Poll::Pending => Work::Running(prepared),
        };
        self.bytes += size;
        self.started.push_back(Started {
            work,
            is_pipelined,
            size,
        });
    }

    /// Resolves with the outcome of the oldest request, and forgets it. Pending where there is none. Those behind it
    /// go on meanwhile: what one of them has yet to append would else miss the flush that the oldest waits for.
    async fn answered(&mut self) -> Outcome {
        let outcome = poll_fn(|context| {
            let mut started = self.started.iter_mut().map(|started| &mut started.work);
            let Some(oldest) = started.next() else {
                return Poll::Pending;
            };
            oldest.go_on(context);
            if let Work::Done(outcome) = oldest {
                return Poll::Ready(std::mem::replace(outcome, Outcome::Silent));
            }
            started.for_each(|behind| behind.go_on(context));
            Poll::Pending
        })
        .await;
        if let Some(oldest) = self.started.pop_front() {
            self.bytes -= oldest.size;
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    type Appended = Arc<Mutex<Vec<usize>>>;

    /// A request of two batches that lets others have the thread between them and then waits for the `flush`.
    fn of_two_batches(index: usize, appended: &Appended, flush: &Arc<Semaphore>) -> Queued {
        let (appended, flush) = (Arc::clone(appended), Arc::clone(flush));
        let work = async move {
            appended.lock().push(index);
            tokio::task::yield_now().await;
            appended.lock().push(index);
            drop(flush.acquire().await);
            Outcome::Silent
        };
        Queued {
            prepared: Prepared {
                work: Box::pin(work),
                is_pipelined: true,
                is_waiting: false,
            },
            size: 1,
        }
    }

    async fn is_answered(progress: &mut Progress) -> bool {
        let answered = timeout(Duration::from_millis(20), progress.answered());
        answered.await.is_ok()
    }

    /// Mutations: `answered` that polls the oldest alone; one that polls again what is done; one that answers with
    /// whatever is done first.
    #[tokio::test]
    async fn requests_behind_one_that_waits_for_the_disk_append_all_of_theirs_meanwhile() {
        let appended = Appended::default();
        let flushes: [_; 3] = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
        let mut progress = Progress::default();
        for (index, flush) in flushes.iter().enumerate() {
            progress.next = Some(of_two_batches(index, &appended, flush));
            progress.start().await;
        }
        assert_eq!(*appended.lock(), [0, 1, 2], "they start at once");
        assert!(!is_answered(&mut progress).await);
        assert_eq!(*appended.lock(), [0, 1, 2, 0, 1, 2]);

        flushes[1].add_permits(1);
        assert!(!is_answered(&mut progress).await, "the oldest is first");
        assert!(!is_answered(&mut progress).await);
        flushes[0].add_permits(1);
        assert!(is_answered(&mut progress).await && is_answered(&mut progress).await);
        assert!(!is_answered(&mut progress).await);
        assert_eq!(progress.bytes, 1);
        flushes[2].add_permits(1);
        assert!(is_answered(&mut progress).await);
        assert!(!progress.is_busy());
    }
}
