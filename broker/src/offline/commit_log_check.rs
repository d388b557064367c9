//! The check of the commit log: what is needed of it must be one chain.

use std::path::Path;

use super::finding::{Finding, Severity};
use super::home::Home;
use crate::log::commit_log::{DAMAGED_DIRECTORY, FoundExtent, Live, Loss, is_unfinished, walk_row};
use crate::log::{RecoveryPoints, StorageError};

/// What is lost where the last stop was a clean one.
const NOT_NEEDED: &str = "nothing is lost: the last stop was clean, and no start reads it; start and stop the broker, \
     which makes it anew, and look after the disk";
/// What is lost otherwise.
const NEEDED: &str =
    "what is missing was acknowledged: restore from a backup, or start, which uses the rest";

/// What to do with what came from elsewhere.
const MOVE: &str =
    "nothing is lost for it: start the broker, which moves it away and reads the others";

/// What was being made when the process ended.
const UNFINISHED: &str = "it was not finished, and nothing is in it";
/// What becomes of that.
const REMOVED: &str = "the next start removes it";

/// What to do with what a start put aside.
const ASIDE: &str = "look at it with sluice log dump, and remove it";

/// Checks the commit log of a data directory.
pub(super) fn check_commit_log(home: &Home) -> Result<Vec<Finding>, StorageError> {
    let Some(root) = &home.root else {
        return Ok(Vec::new());
    };
    let directory = root.join("commit-log");
    let extents = FoundExtent::all(&home.disk, &directory)?;
    let live = home.points.as_ref().and_then(RecoveryPoints::live);
    // Behind a clean stop nobody misses them.
    let live = live.map(|live| Live {
        is_begun: live.is_begun && !home.is_clean,
        ..live
    });
    let losses = walk_row(&directory, &extents, live, |_| ())?;
    let tell = |loss: Loss| {
        let (severity, advice) = match (loss.kind.is_stray(), home.is_clean) {
            (true, _) => (Severity::Note, MOVE),
            (false, true) => (Severity::Derived, NOT_NEEDED),
            (false, false) => (Severity::Damage, NEEDED),
        };
        Finding::new(severity, &loss.path, loss.kind.reason(), advice).with_bytes(loss.bytes)
    };
    let mut findings: Vec<_> = losses.into_iter().map(tell).collect();
    findings.extend(unfinished(home, &directory)?);
    for extent in FoundExtent::all(&home.disk, &directory.join(DAMAGED_DIRECTORY))? {
        let reason = "a start found it damaged and kept it";
        findings.push(Finding::new(Severity::Note, extent.path(), reason, ASIDE));
    }
    Ok(findings)
}

/// The extents that were not finished.
fn unfinished(home: &Home, directory: &Path) -> Result<Vec<Finding>, StorageError> {
    let mut names = home.disk.list(directory)?;
    names.sort_unstable();
    let names = names.iter().filter(|name| is_unfinished(name));
    let tell = |name| Finding::new(Severity::Note, &directory.join(name), UNFINISHED, REMOVED);
    Ok(names.map(tell).collect())
}
