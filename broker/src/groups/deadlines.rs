//! When something of a group is due.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::model::MemberId;

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The join barrier.
    Join,
    /// The sync barrier.
    Sync,
    /// A member, or one that was promised a place, has been silent for too long.
    Member(MemberId),
}

/// At most one deadline for each timer.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    queue: BTreeSet<(Instant, Timer)>,
    set: HashMap<Timer, Instant>,
}

impl Deadlines {
    /// Sets a timer, in place of what it was set to.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(before) = self.set.insert(timer.clone(), at) {
            self.queue.remove(&(before, timer.clone()));
        }
        self.queue.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.set.remove_entry(timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// The first timer due at `now`, which is cancelled with that.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.set.remove(&timer);
        Some(timer)
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_are_due_in_order_and_only_as_last_set() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        deadlines.set(Timer::Join, at(1));
        deadlines.set(Timer::Sync, at(2));
        deadlines.set(Timer::Join, at(3));
        assert_eq!(deadlines.next(), Some(at(2)));
        assert_eq!(deadlines.pop(at(1)), None);
        assert_eq!(deadlines.pop(at(3)), Some(Timer::Sync));
        assert_eq!(deadlines.pop(at(3)), Some(Timer::Join));
        assert_eq!(deadlines.pop(at(9)), None);

        deadlines.set(Timer::Join, at(4));
        deadlines.cancel(&Timer::Join);
        assert_eq!(deadlines.next(), None);
    }
}
