//! An extent as it was found: its file, and what its first page says.
//!
//! To look at a commit log that no process has, opens files to read alone, and makes none.

use std::ops::Range;
use std::path::Path;

use super::extent::{Extent, SUFFIX};
use super::extent_walk::ExtentWalk;
use super::first_page::{ExtentHeader, FirstPage, VERSION};
use super::frame::Chain;
use super::live::Live;
use crate::log::StorageError;
use crate::log::disk::{Disk, is_no_file};
use crate::log::storage::OpenMode;

/// An extent as it was found.
#[derive(Debug)]
pub(crate) struct FoundExtent {
    pub(super) extent: Extent,
    page: FirstPage,
}

impl FoundExtent {
    /// The extents in a directory, by their place in the log; those without a place first. What is no file is
    /// none, as for a start.
    pub(crate) fn all(disk: &Disk, directory: &Path) -> Result<Vec<Self>, StorageError> {
        let mut names = disk.list(directory)?;
        names.retain(|name| name.ends_with(SUFFIX));
        let found = names
            .iter()
            .map(|name| Self::open(disk, &directory.join(name)))
            .filter(|opened| !opened.as_ref().is_err_and(|error| is_no_file(&error.cause)));
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        Self::sort(&mut found);
        Ok(found)
    }

    /// By their place in the log, and by name; those without a place first.
    pub(super) fn sort(found: &mut [Self]) {
        let number = |found: &Self| found.header().map(|header| header.number);
        found.sort_by(|one, other| {
            let by_place = number(one).cmp(&number(other));
            by_place.then_with(|| one.path().cmp(other.path()))
        });
    }

    /// The extent at `path`.
    pub(crate) fn open(disk: &Disk, path: &Path) -> Result<Self, StorageError> {
        let file = disk.open(path, OpenMode::Read)?;
        let size = file.size()?;
        let path = path.to_owned();
        Self::of(Extent { path, file, size })
    }

    /// With what the first page of an extent says.
    pub(super) fn of(extent: Extent) -> Result<Self, StorageError> {
        let page = extent.first_page()?;
        Ok(Self { extent, page })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.extent.path
    }

    /// Whether its first page is damaged.
    pub(crate) const fn has_damaged_page(&self) -> bool {
        matches!(self.page, FirstPage::Damaged)
    }

    /// Whether it held something of which the first page no longer tells. Where the secret is known a frame has to
    /// be there as well: a page without any was being written when the power went.
    pub(super) fn is_lost(&self, live: Option<Live>) -> Result<bool, StorageError> {
        if !self.has_damaged_page() {
            return Ok(false);
        }
        let known = live.and_then(|live| Some((live.generation, live.secret?)));
        match known {
            Some((generation, secret)) => self.begins_with_frame_of(generation, secret),
            None => Ok(true),
        }
    }

    fn begins_with_frame_of(&self, generation: u32, secret: u32) -> Result<bool, StorageError> {
        let chain = Chain {
            generation,
            secret,
            ..Chain::default()
        };
        let header = ExtentHeader {
            version: VERSION,
            number: 0,
            chain,
            size: None,
        };
        Ok(self.walk(header)?.is_at_frame_of_generation())
    }

    /// Whether it is of a generation that there never was.
    pub(super) fn is_foreign(&self, live: Option<Live>) -> bool {
        let (Some(ExtentHeader { chain, .. }), Some(live)) = (self.header(), live) else {
            return false;
        };
        let is_other = live.secret.is_some_and(|secret| secret != chain.secret);
        chain.generation > live.generation || (chain.generation == live.generation && is_other)
    }

    /// Bytes of its file.
    pub(crate) const fn size(&self) -> u64 {
        self.extent.size
    }

    /// What its first page says it has and it has not.
    pub(crate) fn cut(&self) -> Option<Range<u64>> {
        let cut = self.extent.size..self.header()?.size?;
        (!cut.is_empty()).then_some(cut)
    }

    /// What its first page says; `None` where that is no header.
    pub(crate) const fn header(&self) -> Option<ExtentHeader> {
        self.page.header()
    }

    /// A walk over its frames, behind `header`.
    pub(crate) fn walk(&self, header: ExtentHeader) -> Result<ExtentWalk, StorageError> {
        ExtentWalk::new(&self.extent, header)
    }
}
