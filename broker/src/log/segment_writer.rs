//! Who writes the segments of a flush: a thread of its own, beside the commit log, since a write to a
//! file may wait for others' when much is dirty; or the caller, where there is little to write, or
//! every step is to be seen.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::StorageError;
use super::checkpoint::Dirty;
use super::flush::Round;

/// Bytes of a flush up to which another thread would cost more than it saves.
const SMALL_BYTES_MAX: usize = 16 * 1024;

/// Writes the segments of one flush after the other.
#[derive(Debug)]
pub struct SegmentWriter {
    /// What the caller writes, when it asks for the outcome.
    begun: Option<Vec<Round>>,
    thread: Option<Beside>,
}

/// The thread that writes large flushes.
#[derive(Debug)]
struct Beside {
    rounds: SyncSender<Vec<Round>>,
    written: Receiver<Written>,
    handle: Option<JoinHandle<()>>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) rounds: Vec<Round>,
    pub(super) dirty: Dirty,
    pub(super) outcome: Result<(), StorageError>,
}

impl SegmentWriter {
    /// The caller writes.
    #[must_use]
    pub const fn inline() -> Self {
        Self {
            begun: None,
            thread: None,
        }
    }

    /// A thread writes, and the caller what is small.
    ///
    /// # Errors
    /// The system's, where it grants no more threads.
    pub fn beside() -> std::io::Result<Self> {
        let (rounds, given) = sync_channel(1);
        let (done, written) = sync_channel(1);
        let handle = std::thread::Builder::new()
            .name("sluice-segments".to_owned())
            .spawn(move || serve(&given, &done))?;
        Ok(Self {
            begun: None,
            thread: Some(Beside {
                rounds,
                written,
                handle: Some(handle),
            }),
        })
    }

    /// Begins to write `bytes` bytes of batches. To be followed by [`SegmentWriter::finish`].
    pub(super) fn begin(&mut self, rounds: Vec<Round>, bytes: usize) {
        match &mut self.thread {
            Some(thread) if bytes > SMALL_BYTES_MAX => {
                // Where the thread died, `finish` says so.
                drop(thread.rounds.send(rounds));
            }
            _ => self.begun = Some(rounds),
        }
    }

    /// What came of what was begun.
    pub(super) fn finish(&mut self) -> Written {
        match (self.begun.take(), &self.thread) {
            (None, Some(thread)) => thread
                .written
                .recv()
                .unwrap_or_else(|_dead| Written::died()),
            (rounds, _) => write(rounds.unwrap_or_default()),
        }
    }
}

impl Written {
    fn died() -> Self {
        let cause = std::io::Error::other("the thread that writes segments died");
        Self {
            rounds: Vec::new(),
            dirty: Dirty::default(),
            outcome: Err(StorageError::new("write segments in", "".as_ref(), cause)),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // The thread ends when nobody can send any more.
        let (closed, _) = sync_channel(1);
        self.rounds = closed;
        if let Some(handle) = self.handle.take() {
            drop(handle.join());
        }
    }
}

fn serve(rounds: &Receiver<Vec<Round>>, done: &SyncSender<Written>) {
    while let Ok(rounds) = rounds.recv() {
        if done.send(write(rounds)).is_err() {
            break;
        }
    }
}

fn write(mut rounds: Vec<Round>) -> Written {
    let mut dirty = Dirty::default();
    let outcome = rounds
        .iter_mut()
        .try_for_each(|round| round.write(&mut dirty));
    Written {
        rounds,
        dirty,
        outcome,
    }
}
