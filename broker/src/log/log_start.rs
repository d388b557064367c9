//! Where a log begins: the file `log-start-offset`, the version 1, the first offset of its first segment,
//! and a line `crc32c` with the checksum of both.
//!
//! Written when a second segment begins, and durably before segments are dropped, so that a start knows
//! segments that the disk lost from those that were dropped. A log without it has dropped none since
//! this is kept. The version 0 had no checksum: what it says is believed where the segments say the same.

use std::path::Path;

use super::checked_text::{Body, with_checksum};
use super::label::read_small;
use super::recovery::LastStop;
use super::{Disk, StorageError};

/// Name of the file.
pub(crate) const LOG_START_FILE: &str = "log-start-offset";
const VERSION: &str = "1";
const VERSION_WITHOUT_CHECKSUM: &str = "0";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotedStart {
    /// The first offset.
    pub(crate) offset: i64,
    /// Whether the checksum vouches for it.
    pub(crate) is_checked: bool,
}

/// The text for a log that begins at `offset`.
pub(super) fn text(offset: i64) -> String {
    with_checksum(format!("{VERSION}\n{offset}\n"))
}

/// What the file of a directory says; `None` where there is none that is whole.
pub(crate) fn read(
    disk: &Disk,
    directory: &Path,
    last_stop: LastStop,
) -> Result<Option<NotedStart>, StorageError> {
    let text = read_small(disk, &directory.join(LOG_START_FILE), last_stop)?;
    Ok(text.as_deref().and_then(parse))
}

fn parse(text: &str) -> Option<NotedStart> {
    let Body { text, is_checked } = Body::of(text, VERSION, VERSION_WITHOUT_CHECKSUM)?;
    let offset = text.strip_suffix('\n')?.parse().ok();
    let offset = offset.filter(|offset| *offset >= 0)?;
    Some(NotedStart { offset, is_checked })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mutation: `parse` that does not compare the checksum.
    #[test]
    fn the_offset_reads_back_and_nothing_else_does() {
        let written = text(1234);
        let read = |offset, is_checked| Some(NotedStart { offset, is_checked });
        assert_eq!(parse(&written), read(1234, true));
        for end in 0..written.len() {
            assert_eq!(parse(written.get(..end).unwrap()), None, "{end}");
        }
        for index in 0..written.len() {
            for bit in 0..7 {
                let mut harmed = written.clone().into_bytes();
                harmed[index] ^= 1 << bit;
                let harmed = String::from_utf8(harmed).unwrap();
                let found = parse(&harmed);
                assert!(found.is_none_or(|found| !found.is_checked), "{harmed}");
            }
        }
        assert_eq!(parse("0\n1234\n"), read(1234, false));
        assert_eq!(parse("0\n1234"), None);
        assert_eq!(parse("0\n-1\n"), None);
    }
}
