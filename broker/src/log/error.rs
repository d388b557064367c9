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
