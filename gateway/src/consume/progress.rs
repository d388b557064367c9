//! How far a consumer instance has come.
//!
//! Positions belong to one generation of the group. When it ends they are given up in the same moment
//! (see [`Positions`]), so that a read that comes back later cannot deliver records of partitions that
//! others have by then.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use sluice_client::offsets::OffsetAndMetadata;
use sluice_client::{Assignment, Positions, TopicPartition};

/// Stands for the generation of partitions that were assigned by hand.
pub(super) const BY_HAND: i32 = -1;

/// How far a consumer instance has come.
#[derive(Debug)]
pub(super) struct Progress {
    auto_commit: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The generation the positions belong to; `None` while there are no partitions.
    generation: Option<i32>,
    positions: BTreeMap<TopicPartition, Position>,
    /// Whether positions were given up that nobody had committed, nor will.
    is_lost: bool,
}

/// A place in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Offset of the next record.
    pub(super) next: i64,
    /// The offset last committed, where it is known.
    pub(super) committed: Option<i64>,
}

impl State {
    fn uncommitted(&self) -> Vec<(TopicPartition, i64)> {
        let ahead = self.positions.iter();
        let ahead = ahead.filter(|(_, position)| position.committed != Some(position.next));
        ahead
            .map(|(at, position)| (at.clone(), position.next))
            .collect()
    }
}

impl Progress {
    pub(super) fn new(auto_commit: bool) -> Self {
        Self {
            auto_commit,
            state: Mutex::default(),
        }
    }

    /// Begins with the partitions of a generation, which has no positions yet, or goes on with it.
    pub(super) fn adopt(&self, generation: i32) {
        let mut state = self.state.lock();
        if state.generation != Some(generation) {
            state.positions.clear();
            state.generation = Some(generation);
        }
    }

    /// Begins with partitions assigned by hand. Those it had before keep their positions.
    pub(super) fn assign(&self, partitions: &[TopicPartition]) {
        let mut state = self.state.lock();
        state.generation = Some(BY_HAND);
        state.positions.retain(|at, _| partitions.contains(at));
    }

    /// Gives everything up.
    pub(super) fn clear(&self) {
        *self.state.lock() = State::default();
    }

    /// The generation the positions belong to.
    pub(super) fn generation(&self) -> Option<i32> {
        self.state.lock().generation
    }

    /// The next offset of each of the partitions, where it is known.
    pub(super) fn positions(&self, partitions: &[TopicPartition]) -> Vec<Option<i64>> {
        let state = self.state.lock();
        let positions = partitions.iter().map(|at| state.positions.get(at));
        positions
            .map(|position| position.map(|it| it.next))
            .collect()
    }

    /// Sets positions together with what is known to be committed there. Answers whether they are of
    /// the current generation; nothing is set otherwise.
    pub(super) fn place(
        &self,
        generation: i32,
        positions: impl IntoIterator<Item = (TopicPartition, Position)>,
    ) -> bool {
        let mut state = self.state.lock();
        let is_current = state.generation == Some(generation);
        if is_current {
            state.positions.extend(positions);
        }
        is_current
    }

    /// Moves positions. Answers whether they are of the current generation; nothing moves otherwise.
    pub(super) fn advance(
        &self,
        generation: i32,
        positions: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> bool {
        let mut state = self.state.lock();
        let is_current = state.generation == Some(generation);
        if is_current {
            for (at, next) in positions {
                let position = Position {
                    next,
                    committed: None,
                };
                state.positions.entry(at).or_insert(position).next = next;
            }
        }
        is_current
    }

    /// Positions that differ from what is committed.
    pub(super) fn uncommitted(&self) -> Vec<(TopicPartition, i64)> {
        self.state.lock().uncommitted()
    }

    /// Notes what was committed.
    pub(super) fn committed(&self, offsets: &[(TopicPartition, OffsetAndMetadata)]) {
        let mut state = self.state.lock();
        for (at, offset) in offsets {
            if let Some(position) = state.positions.get_mut(at) {
                position.committed = Some(offset.offset);
            }
        }
    }

    /// Whether uncommitted positions were given up since this was last asked.
    pub(super) fn take_lost(&self) -> bool {
        std::mem::take(&mut self.state.lock().is_lost)
    }
}

impl Positions for Progress {
    fn positions(&self, assignment: &Assignment) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let mut state = self.state.lock();
        if state.generation != Some(assignment.generation) {
            return Vec::new();
        }
        let uncommitted = state.uncommitted();
        *state = State {
            is_lost: !self.auto_commit && !uncommitted.is_empty(),
            ..State::default()
        };
        if !self.auto_commit {
            return Vec::new();
        }
        let offsets = uncommitted.into_iter();
        offsets
            .map(|(at, offset)| (at, OffsetAndMetadata::new(offset)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("orders", partition)
    }

    fn generation(generation: i32) -> Assignment {
        Assignment {
            generation,
            partitions: vec![at(0)],
        }
    }

    fn started(auto_commit: bool) -> Progress {
        let progress = Progress::new(auto_commit);
        progress.adopt(1);
        let position = Position {
            next: 5,
            committed: Some(5),
        };
        assert!(progress.place(1, [(at(0), position)]));
        progress
    }

    #[test]
    fn only_what_moved_is_uncommitted() {
        let progress = started(true);
        assert_eq!(progress.uncommitted(), []);
        assert!(progress.advance(1, [(at(0), 7)]));
        assert_eq!(progress.uncommitted(), [(at(0), 7)]);
        progress.committed(&[(at(0), OffsetAndMetadata::new(7))]);
        assert_eq!(progress.uncommitted(), []);
    }

    #[test]
    fn a_position_that_was_reset_is_uncommitted_as_it_is_in_java() {
        let progress = started(true);
        let reset = Position {
            next: 0,
            committed: None,
        };
        progress.place(1, [(at(1), reset)]);
        assert_eq!(progress.uncommitted(), [(at(1), 0)]);
    }

    #[test]
    fn what_is_revoked_is_committed_once_and_cannot_move_any_more() {
        let progress = started(true);
        progress.advance(1, [(at(0), 9)]);
        let revoked = Positions::positions(&progress, &generation(1));
        assert_eq!(revoked, [(at(0), OffsetAndMetadata::new(9))]);
        assert_eq!(Positions::positions(&progress, &generation(1)), []);
        assert!(!progress.advance(1, [(at(0), 10)]));
        progress.adopt(2);
        assert_eq!(progress.positions(&[at(0)]), [None]);
        assert!(!progress.take_lost());
    }

    #[test]
    fn without_auto_commit_a_revocation_is_told_to_who_would_commit() {
        let progress = started(false);
        assert_eq!(Positions::positions(&progress, &generation(1)), []);
        assert!(!progress.take_lost(), "everything was committed");
        progress.adopt(2);
        progress.advance(2, [(at(0), 9)]);
        assert_eq!(Positions::positions(&progress, &generation(2)), []);
        assert!(progress.take_lost());
        assert!(!progress.take_lost(), "told once");
    }

    #[test]
    fn partitions_assigned_by_hand_anew_keep_their_positions() {
        let progress = Progress::new(true);
        progress.assign(&[at(0), at(1)]);
        progress.advance(BY_HAND, [(at(0), 3), (at(1), 4)]);
        progress.assign(&[at(1), at(2)]);
        assert_eq!(
            progress.positions(&[at(0), at(1), at(2)]),
            [None, Some(4), None]
        );
    }
}
