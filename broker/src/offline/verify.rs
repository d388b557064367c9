//! Checks everything that can be checked of a data directory or a partition, and changes nothing.

use std::io::{self, Write};
use std::path::Path;

use super::commit_log_check::check_commit_log;
use super::finding::{Finding, Severity, Tally};
use super::home::{Home, HomeError, LogSite, Purpose};
use super::line::Form;
use super::log_check::{LogCheck, check_log};
use super::root_check::check_root;
use crate::log::{Disk, FileSystem, StorageError};

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Logs that were checked.
    pub logs: usize,
    /// All logs.
    pub of: usize,
    /// Bytes that were read.
    pub bytes: u64,
}

/// Why a check, or a repair, ended early.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// Nothing could be looked at.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nobody takes the output any more, or it cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// Checks the data directory or partition at `path`, and writes a line for each finding and a summary.
///
/// # Errors
/// [`OfflineError`]: it could not be checked.
pub fn verify(
    path: &Path,
    form: Form,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Tally, OfflineError> {
    let (home, sites) = Home::open(&Disk::new(FileSystem), path, Purpose::Look)?;
    let mut tally = Tally::default();
    let mut tell = |tally: &mut Tally, finding: &Finding| {
        tally.count(finding);
        finding.line().write(form, out)
    };
    for finding in whole_findings(&home)? {
        tell(&mut tally, &finding)?;
    }
    for site in &sites {
        progress(Progress {
            logs: tally.logs,
            of: sites.len(),
            bytes: tally.bytes,
        });
        let check = checked(&home, site)?;
        tally.logs = tally.logs.saturating_add(1);
        tally.batches = tally.batches.saturating_add(check.batches);
        tally.bytes = tally.bytes.saturating_add(check.bytes);
        for finding in &check.findings {
            tell(&mut tally, finding)?;
        }
    }
    tally.line().write(form, out)?;
    out.flush()?;
    Ok(tally)
}

/// The check of a log; a disk that fails while it is read is a finding, for the others can be checked.
fn checked(home: &Home, site: &LogSite) -> Result<LogCheck, StorageError> {
    match check_log(home, site) {
        Err(error) => {
            let advice = "look after the disk; what could not be read was not checked";
            let finding = failed_alone(site, error, advice)?;
            Ok(LogCheck {
                findings: vec![finding],
                ..LogCheck::default()
            })
        }
        checked => checked,
    }
}

/// The finding that the disk failed one log, which keeps no other from being looked at.
pub(super) fn failed_alone(
    site: &LogSite,
    error: StorageError,
    advice: &'static str,
) -> Result<Finding, StorageError> {
    if error.cause.kind() == io::ErrorKind::OutOfMemory {
        return Err(error);
    }
    let finding = match error.cause.kind() == io::ErrorKind::NotADirectory {
        true => no_directory(site),
        false => Finding::new(Severity::Damage, &error.path, &error, advice),
    };
    Ok(finding.with_partition(&site.name))
}

/// The finding that there is something in the place of a log, or among the logs, that is no directory.
fn no_directory(site: &LogSite) -> Finding {
    let reason = "it is no directory";
    let (severity, advice) = match site.point > site.log_start {
        true => (
            Severity::Damage,
            "put the partition's directory back from a backup; a start moves this to quarantine/ and goes on without its records",
        ),
        false => (Severity::Note, "the next start moves it to quarantine/"),
    };
    Finding::new(severity, &site.directory, reason, advice)
}

/// What is wrong with what belongs to no partition.
pub(super) fn whole_findings(home: &Home) -> Result<Vec<Finding>, StorageError> {
    let mut findings = home.metadata.findings.clone();
    findings.extend(check_root(home)?);
    findings.extend(check_commit_log(home)?);
    Ok(findings)
}
