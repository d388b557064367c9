//! Small text files whose last line is the checksum of all before, and whose first names their version.

/// The text with a last line `crc32c` and its checksum, in 8 hexadecimal digits.
#[must_use]
pub fn with_checksum(text: String) -> String {
    let crc = crc32c::crc32c(text.as_bytes());
    format!("{text}crc32c {crc:08x}\n")
}

/// A text without the line of its checksum; `None` where it is not what that was made of.
#[must_use]
pub fn checked(text: &str) -> Option<&str> {
    let (rest, crc) = text.strip_suffix('\n')?.rsplit_once("crc32c ")?;
    let is_true = crc == format!("{:08x}", crc32c::crc32c(rest.as_bytes()));
    is_true.then_some(rest)
}

/// What stands between the first line of a file and its checksum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) text: &'a str,
    /// Whether the checksum vouches for it.
    pub(super) is_checked: bool,
}

impl<'a> Body<'a> {
    /// That of a text of `version`, or of the one before, `unchecked`, which had no checksum; `None` where it is of
    /// neither, or not whole.
    pub(super) fn of(text: &'a str, version: &str, unchecked: &str) -> Option<Self> {
        let (found, _) = text.split_once('\n')?;
        let is_checked = found == version;
        let text = match is_checked {
            true => checked(text)?,
            false if found == unchecked => text,
            false => return None,
        };
        let text = text.strip_prefix(found)?.strip_prefix('\n')?;
        Some(Self { text, is_checked })
    }
}
