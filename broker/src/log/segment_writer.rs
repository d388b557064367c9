//! Who writes the segments of a flush: a thread of its own, beside the commit log, since a write to a
//! file may wait for others' when much is dirty; or the caller, where every step is to be seen.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::StorageError;
use super::checkpoint::Dirty;
use super::flush::Round;

/// Writes the segments of one flush after the other.
#[derive(Debug)]
pub struct SegmentWriter(How);

#[derive(Debug)]
enum How {
    /// In the caller's own thread, when it asks for the outcome.
    Inline(Option<Vec<Round>>),
    /// In another thread.
    Beside {
        rounds: SyncSender<Vec<Round>>,
        written: Receiver<Written>,
        thread: Option<JoinHandle<()>>,
    },
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
        Self(How::Inline(None))
    }

    /// A thread writes.
    ///
    /// # Errors
    /// The system's, where it grants no more threads.
    pub fn beside() -> std::io::Result<Self> {
        let (rounds, given) = sync_channel(1);
        let (done, written) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("sluice-segments".to_owned())
            .spawn(move || serve(&given, &done))?;
        Ok(Self(How::Beside {
            rounds,
            written,
            thread: Some(thread),
        }))
    }

    /// Begins to write. To be followed by [`SegmentWriter::finish`].
    pub(super) fn begin(&mut self, rounds: Vec<Round>) {
        match &mut self.0 {
            How::Inline(begun) => *begun = Some(rounds),
            // Where the thread died, `finish` says so.
            How::Beside { rounds: given, .. } => drop(given.send(rounds)),
        }
    }

    /// What came of what was begun.
    pub(super) fn finish(&mut self) -> Written {
        match &mut self.0 {
            How::Inline(begun) => write(begun.take().unwrap_or_default()),
            How::Beside { written, .. } => written.recv().unwrap_or_else(|_dead| Written {
                rounds: Vec::new(),
                dirty: Dirty::default(),
                outcome: Err(StorageError::new(
                    "write segments in",
                    "".as_ref(),
                    std::io::Error::other("the thread that writes segments died"),
                )),
            }),
        }
    }
}

impl Drop for How {
    fn drop(&mut self) {
        if let Self::Beside { rounds, thread, .. } = self {
            // The thread ends when nobody can send any more.
            let (closed, _) = sync_channel(1);
            *rounds = closed;
            if let Some(thread) = thread.take() {
                drop(thread.join());
            }
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
