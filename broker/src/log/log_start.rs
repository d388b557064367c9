//! Where a log begins: the file `log-start-offset`, the version 0 and the first offset of its first
//! segment.
//!
//! Written when a second segment begins, and durably before segments are dropped, so that a start knows
//! segments that the disk lost from those that were dropped. A log without it has dropped none since
//! this is kept.

use std::path::Path;

use super::label::read_small;
use super::recovery::LastStop;
use super::{Disk, StorageError};

/// Name of the file.
pub(crate) const LOG_START_FILE: &str = "log-start-offset";
const VERSION: &str = "0";

/// The text for a log that begins at `offset`.
pub(super) fn text(offset: i64) -> String {
    format!("{VERSION}\n{offset}\n")
}

/// The offset in the file of a directory; `None` where there is none that is whole.
pub(crate) fn read(
    disk: &Disk,
    directory: &Path,
    last_stop: LastStop,
) -> Result<Option<i64>, StorageError> {
    let bytes = read_small(disk, &directory.join(LOG_START_FILE), last_stop)?;
    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(text.as_deref().and_then(parse))
}

fn parse(text: &str) -> Option<i64> {
    let offset = text.strip_prefix(VERSION)?.strip_prefix('\n')?;
    let offset = offset.strip_suffix('\n')?.parse().ok()?;
    (offset >= 0).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_reads_back_and_half_of_it_does_not() {
        let written = text(1234);
        assert_eq!(parse(&written), Some(1234));
        for end in 0..written.len() {
            assert_eq!(parse(written.get(..end).unwrap()), None, "{end}");
        }
        assert_eq!(parse("0\n-1\n"), None);
    }
}
