//! The segments of a partition, and the names of their files.

mod active;
mod sealed;

pub(crate) use active::ActiveSegment;
pub(crate) use sealed::SealedSegment;

/// What the name of a segment's file ends in.
pub(crate) const LOG: &str = "log";
/// What the name of an offset index ends in.
pub(crate) const OFFSET_INDEX: &str = "index";
/// What the name of a time index ends in.
pub(crate) const TIME_INDEX: &str = "timeindex";
/// What the name of a file ends in that is no longer part of a log.
const DELETED: &str = "deleted";

/// Offsets that one segment may have.
pub(crate) const SEGMENT_OFFSETS_MAX: i64 = 1 << 31;

/// Bytes that one segment may have: positions in it are Kafka's ints.
pub(crate) const SEGMENT_BYTES_MAX: u64 = (1 << 31) - 1;

/// The first offsets of the segments among the files of a directory, in order.
pub(crate) fn base_offsets(names: &[String]) -> Vec<i64> {
    offsets_of(names, LOG)
}

/// The offsets of the files with a suffix, in order.
pub(in crate::log) fn offsets_of(names: &[String], suffix: &str) -> Vec<i64> {
    let files = names.iter().filter_map(|name| parse_file_name(name));
    let mut offsets: Vec<i64> = files
        .filter(|(_, found)| *found == suffix)
        .map(|(offset, _)| offset)
        .collect();
    offsets.sort_unstable();
    offsets
}

/// Name of a file of the segment that begins at `base_offset`: 20 digits and what the file is.
pub(crate) fn file_name(base_offset: i64, suffix: &str) -> String {
    format!("{base_offset:020}.{suffix}")
}

/// The offset in such a name, and the suffix.
pub(crate) fn parse_file_name(name: &str) -> Option<(i64, &str)> {
    let (digits, suffix) = name.split_once('.')?;
    let is_offset = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_offset
        .then(|| digits.parse().ok())
        .flatten()
        .map(|offset| (offset, suffix))
}
