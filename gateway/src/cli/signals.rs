//! The signals that end the program in order, heard from before anything is served: else one that comes
//! early would kill what has acknowledged records.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Within this time, a further signal is taken for the same one.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

/// SIGTERM and Ctrl-C.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Has signals come here from now on, whose default is to kill. To be called on a runtime, which goes on.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// A signal that is meant as a second one: a terminal and `timeout` send the first one twice, to the
    /// process and to its group.
    pub(super) async fn again(&mut self) {
        let first = Instant::now();
        self.next().await;
        while first.elapsed() < SAME_SIGNAL {
            self.next().await;
        }
    }

    /// The next signal.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
