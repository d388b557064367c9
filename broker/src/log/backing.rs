//! What the commit log has of one log, and what that tells of its segments where the recovery points are lost.
//!
//! Whatever a log got is in the commit log until it is durable in the segments (before its durability changes to
//! `group`, all is), so all before the first batch there is durable: a lower bound of the recovery point. Behind that,
//! what is not whole in the segments was on its way where the commit log brings it back. Else nobody knows, and nothing
//! is cut that may have been durable: what is followed by something sound, what the disk could not read, and the end of
//! the metadata.

use std::ops::Range;

use super::LogKey;

/// What the commit log has of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backing {
    /// The base offset of its first batch.
    first: Option<i64>,
    /// Its last offsets, none of which is missing.
    run: Range<i64>,
    are_points_lost: bool,
}

impl Backing {
    /// What batches tell, of each the first and the last offset, oldest first.
    pub(crate) fn of(offsets: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut backing = Self::default();
        for (base_offset, last_offset) in offsets {
            backing.add(base_offset, last_offset);
        }
        backing
    }

    /// Takes note of the next batch.
    pub(crate) fn add(&mut self, base_offset: i64, last_offset: i64) {
        let first = *self.first.get_or_insert(base_offset);
        if first == base_offset || self.run.end != base_offset {
            self.run.start = base_offset;
        }
        self.run.end = last_offset.saturating_add(1);
    }

    /// The same, for a log whose recovery point is lost.
    pub(crate) fn without_point(self) -> Self {
        Self {
            are_points_lost: true,
            ..self
        }
    }

    /// Whether there was a recovery point that nobody knows any more.
    pub(crate) const fn are_points_lost(&self) -> bool {
        self.are_points_lost
    }

    /// An offset before which everything is durable in the segments.
    pub(crate) fn point(&self) -> i64 {
        self.first.unwrap_or_default()
    }

    /// One past the last offset that the commit log has, where it has all from `offset` on.
    pub(crate) fn end_of_run(&self, offset: i64) -> Option<i64> {
        self.run.contains(&offset).then_some(self.run.end)
    }

    /// Whether what is not whole at `offset`, and has something sound behind it, may have been durable, though it is
    /// behind what is known to be.
    pub(crate) fn may_have_lost(&self, offset: i64) -> bool {
        self.are_points_lost && !self.run.contains(&offset)
    }

    /// As [`Backing::may_have_lost`], where nothing sound is behind it. Only metadata are never cut for that, and
    /// what could not be read.
    pub(crate) fn may_have_lost_end(&self, offset: i64, key: LogKey, is_readable: bool) -> bool {
        self.may_have_lost(offset) && (key == LogKey::METADATA || !is_readable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_last_batches_without_a_gap_comes_back() {
        let backing = Backing::of([(5, 6), (7, 7), (10, 12), (13, 13)]).without_point();
        assert_eq!(backing.point(), 5);
        let comes_back = |offset: &i64| !backing.may_have_lost(*offset);
        let back: Vec<_> = (0..20).filter(comes_back).collect();
        assert_eq!(back, [10, 11, 12, 13]);
    }

    #[test]
    fn where_the_point_is_known_it_tells_what_was_durable() {
        let backing = Backing::of([]);
        assert!(!backing.may_have_lost_end(3, LogKey::METADATA, false));
        let backing = backing.without_point();
        assert!(backing.may_have_lost_end(3, LogKey::METADATA, true));
        let key = LogKey {
            partition: 0,
            ..LogKey::METADATA
        };
        assert!(!backing.may_have_lost_end(3, key, true));
        assert!(backing.may_have_lost_end(3, key, false));
    }
}
