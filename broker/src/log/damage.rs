//! Offsets whose records are lost: the disk changed or lost bytes that were durable.
//!
//! A [`DamagedRange`] begins behind the last whole batch before it and ends at the base offset of the
//! next whole batch in the same segment, else at the next segment's, else at the log's known durable
//! end. Its offsets are never given out again, and its bytes stay as they are.
//!
//! Those known of a log are kept in the file `damaged-ranges` beside its segments, in the style of
//! Kafka's checkpoints: the version 1, the number of ranges, a line `begin end` for each, and a line
//! `crc32c` with the checksum of all before; the version 0 had none. All of it is derived: without the
//! file, reads and the scrub find the same again. So it never says where a log ends.

use std::fmt::Write;
use std::ops::Range;

use super::checked_text::{Body, with_checksum};

/// Name of the file.
pub const DAMAGED_RANGES_FILE: &str = "damaged-ranges";
const VERSION: &str = "1";
const VERSION_WITHOUT_CHECKSUM: &str = "0";
/// Ranges that are remembered of one log. Those beyond are found again by whoever reads there.
const RANGES_MAX: usize = 10_000;

/// Offsets whose records cannot be read any more: from `begin` to before `end`, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedRange {
    /// The first offset that is lost.
    pub begin: i64,
    /// One past the last.
    pub end: i64,
}

impl DamagedRange {
    /// The range, unless it is empty.
    #[must_use]
    pub const fn new(begin: i64, end: i64) -> Option<Self> {
        match begin < end {
            true => Some(Self { begin, end }),
            false => None,
        }
    }

    /// Whether `offset` is lost.
    #[must_use]
    pub const fn contains(self, offset: i64) -> bool {
        self.begin <= offset && offset < self.end
    }

    /// What of it lies in `offsets`.
    pub(super) fn within(self, offsets: &Range<i64>) -> Option<Self> {
        Self::new(self.begin.max(offsets.start), self.end.min(offsets.end))
    }
}

/// The damaged ranges of a log, in order; none touches another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DamagedRanges(Vec<DamagedRange>);

impl DamagedRanges {
    /// What the text of a file says; `None` where it is not whole.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = Body::of(text, VERSION, VERSION_WITHOUT_CHECKSUM)?;
        let mut lines = body.text.lines();
        let count: usize = lines.next()?.parse().ok()?;
        let mut ranges = Self::default();
        for line in lines {
            let (begin, end) = line.split_once(' ')?;
            let range = DamagedRange::new(begin.parse().ok()?, end.parse().ok()?)?;
            ranges.note(range);
        }
        let is_whole = text.ends_with('\n') && ranges.0.len() == count;
        is_whole.then_some(ranges)
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{VERSION}\n{}\n", self.0.len());
        for DamagedRange { begin, end } in &self.0 {
            // Writing to a string cannot fail.
            writeln!(text, "{begin} {end}").unwrap_or_default();
        }
        with_checksum(text)
    }

    /// Adds a range, which becomes one with those it touches, and says whether that is news.
    pub fn note(&mut self, range: DamagedRange) -> bool {
        let first = self.0.partition_point(|known| known.end < range.begin);
        let past = self.0.partition_point(|known| known.begin <= range.end);
        let touched = self.0.get(first..past).unwrap_or_default();
        let is_known = |known: &DamagedRange| known.begin <= range.begin && range.end <= known.end;
        if touched.iter().any(is_known) || (touched.is_empty() && self.0.len() >= RANGES_MAX) {
            return false;
        }
        let begin = touched.first().map_or(range.begin, |known| known.begin);
        let end = touched.last().map_or(range.end, |known| known.end);
        let joined = DamagedRange {
            begin: begin.min(range.begin),
            end: end.max(range.end),
        };
        self.0.splice(first..past, [joined]);
        true
    }

    /// Forgets what lies before `offset`.
    pub fn forget_below(&mut self, offset: i64) {
        let left = self.0.drain(..);
        self.0 = left
            .filter_map(|range| range.within(&(offset..i64::MAX)))
            .collect();
    }

    /// Forgets what lies at `offset` or behind it.
    pub(super) fn forget_from(&mut self, offset: i64) {
        let left = self.0.drain(..);
        self.0 = left
            .filter_map(|range| range.within(&(i64::MIN..offset)))
            .collect();
    }

    /// Forgets a range of exactly these offsets.
    #[cfg(test)]
    pub(super) fn forget(&mut self, range: DamagedRange) {
        self.replace(range, &[]);
    }

    /// Has what is `left` of it in the place of a range of exactly these offsets, if that is known.
    pub(super) fn replace(&mut self, range: DamagedRange, left: &[DamagedRange]) {
        let Some(index) = self.0.iter().position(|known| *known == range) else {
            return;
        };
        self.0.remove(index);
        for range in left {
            self.note(*range);
        }
    }

    /// The range that holds `offset`.
    #[must_use]
    pub fn at(&self, offset: i64) -> Option<DamagedRange> {
        let index = self.0.partition_point(|known| known.end <= offset);
        let range = self.0.get(index).copied();
        range.filter(|range| range.contains(offset))
    }

    /// Whether any of `offsets` is lost.
    #[must_use]
    pub fn meets(&self, offsets: &Range<i64>) -> bool {
        let index = self.0.partition_point(|known| known.end <= offsets.start);
        let range = self.0.get(index);
        range.is_some_and(|range| range.begin < offsets.end)
    }

    /// The ranges, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[DamagedRange] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(expected: &[(i64, i64)]) -> DamagedRanges {
        let mut ranges = DamagedRanges::default();
        for (begin, end) in expected {
            ranges.note(DamagedRange::new(*begin, *end).unwrap());
        }
        ranges
    }

    /// Mutation: `note` that joins a range with none that ends where it begins.
    #[test]
    fn ranges_that_touch_become_one_and_what_is_known_is_no_news() {
        let mut known = ranges(&[(10, 20), (30, 40), (50, 60)]);
        let mut note = |begin, end| known.note(DamagedRange::new(begin, end).unwrap());
        assert!(!note(10, 20));
        assert!(!note(32, 35));
        assert!(note(20, 25));
        assert!(note(24, 51));
        assert!(note(0, 1));
        assert_eq!(known, ranges(&[(0, 1), (10, 60)]));
        assert_eq!(DamagedRange::new(5, 5), None);
    }

    /// Mutations: `at` without `contains`; `meets` that does not look at where the range begins.
    #[test]
    fn an_offset_is_lost_from_the_begin_of_a_range_to_before_its_end() {
        let known = ranges(&[(10, 20), (30, 40)]);
        for (offset, expected) in [(9, None), (10, Some(10)), (19, Some(10)), (20, None)] {
            assert_eq!(known.at(offset).map(|range| range.begin), expected);
        }
        assert!(known.meets(&(0..11)));
        assert!(!known.meets(&(0..10)));
        assert!(!known.meets(&(20..30)));
        assert!(known.meets(&(25..100)));
    }

    /// Mutation: `forget_below` that keeps ranges whole.
    #[test]
    fn what_is_below_the_log_start_is_forgotten() {
        let mut known = ranges(&[(10, 20), (30, 40)]);
        known.forget_below(10);
        assert_eq!(known, ranges(&[(10, 20), (30, 40)]));
        known.forget_below(15);
        assert_eq!(known, ranges(&[(15, 20), (30, 40)]));
        known.forget_below(40);
        assert_eq!(known, DamagedRanges::default());
    }

    /// Mutation: `parse` that does without the end of the last line.
    #[test]
    fn the_text_reads_back_and_one_that_is_not_whole_does_not() {
        let known = ranges(&[(10, 20), (30, 40)]);
        let text = known.to_text();
        assert!(text.starts_with("1\n2\n10 20\n30 40\ncrc32c "), "{text}");
        assert_eq!(DamagedRanges::parse(&text), Some(known.clone()));
        for end in 0..text.len() {
            let part = text.get(..end).unwrap();
            assert_eq!(DamagedRanges::parse(part), None, "{end}");
        }
        assert_eq!(DamagedRanges::parse(&text.replace("40", "70")), None);
        let old = "0\n2\n10 20\n30 40\n";
        assert_eq!(DamagedRanges::parse(old), Some(known));
        assert_eq!(DamagedRanges::parse("0\n2\n10 20\n30 40"), None);
        for broken in [
            "2\n0\n",
            "1\n0\n",
            "0\n1\n20 10\n",
            "0\n1\n20\n",
            "0\n2\n1 2\n2 3\n",
        ] {
            assert_eq!(DamagedRanges::parse(broken), None, "{broken:?}");
        }
    }
}
