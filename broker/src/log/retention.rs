//! Which segments are due to be dropped. Decisions only; [`super::PartitionLog::retain`] acts.
//!
//! Kafka's rules: whole segments, oldest first, and only below the high watermark. A segment goes
//! when it lies below the log start; when the partition without it still has `retention.bytes`; or
//! when its largest timestamp is older than `retention.ms`. That of one without timestamps is the time
//! its file was last written to, so that it holds back those behind it no longer than it should.

use super::Retention;

/// What is known of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// One past its last offset.
    pub next_offset: i64,
    /// Bytes.
    pub size: u64,
    /// The largest timestamp, or what stands for it, in milliseconds.
    pub largest_timestamp: i64,
}

/// Where a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    /// The first offset that can be read.
    pub log_start: i64,
    /// One past the last offset that may be dropped.
    pub high_watermark: i64,
    /// The wall clock, in milliseconds.
    pub now: i64,
}

/// How many of the oldest segments are due. The active one may be among them; it is sealed first.
#[must_use]
pub fn due(segments: &[SegmentFacts], retention: Retention, facts: PartitionFacts) -> usize {
    let total: u64 = segments.iter().map(|segment| segment.size).sum();
    let mut excess = retention
        .bytes
        .map(|limit| total.saturating_sub(limit))
        .unwrap_or_default();
    // An empty segment holds nothing to drop but the end of the log.
    let segments = match segments.split_last() {
        Some((last, before)) if last.size == 0 => before,
        Some(_) | None => segments,
    };
    let mut count = 0;
    for segment in segments {
        let is_below_start = segment.next_offset <= facts.log_start;
        let is_excess = segment.size <= excess && excess > 0;
        let age = facts.now.saturating_sub(segment.largest_timestamp);
        let is_old = retention.ms.is_some_and(|limit| age > limit);
        let is_due = is_below_start || is_excess || is_old;
        if !is_due || segment.next_offset > facts.high_watermark {
            break;
        }
        excess = excess.saturating_sub(segment.size);
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of 100 bytes and 10 records, a second apart.
    fn segments(count: i64) -> Vec<SegmentFacts> {
        (0..count)
            .map(|index| SegmentFacts {
                next_offset: (index + 1) * 10,
                size: 100,
                largest_timestamp: index * 1000,
            })
            .collect()
    }

    const NOBODY: PartitionFacts = PartitionFacts {
        log_start: 0,
        high_watermark: i64::MAX,
        now: 10_000,
    };

    fn by_bytes(bytes: u64) -> Retention {
        Retention {
            ms: None,
            bytes: Some(bytes),
        }
    }

    fn by_ms(ms: i64) -> Retention {
        Retention {
            ms: Some(ms),
            bytes: None,
        }
    }

    /// Mutation: `due` that takes no limit of bytes for a limit of 0.
    #[test]
    fn without_limits_nothing_is_due() {
        assert_eq!(due(&segments(5), Retention::default(), NOBODY), 0);
        assert_eq!(due(&[], by_bytes(0), NOBODY), 0);
    }

    /// Mutation: `due` that drops a segment larger than what is too much.
    #[test]
    fn size_keeps_at_least_what_is_configured() {
        for (bytes, expected) in [(500, 0), (450, 0), (400, 1), (399, 1), (300, 2), (0, 5)] {
            assert_eq!(
                due(&segments(5), by_bytes(bytes), NOBODY),
                expected,
                "{bytes}"
            );
        }
    }

    /// Mutation: `due` with a segment that is just as old as the limit.
    #[test]
    fn time_counts_from_the_largest_timestamp() {
        for (ms, expected) in [(10_000, 0), (9_999, 1), (8_000, 2), (5_999, 5), (0, 5)] {
            assert_eq!(due(&segments(5), by_ms(ms), NOBODY), expected, "{ms}");
        }
    }

    /// Mutation: `due` that goes on behind a segment that stays.
    #[test]
    fn a_timestamp_of_the_future_keeps_its_segment_and_those_behind_it() {
        let mut segments = segments(3);
        segments[1].largest_timestamp = 20_000;
        assert_eq!(due(&segments, by_ms(1), NOBODY), 1);
    }

    /// Mutation: `due` without `is_below_start`.
    #[test]
    fn segments_below_the_log_start_go_whatever_the_limits() {
        let facts = PartitionFacts {
            log_start: 25,
            ..NOBODY
        };
        assert_eq!(due(&segments(5), Retention::default(), facts), 2);
    }

    /// Mutation: `due` that does not look at the high watermark.
    #[test]
    fn nothing_goes_beyond_the_high_watermark() {
        let facts = PartitionFacts {
            high_watermark: 25,
            ..NOBODY
        };
        assert_eq!(due(&segments(5), by_ms(0), facts), 2);
    }

    /// Mutation: `due` that takes the last segment as any other.
    #[test]
    fn an_empty_active_segment_stays() {
        let mut segments = segments(2);
        segments[1].size = 0;
        segments[1].next_offset = segments[0].next_offset;
        assert_eq!(due(&segments, by_ms(0), NOBODY), 1);
        assert_eq!(due(&segments, by_bytes(0), NOBODY), 1);
        let facts = PartitionFacts {
            log_start: 10,
            ..NOBODY
        };
        assert_eq!(due(&segments[1..], by_ms(0), facts), 0);
    }
}
