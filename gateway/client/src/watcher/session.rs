//! A fetch session (KIP-227): the broker remembers the partitions, a request says what changed.
//!
//! Pure. Where the broker grants no session every request names every partition.

/// What a request must say of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) id: i32,
    pub(super) epoch: i32,
    /// Whether the request must name every partition.
    pub(super) is_full: bool,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
}

impl Session {
    /// A request outside every session.
    pub(super) const OUTSIDE: Step = Step {
        id: 0,
        epoch: -1,
        is_full: true,
    };

    /// The next request: the first of a session, or one that goes on with it.
    pub(super) const fn step(&self) -> Step {
        Step {
            id: self.id,
            epoch: self.epoch,
            is_full: self.id == 0,
        }
    }

    /// Takes in the session id of an answer; 0 where the broker grants no session.
    pub(super) const fn answered(&mut self, id: i32) {
        if id == 0 {
            self.reset();
        } else if id == self.id {
            // Wraps to 1, because 0 begins a session.
            self.epoch = if self.epoch == i32::MAX {
                1
            } else {
                self.epoch + 1
            };
        } else {
            self.id = id;
            self.epoch = 1;
        }
    }

    /// Begins anew, after an error or with another connection.
    pub(super) const fn reset(&mut self) {
        self.id = 0;
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Step = Step {
        id: 0,
        epoch: 0,
        is_full: true,
    };

    #[test]
    fn a_session_counts_its_requests_and_wraps_past_its_beginning() {
        let mut session = Session::default();
        assert_eq!(session.step(), FIRST);
        session.answered(7);
        let second = Step {
            id: 7,
            epoch: 1,
            is_full: false,
        };
        assert_eq!(session.step(), second);
        session.answered(7);
        assert_eq!(session.step().epoch, 2);
        session.epoch = i32::MAX;
        session.answered(7);
        assert_eq!(session.step().epoch, 1);
    }

    #[test]
    fn without_a_session_every_request_is_a_first_one() {
        let mut session = Session::default();
        session.answered(0);
        assert_eq!(session.step(), FIRST);
        session.answered(7);
        session.answered(0);
        assert_eq!(session.step(), FIRST);
    }
}
