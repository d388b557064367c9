//! Whether the program serves, drains or has failed, and who must know.
//!
//! Readiness is derived, never set: it is the phase plus the checks of the parts, asked at the moment
//! of the question.

use std::fmt;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Where the program is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything listens.
    Serving,
    /// A stop was asked for; requests under way are finished, streams end.
    Draining,
    /// The bundled broker can no longer keep what it acknowledges; the process is about to exit.
    Failed {
        /// What happened.
        reason: String,
    },
}

/// A question to one part: `None` when it can serve, else why not.
type Check = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// The phase and the checks.
pub struct Lifecycle {
    phase: watch::Sender<Phase>,
    checks: Vec<Check>,
    cautions: Mutex<Vec<Check>>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            checks: Vec::new(),
            cautions: Mutex::default(),
        }
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("phase", &*self.phase.borrow())
            .finish_non_exhaustive()
    }
}

impl Lifecycle {
    /// Adds a part whose state decides about readiness.
    pub fn check(&mut self, check: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.checks.push(Box::new(check));
    }

    /// Adds a part that may refuse some of what it is asked while all else is served: that does not end
    /// readiness, but is told.
    pub fn caution(&self, check: impl Fn() -> Option<String> + Send + Sync + 'static) {
        self.cautions.lock().push(Box::new(check));
    }

    /// What is refused now though the rest is served; empty as a rule.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        self.cautions
            .lock()
            .iter()
            .filter_map(|check| check())
            .collect()
    }

    /// Stops being ready and ends streams. A failure is not forgotten by draining.
    pub fn drain(&self) {
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
    }

    /// Stops being ready for good.
    pub fn fail(&self, reason: String) {
        self.phase.send_replace(Phase::Failed { reason });
    }

    /// Why requests should not come here now; empty when they should.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let phase = match &*self.phase.borrow() {
            Phase::Serving => None,
            Phase::Draining => Some("shutting down".to_owned()),
            Phase::Failed { reason } => Some(reason.clone()),
        };
        phase
            .into_iter()
            .chain(self.checks.iter().filter_map(|check| check()))
            .collect()
    }

    /// Resolves when the program no longer serves: long polls answer what they have, streams end.
    pub async fn ended(&self) {
        let mut phases = self.phase.subscribe();
        // The sender lives in `self`, so waiting can only end with the phase.
        let _phase = phases.wait_for(|phase| *phase != Phase::Serving).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_every_part_that_cannot_serve() {
        let mut lifecycle = Lifecycle::default();
        lifecycle.check(|| None);
        assert!(lifecycle.reasons().is_empty());
        lifecycle.check(|| Some("no broker answers".to_owned()));
        lifecycle.drain();
        assert_eq!(lifecycle.reasons(), ["shutting down", "no broker answers"]);
    }

    #[test]
    fn what_is_refused_while_all_else_is_served_is_told_and_is_no_reason() {
        let lifecycle = Lifecycle::default();
        lifecycle.caution(|| Some("disk full".to_owned()));
        lifecycle.caution(|| None);
        assert_eq!(lifecycle.cautions(), ["disk full"]);
        assert!(lifecycle.reasons().is_empty());
    }

    #[test]
    fn a_failure_is_not_forgotten_by_draining() {
        let lifecycle = Lifecycle::default();
        lifecycle.fail("disk is gone".to_owned());
        lifecycle.drain();
        assert_eq!(lifecycle.reasons(), ["disk is gone"]);
    }

    #[tokio::test]
    async fn streams_end_when_draining_starts() {
        let lifecycle = Lifecycle::default();
        lifecycle.drain();
        lifecycle.ended().await;
    }
}
