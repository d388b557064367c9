//! The check of the commit log: what is needed of it must be one chain.

use std::ops::Range;
use std::path::Path;

use super::finding::{Finding, Severity};
use super::home::Home;
use crate::log::StorageError;
use crate::log::commit_log::{DAMAGED_DIRECTORY, FoundExtent, Link};

/// What is lost where the last stop was a clean one.
const NOT_NEEDED: &str =
    "nothing is lost: the last stop was clean, and no start reads it; look after the disk";
/// What is lost otherwise.
const NEEDED: &str =
    "what is missing was acknowledged: restore from a backup, or start, which uses the rest";

/// What to do with what a start put aside.
const ASIDE: &str = "look at it with sluice log dump, and remove it";

/// Checks the commit log of a data directory.
pub(super) fn check_commit_log(home: &Home) -> Result<Vec<Finding>, StorageError> {
    let Some(root) = &home.root else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    let extents = FoundExtent::all(&home.disk, &root.join("commit-log"))?;
    let live = home.points.as_ref().map_or((0, 0), |points| points.live());
    let advice = if home.is_clean { NOT_NEEDED } else { NEEDED };
    let mut tell = |path: &Path, bytes: Range<u64>, reason: &str| {
        let finding = Finding::new(Severity::Damage, path, reason, advice);
        findings.push(finding.with_bytes(bytes));
    };
    let mut row = FoundExtent::row(&extents, live);
    for extent in &extents {
        let Some(header) = extent.header() else {
            if extent.is_lost() {
                tell(extent.path(), 0..4096, "the first page is not whole");
            }
            continue;
        };
        match row.take(header, extent.path()) {
            Link::Outside => continue,
            Link::Next => {}
            Link::Behind(before) => {
                let reason = "it lost its end, which the next extent follows";
                tell(before, 0..0, reason);
            }
            Link::BehindGap => tell(extent.path(), 0..0, "extents before it are missing"),
        }
        let mut walk = extent.walk(header)?;
        loop {
            let (chain, end) = (walk.chain(), walk.position());
            let Some((position, frame)) = walk.next() else {
                break;
            };
            if !chain.continues(&frame) {
                let reason = "frames that were durable are not what they were";
                tell(extent.path(), end..position, reason);
            }
        }
        row.go_on(walk.chain());
    }
    let directory = root.join("commit-log").join(DAMAGED_DIRECTORY);
    for extent in FoundExtent::all(&home.disk, &directory)? {
        let reason = "a start found it damaged and kept it";
        let finding = Finding::new(Severity::Note, extent.path(), reason, ASIDE);
        findings.push(finding);
    }
    Ok(findings)
}
