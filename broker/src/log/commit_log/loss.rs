//! What a start, or a check, misses of a commit log.

use std::ops::Range;
use std::path::PathBuf;

use super::extent::PAGE_BYTES;
use super::found_extent::FoundExtent;
use super::live::Live;

/// What the disk lost or changed of a commit log, or what somebody put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What is lost.
    pub kind: LossKind,
    /// The extent that it is told by, or their directory where there is none.
    pub path: PathBuf,
    /// Where in that; nowhere, where something is missing.
    pub bytes: Range<u64>,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// What the first page of an extent said.
    FirstPage,
    /// Frames before others.
    Frames,
    /// The end of an extent, which the next one follows.
    End,
    /// What an extent had behind the end of its file.
    Cut,
    /// Extents before this one.
    ExtentsBefore,
    /// All extents that are needed.
    Extents,
    /// Nothing: another extent has the same place in the log, and what this one has.
    Copy,
    /// Nothing: the extent is of a generation that never was here.
    Foreign,
}

impl LossKind {
    /// Whether the extent is one that the log never had, so that nothing is missing.
    #[must_use]
    pub const fn is_stray(self) -> bool {
        matches!(self, Self::Copy | Self::Foreign)
    }

    /// What is wrong, in words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::FirstPage => "the first page is not whole",
            Self::Frames => "frames that were durable are not what they were",
            Self::End => "it lost its end, which the next extent follows",
            Self::Cut => "it is shorter than it was made",
            Self::ExtentsBefore => "extents before it are missing",
            Self::Extents => "the extents that are needed are missing",
            Self::Copy => "another extent has its place in the log, and goes as far or further",
            Self::Foreign => "it came from elsewhere: recovery-points names another generation",
        }
    }
}

impl Loss {
    /// Of an extent, in these bytes of it.
    pub(super) fn of(kind: LossKind, extent: &FoundExtent, bytes: Range<u64>) -> Self {
        let path = extent.path().to_owned();
        Self { kind, path, bytes }
    }

    /// Of no bytes that are there.
    pub(super) fn missing(kind: LossKind, path: impl Into<PathBuf>) -> Self {
        let (path, bytes) = (path.into(), 0..0);
        Self { kind, path, bytes }
    }

    /// Of an extent that is from elsewhere.
    pub(super) fn foreign(extent: &FoundExtent, live: Option<Live>) -> Option<Self> {
        let is_foreign = extent.is_foreign(live);
        is_foreign.then(|| Self::missing(LossKind::Foreign, extent.path()))
    }

    /// Of the first page of an extent.
    pub(crate) fn first_page(extent: &FoundExtent) -> Self {
        Self::of(
            LossKind::FirstPage,
            extent,
            0..extent.size().min(PAGE_BYTES),
        )
    }
}
