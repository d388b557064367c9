//! What the charts show: committed, end and lag of each group and topic over the last hours.
//!
//! One compact series for each group and topic, written once a cycle. Points are stored as varints of
//! the change of the change, about two bytes a number. The number of series and the age of points are
//! bounded; the series of a group that is gone go with it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::sample::Millis;
use super::snapshot::{GroupTopicView, Lag, Snapshot};

/// Points in one chunk: the grain in which old points are dropped.
const CHUNK_POINTS: usize = 120;

/// A group and a topic.
pub type SeriesKey = (Arc<str>, Arc<str>);

/// Sums over a group's committed partitions of one topic, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// When it was sampled.
    pub at: Millis,
    /// Sum of the committed offsets.
    pub committed: i64,
    /// Sum of the high watermarks.
    pub end: i64,
    /// Sum of the lags.
    pub lag: i64,
}

impl Point {
    const fn columns(self) -> [i64; 4] {
        [self.at, self.committed, self.end, self.lag]
    }

    const fn from_columns([at, committed, end, lag]: [i64; 4]) -> Self {
        Self {
            at,
            committed,
            end,
            lag,
        }
    }
}

/// The series of one cluster.
#[derive(Clone, Debug)]
pub struct History {
    series: BTreeMap<SeriesKey, Series>,
    series_max: usize,
    retention: Millis,
    /// Series that were refused for want of room in the last cycle.
    dropped: usize,
}

impl History {
    /// A history of at most `series_max` groups and topics, each reaching back `retention`
    /// milliseconds.
    #[must_use]
    pub const fn new(series_max: usize, retention: Millis) -> Self {
        Self {
            series: BTreeMap::new(),
            series_max,
            retention,
            dropped: 0,
        }
    }

    /// Adds what a snapshot knows. A group and topic with an unknown partition adds no point: a gap
    /// in the chart is honest, a dip is not.
    pub fn record(&mut self, snapshot: &Snapshot) {
        self.series.retain(|(group, topic), _| {
            snapshot
                .groups
                .get(group)
                .and_then(|view| view.topics.get(topic))
                .is_some_and(is_read)
        });
        self.dropped = 0;
        for (group, view) in &snapshot.groups {
            for (topic, view) in view.topics.iter().filter(|(_, view)| is_read(view)) {
                let key = (Arc::clone(group), Arc::clone(topic));
                let point = point(snapshot.sampled_at, view);
                self.push(key, snapshot.sampled_at, point);
            }
        }
    }

    /// Adds what was known at a moment, which may be nothing.
    fn push(&mut self, key: SeriesKey, at: Millis, point: Option<Point>) {
        let is_full = self.series.len() >= self.series_max;
        if is_full && !self.series.contains_key(&key) {
            self.dropped += 1;
            return;
        }
        let series = self.series.entry(key);
        let series = series.or_insert_with(|| Series::beginning(at));
        if let Some(point) = point {
            series.push(point);
        }
        series.forget_before(at.saturating_sub(self.retention));
    }

    /// Points of one group and topic from `since` on, oldest first.
    #[must_use]
    pub fn points(&self, group: &str, topic: &str, since: Millis) -> Vec<Point> {
        let key = (Arc::from(group), Arc::from(topic));
        let points = self
            .series
            .get(&key)
            .map(Series::points)
            .unwrap_or_default();
        points
            .into_iter()
            .filter(|point| point.at >= since)
            .collect()
    }

    /// Points of a group from `since` on, summed over the topics it read by then, at the moments at
    /// which all of those have one.
    #[must_use]
    pub fn group_points(&self, group: &str, since: Millis) -> Vec<Point> {
        let from = (Arc::from(group), Arc::from(""));
        let of_group = self
            .series
            .range(from..)
            .take_while(|((name, _), _)| **name == *group);
        let mut sums = BTreeMap::<Millis, (usize, Point)>::new();
        let mut begins = Vec::new();
        for (_, series) in of_group {
            begins.push(series.begin);
            for point in series
                .points()
                .into_iter()
                .filter(|point| point.at >= since)
            {
                let (count, sum) = sums.entry(point.at).or_default();
                *count += 1;
                sum.at = point.at;
                sum.committed = sum.committed.saturating_add(point.committed);
                sum.end = sum.end.saturating_add(point.end);
                sum.lag = sum.lag.saturating_add(point.lag);
            }
        }
        begins.sort_unstable();
        let complete = sums
            .into_values()
            .filter(|(count, sum)| *count == begins.partition_point(|begin| *begin <= sum.at));
        complete.map(|(_, sum)| sum).collect()
    }

    /// Series kept.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Series refused in the last cycle because `series_max` are kept already.
    #[must_use]
    pub const fn dropped_count(&self) -> usize {
        self.dropped
    }
}

/// Whether the group reads the topic: a partition that is merely owned has no lag to tell.
fn is_read(view: &GroupTopicView) -> bool {
    let mut partitions = view.partitions.values();
    partitions.any(|partition| partition.lag != Lag::Uncommitted)
}

fn point(at: Millis, view: &GroupTopicView) -> Option<Point> {
    let lag = i64::try_from(view.lag()?).ok()?;
    let mut point = Point {
        at,
        lag,
        ..Point::default()
    };
    for partition in view.partitions.values() {
        if let Some(committed) = partition.committed {
            point.committed = point.committed.saturating_add(committed);
            point.end = point.end.saturating_add(partition.log_end?);
        }
    }
    Some(point)
}

/// Points in chunks, oldest first.
#[derive(Clone, Debug)]
struct Series {
    /// When the group was first seen to read the topic, known or not.
    begin: Millis,
    chunks: VecDeque<Chunk>,
}

impl Series {
    const fn beginning(begin: Millis) -> Self {
        Self {
            begin,
            chunks: VecDeque::new(),
        }
    }

    fn push(&mut self, point: Point) {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.count < CHUNK_POINTS => chunk.push(point),
            _ => self.chunks.push_back(Chunk::starting_with(point)),
        }
    }

    fn forget_before(&mut self, horizon: Millis) {
        while self.chunks.len() > 1 && self.chunks.front().is_some_and(|c| c.last.at < horizon) {
            self.chunks.pop_front();
        }
    }

    fn points(&self) -> Vec<Point> {
        self.chunks.iter().flat_map(Chunk::points).collect()
    }
}

/// A first point and the changes after it: each number as a varint of its second difference.
#[derive(Clone, Debug)]
struct Chunk {
    first: Point,
    last: Point,
    change: [i64; 4],
    count: usize,
    bytes: Vec<u8>,
}

impl Chunk {
    fn starting_with(point: Point) -> Self {
        Self {
            first: point,
            last: point,
            change: [0; 4],
            count: 1,
            bytes: Vec::new(),
        }
    }

    fn push(&mut self, point: Point) {
        let columns = self.last.columns().into_iter().zip(point.columns());
        for ((last, new), change) in columns.zip(&mut self.change) {
            let now = new.wrapping_sub(last);
            put_varint(&mut self.bytes, now.wrapping_sub(*change));
            *change = now;
        }
        self.last = point;
        self.count += 1;
    }

    fn points(&self) -> Vec<Point> {
        let mut points = vec![self.first];
        let mut columns = self.first.columns();
        let mut change = [0_i64; 4];
        let mut bytes = self.bytes.as_slice();
        while !bytes.is_empty() {
            for (column, change) in columns.iter_mut().zip(&mut change) {
                *change = change.wrapping_add(take_varint(&mut bytes));
                *column = column.wrapping_add(*change);
            }
            points.push(Point::from_columns(columns));
        }
        points
    }
}

fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return bytes.push(low & 0x7f);
        }
        bytes.push(low | 0x80);
    }
}

fn take_varint(bytes: &mut &[u8]) -> i64 {
    let mut value = 0_u64;
    let mut shift = 0;
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::{GroupPartitionView, GroupView, TimeLag};
    use super::*;
    use proptest::prelude::*;

    fn at(at: Millis, lag: i64) -> Point {
        Point {
            at,
            committed: at * 3,
            end: at * 3 + lag,
            lag,
        }
    }

    fn see(history: &mut History, group: &str, topic: &str, point: Point) {
        let key = (Arc::from(group), Arc::from(topic));
        history.push(key, point.at, Some(point));
    }

    proptest! {
        #[test]
        fn every_point_comes_back_as_it_went_in(
            rows in prop::collection::vec(any::<[i64; 4]>(), 1..300),
        ) {
            let mut series = Series::beginning(0);
            for row in &rows {
                series.push(Point::from_columns(*row));
            }
            let back: Vec<_> = series.points().into_iter().map(Point::columns).collect();
            prop_assert_eq!(back, rows);
        }
    }

    #[test]
    fn a_steady_hour_takes_a_few_kilobytes() {
        let mut series = Series::beginning(0);
        for cycle in 0..720 {
            series.push(at(
                1_700_000_000_000 + cycle * 5_000 + cycle % 3,
                100 + cycle % 11,
            ));
        }
        let bytes: usize = series.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        assert!(bytes < 8 * 1024, "{bytes} bytes");
    }

    #[test]
    fn points_older_than_the_retention_are_forgotten_chunk_by_chunk() {
        let mut history = History::new(10, 1_000);
        for cycle in 0..10_000 {
            see(&mut history, "g", "t", at(cycle * 10, 0));
        }
        let points = history.points("g", "t", 0);
        assert!(points.len() <= 2 * CHUNK_POINTS + 100, "{}", points.len());
        assert_eq!(points.last(), Some(&at(99_990, 0)));
        assert_eq!(history.points("g", "t", 99_980).len(), 2);
    }

    #[test]
    fn series_beyond_the_limit_are_refused_and_counted() {
        let mut history = History::new(1, 1_000);
        see(&mut history, "a", "t", at(1, 0));
        see(&mut history, "b", "t", at(1, 0));
        see(&mut history, "a", "t", at(2, 0));
        assert_eq!((history.series_count(), history.dropped_count()), (1, 1));
        assert_eq!(history.points("a", "t", 0).len(), 2);
    }

    /// Moments and lags of the group `g`.
    fn sums(history: &History) -> Vec<(Millis, i64)> {
        let points = history.group_points("g", 0).into_iter();
        points.map(|point| (point.at, point.lag)).collect()
    }

    #[test]
    fn a_group_is_summed_only_where_all_its_topics_have_a_point() {
        let mut history = History::new(10, 1_000_000);
        for (topic, times) in [("a", [1, 2, 3]), ("b", [1, 3, 4])] {
            for time in times {
                see(&mut history, "g", topic, at(time, 5));
            }
        }
        assert_eq!(sums(&history), [(1, 10), (3, 10)]);
    }

    #[test]
    fn a_newly_read_topic_leaves_the_past_of_its_group() {
        let mut history = History::new(10, 1_000_000);
        for time in 1..=4 {
            see(&mut history, "g", "a", at(time, 5));
        }
        see(&mut history, "g", "b", at(3, 7));
        see(&mut history, "g", "b", at(4, 7));
        assert_eq!(sums(&history), [(1, 5), (2, 5), (3, 12), (4, 12)]);
    }

    #[test]
    fn a_topic_that_was_unknown_at_first_was_read_all_the_same() {
        let mut history = History::new(10, 1_000_000);
        for time in 1..=3 {
            see(&mut history, "g", "a", at(time, 5));
        }
        history.push((Arc::from("g"), Arc::from("b")), 2, None);
        see(&mut history, "g", "b", at(3, 7));
        assert_eq!(sums(&history), [(1, 5), (3, 12)]);
    }

    #[test]
    fn a_topic_that_is_merely_owned_does_not_end_the_chart_of_its_group() {
        let view = |lag| GroupTopicView {
            partitions: BTreeMap::from([(
                0,
                GroupPartitionView {
                    committed: None,
                    log_start: None,
                    log_end: None,
                    lag,
                    time_lag: TimeLag::Unknown,
                    owner: Some(0),
                },
            )]),
        };
        let mut group = GroupView::default();
        group.topics.insert("a".into(), view(Lag::Known(5)));
        group.topics.insert("b".into(), view(Lag::Uncommitted));
        let snapshot = Snapshot {
            sampled_at: 1,
            groups: BTreeMap::from([("g".into(), group)]),
            ..Snapshot::default()
        };
        let mut history = History::new(10, 1_000_000);
        history.record(&snapshot);
        assert_eq!(sums(&history), [(1, 5)]);
    }
}
