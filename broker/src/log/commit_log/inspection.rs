//! A look at a commit log that no process has: its extents, and what is in them.
//!
//! Opens files to read alone, and makes none.

use std::io;
use std::path::Path;

use super::extent::{Extent, ExtentHeader, SUFFIX};
use super::extent_walk::ExtentWalk;
use crate::limits::FLUSH_QUEUE_BYTES_MAX;
use crate::log::StorageError;
use crate::log::storage::{Disk, OpenMode};

/// What an extent may have beside the largest batch: its first page, a frame's header, a page's rest.
const SLACK_BYTES: usize = 3 * 4096;

/// Bytes of the page that says what the extent holds.
const FIRST_PAGE_BYTES: usize = 4096;

/// An extent as it was found.
#[derive(Debug)]
pub(crate) struct FoundExtent {
    extent: Extent,
    header: Option<ExtentHeader>,
}

impl FoundExtent {
    /// The extents in a directory, by their place in the log; those without a place first.
    pub(crate) fn all(disk: &Disk, directory: &Path) -> Result<Vec<Self>, StorageError> {
        let mut names = disk.list(directory)?;
        names.retain(|name| name.ends_with(SUFFIX));
        names.sort_unstable();
        let found = names
            .iter()
            .map(|name| Self::open(disk, &directory.join(name)));
        let mut found = found.collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|found| found.header.map(|header| header.number));
        Ok(found)
    }

    /// The extent at `path`.
    pub(crate) fn open(disk: &Disk, path: &Path) -> Result<Self, StorageError> {
        let file = disk.open(path, OpenMode::Read)?;
        let size = file.size()?;
        let path = path.to_owned();
        let extent = Extent { path, file, size };
        let header = extent.header()?;
        Ok(Self { extent, header })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.extent.path
    }

    /// Whether its first page is all zeroes: it was made, and never used.
    pub(crate) fn is_blank(&self) -> Result<bool, StorageError> {
        let bytes = self.extent.file.read_at(0, FIRST_PAGE_BYTES)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    }

    /// Bytes of its file.
    pub(crate) const fn size(&self) -> u64 {
        self.extent.size
    }

    /// What its first page says; `None` where that is no header.
    pub(crate) const fn header(&self) -> Option<ExtentHeader> {
        self.header
    }

    /// A walk over its frames, behind `header`.
    pub(crate) fn walk(&self, header: ExtentHeader) -> Result<ExtentWalk, StorageError> {
        let is_possible = usize::try_from(self.extent.size)
            .is_ok_and(|size| size <= FLUSH_QUEUE_BYTES_MAX.saturating_add(SLACK_BYTES));
        if !is_possible {
            let cause = io::Error::other("no extent is that large");
            return Err(StorageError::new("read", &self.extent.path, cause));
        }
        ExtentWalk::new(&self.extent, header.chain)
    }
}
