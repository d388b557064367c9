//! What follows from how much is free on the disk. Decisions only.
//!
//! Records of users are refused before the last byte is gone, so that what was taken before still
//! fits, and taken again only when clearly more is free than where they were refused: a disk that
//! hovers at one limit must not open and shut with every batch. What the broker itself has to write
//! lives on what is left, and on the reserve.
//!
//! A disk that has room for bytes and not for files is full as well. How many files are to be left is no setting: it
//! is what a few hundred partitions make with their first records, and what else goes on needs a handful.

use crate::log::storage::Free;

/// Files that can still be made at least, or else records are refused.
const INODES_MIN: u64 = 1000;
/// The same below which only deletions are carried out.
pub(in crate::log) const INODES_FLOOR: u64 = INODES_MIN / 4;

/// How much is to stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceConfig {
    /// Bytes that are free at least, or else records are refused.
    pub free_min: u64,
    /// Bytes of the reserve, at least 4.
    pub reserve_bytes: u64,
}

impl Default for SpaceConfig {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            free_min: 256 * MIB,
            reserve_bytes: 64 * MIB,
        }
    }
}

/// What the disk still has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Everything.
    Enough,
    /// What the broker itself has to write: committed offsets, deletions, upkeep. No records of users.
    Low,
    /// Deletions and upkeep, perhaps.
    #[default]
    Exhausted,
}

/// What is seen of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// What is free, less what is on its way.
    pub(super) free: Free,
    /// Whether the reserve is there.
    pub(super) is_held: bool,
    /// Whether the disk refused a write since the last look.
    pub(super) is_refused: bool,
}

/// What is to be done with the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserve {
    /// Nothing.
    Leave,
    /// To be given back to the disk.
    GiveBack,
    /// To be taken from the disk; then another look is due.
    Take,
}

impl SpaceConfig {
    /// Below this records are refused.
    const fn least(&self) -> Free {
        Free {
            bytes: self.free_min,
            inodes: INODES_MIN,
        }
    }

    /// What is free when records are taken again.
    pub(super) const fn enough_at(&self) -> Free {
        Free {
            bytes: self.free_min.saturating_add(self.free_min / 4),
            inodes: INODES_MIN.saturating_add(INODES_MIN / 4),
        }
    }

    /// Below this the reserve is given back, and then only deletions are carried out.
    const fn floor(&self) -> Free {
        Free {
            bytes: self.reserve_bytes / 4,
            inodes: INODES_FLOOR,
        }
    }

    /// What there is room for, and what becomes of the reserve.
    pub(super) const fn decide(&self, was: Room, sight: Sight) -> (Room, Reserve) {
        match sight.is_held {
            true => self.with_reserve(was, sight),
            false => self.without_reserve(was, sight),
        }
    }

    const fn with_reserve(&self, was: Room, sight: Sight) -> (Room, Reserve) {
        if sight.is_refused || is_below(sight.free, self.floor()) {
            return (Room::Low, Reserve::GiveBack);
        }
        let limit = match was {
            Room::Enough => self.least(),
            Room::Low | Room::Exhausted => self.enough_at(),
        };
        match is_below(sight.free, limit) {
            true => (Room::Low, Reserve::Leave),
            false => (Room::Enough, Reserve::Leave),
        }
    }

    const fn without_reserve(&self, was: Room, sight: Sight) -> (Room, Reserve) {
        let mut whole = self.enough_at();
        whole.bytes = whole.bytes.saturating_add(self.reserve_bytes);
        if !sight.is_refused && !is_below(sight.free, whole) {
            return (Room::Low, Reserve::Take);
        }
        let mut limit = self.floor();
        if matches!(was, Room::Exhausted) {
            limit.bytes = limit.bytes.saturating_mul(2);
            limit.inodes = limit.inodes.saturating_mul(2);
        }
        match sight.is_refused || is_below(sight.free, limit) {
            true => (Room::Exhausted, Reserve::Leave),
            false => (Room::Low, Reserve::Leave),
        }
    }
}

/// Whether less is free than this, of one thing or the other.
const fn is_below(free: Free, limit: Free) -> bool {
    free.bytes < limit.bytes || free.inodes < limit.inodes
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: SpaceConfig = SpaceConfig {
        free_min: 1000,
        reserve_bytes: 400,
    };

    const fn seen(bytes: u64, is_held: bool) -> Sight {
        with_inodes(bytes, u64::MAX, is_held)
    }

    const fn with_inodes(bytes: u64, inodes: u64, is_held: bool) -> Sight {
        Sight {
            free: Free { bytes, inodes },
            is_held,
            is_refused: false,
        }
    }

    /// Fails where `with_reserve` takes `free_min` for the limit whatever there was.
    #[test]
    fn a_disk_at_its_limit_does_not_open_before_clearly_more_is_free() {
        let decide = |was, free| CONFIG.decide(was, seen(free, true)).0;
        assert_eq!(decide(Room::Enough, 1000), Room::Enough);
        assert_eq!(decide(Room::Enough, 999), Room::Low);
        assert_eq!(decide(Room::Low, 1249), Room::Low);
        assert_eq!(decide(Room::Low, 1250), Room::Enough);
    }

    /// Fails where `with_reserve` does not look at `is_refused`.
    #[test]
    fn the_reserve_is_given_back_when_the_disk_refuses_or_little_is_left() {
        let refused = Sight {
            is_refused: true,
            ..seen(u64::MAX, true)
        };
        for sight in [refused, seen(99, true)] {
            for was in [Room::Enough, Room::Low, Room::Exhausted] {
                let decided = CONFIG.decide(was, sight);
                assert_eq!(decided, (Room::Low, Reserve::GiveBack), "{sight:?}");
            }
        }
        assert_eq!(CONFIG.decide(Room::Low, seen(100, true)).1, Reserve::Leave);
    }

    /// Fails where `without_reserve` returns `Room::Enough` with [`Reserve::Take`].
    #[test]
    fn nothing_is_taken_again_before_the_reserve_is_there() {
        for was in [Room::Low, Room::Exhausted] {
            let decided = CONFIG.decide(was, seen(1649, false));
            assert_eq!(decided, (Room::Low, Reserve::Leave));
            let decided = CONFIG.decide(was, seen(1650, false));
            assert_eq!(decided, (Room::Low, Reserve::Take));
        }
        // What is left then is enough.
        assert_eq!(CONFIG.decide(Room::Low, seen(1250, true)).0, Room::Enough);
    }

    /// Mutation: `is_below` that looks at bytes alone.
    #[test]
    fn a_disk_that_takes_no_more_files_is_full_however_many_bytes_are_free() {
        let decide = |was, inodes| CONFIG.decide(was, with_inodes(1 << 40, inodes, true));
        assert_eq!(decide(Room::Enough, 1000).0, Room::Enough);
        assert_eq!(decide(Room::Enough, 999), (Room::Low, Reserve::Leave));
        assert_eq!(decide(Room::Low, 1249), (Room::Low, Reserve::Leave));
        assert_eq!(decide(Room::Low, 1250).0, Room::Enough);
        assert_eq!(decide(Room::Low, 249), (Room::Low, Reserve::GiveBack));
        let decide = |was, inodes| CONFIG.decide(was, with_inodes(1 << 40, inodes, false));
        assert_eq!(decide(Room::Low, 249).0, Room::Exhausted);
        assert_eq!(decide(Room::Exhausted, 499).0, Room::Exhausted);
        assert_eq!(decide(Room::Exhausted, 500).0, Room::Low);
        assert_eq!(decide(Room::Low, 1249), (Room::Low, Reserve::Leave));
        assert_eq!(decide(Room::Low, 1250), (Room::Low, Reserve::Take));
    }

    /// Fails where `without_reserve` takes `floor` for the limit whatever there was.
    #[test]
    fn the_last_of_the_reserve_is_for_deletions() {
        let decide = |was, free| CONFIG.decide(was, seen(free, false)).0;
        assert_eq!(decide(Room::Low, 100), Room::Low);
        assert_eq!(decide(Room::Low, 99), Room::Exhausted);
        assert_eq!(decide(Room::Exhausted, 199), Room::Exhausted);
        assert_eq!(decide(Room::Exhausted, 200), Room::Low);
        let refused = Sight {
            is_refused: true,
            ..seen(u64::MAX, false)
        };
        assert_eq!(CONFIG.decide(Room::Low, refused).0, Room::Exhausted);
    }
}
