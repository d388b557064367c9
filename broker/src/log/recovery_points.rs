//! How far each log is known to be durable in its segments, and from which extent on the commit log
//! is needed.
//!
//! The file `recovery-points` has a line `version 4`, a line `commit-log <generation> <number> <secret>`, with the secret
//! of the generation in 8 hexadecimal digits, which ends in ` begun` where something in that extent is durable and is
//! `commit-log unknown` where none is known, a line with
//! the number of entries, for each log a line `topic-id partition offset`, which goes on with
//! where that is: `segment position`, and how many entries of its indexes are durable, each with their
//! checksum: `offsets crc times crc`, and a line `crc32c` with the checksum of all before. The file is
//! replaced as a whole, durably, by every checkpoint. One that cannot be read costs time, since all is checked
//! then, and compacted anew, and what else is harmed may be told as damage or end the start. Version 3 had neither secret nor `begun`, and `0 0` for what is unknown; version 2 had no checksum either, and named the
//! generation of before until the first checkpoint, so that none is known; version 1 had no second line: it was written
//! before there was a commit log.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::str::Split;

use super::checked_text::{checked, with_checksum};
use super::commit_log::Live;
use super::saved_index::{SavedEntries, SavedIndex};
use super::{LogKey, id_text, parse_id};

/// Name of the file.
pub const RECOVERY_POINTS_FILE: &str = "recovery-points";
const VERSION: &str = "version 4";
const VERSION_BEFORE_BEGUN: &str = "version 3";
const VERSION_WITHOUT_CHECKSUM: &str = "version 2";
const VERSION_BEFORE_COMMIT_LOG: &str = "version 1";
/// What stands in the place of an extent that is not known.
const UNKNOWN: &str = "unknown";
const UNKNOWN_BEFORE_BEGUN: &str = "0 0";
/// What stands behind an extent in which something is durable.
const BEGUN: &str = "begun";
/// What a line takes, about.
const LINE_BYTES: usize = 96;

/// How far a log is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// One past the last durable offset; 0 where nothing is known.
    pub offset: i64,
    /// Where that is in the files, as far as is known.
    pub place: Option<PointPlace>,
}

/// Where a recovery point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointPlace {
    /// Base offset of the segment.
    pub segment: i64,
    /// Bytes of the segment before the point.
    pub position: u64,
    /// What of its indexes is durable.
    pub saved: SavedIndex,
}

/// What a start found, and where it goes on with it.
#[derive(Clone, Debug)]
pub struct FoundPoints {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub points: RecoveryPoints,
}

/// What is known after an unclean stop of how far logs were durable, and of what is needed of the commit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointsState {
    /// All that was written last.
    Known,
    /// Nothing, though something was written before anything was acknowledged.
    Lost,
    /// Nothing, and a build of an earlier format may have acknowledged before it wrote anything.
    NeverWritten,
}

/// The points up to which logs are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryPoints {
    points: HashMap<LogKey, RecoveryPoint>,
    live: Option<Live>,
}

impl RecoveryPoints {
    /// What a file says; `None` where it is not whole.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_checked = [VERSION, VERSION_BEFORE_BEGUN]
            .iter()
            .any(|version| text.starts_with(version));
        let text = match is_checked {
            true => checked(text)?,
            false => text,
        };
        let mut lines = text.lines();
        let live = match lines.next()? {
            VERSION | VERSION_BEFORE_BEGUN => match lines.next()?.strip_prefix("commit-log ")? {
                UNKNOWN | UNKNOWN_BEFORE_BEGUN => None,
                live => Some(parse_live(live)?),
            },
            VERSION_WITHOUT_CHECKSUM => {
                lines.next()?.strip_prefix("commit-log ")?;
                None
            }
            VERSION_BEFORE_COMMIT_LOG => None,
            _ => return None,
        };
        let points = parse_lines(lines, |fields| {
            Some(RecoveryPoint {
                offset: fields.next()?.parse().ok()?,
                place: parse_place(fields)?,
            })
        })?;
        text.ends_with('\n').then_some(Self { points, live })
    }

    /// The point up to which a log is durable at least.
    #[must_use]
    pub fn of(&self, key: LogKey) -> RecoveryPoint {
        self.points.get(&key).copied().unwrap_or_default()
    }

    /// The first extent that is needed.
    #[must_use]
    pub const fn live(&self) -> Option<Live> {
        self.live
    }

    /// What is known after an unclean stop in a directory, which `always_had_points` or did not.
    #[must_use]
    pub const fn state(&self, always_had_points: bool) -> PointsState {
        match (self.live, always_had_points) {
            (Some(_), _) => PointsState::Known,
            (None, true) => PointsState::Lost,
            (None, false) => PointsState::NeverWritten,
        }
    }

    /// The points by log.
    pub fn iter(&self) -> impl Iterator<Item = (LogKey, RecoveryPoint)> {
        self.points.iter().map(|(key, point)| (*key, *point))
    }

    /// Forgets where the point of a log is in its files, which are to be others; it is as durable as before.
    /// `false` where that was not known.
    pub(crate) fn forget_place(&mut self, key: LogKey) -> bool {
        let point = self.points.get_mut(&key);
        point.is_some_and(|point| point.place.take().is_some())
    }

    pub(crate) fn to_text(&self) -> String {
        let live = live_text(self.live);
        let mut text = format!("{VERSION}\ncommit-log {live}\n{}\n", self.points.len());
        text.reserve(self.points.len().saturating_mul(LINE_BYTES));
        let mut points: Vec<_> = self.points.iter().collect();
        points.sort_unstable_by_key(|(key, _)| **key);
        for (key, point) in points {
            // Writing to a string cannot fail.
            write_line(&mut text, *key, *point).unwrap_or_default();
        }
        with_checksum(text)
    }

    /// Takes note of a checkpoint.
    pub(super) fn advance(&mut self, ends: &HashMap<LogKey, RecoveryPoint>, live: Option<Live>) {
        self.points.extend(ends);
        self.live = live.or(self.live);
    }

    /// Forgets the logs that are not wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(LogKey) -> bool) {
        self.points.retain(|key, _| is_wanted(*key));
    }

    pub(super) fn forget(&mut self, key: LogKey) {
        self.points.remove(&key);
    }
}

/// Offsets by log as they stand in a file: a line with their number, then a line
/// `topic-id partition offset` for each.
#[must_use]
pub fn offsets_text(offsets: &HashMap<LogKey, i64>) -> String {
    let mut text = format!("{}\n", offsets.len());
    let mut sorted: Vec<_> = offsets.iter().collect();
    sorted.sort_unstable();
    for (LogKey { topic, partition }, offset) in sorted {
        // Writing to a string cannot fail.
        writeln!(text, "{} {partition} {offset}", id_text(*topic)).unwrap_or_default();
    }
    text
}

/// The offsets in such lines; `None` where they are not all there.
pub fn parse_offsets<'a>(lines: impl Iterator<Item = &'a str>) -> Option<HashMap<LogKey, i64>> {
    parse_lines(lines, |fields| fields.next()?.parse().ok())
}

/// What `parse` makes of each line behind its key, behind a line with their number.
fn parse_lines<'a, T>(
    mut lines: impl Iterator<Item = &'a str>,
    parse: impl Fn(&mut Split<'a, char>) -> Option<T>,
) -> Option<HashMap<LogKey, T>> {
    let count: usize = lines.next()?.parse().ok()?;
    let mut parsed = HashMap::new();
    for line in lines {
        let mut fields = line.split(' ');
        let key = LogKey {
            topic: parse_id(fields.next()?)?,
            partition: fields.next()?.parse().ok()?,
        };
        parsed.insert(key, parse(&mut fields)?);
    }
    (parsed.len() == count).then_some(parsed)
}

/// What stands behind `commit-log `.
fn parse_live(text: &str) -> Option<Live> {
    let mut fields = text.split(' ');
    let generation = fields.next()?.parse().ok()?;
    let number = fields.next()?.parse().ok()?;
    let secret = match fields.next() {
        Some(secret) => Some(u32::from_str_radix(secret, 16).ok()?),
        None => None,
    };
    let is_begun = match fields.next() {
        Some(BEGUN) => true,
        Some(_) => return None,
        None => false,
    };
    fields.next().is_none().then_some(Live {
        is_begun,
        ..Live::ahead(generation, secret, number)
    })
}

fn live_text(live: Option<Live>) -> String {
    let Some(live) = live else {
        return UNKNOWN.to_owned();
    };
    let secret = live.secret.map(|secret| format!(" {secret:08x}"));
    let begun = live.is_begun.then(|| format!(" {BEGUN}"));
    format!(
        "{} {}{}{}",
        live.generation,
        live.number,
        secret.unwrap_or_default(),
        begun.unwrap_or_default()
    )
}

/// The place behind an offset, which a line may lack.
fn parse_place(fields: &mut Split<'_, char>) -> Option<Option<PointPlace>> {
    let Some(segment) = fields.next() else {
        return Some(None);
    };
    let position = fields.next()?.parse().ok()?;
    let mut saved = || {
        Some(SavedEntries {
            count: fields.next()?.parse().ok()?,
            crc: fields.next()?.parse().ok()?,
        })
    };
    Some(Some(PointPlace {
        segment: segment.parse().ok()?,
        position,
        saved: SavedIndex {
            offsets: saved()?,
            times: saved()?,
        },
    }))
}

fn write_line(text: &mut String, key: LogKey, point: RecoveryPoint) -> std::fmt::Result {
    let LogKey { topic, partition } = key;
    write!(text, "{} {partition} {}", id_text(topic), point.offset)?;
    if let Some(place) = point.place {
        let SavedIndex { offsets, times } = place.saved;
        write!(text, " {} {}", place.segment, place.position)?;
        write!(text, " {} {}", offsets.count, offsets.crc)?;
        write!(text, " {} {}", times.count, times.crc)?;
    }
    text.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use sluice_protocol::Uuid;

    use super::*;

    #[test]
    fn points_come_back_and_a_file_that_is_not_whole_is_ignored() {
        let topic = Uuid([7; 16]);
        let key = |partition| LogKey { topic, partition };
        let saved = |count| SavedEntries {
            count,
            crc: u32::MAX - count,
        };
        let placed = RecoveryPoint {
            offset: 1 << 40,
            place: Some(PointPlace {
                segment: 1 << 39,
                position: 1 << 30,
                saved: SavedIndex {
                    offsets: saved(7),
                    times: saved(8),
                },
            }),
        };
        let unplaced = RecoveryPoint {
            offset: 17,
            place: None,
        };
        let ahead = Live::ahead(3, Some(0xabc), 99);
        let begun = Live {
            is_begun: true,
            ..ahead
        };
        for live in [None, Some(ahead), Some(begun)] {
            let points = RecoveryPoints {
                points: [(key(0), unplaced), (key(1), placed)].into(),
                live,
            };
            let text = points.to_text();
            for end in 0..text.len() {
                let part = text.get(..end).unwrap();
                assert_eq!(RecoveryPoints::parse(part), None, "{end}");
            }
            for index in 0..text.len() {
                for bit in 0..7 {
                    let mut harmed = text.clone().into_bytes();
                    harmed[index] ^= 1 << bit;
                    let harmed = String::from_utf8(harmed).unwrap();
                    let read = RecoveryPoints::parse(&harmed);
                    assert!(read.is_none_or(|read| read == points), "{harmed}");
                }
            }
            let read = RecoveryPoints::parse(&text).unwrap();
            assert_eq!(read, points);
            assert_eq!(read.of(key(1)), placed);
            assert_eq!(read.of(key(2)), RecoveryPoint::default());
        }
    }

    /// Mutation: version 2 believed as version 3 is.
    #[test]
    fn the_extent_of_version_3_is_known_and_of_none_before() {
        let live = |text: &str| RecoveryPoints::parse(text).unwrap().live();
        let third = |extent| with_checksum(format!("version 3\ncommit-log {extent}\n0\n"));
        assert_eq!(live(&third("3 99")), Some(Live::ahead(3, None, 99)));
        assert_eq!(live(&third("0 0")), None);
        assert_eq!(live("version 2\ncommit-log 3 99\n0\n"), None);
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
            RecoveryPoint {
                offset: 5,
                place: None
            }
        );
        assert_eq!(points.live(), None);
    }
}
