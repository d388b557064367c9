//! Something that is not as it should be: what, where, and what to do.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::line::Line;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Records, or what tells of them, are lost.
    Damage,
    /// A file that is made from others is not true, or bytes are in the place of nothing; nothing is lost.
    Derived,
    /// As it may be: told, and not counted.
    Note,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// `<topic>-<partition>`, where it is about one.
    pub(super) partition: Option<String>,
    /// The offsets that are lost or in doubt.
    pub(super) offsets: Option<Range<i64>>,
    pub(super) path: PathBuf,
    /// Where in the file.
    pub(super) bytes: Option<Range<u64>>,
    pub(super) reason: String,
    pub(super) advice: &'static str,
}

impl Finding {
    /// A finding about a file.
    pub(super) fn new(
        severity: Severity,
        path: &Path,
        reason: impl ToString,
        advice: &'static str,
    ) -> Self {
        Self {
            severity,
            partition: None,
            offsets: None,
            path: path.to_owned(),
            bytes: None,
            reason: reason.to_string(),
            advice,
        }
    }

    /// The same, about these offsets; none means that they are not known.
    pub(super) fn with_offsets(mut self, offsets: Range<i64>) -> Self {
        self.offsets = Some(offsets).filter(|offsets| !offsets.is_empty());
        self
    }

    /// The same, about these bytes of the file; none means all of it.
    pub(super) fn with_bytes(mut self, bytes: Range<u64>) -> Self {
        self.bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        self
    }

    /// The same, about a partition.
    pub(super) fn with_partition(mut self, partition: &str) -> Self {
        self.partition = Some(partition.to_owned());
        self
    }

    /// The line that tells it.
    pub(super) fn line(&self) -> Line {
        let mut line = Line::new(match self.severity {
            Severity::Damage => "damage",
            Severity::Derived => "derived",
            Severity::Note => "note",
        });
        if let Some(partition) = &self.partition {
            line = line.word("partition", partition);
        }
        if let Some(offsets) = &self.offsets {
            line = line
                .number("begin", offsets.start)
                .number("end", offsets.end);
        }
        line = line.text("file", self.path.to_string_lossy());
        if let Some(bytes) = &self.bytes {
            let size = bytes.end.saturating_sub(bytes.start);
            line = line.number("position", bytes.start).number("size", size);
        }
        line.text("reason", self.reason.clone())
            .text("advice", self.advice)
    }
}

/// How many findings there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Logs that were checked.
    pub logs: usize,
    /// Batches that are sound.
    pub batches: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Findings of records lost.
    pub damaged: usize,
    /// Findings of files that can be made again.
    pub derived: usize,
}

impl Tally {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.damaged == 0 && self.derived == 0
    }

    pub(super) const fn count(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Damage => self.damaged = self.damaged.saturating_add(1),
            Severity::Derived => self.derived = self.derived.saturating_add(1),
            Severity::Note => {}
        }
    }

    pub(super) fn line(&self) -> Line {
        Line::new("summary")
            .flag("sound", self.is_sound())
            .number("logs", u64::try_from(self.logs).unwrap_or(u64::MAX))
            .number("batches", self.batches)
            .number("bytes", self.bytes)
            .number("damaged", u64::try_from(self.damaged).unwrap_or(u64::MAX))
            .number("derived", u64::try_from(self.derived).unwrap_or(u64::MAX))
    }
}
