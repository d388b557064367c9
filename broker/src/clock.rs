//! Time, as a value that tests can move.
//!
//! Timeouts use the monotonic reading, record and commit timestamps the wall clock; nothing else of
//! the crate asks the system for either.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::TimestampMs;

/// A source of time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<Manual>>),
}

#[derive(Debug)]
struct Manual {
    now: Instant,
    wall: TimestampMs,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `wall` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(wall: TimestampMs) -> Self {
        let now = Instant::now();
        Self(Source::Manual(Arc::new(Mutex::new(Manual { now, wall }))))
    }

    /// The monotonic reading.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Manual(manual) => manual.lock().now,
        }
    }

    /// Milliseconds since the epoch, by the wall clock.
    #[must_use]
    pub fn wall(&self) -> TimestampMs {
        match &self.0 {
            Source::System => TimestampMs::from_system(),
            Source::Manual(manual) => manual.lock().wall,
        }
    }

    /// Moves a manual clock on; the machine's clock goes on by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            let mut manual = manual.lock();
            manual.now += by;
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            manual.wall = TimestampMs(manual.wall.0.saturating_add(millis));
        }
    }
}
