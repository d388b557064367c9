//! When to try again: growing pauses with jitter, until a deadline.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::error::ClientError;

/// The first pause.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause; Kafka's `retry.backoff.max.ms` and `reconnect.backoff.max.ms`.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Pauses that double from one failure to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts a failure and says how long to pause: 20 ms doubling up to 1 s, less a random fifth,
    /// so that many clients do not return in step.
    pub(crate) fn pause(&mut self) -> Duration {
        let doubled = PAUSE_MIN.saturating_mul(1 << self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(PAUSE_MAX);
        pause - pause.mul_f64(fraction() / 5.0)
    }

    /// Forgets the failures.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

fn fraction() -> f64 {
    f64::from(u32::try_from(random() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

/// Runs `attempt` until it succeeds, fails for good, or `deadline` passes; answers the last error
/// then.
pub(crate) async fn until<T, F>(
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut backoff = Backoff::default();
    loop {
        match attempt().await {
            Err(error) if error.is_retriable() => {
                let pause = backoff.pause();
                if Instant::now() + pause >= deadline {
                    return Err(error);
                }
                tokio::time::sleep(pause).await;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_start_anew_after_a_reset() {
        let mut backoff = Backoff::default();
        assert!(backoff.pause() <= PAUSE_MIN);
        for _ in 0..10 {
            assert!(backoff.pause() <= PAUSE_MAX);
        }
        assert!(backoff.pause() >= PAUSE_MAX.mul_f64(0.8));
        backoff.reset();
        assert!(backoff.pause() <= PAUSE_MIN);
    }
}
