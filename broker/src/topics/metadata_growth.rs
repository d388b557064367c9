//! How much the metadata log has grown: who is to replace it by a snapshot is woken when it is much, and who
//! appends waits for him when it is far too much.

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::limits::{METADATA_GROWTH_BYTES_MAX, METADATA_LOG_BYTES_MAX};

/// The growth of a log.
#[derive(Debug)]
pub(super) struct MetadataGrowth {
    state: Mutex<State>,
    /// It is much, or nobody is to watch any more.
    woken: Condvar,
    /// Somebody looked, or nobody watches any more.
    looked: Notify,
}

#[derive(Debug)]
struct State {
    /// Bytes since somebody looked last whether a snapshot is due.
    bytes: u64,
    watch: Watch,
}

/// Whether somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// Nobody does yet: nobody waits.
    ToCome,
    Running,
    Over,
}

impl MetadataGrowth {
    /// That of a log which is found with so many bytes.
    pub(super) fn found(bytes: u64) -> Self {
        Self {
            state: Mutex::new(State {
                bytes,
                watch: Watch::ToCome,
            }),
            woken: Condvar::new(),
            looked: Notify::new(),
        }
    }

    /// So many bytes more.
    pub(super) fn add(&self, bytes: usize) {
        let mut state = self.state.lock();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        state.bytes = state.bytes.saturating_add(bytes);
        if state.bytes >= METADATA_LOG_BYTES_MAX {
            self.woken.notify_one();
        }
    }

    /// Waits while it is far too much, unless nobody looks. One look is enough, whatever comes of it: on a disk that
    /// has no room for a snapshot deletions are to go on.
    pub(super) async fn bounded(&self) {
        loop {
            let looked = self.looked.notified();
            if !self.is_too_much() {
                return;
            }
            looked.await;
        }
    }

    fn is_too_much(&self) -> bool {
        let state = self.state.lock();
        state.watch == Watch::Running && state.bytes >= METADATA_GROWTH_BYTES_MAX
    }

    /// Has `look` look whenever it is much, until [`MetadataGrowth::end_watch`].
    pub(super) fn watch(&self, look: impl Fn()) {
        let _end = EndOfWatch(self);
        self.begin_watch();
        while let Some(seen) = self.much() {
            look();
            let mut state = self.state.lock();
            state.bytes = state.bytes.saturating_sub(seen);
            drop(state);
            self.looked.notify_waiters();
        }
    }

    /// Has nobody watch any more, and nobody wait.
    pub(super) fn end_watch(&self) {
        self.state.lock().watch = Watch::Over;
        self.woken.notify_all();
        self.looked.notify_waiters();
    }

    fn begin_watch(&self) {
        let mut state = self.state.lock();
        if state.watch == Watch::ToCome {
            state.watch = Watch::Running;
        }
    }

    /// Waits until it is much, and says how much; `None` when the watch is over.
    fn much(&self) -> Option<u64> {
        let mut state = self.state.lock();
        while state.watch == Watch::Running && state.bytes < METADATA_LOG_BYTES_MAX {
            self.woken.wait(&mut state);
        }
        (state.watch == Watch::Running).then_some(state.bytes)
    }
}

/// Ends the watch however its thread ends, so that nobody waits for ever.
struct EndOfWatch<'a>(&'a MetadataGrowth);

impl Drop for EndOfWatch<'_> {
    fn drop(&mut self) {
        self.0.end_watch();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::{Arc, mpsc};
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;

    fn is_bounded(growth: &MetadataGrowth) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(growth.bounded()).poll(&mut context).is_ready()
    }

    /// Mutations: `watch` that does not take off what was seen, `is_too_much` that is false.
    #[test]
    fn who_looks_is_woken_and_who_appends_waits_for_one_look_and_not_beyond_the_end() {
        let patience = Duration::from_secs(10);
        let much = usize::try_from(METADATA_LOG_BYTES_MAX).unwrap();
        let too_much = usize::try_from(METADATA_GROWTH_BYTES_MAX).unwrap();
        let growth = Arc::new(MetadataGrowth::found(METADATA_GROWTH_BYTES_MAX));
        assert!(is_bounded(&growth), "nobody looks yet");
        let (begun, begins) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let watched = Arc::clone(&growth);
        let look = move || {
            begun.send(()).unwrap();
            goes_on.recv().unwrap();
        };
        std::thread::spawn(move || watched.watch(look));
        begins.recv_timeout(patience).unwrap();
        assert!(!is_bounded(&growth));
        growth.add(much);
        go_on.send(()).unwrap();
        begins.recv_timeout(patience).unwrap();
        assert!(is_bounded(&growth), "what came meanwhile is left");
        growth.add(too_much);
        assert!(!is_bounded(&growth));
        growth.end_watch();
        assert!(is_bounded(&growth));
        go_on.send(()).unwrap();
    }
}
