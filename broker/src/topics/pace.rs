//! Work in the background at a limited rate, until it is told to stop.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The shortest wait worth making: what is less is added to the next one.
const WAIT_MIN: Duration = Duration::from_millis(10);

/// Tells a thread to end, and wakes it.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_asked: Mutex<bool>,
    asked: Condvar,
}

impl Stop {
    pub(super) fn ask(&self) {
        *self.is_asked.lock() = true;
        self.asked.notify_all();
    }

    /// Waits for that long, or until a stop is asked for, and says whether it is.
    pub(super) fn wait(&self, duration: Duration) -> bool {
        let mut is_asked = self.is_asked.lock();
        if !*is_asked && !duration.is_zero() {
            self.asked.wait_for(&mut is_asked, duration);
        }
        *is_asked
    }
}

/// Keeps a number of bytes within a rate.
#[derive(Debug)]
pub(super) struct Throttle {
    bytes_per_second: u64,
    /// When all bytes so far are paid for.
    paid_at: Option<Instant>,
}

impl Throttle {
    pub(super) const fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            paid_at: None,
        }
    }

    /// How long to wait after another `bytes`, at the monotonic reading `now`.
    pub(super) fn wait_after(&mut self, bytes: usize, now: Instant) -> Duration {
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
