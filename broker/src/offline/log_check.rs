//! The check of one log: every batch, what lies between, and every file beside.
//!
//! Two things come of it: findings for people, and for each segment that is not whole a [`Mend`], which
//! says what of it is sound and which offsets are lost. Nothing is changed.
//!
//! After an unclean stop a log is told from the commit log by nothing but its recovery point: what is
//! behind it is settled by the next start, so it is a note, and no mend is to be carried out. Where the recovery points
//! are lost, what is no torn end for a start is damage here too ([`Backing`](crate::log::backing::Backing)).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use sluice_protocol::record_batch::BatchHeader;

use super::finding::{Finding, Severity};
use super::home::{Home, LogSite, Whose, read_derived_text};
use super::index_check::IndexFiles;
use super::mending::{Mend, Mending, Piece};
use super::metadata::RESTORE;
use crate::log::compaction::{self, Fate};
use crate::log::label::LABEL_FILE;
use crate::log::leader_epochs::{self, LeaderEpochs};
use crate::log::log_start::LOG_START_FILE;
use crate::log::producer_snapshot::{self, SNAPSHOT};
use crate::log::segment::{LOG, SEGMENT_OFFSETS_MAX, base_offsets, file_name, parse_file_name};
use crate::log::segment_survey::{Damage, SegmentSurvey, Stretch};
use crate::log::storage::OpenMode;
use crate::log::{
    DAMAGED_RANGES_FILE, DamagedRange, DamagedRanges, Density, LastStop, LogKey, StorageError,
    is_nearly, labelled_topic, log_start,
};

/// What can be done about lost records.
const REPAIR: &str = "restore from a backup (of a compacted log never a segment alone, nor one that was written to since), or let sluice log repair take them out of the way";
/// What nobody can ask for any more.
const DELETED: &str = "nothing that can be read is lost: it is below the log start; sluice log repair takes it out of the way of compaction";
/// What becomes of a derived file.
const REBUILT: &str = "nothing is lost: the broker makes it again; sluice log repair removes it";
/// What becomes of bytes that are in the place of nothing.
const STRAY: &str = "nothing is lost: the broker passes over them and writes behind them; sluice log repair removes them";
/// What becomes of a directory that says that it is another's.
const QUARANTINED: &str =
    "the next start moves the directory to quarantine/ and begins an empty log";
/// The same, where that was deleted.
const REMOVED: &str = "the next start removes the directory and begins an empty log: copy it first";
/// What becomes of what belongs to no topic.
const MOVED: &str = "the next start moves it to quarantine/";
/// What becomes of a wrong epoch.
const EPOCH: &str = "no record is lost, and nothing is mended; look after the disk";
/// What a start does.
const UNFINISHED: &str = "nothing is lost: the next start settles it";
/// What a stop in the middle of a compaction leaves.
const HALF_REPLACED: &str =
    "a compacted segment that is about to take the place of those it was made from";
/// The same, where it is of no use.
const NOT_WHOLE: &str = "a compacted segment that is not whole, and what it was made from is there";

/// What is known of a log now.
#[derive(Debug, Default)]
pub(super) struct LogCheck {
    pub(super) findings: Vec<Finding>,
    pub(super) mends: Vec<Mend>,
    /// Files that are not true and can be made again.
    pub(super) untrue: Vec<PathBuf>,
    pub(super) batches: u64,
    pub(super) bytes: u64,
    /// Whether a start has to come before a mend: a stop came in the middle of a compaction.
    pub(super) is_unsettled: bool,
}

impl LogCheck {
    /// Of what is no directory, and has the name of no partition.
    fn of_no_log(site: &LogSite) -> Self {
        let finding = Finding::new(Severity::Note, &site.directory, "it is no directory", MOVED);
        Self {
            findings: vec![finding.with_partition(&site.name)],
            ..Self::default()
        }
    }
}

/// A check under way.
struct Checking<'a> {
    home: &'a Home,
    site: &'a LogSite,
    density: Density,
    epochs: Option<LeaderEpochs>,
    /// One past the last offset so far.
    next_offset: i64,
    last_epoch: i32,
    is_epoch_told: bool,
    /// Whether all of the segment could be read so far.
    is_readable: bool,
    found: LogCheck,
}

/// Checks a log.
pub(super) fn check_log(home: &Home, site: &LogSite) -> Result<LogCheck, StorageError> {
    let mut names = match home.disk.list(&site.directory) {
        Err(error) if site.key.is_none() && error.cause.kind() == ErrorKind::NotADirectory => {
            return Ok(LogCheck::of_no_log(site));
        }
        listed => listed?,
    };
    names.sort_unstable();
    let mut checking = Checking {
        home,
        site,
        density: Density::of(&names, site.may_be_compacted),
        epochs: None,
        next_offset: site.log_start,
        last_epoch: 0,
        is_epoch_told: false,
        is_readable: true,
        found: LogCheck::default(),
    };
    checking.label()?;
    checking.leader_epochs()?;
    let segments = checking.segments(&names)?;
    let bases = segments.keys();
    checking.lost_start(&names, bases.clone().next().copied())?;
    let ends = bases.skip(1).map(|next| Some(*next)).chain([None]);
    for ((base, path), next_base) in segments.iter().zip(ends) {
        checking.segment(*base, path, next_base, &names)?;
    }
    if segments.is_empty() {
        checking.lost_end(None);
    }
    checking.snapshots(&names)?;
    checking.known_damage()?;
    Ok(checking.found)
}

impl Checking<'_> {
    /// The segments as the next start has them, by their base offsets: it settles what a stop in the middle of a
    /// compaction left.
    fn segments(&mut self, names: &[String]) -> Result<BTreeMap<i64, PathBuf>, StorageError> {
        let directory = &self.site.directory;
        let path = |base| directory.join(file_name(base, LOG));
        let bases = base_offsets(names).into_iter();
        let mut segments: BTreeMap<_, _> = bases.map(|base| (base, path(base))).collect();
        for replacement in compaction::unsettled(&self.home.disk, directory, names)? {
            let (offsets, path) = (replacement.offsets(), replacement.path(directory));
            let reason = match replacement.fate {
                Fate::Completed => HALF_REPLACED,
                Fate::Undone => NOT_WHOLE,
            };
            let finding = Finding::new(Severity::Note, &path, reason, UNFINISHED);
            self.tell(finding.with_offsets(offsets.clone()));
            self.found.is_unsettled = true;
            if replacement.fate == Fate::Completed {
                segments.retain(|base, _| !offsets.contains(base));
                segments.insert(offsets.start, path);
            }
        }
        Ok(segments)
    }

    fn segment(
        &mut self,
        base: i64,
        path: &Path,
        next_base: Option<i64>,
        names: &[String],
    ) -> Result<(), StorageError> {
        let disk = &self.home.disk;
        let file = disk.open(path, OpenMode::Read)?;
        let size = file.size()?;
        // Those of Apache Kafka may have room for more, and are checked by its own tool.
        let names = self.home.root.as_ref().map_or(&[][..], |_| names);
        let indexes = IndexFiles::open(disk, path, names)?;
        let mut index_check = indexes.check(base)?;
        let end_offset = next_base.unwrap_or_else(|| base.saturating_add(SEGMENT_OFFSETS_MAX));
        let mut survey = SegmentSurvey::new(&file, size, base..end_offset);
        let mut mending = Mending::default();
        self.next_offset = base;
        while let Some(stretch) = survey.next()? {
            match stretch {
                Stretch::Batch(position, header) => {
                    index_check.batch(position, &header)?;
                    self.batch(path, position, &header, &mut mending);
                }
                Stretch::Damage(damage) => {
                    index_check.damage(&damage)?;
                    self.is_readable = file.is_readable();
                    self.damage(path, &damage, next_base, &mut mending);
                }
            }
        }
        self.found.bytes = self.found.bytes.saturating_add(size);
        match next_base {
            Some(next) => self.gap(path, size, next, &mut mending),
            None => self.lost_end(Some((path, &mut mending))),
        }
        self.found.mends.extend(mending.mend(base, size));
        for (path, position, reason) in index_check.end()? {
            self.derived(path, position, reason);
        }
        Ok(())
    }

    fn batch(&mut self, path: &Path, position: u64, header: &BatchHeader, mending: &mut Mending) {
        let size = header.size().and_then(|size| u64::try_from(size).ok());
        let end = position.saturating_add(size.unwrap_or_default());
        if self.density.is_dense() {
            self.gap(path, position, header.base_offset, mending);
        }
        mending.keep(position..end);
        self.found.batches = self.found.batches.saturating_add(1);
        self.next_offset = header.last_offset().saturating_add(1);
        self.last_epoch = header.leader_epoch;
        let known = self
            .epochs
            .as_ref()
            .and_then(|it| it.epoch_of(header.base_offset));
        if let Some(known) = known.filter(|known| *known != header.leader_epoch)
            && !self.is_epoch_told
        {
            self.is_epoch_told = true;
            let (offset, epoch) = (header.base_offset, header.leader_epoch);
            let reason = format!(
                "the batch at offset {offset} has the leader epoch {epoch}, and {} says {known}",
                leader_epochs::FILE_NAME
            );
            let severity = match self.home.is_clean {
                true => Severity::Derived,
                false => Severity::Note,
            };
            let finding = Finding::new(severity, path, reason, EPOCH);
            self.tell(finding.with_bytes(position..end));
        }
    }

    fn epoch_at(&self, offset: i64) -> i32 {
        let known = self.epochs.as_ref().and_then(|it| it.epoch_of(offset));
        known.unwrap_or(self.last_epoch)
    }

    /// Where no offset may be missing: those up to `to` that no batch before `position` has.
    fn gap(&mut self, path: &Path, position: u64, to: i64, mending: &mut Mending) {
        if !self.density.is_dense() || self.next_offset >= to {
            return;
        }
        let lost = self.next_offset..to;
        self.lost(
            path,
            position..position,
            lost.clone(),
            "records are missing",
        );
        mending.fill(lost.clone(), self.epoch_at(lost.start));
        self.next_offset = to;
    }

    fn damage(
        &mut self,
        path: &Path,
        damage: &Damage,
        next_base: Option<i64>,
        mending: &mut Mending,
    ) {
        mending.drop_bytes();
        let bytes = damage.from..damage.to;
        let point = Some(self.site.point).filter(|point| *point > 0);
        let end = damage.end.or(next_base);
        let is_doubtful = end.is_none() && self.site.keeps_end(damage.begin, self.is_readable);
        let end = end.or(point);
        let is_stray = end.map_or(!self.home.is_clean, |end| end <= damage.begin);
        if is_stray && !is_doubtful {
            return self.stray(path, damage);
        }
        let lost = damage.begin..end.unwrap_or(damage.begin);
        self.lost(path, bytes, lost.clone(), &damage.fault.to_string());
        mending.fill(lost.clone(), self.epoch_at(lost.start));
        self.next_offset = lost.end;
    }

    /// Bytes that are no batch where no offset is missing.
    fn stray(&mut self, path: &Path, damage: &Damage) {
        let place = match damage.end {
            Some(_) => "between two batches",
            None => "behind the last batch",
        };
        let reason = format!("these bytes {place} are none: {}", damage.fault);
        let (severity, advice) = match self.home.is_clean {
            true => (Severity::Derived, STRAY),
            false => (Severity::Note, UNFINISHED),
        };
        let finding = Finding::new(severity, path, reason, advice);
        self.tell(finding.with_bytes(damage.from..damage.to));
    }

    /// The log began before its first segment.
    fn lost_start(&mut self, names: &[String], first: Option<i64>) -> Result<(), StorageError> {
        let (disk, directory) = (&self.home.disk, &self.site.directory);
        let start = log_start::read(disk, directory, LastStop::Clean)?;
        if start.is_none() && names.iter().any(|name| name == LOG_START_FILE) {
            self.untrue(directory.join(LOG_START_FILE), "it is not whole");
        }
        let Some((start, first)) = start.zip(first) else {
            return Ok(());
        };
        let lost = start.offset.max(self.site.log_start)..first;
        if !lost.is_empty() {
            let path = directory.join(file_name(lost.start, LOG));
            self.lost(
                &path,
                0..0,
                lost.clone(),
                "the segments that the log began with are gone",
            );
            self.begin_with(lost);
        }
        Ok(())
    }

    /// Where segments are gone, there is to be one that says so, if it can hold as many offsets.
    fn begin_with(&mut self, lost: Range<i64>) {
        let count = lost.end.saturating_sub(lost.start);
        if count <= i64::from(i32::MAX) {
            self.found.mends.push(Mend {
                base_offset: lost.start,
                pieces: vec![Piece::Fill(lost.clone(), self.epoch_at(lost.start))],
            });
        }
    }

    /// The log ends before an offset up to which it was durable.
    fn lost_end(&mut self, last: Option<(&Path, &mut Mending)>) {
        let lost = self.next_offset.max(self.site.log_start)..self.site.point;
        if lost.is_empty() {
            return;
        }
        self.next_offset = lost.end;
        match last {
            Some((path, mending)) => {
                self.lost(
                    path,
                    0..0,
                    lost.clone(),
                    "the log ends too early: its end was durable",
                );
                mending.fill(lost.clone(), self.epoch_at(lost.start));
            }
            None => {
                let directory = self.site.directory.clone();
                let reason = "all segments are gone, which were durable";
                self.lost(&directory, 0..0, lost.clone(), reason);
                self.begin_with(lost);
            }
        }
    }

    fn lost(&mut self, path: &Path, bytes: Range<u64>, offsets: Range<i64>, reason: &str) {
        let point = self.site.point;
        let is_lost = offsets.start < point || self.site.backing.may_have_lost(offsets.start);
        let is_settled = self.home.is_clean || is_lost;
        let is_deleted = !offsets.is_empty() && offsets.end <= self.site.log_start;
        let (severity, advice) = match self.site.key {
            _ if is_deleted => (Severity::Note, DELETED),
            _ if !is_settled => (Severity::Note, UNFINISHED),
            Some(LogKey::METADATA) => (Severity::Damage, RESTORE),
            Some(_) | None => (Severity::Damage, REPAIR),
        };
        // The commit log has what follows the recovery point.
        let offsets = match self.home.is_clean || offsets.start >= point {
            true => offsets,
            false => offsets.start..offsets.end.min(point),
        };
        let finding = Finding::new(severity, path, reason, advice);
        self.tell(finding.with_offsets(offsets).with_bytes(bytes));
    }

    /// A file that can be made again, of which the bytes from `position` on are not true. After an
    /// unclean stop it may be old, and is no harm.
    fn derived(&mut self, path: PathBuf, position: u64, reason: impl ToString) {
        let (severity, advice) = match self.home.is_clean {
            true => (Severity::Derived, REBUILT),
            false => (Severity::Note, UNFINISHED),
        };
        let finding = Finding::new(severity, &path, reason, advice);
        self.tell(match position {
            0 => finding,
            position => finding.with_bytes(position..position.saturating_add(1)),
        });
        if self.home.is_clean {
            self.found.untrue.push(path);
        }
    }

    fn tell(&mut self, finding: Finding) {
        let finding = finding.with_partition(&self.site.name);
        self.found.findings.push(finding);
    }

    /// Whether the directory says whose it is, and that it is this log's. A label that says nothing is as if it
    /// were not there.
    fn label(&mut self) -> Result<(), StorageError> {
        let Some(root) = &self.home.root else {
            return Ok(());
        };
        let path = self.site.directory.join(LABEL_FILE);
        let label = read_derived_text(&self.home.disk, &path)?;
        let topic = label.as_deref().and_then(labelled_topic);
        match (self.site.key, topic) {
            (Some(LogKey::METADATA), _) => {}
            (Some(_), None) if label.is_none() => {}
            (Some(_), None) => self.derived(path, 0, "it is not whole"),
            (Some(key), Some(topic)) if topic == key.topic => {}
            (Some(key), Some(topic)) if is_nearly(topic, key.topic) => {
                self.derived(path, 0, "it is wrong by a letter");
            }
            (Some(_), Some(topic)) => {
                let (reason, advice) = match self.home.whose(topic) {
                    Whose::Topics => ("it names another topic than the metadata", QUARANTINED),
                    Whose::Deleted => ("it names a topic that was deleted", REMOVED),
                    Whose::Nobodys => ("it names a topic that the metadata lacks", QUARANTINED),
                };
                self.tell(Finding::new(Severity::Damage, &path, reason, advice));
            }
            (None, topic) => {
                let reason = match topic.map(|topic| self.home.whose(topic)) {
                    Some(Whose::Topics) => {
                        "its topic has another name, or fewer partitions".to_owned()
                    }
                    _ => format!("{} knows no such topic", root.display()),
                };
                self.tell(Finding::new(Severity::Note, &path, reason, MOVED));
            }
        }
        Ok(())
    }

    fn leader_epochs(&mut self) -> Result<(), StorageError> {
        let path = self.site.directory.join(leader_epochs::FILE_NAME);
        if let Some(text) = read_derived_text(&self.home.disk, &path)? {
            self.epochs = LeaderEpochs::parse(&text);
            if self.epochs.is_none() {
                self.derived(path, 0, "it is not whole");
            }
        }
        Ok(())
    }

    /// Whether what the broker takes for damaged is: a disk may have read it again.
    fn known_damage(&mut self) -> Result<(), StorageError> {
        let path = self.site.directory.join(DAMAGED_RANGES_FILE);
        let Some(text) = read_derived_text(&self.home.disk, &path)? else {
            return Ok(());
        };
        let Some(known) = DamagedRanges::parse(&text) else {
            self.untrue(path, "it is not whole");
            return Ok(());
        };
        let findings = self.found.findings.iter();
        let lost: Vec<_> = findings
            .filter_map(|finding| finding.offsets.clone())
            .collect();
        let is_lost = |range: &&DamagedRange| {
            let mut lost = lost.iter();
            lost.any(|lost| lost.start < range.end && range.begin < lost.end)
        };
        let sound = known.as_slice().iter().find(|range| !is_lost(range));
        if let Some(DamagedRange { begin, end }) = sound {
            let reason = format!("offsets {begin} to before {end} are not damaged");
            self.untrue(path, &reason);
        }
        Ok(())
    }

    /// A file that the broker makes again, after whatever stop.
    fn untrue(&mut self, path: PathBuf, reason: &str) {
        self.tell(Finding::new(Severity::Derived, &path, reason, REBUILT));
        self.found.untrue.push(path);
    }

    fn snapshots(&mut self, names: &[String]) -> Result<(), StorageError> {
        for name in names {
            let Some((offset, SNAPSHOT)) = parse_file_name(name) else {
                continue;
            };
            let path = self.site.directory.join(name);
            let bytes = self.home.disk.read_doubtful(&path)?.unwrap_or_default();
            if producer_snapshot::entries(bytes).is_none() {
                let reason = "it is not whole, or its checksum is wrong";
                self.derived(path, 0, reason);
            } else if offset > self.next_offset {
                let end = self.next_offset;
                let reason = format!("it is of offset {offset}, and the log ends at {end}");
                self.derived(path, 0, reason);
            }
        }
        Ok(())
    }
}
