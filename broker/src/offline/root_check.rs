//! The check of the small files in the root of a data directory: each must say what a start asks it; and that there
//! are metadata where there are partitions.
//!
//! None of them is mended: a start goes on without, and what it goes on with depends on whether there is one.

use super::finding::{Finding, Severity};
use super::home::{Home, read_derived_text};
use super::metadata::RESTORE;
use crate::log::{RECOVERY_POINTS_FILE, StorageError, labelled_directory};
use crate::topics::{CLEANED_LOGS_FILE, CleanedLogs};
use crate::transactions::{PRODUCER_IDS_FILE, ProducerIds};

/// Checks the small files of a data directory.
pub(super) fn check_root(home: &Home) -> Result<Vec<Finding>, StorageError> {
    let Some(root) = &home.root else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    let is_harmed = |name: &str, is_whole: fn(&str) -> bool| {
        let text = read_derived_text(&home.disk, &root.join(name))?;
        Ok::<_, StorageError>(text.is_some_and(|text| !is_whole(&text)))
    };
    if home.metadata.is_empty
        && let Some(name) = labelled_directory(&home.disk, &root.join("topics"))?
    {
        let reason = format!("it has no events, though topics/{name} was made for one");
        let metadata = root.join("metadata");
        findings.push(Finding::new(Severity::Damage, &metadata, reason, RESTORE));
    }
    let mut tell = |severity, name: &str, reason, advice| {
        findings.push(Finding::new(severity, &root.join(name), reason, advice));
    };
    if home.points.is_none() {
        let reason = "it is gone or not whole, so it is not known how far logs were durable";
        let advice = "start and stop the broker, which writes it anew";
        tell(Severity::Derived, RECOVERY_POINTS_FILE, reason, advice);
    }
    if is_harmed(PRODUCER_IDS_FILE, ProducerIds::is_whole)? {
        let reason = "it is not whole, so it is not known which producer ids were given";
        let advice = "nothing is lost: ids go on beyond all that can have been given; the broker writes it anew with the next one";
        tell(Severity::Derived, PRODUCER_IDS_FILE, reason, advice);
    }
    if is_harmed(CLEANED_LOGS_FILE, CleanedLogs::is_whole)? {
        // It is never synced: a power cut may have taken it.
        let severity = match home.is_clean {
            true => Severity::Derived,
            false => Severity::Note,
        };
        let reason = "it is not whole, so any log may have been compacted, and offsets missing within one do not show";
        let advice = "nothing is lost: the broker compacts from the beginning again, and writes it anew then";
        tell(severity, CLEANED_LOGS_FILE, reason, advice);
    }
    Ok(findings)
}
