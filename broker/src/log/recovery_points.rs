//! How far each log is known to be durable in its segments, and from which extent on the commit log
//! is needed.
//!
//! The file `recovery-points` has a line `version 2`, a line `commit-log <generation> <number>`, a line
//! with the number of entries, and for each log a line `topic-id partition offset`. It is replaced as
//! a whole, durably, by every checkpoint. One that cannot be read costs time: all is checked then.
//! Version 1 had no second line, and was written before there was a commit log.

use std::collections::HashMap;
use std::fmt::Write;

use super::{LogKey, id_text, parse_id};

/// Name of the file.
pub const RECOVERY_POINTS_FILE: &str = "recovery-points";
const VERSION: &str = "version 2";
const VERSION_BEFORE_COMMIT_LOG: &str = "version 1";

/// The offsets up to which logs are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryPoints {
    offsets: HashMap<LogKey, i64>,
    live: (u32, u64),
}

impl RecoveryPoints {
    /// What a file says; `None` where it is not whole.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let live = match lines.next()? {
            VERSION => {
                let mut fields = lines.next()?.strip_prefix("commit-log ")?.split(' ');
                (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)
            }
            VERSION_BEFORE_COMMIT_LOG => (0, 0),
            _ => return None,
        };
        let offsets = parse_offsets(lines)?;
        text.ends_with('\n').then_some(Self { offsets, live })
    }

    /// The offset up to which a log is durable at least; 0 where nothing is known.
    #[must_use]
    pub fn of(&self, key: LogKey) -> i64 {
        self.offsets.get(&key).copied().unwrap_or_default()
    }

    /// Generation and number of the first extent that is needed.
    #[must_use]
    pub const fn live(&self) -> (u32, u64) {
        self.live
    }

    /// The offsets by log.
    pub fn iter(&self) -> impl Iterator<Item = (LogKey, i64)> {
        self.offsets.iter().map(|(key, offset)| (*key, *offset))
    }

    pub(super) fn to_text(&self) -> String {
        let (generation, number) = self.live;
        let offsets = offsets_text(&self.offsets);
        format!("{VERSION}\ncommit-log {generation} {number}\n{offsets}")
    }

    /// Takes note of a checkpoint.
    pub(super) fn advance(&mut self, ends: &HashMap<LogKey, i64>, live: Option<(u32, u64)>) {
        self.offsets.extend(ends);
        self.live = live.unwrap_or(self.live);
    }

    /// Forgets the logs that are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(LogKey) -> bool) {
        self.offsets.retain(|key, _| is_wanted(*key));
    }

    pub(super) fn forget(&mut self, key: LogKey) {
        self.offsets.remove(&key);
    }
}

/// Offsets by log as they stand in a file: a line with their number, then a line
/// `topic-id partition offset` for each.
#[must_use]
pub fn offsets_text(offsets: &HashMap<LogKey, i64>) -> String {
    let mut text = format!("{}\n", offsets.len());
    for (LogKey { topic, partition }, offset) in offsets {
        // Writing to a string cannot fail.
        writeln!(text, "{} {partition} {offset}", id_text(*topic)).unwrap_or_default();
    }
    text
}

/// The offsets in such lines; `None` where they are not all there.
pub fn parse_offsets<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<HashMap<LogKey, i64>> {
    let count: usize = lines.next()?.parse().ok()?;
    let mut offsets = HashMap::new();
    for line in lines {
        let mut fields = line.split(' ');
        let key = LogKey {
            topic: parse_id(fields.next()?)?,
            partition: fields.next()?.parse().ok()?,
        };
        offsets.insert(key, fields.next()?.parse().ok()?);
    }
    (offsets.len() == count).then_some(offsets)
}

#[cfg(test)]
mod tests {
    use sluice_protocol::Uuid;

    use super::*;

    #[test]
    fn points_come_back_and_a_file_that_is_not_whole_is_ignored() {
        let topic = Uuid([7; 16]);
        let key = |partition| LogKey { topic, partition };
        let points = RecoveryPoints {
            offsets: [(key(0), 17), (key(1), 1 << 40)].into(),
            live: (3, 99),
        };
        let text = points.to_text();
        for end in 0..text.len() {
            let part = text.get(..end).unwrap();
            assert_eq!(RecoveryPoints::parse(part), None, "{end}");
        }
        let read = RecoveryPoints::parse(&text).unwrap();
        assert_eq!(read, points);
        assert_eq!(read.of(key(1)), 1 << 40);
        assert_eq!(read.of(key(2)), 0);
    }

    #[test]
    fn points_of_the_time_before_the_commit_log_are_read() {
        let id = id_text(Uuid([7; 16]));
        let points = RecoveryPoints::parse(&format!("version 1\n1\n{id} 2 5\n")).unwrap();
        let topic = Uuid([7; 16]);
        assert_eq!(
            points.of(LogKey {
                topic,
                partition: 2
            }),
            5
        );
        assert_eq!(points.live(), (0, 0));
    }
}
