//! `org.apache.kafka.tools.DumpLogSegments`: whether Apache Kafka can read what is on our disk.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::console::Jvm;
use crate::tool;

/// What it says where a file is not as it should be; it ends as if all were well.
const COMPLAINTS: [&str; 8] = [
    "isvalid: false",
    "invalid bytes at the end",
    "Mismatches in",
    "timestamp mismatch in",
    "out of order timestamp in",
    "are not found in",
    "is corrupt",
    "Exception",
];
/// What stands between two offsets of which the second is not the next one.
const GAP: &str = " is followed by ";
/// What has the place of the first of them where there is none: so it is with every segment that does not begin at 0.
const NO_OFFSET: &str = "-1";

/// What it says of these files, with arguments of its own, where a log has every offset.
///
/// # Panics
/// As [`sparse_files`], or if an offset is missing, which it looks for with `--deep-iteration`.
pub async fn files(files: &[PathBuf], args: &[&str]) -> String {
    let said = sparse_files(files, args).await;
    assert_eq!(gap(&said), None, "in {} lines", said.lines().count());
    said
}

/// What it says of these files, with arguments of its own, where a log may lack offsets, as a compacted one does.
///
/// # Panics
/// If it fails, or finds something else to complain of.
pub async fn sparse_files(files: &[PathBuf], args: &[&str]) -> String {
    let files = files.iter().map(|file| file.display().to_string());
    let files: Vec<_> = files.collect();
    let mut command = Jvm::Hurried.command("128M");
    command
        .arg("org.apache.kafka.tools.DumpLogSegments")
        .args(args)
        .arg("--files")
        .arg(files.join(","));
    let output = tool::run(Command::from(command), "").await;
    let stderr = output.stderr.clone();
    let said = output.ok() + &stderr;
    assert_eq!(complaint(&said), None, "in {} lines", said.lines().count());
    said
}

fn complaint(said: &str) -> Option<&str> {
    let is_one = |line: &&str| COMPLAINTS.iter().any(|complaint| line.contains(complaint));
    said.lines().find(is_one)
}

fn gap(said: &str) -> Option<&str> {
    let is_one = |line: &&str| {
        let before = line.split_once(GAP).map(|(before, _)| before.trim());
        before.is_some_and(|before| before != NO_OFFSET)
    };
    said.lines().find(is_one)
}

/// What it says of the segments, indexes and producer snapshots in the directory of a partition, which may be compacted.
///
/// # Panics
/// If there is no such directory, or as [`sparse_files`].
pub async fn directory(partition: &Path) -> String {
    let found = of_kinds(partition, &["log", "index", "timeindex", "snapshot"]);
    sparse_files(&found, &["--deep-iteration", "--print-data-log"]).await
}

/// The files of a directory with one of these endings, in order.
///
/// # Panics
/// If there is no such directory.
#[must_use]
pub fn of_kinds(directory: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let is_asked_for = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| endings.contains(&extension))
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(is_asked_for)
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was said of a file that somebody had harmed.
    ///
    /// Mutations: any of the words left out, or in other letters.
    #[test]
    fn what_it_says_of_harmed_files_is_a_complaint() {
        let of_harmed = [
            "baseOffset: 6 lastOffset: 153 count: 148 magic: 2 crc: 1713979398 isvalid: false",
            "Found 3760 invalid bytes at the end of 00000000000000000000.log",
            "Mismatches in :/data/orders-0/00000000000000000000.index",
            "Found timestamp mismatch in :/data/orders-0/00000000000000000000.timeindex",
            "Found out of order timestamp in :/data/orders-0/00000000000000000000.timeindex",
            "The following indexed offsets are not found in :/data/orders-0/00000000000000000000.timeindex",
            "Snapshot is corrupt (CRC is no longer valid). Stored crc: 1713979398. Computed crc: 1946814478",
            "Exception in thread \"main\" org.apache.kafka.common.InvalidRecordException: Invalid record size",
        ];
        for line in of_harmed {
            let said = format!("Log starting offset: 0\n{line}\n");
            assert_eq!(complaint(&said), Some(line));
        }
    }

    /// Mutations: `gap` without `NO_OFFSET`; one that looks for `non-consecutive`.
    #[test]
    fn an_offset_that_is_missing_is_a_gap_and_a_segment_that_begins_later_has_none() {
        let heading = "Non-consecutive offsets in /data/orders-0/00000000000000000006.log";
        let begins_later = format!("{heading}\n  -1 is followed by 6\n");
        assert_eq!(gap(&begins_later), None);
        let missing = "  301 is followed by 450";
        assert_eq!(gap(&format!("{begins_later}{missing}\n")), Some(missing));
    }
}
