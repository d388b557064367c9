//! What can go wrong with the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An operation on a file or directory failed. Cheap to clone: one failure is told to everybody who
/// waited for the flush.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {operation} {}: {cause}", path.display())]
pub struct StorageError {
    /// What was tried, as a verb.
    pub operation: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    pub cause: Arc<io::Error>,
}

impl StorageError {
    /// Whether there was no room for it, on the disk or in a quota. What was to be written may have been
    /// written in part, and can be written again.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(
            self.cause.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    /// Whether the disk says that the bytes are lost, and not that something else is wrong.
    pub(crate) fn is_unreadable(&self) -> bool {
        super::disk::is_unreadable(&self.cause)
    }

    /// The failure of `operation` on `path`.
    #[must_use]
    pub fn new(operation: &'static str, path: &Path, cause: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            cause: Arc::new(cause),
        }
    }
}
