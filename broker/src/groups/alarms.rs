//! When which group has to be looked at: one queue and one task for all of them.

use std::collections::BTreeSet;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::model::GroupId;

/// The queue. A group is in it at most once; the registry knows when.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    queue: Mutex<BTreeSet<(Instant, GroupId)>>,
    changed: Notify,
}

impl Alarms {
    /// Moves the alarm of a group.
    pub(crate) fn set(&self, group: &GroupId, before: Option<Instant>, at: Instant) {
        let mut queue = self.queue.lock();
        if let Some(before) = before {
            queue.remove(&(before, group.clone()));
        }
        queue.insert((at, group.clone()));
        if queue.first().is_some_and(|(first, _)| *first == at) {
            self.changed.notify_one();
        }
    }

    /// Takes out the alarm of a group.
    pub(crate) fn cancel(&self, group: &GroupId, at: Instant) {
        self.queue.lock().remove(&(at, group.clone()));
    }

    /// Takes out what is due.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<GroupId> {
        let mut queue = self.queue.lock();
        let mut due = Vec::new();
        while let Some((at, _)) = queue.first() {
            if *at > now {
                break;
            }
            due.extend(queue.pop_first().map(|(_, group)| group));
        }
        due
    }

    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.lock().first().map(|(at, _)| *at)
    }

    /// Waits until an earlier one may have been set, or [`Alarms::wake`].
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Ends one [`Alarms::changed`].
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }
}
