//! The check of the commit log: what is needed of it must be one chain.

use super::finding::{Finding, Severity};
use super::home::Home;
use crate::log::commit_log::{DAMAGED_DIRECTORY, FoundExtent, Loss, LossKind, walk_row};
use crate::log::{RecoveryPoints, StorageError};

/// What is lost where the last stop was a clean one.
const NOT_NEEDED: &str =
    "nothing is lost: the last stop was clean, and no start reads it; look after the disk";
/// What is lost otherwise.
const NEEDED: &str =
    "what is missing was acknowledged: restore from a backup, or start, which uses the rest";

/// What is wrong with an extent that cannot be read into memory.
pub(super) const TOO_LARGE: &str = "no extent is that large";
/// What to do with it.
const SHORTEN: &str =
    "a start after a crash does not go on before it is moved away or cut to its size";

/// What to do with what a start put aside.
const ASIDE: &str = "look at it with sluice log dump, and remove it";

/// Checks the commit log of a data directory.
pub(super) fn check_commit_log(home: &Home) -> Result<Vec<Finding>, StorageError> {
    let Some(root) = &home.root else {
        return Ok(Vec::new());
    };
    let directory = root.join("commit-log");
    let extents = FoundExtent::all(&home.disk, &directory)?;
    let is_too_large = |extent: &FoundExtent| extent.is_too_large();
    let (too_large, extents): (Vec<_>, Vec<_>) = extents.into_iter().partition(is_too_large);
    let live = home.points.as_ref().map_or((0, 0), RecoveryPoints::live);
    let advice = if home.is_clean { NOT_NEEDED } else { NEEDED };
    let losses = walk_row(&extents, live, |_| ())?;
    let tell = |loss: Loss<'_>| {
        Finding::new(Severity::Damage, loss.extent, reason(loss.kind), advice)
            .with_bytes(loss.bytes)
    };
    let mut findings: Vec<_> = losses.into_iter().map(tell).collect();
    findings.extend(too_large.iter().map(|extent| {
        Finding::new(Severity::Damage, extent.path(), TOO_LARGE, SHORTEN)
            .with_bytes(0..extent.size())
    }));
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
        LossKind::ExtentsBefore => "extents before it are missing",
        LossKind::ExtentsBehind => "the extents behind it are missing, which are needed",
    }
}
