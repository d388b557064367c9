//! The thread that compacts: one partition after the other, at a pace, until it is told to stop.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{CompactionLook, Topics};
use crate::log::StorageError;
use crate::log::compaction::CompactError;

/// The shortest wait worth making: what is less is added to the next one.
const WAIT_MIN: Duration = Duration::from_millis(10);

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

#[derive(Debug, Default)]
struct Stop {
    is_asked: Mutex<bool>,
    asked: Condvar,
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

impl Stop {
    fn ask(&self) {
        *self.is_asked.lock() = true;
        self.asked.notify_all();
    }

    /// Waits for that long, or until a stop is asked for, and says whether it is.
    fn wait(&self, duration: Duration) -> bool {
        let mut is_asked = self.is_asked.lock();
        if !*is_asked && !duration.is_zero() {
            self.asked.wait_for(&mut is_asked, duration);
        }
        *is_asked
    }
}

/// Keeps a number of bytes within a rate.
#[derive(Debug)]
struct Throttle {
    bytes_per_second: u64,
    /// When all bytes so far are paid for.
    paid_at: Option<Instant>,
}

impl Throttle {
    const fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            paid_at: None,
        }
    }

    /// How long to wait after another `bytes`, at the monotonic reading `now`.
    fn wait_after(&mut self, bytes: usize, now: Instant) -> Duration {
        let nanos = u128::try_from(bytes)
            .unwrap_or(u128::MAX)
            .saturating_mul(1_000_000_000)
            .checked_div(u128::from(self.bytes_per_second))
            .unwrap_or_default();
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let paid_at = self.paid_at.map_or(now, |paid_at| paid_at.max(now)) + cost;
        self.paid_at = Some(paid_at);
        let wait = paid_at.saturating_duration_since(now);
        match wait < WAIT_MIN {
            true => Duration::ZERO,
            false => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_time_their_rate_allows_and_idle_time_is_not_saved_up() {
        let start = Instant::now();
        let mut throttle = Throttle::new(1000);
        let mut now = start;
        for _ in 0..100 {
            now += throttle.wait_after(7, now);
        }
        let elapsed = now.duration_since(start);
        assert!(elapsed <= Duration::from_millis(700), "{elapsed:?}");
        assert!(elapsed >= Duration::from_millis(690), "{elapsed:?}");
        now += Duration::from_mins(1);
        let wait = throttle.wait_after(1000, now);
        assert_eq!(wait, Duration::from_secs(1));
    }
}
