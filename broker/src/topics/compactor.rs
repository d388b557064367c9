//! The thread that compacts: one partition after the other, at a pace, until it is told to stop.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::pace::{Stop, Throttle};
use super::{CompactionLook, Topics};
use crate::log::StorageError;
use crate::log::compaction::CompactError;

/// How much compaction may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionConfig {
    /// Bytes of memory for the keys of the partition that is compacted
    /// (`log.cleaner.dedupe.buffer.size`). What does not fit takes another round. Default 128 MiB.
    pub memory_max: usize,
    /// Bytes read and written in a second (`log.cleaner.io.max.bytes.per.second`). Default 64 MiB.
    pub bytes_per_second_max: u64,
    /// Time between two looks when nothing is due (`log.cleaner.backoff.ms`). Default 15 s.
    pub interval: Duration,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self {
            memory_max: 128 * 1024 * 1024,
            bytes_per_second_max: 64 * 1024 * 1024,
            interval: Duration::from_secs(15),
        }
    }
}

/// The running thread. It ends soon after this is dropped.
#[derive(Debug)]
pub struct Compactor {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Compactor {
    /// Starts the thread, which tells `observe` what each look came to.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        topics: Topics,
        config: CompactionConfig,
        mut observe: impl FnMut(Result<CompactionLook, StorageError>) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let asked = Arc::clone(&stop);
        let clock = topics.0.clock.clone();
        let work = move || {
            let mut throttle = Throttle::new(config.bytes_per_second_max);
            let mut pace = |bytes| !asked.wait(throttle.wait_after(bytes, clock.now()));
            loop {
                let look = topics.compact_dirtiest(config.memory_max, &mut pace);
                let is_idle = is_idle(&look);
                observe(look);
                let pause = match is_idle {
                    true => config.interval,
                    false => Duration::ZERO,
                };
                if asked.wait(pause) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("sluice-compact".to_owned());
        Ok(Self {
            stop,
            thread: Some(thread.spawn(work)?),
        })
    }

    /// Has the thread end soon. What is being compacted stays as it was.
    pub fn ask_to_stop(&self) {
        self.stop.ask();
    }

    /// Ends the thread and waits for that.
    pub fn stop(mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            // If it panicked, nothing is being compacted either.
            drop(thread.join());
        }
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

/// Whether the next look can wait.
fn is_idle(look: &Result<CompactionLook, StorageError>) -> bool {
    let Ok(CompactionLook { run: Some(run), .. }) = look else {
        return true;
    };
    // Another one may be due; one that failed is left alone for a while.
    matches!(run.outcome, Err(CompactError::Outdated))
}
