//! When did an offset arrive? A bounded memory of where a partition ended at which time.
//!
//! Each cycle adds one point (time, end). A record at offset `o` arrived between the last point whose
//! end is at most `o` and the next one, so its age is known to within that gap. Points that a
//! straight line between their neighbours predicts well enough are dropped, so a steady partition
//! needs few of them. Before the first point nothing is extrapolated: a falsely small age is worse
//! than none.

use std::collections::VecDeque;

use super::sample::Millis;

/// Points kept for one partition. Beyond it the oldest go, and very old offsets become `Before`.
const POINTS_MAX: usize = 512;
/// How far a dropped point may lie off the line, in milliseconds.
const TOLERANCE_MILLIS: Millis = 1_000;

/// Ends of one partition over time. Times and ends both grow.
#[derive(Clone, Debug, Default)]
pub struct EndHistory {
    points: VecDeque<Point>,
    /// Slopes, in milliseconds a record, of the lines from the last point but one that pass close
    /// enough to every point dropped since.
    door: Door,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    at: Millis,
    end: i64,
    /// Latest sample at which the end was still the same.
    until: Millis,
    /// The longest time between two samples on the way here from the point before.
    gap: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Door {
    least: f64,
    most: f64,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            least: f64::NEG_INFINITY,
            most: f64::INFINITY,
        }
    }
}

impl Door {
    fn contains(self, slope: f64) -> bool {
        self.least <= slope && slope <= self.most
    }

    /// The door once `point` is dropped too.
    fn narrowed(self, from: Point, point: Point) -> Self {
        Self {
            least: self.least.max(slope(from, point, -TOLERANCE_MILLIS)),
            most: self.most.min(slope(from, point, TOLERANCE_MILLIS)),
        }
    }
}

/// Milliseconds a record on the way from one point to another, the latter shifted in time.
fn slope(from: Point, to: Point, shift: Millis) -> f64 {
    let rise = to.end.saturating_sub(from.end);
    let span = to.at.saturating_sub(from.until).saturating_add(shift);
    approximate(span) / approximate(rise.max(1))
}

#[expect(
    clippy::as_conversions,
    reason = "a slope needs no more precision than an f64 has"
)]
const fn approximate(number: i64) -> f64 {
    number as f64
}

/// When an offset arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// At `at`, give or take `error`.
    At {
        /// Estimated time.
        at: Millis,
        /// Milliseconds it may be off, either way.
        error: Millis,
    },
    /// Before the memory begins, at `at`.
    Before {
        /// When the memory begins.
        at: Millis,
    },
    /// Not yet, as far as the memory goes.
    NotYet,
}

impl EndHistory {
    /// Adds that the partition ended at `end` at time `at`. A lower end than before means that the
    /// log was truncated: points above it are forgotten.
    pub fn record(&mut self, at: Millis, end: i64) {
        while self.points.back().is_some_and(|last| last.end > end) {
            self.points.pop_back();
        }
        match self.points.back_mut() {
            Some(last) if last.end == end => last.until = last.until.max(at),
            Some(last) if last.until >= at => {}
            Some(last) => {
                let gap = at - last.until;
                self.push(Point {
                    at,
                    end,
                    until: at,
                    gap,
                });
            }
            None => self.push(Point {
                at,
                end,
                until: at,
                gap: 0,
            }),
        }
    }

    fn push(&mut self, mut point: Point) {
        match self.dropping_last(point) {
            Some((door, gap)) => {
                self.door = door;
                self.points.pop_back();
                point.gap = point.gap.max(gap);
            }
            None => self.door = Door::default(),
        }
        self.points.push_back(point);
        if self.points.len() > POINTS_MAX {
            self.points.pop_front();
        }
    }

    /// The door and the gap left when the last point is dropped for `next`, or `None` where the line
    /// to `next` would stray too far from it or from one dropped before.
    fn dropping_last(&self, next: Point) -> Option<(Door, Millis)> {
        let from = *self.points.get(self.points.len().checked_sub(2)?)?;
        let last = *self.points.back()?;
        let door = self.door.narrowed(from, last);
        let stood_still = last.until != last.at;
        (!stood_still && door.contains(slope(from, next, 0))).then_some((door, last.gap))
    }

    /// When the record at `offset` arrived.
    #[must_use]
    pub fn arrival(&self, offset: i64) -> Arrival {
        let after = self.points.partition_point(|point| point.end <= offset);
        let Some(next) = self.points.get(after) else {
            return Arrival::NotYet;
        };
        let Some(before) = after
            .checked_sub(1)
            .and_then(|index| self.points.get(index))
        else {
            return Arrival::Before { at: next.at };
        };
        let at = interpolate(before.until, before.end, next.at, next.end, offset);
        let apart = (at - before.until).max(next.at - at);
        Arrival::At {
            at,
            error: apart.min(next.gap.saturating_add(TOLERANCE_MILLIS)),
        }
    }
}

/// Time at which a line through two points reaches `end`.
fn interpolate(from: Millis, from_end: i64, to: Millis, to_end: i64, end: i64) -> Millis {
    let rise = i128::from(to_end) - i128::from(from_end);
    let part = i128::from(end) - i128::from(from_end);
    let span = i128::from(to) - i128::from(from);
    let offset = (span * part).checked_div(rise).unwrap_or(0);
    i64::try_from(i128::from(from) + offset).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(points: &[(Millis, i64)]) -> EndHistory {
        let mut history = EndHistory::default();
        for (at, end) in points {
            history.record(*at, *end);
        }
        history
    }

    #[test]
    fn an_offset_arrived_between_the_samples_around_it() {
        let history = history(&[(0, 0), (5_000, 100), (10_000, 100), (15_000, 300)]);
        assert_eq!(
            history.arrival(50),
            Arrival::At {
                at: 2_500,
                error: 2_500
            }
        );
        assert_eq!(
            history.arrival(99),
            Arrival::At {
                at: 4_950,
                error: 4_950
            }
        );
        // The end stood still until 10 s, so the next record came after that.
        assert_eq!(
            history.arrival(100),
            Arrival::At {
                at: 10_000,
                error: 5_000
            }
        );
        assert_eq!(history.arrival(300), Arrival::NotYet);
    }

    #[test]
    fn what_is_older_than_the_memory_is_never_guessed() {
        let history = history(&[(60_000, 500), (65_000, 600)]);
        assert_eq!(history.arrival(10), Arrival::Before { at: 60_000 });
        assert_eq!(
            history.arrival(500),
            Arrival::At {
                at: 60_000,
                error: 5_000
            }
        );
        assert_eq!(EndHistory::default().arrival(0), Arrival::NotYet);
    }

    #[test]
    fn a_steady_partition_needs_few_points_and_stays_within_the_tolerance() {
        let mut history = EndHistory::default();
        for cycle in 0..10_000 {
            history.record(cycle * 5_000, cycle * 1_000);
        }
        assert!(history.points.len() < 10, "{} points", history.points.len());
        for cycle in (10..9_000).step_by(97) {
            let Arrival::At { at, .. } = history.arrival(cycle * 1_000) else {
                panic!("{cycle}")
            };
            assert!(
                (at - cycle * 5_000).abs() <= TOLERANCE_MILLIS,
                "{cycle}: {at}"
            );
        }
    }

    #[test]
    fn a_truncated_log_forgets_what_was_above_its_new_end() {
        let mut history = history(&[(0, 0), (5_000, 100), (10_000, 200)]);
        history.record(15_000, 50);
        history.record(20_000, 150);
        assert_eq!(history.arrival(150), Arrival::NotYet);
        assert_eq!(
            history.arrival(100),
            Arrival::At {
                at: 17_500,
                error: 2_500
            }
        );
    }

    #[test]
    fn an_estimate_is_off_by_no_more_than_it_admits() {
        // A rate that keeps changing: each record's true arrival is on the line between its samples.
        let ends: Vec<i64> = (0..3_000_i64)
            .scan(0, |end, cycle| {
                *end += 500 + (cycle * cycle) % 900;
                Some(*end)
            })
            .collect();
        let mut history = EndHistory::default();
        for (cycle, end) in (0..).zip(&ends) {
            history.record(cycle * 5_000, *end);
        }
        for (cycle, end) in (0_i64..).zip(&ends) {
            if let Arrival::At { at, error } = history.arrival(*end) {
                assert!(
                    (at - cycle * 5_000).abs() <= error,
                    "{cycle}: {at} +- {error}"
                );
                assert!(error <= 5_000 + TOLERANCE_MILLIS, "{cycle}: {error}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_whatever_the_partition_does() {
        let mut history = EndHistory::default();
        let mut end = 0;
        for cycle in 0..5_000_i64 {
            end += (cycle % 7) * 1_000 + 1;
            history.record(cycle * 5_000, end);
        }
        assert!(history.points.len() <= POINTS_MAX);
    }
}
