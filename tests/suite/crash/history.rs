//! What producers were told and what a log holds, and whether the two agree.
//!
//! It does not know how either was learned: from our client or another, before a kill or after.

use std::collections::{BTreeMap, BTreeSet};

/// Where a record is: partition and offset.
pub(super) type Place = (i32, i64);

/// Which record it is: its producer, and its number among what that producer wrote to the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) producer: i64,
    pub(super) number: i64,
}

/// A record somebody was told is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) partition: i32,
    /// `None` where the broker only said that it had the record already.
    pub(super) offset: Option<i64>,
    pub(super) mark: Mark,
}

/// Everything a log holds.
pub(super) type Log = BTreeMap<Place, Mark>;

/// Each acknowledged record is in `log`, where it was said to be; each producer's records are there once and in order; no
/// offset is left out.
///
/// # Panics
/// If not, with what is wrong.
pub(super) fn judge(acknowledged: &[Acknowledged], log: &Log) {
    let kept: BTreeSet<(i32, Mark)> = log
        .iter()
        .map(|(&(partition, _), &mark)| (partition, mark))
        .collect();
    for told in acknowledged {
        let is_kept = match told.offset {
            Some(offset) => log.get(&(told.partition, offset)) == Some(&told.mark),
            None => kept.contains(&(told.partition, told.mark)),
        };
        assert!(is_kept, "{told:?} is lost");
    }
    let mut last: BTreeMap<(i32, i64), i64> = BTreeMap::new();
    let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
    for (&(partition, offset), mark) in log {
        let end = ends.entry(partition).or_default();
        assert_eq!(
            offset, *end,
            "partition {partition} jumps over offset {end}"
        );
        *end += 1;
        let before = last.insert((partition, mark.producer), mark.number);
        assert!(
            before < Some(mark.number),
            "{mark:?} follows {before:?} at {offset} of {partition}"
        );
    }
}

/// The log has not changed where somebody has seen it before.
///
/// # Panics
/// If it has.
pub(super) fn judge_growth(seen: &Log, log: &Log) {
    for (place, mark) in seen {
        assert_eq!(
            log.get(place),
            Some(mark),
            "what was read at {place:?} has changed"
        );
    }
}

const fn mark(producer: i64, number: i64) -> Mark {
    Mark { producer, number }
}

const fn told(partition: i32, offset: i64, mark: Mark) -> Acknowledged {
    let offset = Some(offset);
    Acknowledged {
        partition,
        offset,
        mark,
    }
}

#[test]
fn a_log_that_rises_and_has_every_acknowledged_record_is_right() {
    let log = [
        ((0, 0), mark(1, 5)),
        ((0, 1), mark(2, 1)),
        ((0, 2), mark(1, 7)),
        ((1, 0), mark(1, 6)),
    ];
    let unplaced = Acknowledged {
        offset: None,
        ..told(0, 0, mark(1, 7))
    };
    let told = [told(0, 0, mark(1, 5)), told(1, 0, mark(1, 6)), unplaced];
    judge(&told, &log.into());
    judge_growth(&log[..2].iter().copied().collect(), &log.into());
}

#[test]
#[should_panic(expected = "is lost")]
fn a_lost_record_is_noticed() {
    let told = [told(0, 0, mark(1, 5)), told(0, 1, mark(1, 6))];
    judge(&told, &[((0, 0), mark(1, 5))].into());
}

#[test]
#[should_panic(expected = "is lost")]
fn a_lost_record_without_an_offset_is_noticed() {
    let told = Acknowledged {
        offset: None,
        ..told(0, 0, mark(1, 6))
    };
    judge(&[told], &[((0, 0), mark(1, 5))].into());
}

#[test]
#[should_panic(expected = "is lost")]
fn a_record_at_another_offset_is_noticed() {
    let log = [((0, 0), mark(2, 1)), ((0, 1), mark(1, 5))];
    judge(&[told(0, 0, mark(1, 5))], &log.into());
}

#[test]
#[should_panic(expected = "follows Some(5)")]
fn a_repeated_record_is_noticed() {
    let log = [
        ((0, 0), mark(1, 5)),
        ((0, 1), mark(2, 9)),
        ((0, 2), mark(1, 5)),
    ];
    judge(&[told(0, 0, mark(1, 5))], &log.into());
}

#[test]
#[should_panic(expected = "follows Some(6)")]
fn a_late_record_is_noticed() {
    let log = [((0, 0), mark(1, 6)), ((0, 1), mark(1, 5))];
    judge(&[told(0, 0, mark(1, 6))], &log.into());
}

#[test]
#[should_panic(expected = "jumps over offset 1")]
fn a_hole_is_noticed() {
    judge(&[], &[((0, 0), mark(1, 5)), ((0, 2), mark(1, 6))].into());
}

#[test]
#[should_panic(expected = "at (0, 0) has changed")]
fn a_record_that_changed_after_it_was_read_is_noticed() {
    judge_growth(
        &[((0, 0), mark(1, 5))].into(),
        &[((0, 0), mark(2, 1))].into(),
    );
}
