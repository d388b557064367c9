//! `org.apache.kafka.tools.DumpLogSegments`: whether Apache Kafka can read what is on our disk.

use std::path::Path;

use tokio::process::Command;

use crate::console::Jvm;
use crate::tool;

/// What it says of the segments, indexes and producer snapshots in the directory of a partition.
///
/// # Panics
/// If there is no such directory, or the tool fails.
pub async fn directory(partition: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(partition)
        .expect("the directory of the partition")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("log" | "index" | "timeindex" | "snapshot"))
        })
        .map(|file| file.display().to_string())
        .collect();
    files.sort();
    let mut command = Jvm::Hurried.command("128M");
    command
        .arg("org.apache.kafka.tools.DumpLogSegments")
        .args(["--deep-iteration", "--print-data-log", "--files"])
        .arg(files.join(","));
    let output = tool::run(Command::from(command), "").await;
    let stderr = output.stderr.clone();
    output.ok() + &stderr
}

/// Whether it found nothing to complain of.
///
/// # Panics
/// If it did.
pub fn assert_sound(said: &str) {
    for complaint in [
        "isvalid: false",
        "Mismatches",
        "out of order",
        "Exception",
        "not found",
    ] {
        let found = said.lines().find(|line| line.contains(complaint));
        assert_eq!(found, None, "in {} lines", said.lines().count());
    }
}
