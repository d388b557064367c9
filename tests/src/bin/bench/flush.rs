//! The flush itself: 16 partitions made durable by one, against as many bytes written to one file and synced.
//!
//! The broker's example `flush` does both by turns, without network; here it is run, and its medians are gathered.

use std::path::Path;

use sluice_e2e::tool;
use tokio::process::Command;

use crate::Extent;
use crate::rounds::{Promise, Samples, Table};

pub(crate) async fn measure(extent: Extent, folder: &Path, table: &mut Table) {
    let program = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(program.with_file_name("examples").join("flush"));
    command.arg(folder.join("flush"));
    command.arg(extent.rounds.to_string());
    let said = tool::run(command, "").await.ok();
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for line in said.lines() {
        let [ours_took, theirs_took] = medians(line).unwrap_or_else(|| panic!("it said\n{said}"));
        ours.push(ours_took);
        theirs.push(theirs_took);
    }
    table.compare(
        "16 partitions durable by one flush, 16 KiB each, p50, vs one pre-written file",
        "us",
        [&ours, &theirs],
        Promise::AtMost(1.5),
    );
}

fn medians(line: &str) -> Option<[f64; 2]> {
    let (ours, theirs) = line.split_once(' ')?;
    Some([ours.parse().ok()?, theirs.parse().ok()?])
}
