//! The check of the commit log: what is needed of it must be one chain.

use super::finding::{Finding, Severity};
use super::home::Home;
use crate::log::commit_log::{DAMAGED_DIRECTORY, FoundExtent, Live, Loss, LossKind, walk_row};
use crate::log::{RecoveryPoints, StorageError};

/// What is lost where the last stop was a clean one.
const NOT_NEEDED: &str =
    "nothing is lost: the last stop was clean, and no start reads it; look after the disk";
/// What is lost otherwise.
const NEEDED: &str =
    "what is missing was acknowledged: restore from a backup, or start, which uses the rest";

/// What to do with what came from elsewhere.
const MOVE: &str =
    "move it away; a start does that too, and reads the generation that recovery-points names";

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
    let look_after = if home.is_clean { NOT_NEEDED } else { NEEDED };
    let tell = |loss: Loss<'_>| {
        let is_foreign = loss.kind == LossKind::Foreign;
        let advice = if is_foreign { MOVE } else { look_after };
        Finding::new(Severity::Damage, loss.path, reason(loss.kind), advice).with_bytes(loss.bytes)
    };
    let mut findings: Vec<_> = losses.into_iter().map(tell).collect();
    for extent in FoundExtent::all(&home.disk, &directory.join(DAMAGED_DIRECTORY))? {
        let reason = "a start found it damaged and kept it";
        findings.push(Finding::new(Severity::Note, extent.path(), reason, ASIDE));
    }
    Ok(findings)
}

const fn reason(kind: LossKind) -> &'static str {
    match kind {
        LossKind::FirstPage => "the first page is not whole",
        LossKind::Frames => "frames that were durable are not what they were",
        LossKind::End => "it lost its end, which the next extent follows",
        LossKind::Cut => "it is shorter than it was made",
        LossKind::ExtentsBefore => "extents before it are missing",
        LossKind::Extents => "the extents that are needed are missing",
        LossKind::Foreign => {
            "it is of a later generation than recovery-points names: it came from elsewhere"
        }
    }
}
