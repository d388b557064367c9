//! Mends what can be mended: takes damaged bytes out of segments, and removes files that are not true
//! and can be made again. Never touches a sound batch. What it did not finish it does when it is run
//! again.
//!
//! Mends only a directory that was closed: what another lacks the commit log may have; and no log in which a stop came
//! in the middle of a compaction, which a start settles. Writes nothing through a link.

use std::io::Write;
use std::path::Path;

use super::finding::{Finding, Severity, Tally};
use super::home::{Home, LogSite, Purpose};
use super::line::{Form, Line};
use super::log_check::{LogCheck, check_log};
use super::mend::mend_segment;
use super::mending::{Mend, Piece};
use super::verify::{OfflineError, Progress, failed_alone, whole_findings};
use crate::log::segment::{LOG, file_name};
use crate::log::{DAMAGED_RANGES_FILE, Disk, FileSystem, LogKey, StorageError};

/// What becomes of a log that the disk failed.
const LEFT: &str = "see what is there, and look after the disk; the rest of this log is mended when it is run again";
/// What becomes of a log with a link in it.
const LINK: &str = "put what it leads to in its place, and run it again";

/// What is mended.
#[derive(Clone, Debug, Default)]
pub struct RepairOptions {
    /// Only this partition, `<topic>-<number>`.
    pub partition: Option<String>,
    /// Nothing is changed; what would be is told.
    pub is_rehearsal: bool,
    /// How lines are written.
    pub form: Form,
}

/// Mends the logs at `path`, and writes a line for what is wrong and for what was done. What is still
/// wrong afterwards is in the tally.
///
/// # Errors
/// [`OfflineError`]: nothing more could be done.
pub fn repair(
    path: &Path,
    options: &RepairOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Tally, OfflineError> {
    repair_on(&Disk::new(FileSystem), path, options, out, progress)
}

/// As [`repair`], on any disk.
pub(crate) fn repair_on(
    disk: &Disk,
    path: &Path,
    options: &RepairOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Tally, OfflineError> {
    let purpose = match options.is_rehearsal {
        true => Purpose::Look,
        false => Purpose::Mend,
    };
    let (home, mut sites) = Home::open(disk, path, purpose)?;
    home.check_mendable()?;
    if let Some(name) = &options.partition {
        sites = Home::only(sites, path, name)?;
    }
    let mut repair = Repair {
        home,
        options,
        out,
        tally: Tally::default(),
    };
    if options.partition.is_none() {
        for finding in whole_findings(&repair.home)? {
            repair.tell(&finding)?;
        }
    }
    for site in &sites {
        progress(Progress {
            logs: repair.tally.logs,
            of: sites.len(),
            bytes: repair.tally.bytes,
        });
        repair.log(site)?;
    }
    repair.tally.line().write(options.form, repair.out)?;
    repair.out.flush()?;
    Ok(repair.tally)
}

struct Repair<'a> {
    home: Home,
    options: &'a RepairOptions,
    out: &'a mut dyn Write,
    tally: Tally,
}

impl Repair<'_> {
    fn log(&mut self, site: &LogSite) -> Result<(), OfflineError> {
        self.tally.logs = self.tally.logs.saturating_add(1);
        match self.check_and_mend(site) {
            Err(OfflineError::Storage(error)) => self.tell(&failed_alone(site, error, LEFT)?),
            ended => ended,
        }
    }

    fn check_and_mend(&mut self, site: &LogSite) -> Result<(), OfflineError> {
        let mut check = check_log(&self.home, site)?;
        self.tally.batches = self.tally.batches.saturating_add(check.batches);
        self.tally.bytes = self.tally.bytes.saturating_add(check.bytes);
        let link = self.link(site, &check)?;
        // Metadata without some of its events means something else than before.
        let is_mendable =
            site.key != Some(LogKey::METADATA) && link.is_none() && !check.is_unsettled;
        check.findings.extend(link);
        if self.options.is_rehearsal || !is_mendable {
            for finding in &check.findings {
                self.tell(finding)?;
            }
        }
        match is_mendable {
            true => self.mend(site, &check),
            false => Ok(()),
        }
    }

    /// That a link keeps a log from being mended which is to be.
    fn link(&self, site: &LogSite, check: &LogCheck) -> Result<Option<Finding>, StorageError> {
        if check.is_sound_but_for(|_| false) {
            return Ok(None);
        }
        let link = self.home.link_in(&site.directory, &check.untrue)?;
        Ok(link.map(|path| {
            let reason = "it is a symbolic link, and nothing is mended through one";
            let finding = Finding::new(Severity::Note, &path, reason, LINK);
            finding.with_partition(&site.name)
        }))
    }

    fn mend(&mut self, site: &LogSite, check: &LogCheck) -> Result<(), OfflineError> {
        if let Some(key) = site.key
            && !check.mends.is_empty()
            && !self.options.is_rehearsal
        {
            self.home.forget_place(key)?;
        }
        for mend in &check.mends {
            let kept = match self.options.is_rehearsal {
                true => None,
                false => mend_segment(&self.home.disk, &site.directory, mend)?,
            };
            let mut line = self.line("mended", site).text(
                "file",
                site.directory
                    .join(file_name(mend.base_offset, LOG))
                    .to_string_lossy(),
            );
            if let Some(kept) = kept {
                line = line.text("kept", kept.to_string_lossy());
            }
            line.write(self.options.form, self.out)?;
            self.tell_lost(site, mend)?;
        }
        for path in &check.untrue {
            if !self.options.is_rehearsal {
                self.home.disk.remove_file(path)?;
            }
            let line = self.line("removed", site);
            let line = line.text("file", path.to_string_lossy());
            line.write(self.options.form, self.out)?;
        }
        if self.options.is_rehearsal || check.is_sound_but_for(|_| false) {
            return Ok(());
        }
        self.settle(site)
    }

    /// What is still wrong is told; where nothing is, nothing is known to be damaged any more.
    fn settle(&mut self, site: &LogSite) -> Result<(), OfflineError> {
        let known = site.directory.join(DAMAGED_RANGES_FILE);
        let mut check = check_log(&self.home, site)?;
        let is_about_known = |finding: &Finding| finding.path == known;
        if check.is_sound_but_for(is_about_known) {
            self.home.disk.remove_file(&known)?;
            self.home.disk.sync_dir(&site.directory)?;
            check.findings.retain(|finding| !is_about_known(finding));
        }
        check
            .findings
            .iter()
            .try_for_each(|finding| self.tell(finding))
    }

    fn tell_lost(&mut self, site: &LogSite, mend: &Mend) -> Result<(), OfflineError> {
        for piece in &mend.pieces {
            if let Piece::Fill(offsets, _) = piece {
                let line = self.line("lost", site).number("begin", offsets.start);
                let line = line.number("end", offsets.end);
                line.write(self.options.form, self.out)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, finding: &Finding) -> Result<(), OfflineError> {
        self.tally.count(finding);
        Ok(finding.line().write(self.options.form, self.out)?)
    }

    fn line(&self, kind: &'static str, site: &LogSite) -> Line {
        let line = Line::new(kind).word("partition", &site.name);
        match self.options.is_rehearsal {
            true => line.flag("rehearsed", true),
            false => line,
        }
    }
}

impl LogCheck {
    /// Whether nothing is wrong that would be mended, but for what `is_settled`.
    fn is_sound_but_for(&self, is_settled: impl Fn(&Finding) -> bool) -> bool {
        let mut findings = self.findings.iter();
        findings.all(|finding| finding.severity == Severity::Note || is_settled(finding))
    }
}
