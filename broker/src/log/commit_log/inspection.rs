//! A look at a commit log that no process has: its extents, and what is in them.
//!
//! Opens files to read alone, and makes none.

use std::io;
use std::path::Path;

use super::extent::{Extent, ExtentHeader};
use super::extent_walk::ExtentWalk;
use crate::limits::FLUSH_QUEUE_BYTES_MAX;
use crate::log::StorageError;
use crate::log::storage::{Disk, OpenMode};

/// What an extent may have beside the largest batch: its first page, a frame's header, a page's rest.
const SLACK_BYTES: usize = 3 * 4096;

/// An extent as it was found.
#[derive(Debug)]
pub(crate) struct FoundExtent {
    extent: Extent,
    header: Option<ExtentHeader>,
}

impl FoundExtent {
    /// The extent of this name; `None` where the name is not that of one.
    pub(crate) fn open(
        disk: &Disk,
        directory: &Path,
        name: &str,
    ) -> Result<Option<Self>, StorageError> {
        let found = Extent::found(disk, directory, name, OpenMode::Read)?;
        let Some((_, extent)) = found else {
            return Ok(None);
        };
        let header = extent.header()?;
        Ok(Some(Self { extent, header }))
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
