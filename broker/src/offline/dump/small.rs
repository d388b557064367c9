//! Small files, which are read as a whole.

use bytes::Bytes;

use super::{Dump, DumpError};
use crate::log::commit_log::Live;
use crate::log::disk::DiskFile;
use crate::log::leader_epochs::LeaderEpochs;
use crate::log::producer_snapshot;
use crate::log::{DamagedRanges, RecoveryPoints, id_text};
use crate::offline::file_kind::FileKind;
use crate::offline::line::Line;

impl Dump<'_> {
    pub(super) fn small(&mut self, kind: FileKind, file: &DiskFile) -> Result<(), DumpError> {
        let Some(bytes) = file.contents()? else {
            return self.unreadable(file, "too large to be one");
        };
        if kind == FileKind::Snapshot {
            return self.snapshot(file, bytes);
        }
        let text = String::from_utf8_lossy(&bytes);
        let is_ours = kind != FileKind::Text;
        match is_ours.then(|| decoded(kind, &text)) {
            Some(Some(lines)) => return lines.iter().try_for_each(|line| self.line(line)),
            Some(None) => self.unreadable(file, "not whole")?,
            None => {}
        }
        let mut lines = text.lines();
        lines.try_for_each(|line| self.line(&Line::new("text").text("line", line)))
    }

    fn snapshot(&mut self, file: &DiskFile, bytes: Bytes) -> Result<(), DumpError> {
        let Some(mut entries) = producer_snapshot::entries(bytes) else {
            return self.unreadable(file, "not whole, or its checksum is wrong");
        };
        entries.try_for_each(|entry| {
            self.line(
                &Line::new("producer")
                    .number("producer_id", entry.producer_id)
                    .number("producer_epoch", entry.epoch)
                    .number("last_sequence", entry.last_sequence)
                    .number("last_offset", entry.last_offset)
                    .number("offset_delta", entry.offset_delta)
                    .number("timestamp", entry.timestamp)
                    .number("coordinator_epoch", entry.coordinator_epoch)
                    .number("transaction_start", entry.transaction_start),
            )
        })
    }
}

/// What a text of ours says; `None` where it is not whole.
fn decoded(kind: FileKind, text: &str) -> Option<Vec<Line>> {
    if kind == FileKind::LeaderEpochs {
        return LeaderEpochs::parse(text).map(|epochs| epoch_lines(&epochs));
    }
    if kind == FileKind::DamagedRanges {
        return DamagedRanges::parse(text).map(|ranges| range_lines(&ranges));
    }
    RecoveryPoints::parse(text).map(|points| point_lines(&points))
}

fn epoch_lines(epochs: &LeaderEpochs) -> Vec<Line> {
    let line = |(epoch, start): (i32, i64)| {
        let line = Line::new("epoch").number("leader_epoch", epoch);
        line.number("start_offset", start)
    };
    epochs.iter().map(line).collect()
}

fn range_lines(ranges: &DamagedRanges) -> Vec<Line> {
    let ranges = ranges.as_slice().iter();
    let line = Line::new("range");
    let lines = ranges.map(|range| {
        line.clone()
            .number("begin", range.begin)
            .number("end", range.end)
    });
    lines.collect()
}

fn live_line(live: Option<Live>) -> Line {
    let line = Line::new("commit_log").flag("known", live.is_some());
    let Some(live) = live else { return line };
    let line = line
        .number("generation", live.generation)
        .number("number", live.number);
    match live.secret {
        // What has no secret does not say what was begun either.
        None => line,
        Some(secret) => line.checksum("secret", secret).flag("begun", live.is_begun),
    }
}

fn point_lines(points: &RecoveryPoints) -> Vec<Line> {
    let mut lines = vec![live_line(points.live())];
    let mut points: Vec<_> = points.iter().collect();
    points.sort_unstable_by_key(|(key, _)| *key);
    lines.extend(points.into_iter().map(|(key, point)| {
        let line = Line::new("recovery_point")
            .word("topic_id", id_text(key.topic))
            .number("partition", key.partition)
            .number("offset", point.offset);
        match point.place {
            None => line,
            Some(place) => line
                .number("segment", place.segment)
                .number("segment_position", place.position)
                .number("offset_entries", place.saved.offsets.count)
                .checksum("offset_entries_crc", place.saved.offsets.crc)
                .number("time_entries", place.saved.times.count)
                .checksum("time_entries_crc", place.saved.times.crc),
        }
    }));
    lines
}
