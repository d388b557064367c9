//! The file that says whose the directory of a log is, in Kafka's format: `partition.metadata`.
//!
//! It keeps apart the logs of topics that had the same name one after the other. Where it is gone, or rotten,
//! the directory's name says whose it is, and the next start writes it anew.

use std::path::Path;

use sluice_protocol::Uuid;

use super::recovery::LastStop;
use super::{Disk, StorageError, parse_id};

/// Name of the file.
pub(crate) const LABEL_FILE: &str = "partition.metadata";

/// The text that says whose the directory is; `None` where there is none to be read.
///
/// # Errors
/// [`StorageError`].
pub fn directory_label(
    disk: &Disk,
    directory: &Path,
    last_stop: LastStop,
) -> Result<Option<String>, StorageError> {
    read_small(disk, &directory.join(LABEL_FILE), last_stop)
}

/// The topic in such a text; `None` where it is not whole.
#[must_use]
pub fn labelled_topic(label: &str) -> Option<Uuid> {
    let mut lines = label.lines();
    let id = lines.find_map(|line| line.strip_prefix("topic_id: "))?;
    parse_id(id)
}

/// The name of a directory in `topics` that says whose it is, if there is any.
///
/// # Errors
/// [`StorageError`].
pub fn labelled_directory(disk: &Disk, topics: &Path) -> Result<Option<String>, StorageError> {
    for name in disk.list(topics)? {
        let label = disk.read_derived(&topics.join(&name).join(LABEL_FILE))?;
        let label = label.map(|label| String::from_utf8_lossy(&label).into_owned());
        if label.as_deref().and_then(labelled_topic).is_some() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Whether two ids differ by no more than the six bits of a letter, as where the disk changed one. Ids are
/// random: that of no other topic is so near.
#[must_use]
pub const fn is_nearly(left: Uuid, right: Uuid) -> bool {
    (u128::from_be_bytes(left.0) ^ u128::from_be_bytes(right.0)).count_ones() <= 6
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
