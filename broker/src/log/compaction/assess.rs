//! Whether a log is worth compacting, and which part of it. Decisions only.
//!
//! Kafka's rules (`LogCleanerManager`): what lies behind the last compaction is dirty, up to the
//! active segment, the last stable offset and the first segment younger than `min.compaction.lag.ms`.
//! A log is due where the dirty share exceeds `min.cleanable.dirty.ratio`, or where dirty records are
//! older than `max.compaction.lag.ms`. Of all that are due the one with the largest share comes first.

use std::ops::Range;

/// How a topic is compacted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactionPolicy {
    /// Share of dirty bytes from which on compaction is due, from 0 to 1.
    pub min_dirty_ratio: f64,
    /// Age in milliseconds below which a segment is left alone.
    pub min_lag_ms: i64,
    /// Age in milliseconds at which a dirty segment is due whatever the share.
    pub max_lag_ms: i64,
    /// How long a deletion marker stays after the first compaction that saw it, in milliseconds.
    pub delete_retention_ms: i64,
    /// Largest offset index of a segment made of several, in bytes.
    pub index_bytes_max: u32,
}

/// What is known of a segment that is not written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSpan {
    /// Its first offset.
    pub base_offset: i64,
    /// One past its last offset.
    pub next_offset: i64,
    /// Bytes.
    pub size: u64,
    /// Largest timestamp of its first batch, in milliseconds, where the policy asks for it.
    pub first_timestamp: Option<i64>,
    /// Its largest timestamp, in milliseconds, where the policy asks for it.
    pub largest_timestamp: Option<i64>,
}

/// Where a log stands.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Its segments but for the active one, in order.
    pub segments: &'a [SegmentSpan],
    /// The first offset that can be read.
    pub log_start: i64,
    /// Nothing from here on may be touched: the last stable offset.
    pub stable_end: i64,
    /// One past the last offset compacted so far, where that is known.
    pub cleaned_to: Option<i64>,
    /// The wall clock, in milliseconds.
    pub now: i64,
}

/// What is to be done about a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The dirty part that may be compacted; may be empty.
    pub dirty: Range<i64>,
    /// Its share of the bytes that are clean or may be compacted.
    pub ratio: f64,
    /// Whether it is time.
    pub is_due: bool,
}

/// Looks at one log.
#[must_use]
pub fn assess(situation: &Situation<'_>, policy: &CompactionPolicy) -> Assessment {
    let first = situation.segments.first();
    let begin = first.map_or(situation.log_start, |segment| segment.base_offset);
    let end = situation.segments.last().map_or(begin, |s| s.next_offset);
    // Behind a log that lost its end, and before one that lost its start, nothing is known to be clean.
    let known = situation.cleaned_to.filter(|to| (begin..=end).contains(to));
    let from = known.unwrap_or(begin).max(situation.log_start).min(end);
    let is_dirty = |segment: &&SegmentSpan| segment.next_offset > from;
    let untouchable = |segment: &&SegmentSpan| {
        segment.next_offset > situation.stable_end || is_too_young(segment, policy, situation.now)
    };
    let dirty: Vec<&SegmentSpan> = situation.segments.iter().filter(is_dirty).collect();
    let count = dirty.iter().take_while(|s| !untouchable(s)).count();
    let dirty = dirty.get(..count).unwrap_or_default();
    let to = dirty.last().map_or(from, |segment| segment.next_offset);
    let dirty_bytes = bytes_of(dirty.iter().copied());
    let clean = situation.segments.iter().filter(|s| !is_dirty(s));
    let ratio = share(dirty_bytes, bytes_of(clean));
    let is_overdue = dirty_bytes > 0
        && dirty
            .iter()
            .filter_map(|segment| segment.first_timestamp)
            .filter(|timestamp| *timestamp >= 0)
            .any(|timestamp| situation.now.saturating_sub(timestamp) > policy.max_lag_ms);
    Assessment {
        dirty: from..to,
        ratio,
        is_due: ratio > policy.min_dirty_ratio || is_overdue,
    }
}

/// Which of these is to be compacted next, if any is due.
pub fn dirtiest<T>(assessed: impl IntoIterator<Item = (T, Assessment)>) -> Option<(T, Assessment)> {
    let due = assessed.into_iter().filter(|(_, found)| found.is_due);
    due.max_by(|(_, a), (_, b)| a.ratio.total_cmp(&b.ratio))
}

fn is_too_young(segment: &SegmentSpan, policy: &CompactionPolicy, now: i64) -> bool {
    let latest = now.saturating_sub(policy.min_lag_ms);
    policy.min_lag_ms > 0 && segment.largest_timestamp.is_some_and(|at| at > latest)
}

fn bytes_of<'a>(segments: impl Iterator<Item = &'a SegmentSpan>) -> u64 {
    segments.map(|segment| segment.size).sum()
}

/// The share of `part` in `part` and `rest`; bytes in millionths, so that nothing is rounded twice.
fn share(part: u64, rest: u64) -> f64 {
    const MILLION: u64 = 1_000_000;
    let whole = u128::from(part).saturating_add(u128::from(rest));
    let millionths = u128::from(part)
        .saturating_mul(u128::from(MILLION))
        .checked_div(whole)
        .unwrap_or_default();
    f64::from(u32::try_from(millionths).unwrap_or(u32::MAX)) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: CompactionPolicy = CompactionPolicy {
        min_dirty_ratio: 0.5,
        min_lag_ms: 0,
        max_lag_ms: i64::MAX,
        delete_retention_ms: 0,
        index_bytes_max: u32::MAX,
    };

    /// Segments of 100 bytes and 10 offsets, a second apart.
    fn segments(count: i64) -> Vec<SegmentSpan> {
        (0..count)
            .map(|index| SegmentSpan {
                base_offset: index * 10,
                next_offset: (index + 1) * 10,
                size: 100,
                first_timestamp: Some(index * 1000),
                largest_timestamp: Some(index * 1000 + 500),
            })
            .collect()
    }

    fn situation(segments: &[SegmentSpan], cleaned_to: Option<i64>) -> Situation<'_> {
        Situation {
            segments,
            log_start: 0,
            stable_end: i64::MAX,
            cleaned_to,
            now: 10_000,
        }
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-5
    }

    /// Mutation: `assess` that believes in a `cleaned_to` behind the end.
    #[test]
    fn what_is_behind_the_last_compaction_is_dirty() {
        let segments = segments(4);
        for (cleaned_to, from, ratio, is_due) in [
            (None, 0, 1.0, true),
            (Some(10), 10, 0.75, true),
            (Some(20), 20, 0.5, false),
            // In the middle of a segment, which then is dirty as a whole.
            (Some(25), 25, 0.5, false),
            (Some(40), 40, 0.0, false),
            // The log lost what was compacted.
            (Some(50), 0, 1.0, true),
        ] {
            let found = assess(&situation(&segments, cleaned_to), &POLICY);
            assert_eq!(found.dirty, from..40, "{cleaned_to:?}");
            assert!(near(found.ratio, ratio), "{cleaned_to:?}: {found:?}");
            assert_eq!(found.is_due, is_due, "{cleaned_to:?}");
        }
        assert!(!assess(&situation(&[], None), &POLICY).is_due);
    }

    /// Mutation: `assess` that does not look at the log start.
    #[test]
    fn a_log_that_begins_later_is_dirty_from_there() {
        let segments = &segments(4)[2..];
        let mut situation = situation(segments, Some(10));
        situation.log_start = 25;
        assert_eq!(assess(&situation, &POLICY).dirty, 25..40);
    }

    /// Mutation: `assess` that does not look at the last stable offset.
    #[test]
    fn nothing_behind_the_last_stable_offset_is_touched() {
        let segments = segments(4);
        let mut situation = situation(&segments, Some(10));
        situation.stable_end = 29;
        let found = assess(&situation, &POLICY);
        assert_eq!(found.dirty, 10..20);
        assert!(near(found.ratio, 0.5));
        situation.stable_end = 5;
        let found = assess(&situation, &POLICY);
        assert!(found.dirty.is_empty() && !found.is_due);
    }

    /// Mutation: `assess` that goes on behind a segment that waits.
    #[test]
    fn a_young_segment_and_those_behind_it_wait() {
        let mut segments = segments(4);
        let policy = CompactionPolicy {
            min_lag_ms: 7500,
            ..POLICY
        };
        let found = assess(&situation(&segments, None), &policy);
        assert_eq!(found.dirty, 0..30, "as old as the lag is old enough");
        segments[1].largest_timestamp = Some(2501);
        let found = assess(&situation(&segments, None), &policy);
        assert_eq!(found.dirty, 0..10);
    }

    /// Mutation: `assess` without `is_overdue`.
    #[test]
    fn an_old_dirty_record_makes_a_log_due_whatever_its_share() {
        let segments = segments(4);
        let policy = |max_lag_ms| CompactionPolicy {
            max_lag_ms,
            ..POLICY
        };
        let situation = situation(&segments, Some(30));
        assert!(!assess(&situation, &policy(7000)).is_due);
        assert!(assess(&situation, &policy(6999)).is_due);
        let clean = Situation {
            cleaned_to: Some(40),
            ..situation
        };
        assert!(!assess(&clean, &policy(1)).is_due);
    }

    /// Mutation: `dirtiest` of all logs.
    #[test]
    fn the_dirtiest_log_that_is_due_comes_first() {
        let found = |ratio, is_due| Assessment {
            dirty: 0..1,
            ratio,
            is_due,
        };
        let logs = [
            ("a", found(0.6, true)),
            ("b", found(0.9, false)),
            ("c", found(0.8, true)),
        ];
        assert_eq!(dirtiest(logs.clone()).unwrap().0, "c");
        assert_eq!(dirtiest([logs[1].clone()]), None);
    }
}
