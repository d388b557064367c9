//! `org.apache.kafka.tools.DumpLogSegments`: whether Apache Kafka can read what is on our disk.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::console::Jvm;
use crate::tool;

/// What it says where a file is not as it should be; it ends as if all were well.
const COMPLAINTS: [&str; 7] = [
    "isvalid: false",
    "Mismatches",
    "Index timestamp mismatch",
    "out of order",
    "non-consecutive",
    "Exception",
    "not found",
];

/// What it says of these files, with arguments of its own.
///
/// # Panics
/// If it fails, or finds something to complain of.
pub async fn files(files: &[PathBuf], args: &[&str]) -> String {
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
    let is_complaint = |line: &&str| COMPLAINTS.iter().any(|complaint| line.contains(complaint));
    let complaint = said.lines().find(is_complaint);
    assert_eq!(complaint, None, "in {} lines", said.lines().count());
    said
}

/// What it says of the segments, indexes and producer snapshots in the directory of a partition.
///
/// # Panics
/// If there is no such directory, or as [`files`].
pub async fn directory(partition: &Path) -> String {
    let found = of_kinds(partition, &["log", "index", "timeindex", "snapshot"]);
    files(&found, &["--deep-iteration", "--print-data-log"]).await
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
