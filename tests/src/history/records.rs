//! What was written, read and acknowledged of each partition.

use std::collections::{BTreeMap, BTreeSet};

use super::{Anomaly, Event, Kept, Mark, Operation, Outcome};

pub(super) fn anomalies(operations: &[Operation], kept: Kept) -> Vec<Anomaly> {
    let mut logs: BTreeMap<i32, Log<'_>> = BTreeMap::new();
    for operation in operations {
        if let Some(partition) = partition(&operation.event) {
            let log = logs.entry(partition).or_insert_with(|| Log::new(partition));
            log.take(operation);
        }
    }
    logs.values().flat_map(|log| log.anomalies(kept)).collect()
}

const fn partition(event: &Event) -> Option<i32> {
    match event {
        Event::Produce { partition, .. }
        | Event::Assign { partition, .. }
        | Event::Poll { partition, .. } => Some(*partition),
        Event::Commit { .. } | Event::Committed { .. } => None,
    }
}

/// What is known of one partition.
struct Log<'a> {
    partition: i32,
    /// What somebody tried to write, and whether it was refused.
    written: BTreeMap<Mark, bool>,
    /// What was acknowledged.
    acknowledged: BTreeSet<Mark>,
    /// What was read.
    read: BTreeSet<Mark>,
    /// Where records were seen: acknowledged or read, and since when.
    seen: Vec<Seen>,
    polls: Vec<Poll<'a>>,
    /// Positions readers were assigned: when, who, where.
    assigned: Vec<(u64, usize, i64)>,
}

/// A record at an offset, known since `at`.
#[derive(Clone, Copy)]
struct Seen {
    at: u64,
    offset: i64,
    mark: Mark,
}

/// Records given to a reader.
struct Poll<'a> {
    client: usize,
    began: u64,
    ended: u64,
    from: i64,
    records: &'a [(i64, Mark)],
    end: i64,
}

impl Poll<'_> {
    /// The offset behind all it came past.
    fn reached(&self) -> i64 {
        self.records
            .last()
            .map_or(self.from, |(offset, _)| offset + 1)
    }
}

impl<'a> Log<'a> {
    const fn new(partition: i32) -> Self {
        Self {
            partition,
            written: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            read: BTreeSet::new(),
            seen: Vec::new(),
            polls: Vec::new(),
            assigned: Vec::new(),
        }
    }

    fn take(&mut self, operation: &'a Operation) {
        let (began, ended) = (operation.began, operation.ended);
        match &operation.event {
            Event::Produce { mark, outcome, .. } => {
                self.written.insert(*mark, *outcome == Outcome::Fail);
                if let Outcome::Ok(place) = *outcome {
                    self.acknowledged.insert(*mark);
                    let at = ended;
                    let seen = place.map(|offset| Seen {
                        at,
                        offset,
                        mark: *mark,
                    });
                    self.seen.extend(seen);
                }
            }
            Event::Assign { offset, .. } => self.assigned.push((ended, operation.client, *offset)),
            Event::Poll {
                from, records, end, ..
            } => {
                self.read.extend(records.iter().map(|(_, mark)| *mark));
                let at = ended;
                let seen = records.iter();
                self.seen
                    .extend(seen.map(|&(offset, mark)| Seen { at, offset, mark }));
                self.polls.push(Poll {
                    client: operation.client,
                    began,
                    ended,
                    from: *from,
                    records,
                    end: *end,
                });
            }
            Event::Commit { .. } | Event::Committed { .. } => {}
        }
    }

    fn anomalies(&self, kept: Kept) -> Vec<Anomaly> {
        let latest = self.latest(kept);
        let mut found = self.unread(kept, &latest);
        found.extend(self.misplaced());
        found.extend(self.reordered());
        found.extend(self.backwards());
        found.extend(self.stale());
        found.extend(self.missed(kept, &latest));
        found
    }

    /// The highest number seen of each key, where only the latest of a key has to be kept.
    fn latest(&self, kept: Kept) -> BTreeMap<(i64, i64), i64> {
        let mut latest = BTreeMap::new();
        if let Kept::LatestOf(keys) = kept {
            let seen = self.seen.iter().map(|seen| &seen.mark);
            for mark in seen.chain(&self.read) {
                let key = (mark.producer, mark.number % keys);
                let number = latest.entry(key).or_insert(mark.number);
                *number = mark.number.max(*number);
            }
        }
        latest
    }

    /// Acknowledged records that were never read, and read ones that were never written.
    fn unread(&self, kept: Kept, latest: &BTreeMap<(i64, i64), i64>) -> Vec<Anomaly> {
        let reached = self.polls.iter().map(Poll::reached).max().unwrap_or(0);
        let places: BTreeMap<Mark, i64> = self
            .seen
            .iter()
            .map(|seen| (seen.mark, seen.offset))
            .collect();
        let unread = self.acknowledged.difference(&self.read);
        let unread = unread
            .filter(|mark| !is_superseded(**mark, kept, latest))
            .map(|mark| {
                let is_ahead = places.get(mark).is_some_and(|place| *place >= reached);
                if is_ahead {
                    Anomaly::Unread(self.partition, *mark)
                } else {
                    Anomaly::Lost(self.partition, *mark)
                }
            });
        let read = self.polls.iter().flat_map(|poll| poll.records);
        let phantoms = read
            .filter(|(_, mark)| self.written.get(mark).is_none_or(|is_refused| *is_refused))
            .map(|&(offset, mark)| Anomaly::Phantom(self.partition, offset, mark));
        unread.chain(phantoms).collect()
    }

    /// Records at two offsets, offsets with two records.
    fn misplaced(&self) -> Vec<Anomaly> {
        let mut places: BTreeMap<Mark, i64> = BTreeMap::new();
        let mut marks: BTreeMap<i64, Mark> = BTreeMap::new();
        let mut found = Vec::new();
        for Seen { offset, mark, .. } in &self.seen {
            let place = *places.entry(*mark).or_insert(*offset);
            if place != *offset {
                let (first, second) = (place.min(*offset), place.max(*offset));
                found.push(Anomaly::Duplicate(self.partition, *mark, first, second));
            }
            let there = *marks.entry(*offset).or_insert(*mark);
            if there != *mark {
                let (first, second) = (there.min(*mark), there.max(*mark));
                found.push(Anomaly::TwoValues(self.partition, *offset, first, second));
            }
        }
        found
    }

    /// Records of a producer that do not stand in the order they were written.
    fn reordered(&self) -> Vec<Anomaly> {
        let by_offset: BTreeMap<i64, Mark> = self
            .seen
            .iter()
            .map(|seen| (seen.offset, seen.mark))
            .collect();
        let mut last: BTreeMap<i64, Mark> = BTreeMap::new();
        let mut found = Vec::new();
        for mark in by_offset.values() {
            match last.insert(mark.producer, *mark) {
                Some(before) if before.number > mark.number => {
                    found.push(Anomaly::Reordered(self.partition, before, *mark));
                }
                _ => {}
            }
        }
        found
    }

    /// Readers that were given what they had passed, or asked from elsewhere.
    fn backwards(&self) -> Vec<Anomaly> {
        let mut found = Vec::new();
        let assigned = self.assigned.iter();
        let assigned = assigned.map(|&(ended, client, offset)| (client, ended, offset, None));
        let polls = self.polls.iter();
        let polls = polls.map(|poll| (poll.client, poll.ended, poll.from, Some(poll)));
        let mut steps: Vec<_> = assigned.chain(polls).collect();
        steps.sort_by_key(|(client, ended, ..)| (*client, *ended));
        let mut positions: BTreeMap<usize, i64> = BTreeMap::new();
        for (client, _, offset, poll) in steps {
            let position = positions.entry(client).or_insert(offset);
            let Some(poll) = poll else {
                *position = offset;
                continue;
            };
            if *position != offset {
                found.push(Anomaly::Backwards(self.partition, *position, offset));
            }
            *position = offset;
            for (given, _) in poll.records {
                if *given < *position {
                    found.push(Anomaly::Backwards(self.partition, *position, *given));
                }
                *position = given + 1;
            }
        }
        found
    }

    /// High watermarks below what was seen or promised before the reader asked.
    fn stale(&self) -> Vec<Anomaly> {
        let ends = self.polls.iter().map(|poll| (poll.ended, poll.end));
        let seen = self.seen.iter().map(|seen| (seen.at, seen.offset + 1));
        let mut known: Vec<(u64, i64)> = ends.chain(seen).collect();
        known.sort_unstable();
        let mut known = known.into_iter().peekable();
        let mut highest = 0;
        let mut found = Vec::new();
        for poll in self.polls_by_beginning() {
            while let Some((_, end)) = known.next_if(|(at, _)| *at < poll.began) {
                highest = highest.max(end);
            }
            if poll.end < highest {
                found.push(Anomaly::Stale(self.partition, poll.end, highest));
            }
        }
        found
    }

    /// Offsets that readers jumped over, and records that had been there.
    fn missed(&self, kept: Kept, latest: &BTreeMap<(i64, i64), i64>) -> Vec<Anomaly> {
        let mut seen: Vec<&Seen> = self.seen.iter().collect();
        seen.sort_unstable_by_key(|seen| seen.at);
        let mut seen = seen.into_iter().peekable();
        let mut known: BTreeMap<i64, Mark> = BTreeMap::new();
        let mut found = Vec::new();
        for poll in self.polls_by_beginning() {
            while let Some(seen) = seen.next_if(|seen| seen.at < poll.began) {
                known.insert(seen.offset, seen.mark);
            }
            let given: BTreeSet<i64> = poll.records.iter().map(|(offset, _)| *offset).collect();
            let gone = known
                .range(poll.from..poll.reached())
                .filter(|(offset, _)| !given.contains(offset))
                .filter(|(_, mark)| !is_superseded(**mark, kept, latest));
            found.extend(
                gone.map(|(offset, mark)| Anomaly::Vanished(self.partition, *offset, *mark)),
            );
            if kept == Kept::Everything {
                let expected = poll.from..poll.reached();
                let jumped = expected.filter(|offset| !given.contains(offset));
                found.extend(jumped.map(|offset| Anomaly::Skipped(self.partition, offset)));
            }
        }
        found
    }

    fn polls_by_beginning(&self) -> Vec<&Poll<'a>> {
        let mut polls: Vec<_> = self.polls.iter().collect();
        polls.sort_by_key(|poll| poll.began);
        polls
    }
}

/// Whether a record needs not be kept any more, since a later one of its key is there.
fn is_superseded(mark: Mark, kept: Kept, latest: &BTreeMap<(i64, i64), i64>) -> bool {
    match kept {
        Kept::Everything => false,
        Kept::LatestOf(keys) => latest
            .get(&(mark.producer, mark.number % keys))
            .is_some_and(|number| *number > mark.number),
    }
}
