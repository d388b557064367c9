//! Whether every offset of a log has a record, so that one without is lost.
//!
//! A log that was ever compacted lacks offsets for good reason, whatever its settings are today. The
//! empty file `compacted` beside its segments says so, durably from before the first compacted segment
//! takes its place, and for ever. Where that may be missing, since there was no such file yet, others
//! have to know; in doubt a log may lack offsets, and what vanished of it as a whole does not show.

/// Name of the file.
pub(crate) const COMPACTED_FILE: &str = "compacted";

/// Whether offsets may have no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Density {
    /// Every offset has one.
    Dense,
    /// The log is or was compacted.
    Sparse,
}

impl Density {
    /// That of a log whose directory holds these files; `may_be_compacted` says what others know.
    pub(crate) fn of(names: &[String], may_be_compacted: bool) -> Self {
        match may_be_compacted || names.iter().any(|name| name == COMPACTED_FILE) {
            true => Self::Sparse,
            false => Self::Dense,
        }
    }

    pub(crate) fn is_dense(self) -> bool {
        self == Self::Dense
    }
}
