//! The file that says whose the directory of a log is, in Kafka's format: `partition.metadata`.

use std::path::Path;

use sluice_protocol::Uuid;

use super::recovery::LastStop;
use super::{Disk, StorageError, parse_id};

/// Name of the file.
pub(crate) const LABEL_FILE: &str = "partition.metadata";

/// The text that says whose the directory is, if there is any.
///
/// # Errors
/// [`StorageError`].
pub fn directory_label(
    disk: &Disk,
    directory: &Path,
    last_stop: LastStop,
) -> Result<Option<String>, StorageError> {
    let path = directory.join(LABEL_FILE);
    let bytes = match last_stop {
        LastStop::Clean => disk.read_file(&path),
        LastStop::Unclean => disk.read_file_uncached(&path),
    }?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The topic in such a text; `None` where it is not whole.
#[must_use]
pub fn labelled_topic(label: &str) -> Option<Uuid> {
    let mut lines = label.lines();
    let id = lines.find_map(|line| line.strip_prefix("topic_id: "))?;
    parse_id(id)
}

/// The text of a small file that can be done without; after an unclean stop as it is on the disk. `None` where
/// there is none to be read.
pub(super) fn read_small(
    disk: &Disk,
    path: &Path,
    last_stop: LastStop,
) -> Result<Option<String>, StorageError> {
    let bytes = match last_stop {
        LastStop::Clean => disk.read_derived(path),
        LastStop::Unclean => disk.read_derived_uncached(path),
    }?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
