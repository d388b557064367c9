//! The life of a broker, as its connections see it.

use tokio::sync::watch;

/// Where a broker is in its life; it only ever moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serving.
    Running,
    /// Answering what was asked, reading nothing more.
    Draining,
    /// Connections end at once.
    Closed,
}

/// Moves a broker on.
#[derive(Debug)]
pub(crate) struct PhaseSwitch(watch::Sender<Phase>);

/// Follows the phase. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PhaseWatch(watch::Receiver<Phase>);

impl PhaseSwitch {
    /// A broker that is running.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }

    /// Moves on to `phase`; never back.
    pub(crate) fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        });
    }

    /// A watch of this switch.
    pub(crate) fn watch(&self) -> PhaseWatch {
        PhaseWatch(self.0.subscribe())
    }
}

impl PhaseWatch {
    /// Resolves once the broker has reached `phase`, or its switch is gone.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut watch = self.0.clone();
        // An error means that the switch is gone, which ends everything that waits on it.
        drop(watch.wait_for(|current| *current >= phase).await);
    }

    /// Whether the broker still takes requests.
    pub(crate) fn is_running(&self) -> bool {
        *self.0.borrow() == Phase::Running
    }
}
