//! Mending one segment: what is sound of it in a new file, in the place of the old one.
//!
//! ```text
//! 1 <base>.log is copied to      <base>.log.damaged  and durable    crash: made again
//! 2 the new segment is written   <base>.tmp          and synced     crash: made again, or removed by a start
//! 3 .index and .timeindex go, durably                               crash: made again from the segment
//! 4 the new segment is renamed   <base>.log          and durable
//! ```
//! At every step `<base>.log` is the old segment or the new one, and no sound batch is ever away. In the
//! place of lost offsets there is a batch without records, as compaction leaves them: they are never given
//! out again, and readers pass over them.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use sluice_protocol::record_batch::{Attributes, BatchHeader, CHECKED_FROM, HEADER_BYTES, MAGIC};

use super::mending::{Mend, Piece};
use crate::log::disk::DiskFile;
use crate::log::segment::{LOG, OFFSET_INDEX, TIME_INDEX, file_name};
use crate::log::storage::OpenMode;
use crate::log::{Disk, StorageError};

/// What the name of a segment ends in that was damaged.
const DAMAGED: &str = "log.damaged";
/// Bytes copied at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bytes of a batch that its length counts, where it has no records.
const EMPTY_LENGTH: i32 = 49;

/// Mends a segment in `directory`. Returns where its old bytes are kept,
/// where there was one.
pub(super) fn mend_segment(
    disk: &Disk,
    directory: &Path,
    mend: &Mend,
) -> Result<Option<PathBuf>, StorageError> {
    let path = directory.join(file_name(mend.base_offset, LOG));
    let old = match disk.open(&path, OpenMode::Read) {
        Err(error) if error.cause.kind() == ErrorKind::NotFound => None,
        opened => Some(opened?),
    };
    let kept = old
        .as_ref()
        .map(|old| keep(disk, directory, mend.base_offset, old));
    let kept = kept.transpose()?;
    disk.create_dir(directory)?;
    disk.sync_dir(directory.parent().unwrap_or(directory))?;
    let draft = path.with_extension("tmp");
    let new = disk.draft(&draft)?;
    let mut end = 0;
    for piece in &mend.pieces {
        end = match piece {
            Piece::Keep(bytes) => match &old {
                Some(old) => copy(old, bytes.clone(), &new, end)?,
                None => end,
            },
            Piece::Fill(offsets, epoch) => fill(&new, end, offsets.clone(), *epoch)?,
        };
    }
    new.sync()?;
    for suffix in [OFFSET_INDEX, TIME_INDEX] {
        disk.remove_file(&path.with_extension(suffix))?;
    }
    disk.sync_dir(directory)?;
    disk.rename(&draft, &path)?;
    disk.sync_dir(directory)?;
    Ok(kept)
}

/// Copies a segment beside itself, durably, unless a copy of just these bytes is there.
fn keep(
    disk: &Disk,
    directory: &Path,
    base_offset: i64,
    old: &DiskFile,
) -> Result<PathBuf, StorageError> {
    let names = disk.list(directory)?;
    let mut number = 0_u64;
    loop {
        let suffix = match number {
            0 => DAMAGED.to_owned(),
            number => format!("{DAMAGED}.{number}"),
        };
        let name = file_name(base_offset, &suffix);
        let path = directory.join(&name);
        if names.contains(&name) && !is_prefix(disk, &path, old)? {
            number = number.saturating_add(1);
            continue;
        }
        // A copy that a crash left short is made whole.
        let copy_of = disk.open(&path, OpenMode::Create)?;
        copy(old, 0..old.size()?, &copy_of, 0)?;
        copy_of.truncate(old.size()?)?;
        copy_of.sync()?;
        disk.sync_dir(directory)?;
        return Ok(path);
    }
}

/// Whether a file holds the first bytes of `old`, or all of them, and nothing else.
fn is_prefix(disk: &Disk, path: &Path, old: &DiskFile) -> Result<bool, StorageError> {
    let file = disk.open(path, OpenMode::Read)?;
    let size = file.size()?;
    if size > old.size()? {
        return Ok(false);
    }
    let mut position = 0;
    while position < size {
        let left = usize::try_from(size.saturating_sub(position)).unwrap_or(usize::MAX);
        let found = file.read_at(position, left.min(PIECE_BYTES))?;
        if found.is_empty() || found != old.read_readable_at(position, found.len())? {
            return Ok(false);
        }
        position = position.saturating_add(u64::try_from(found.len()).unwrap_or(u64::MAX));
    }
    Ok(true)
}

/// Copies `bytes` of a file to the position `to` of another, and returns where they end there.
fn copy(from: &DiskFile, bytes: Range<u64>, file: &DiskFile, to: u64) -> Result<u64, StorageError> {
    let (mut position, mut end) = (bytes.start, to);
    while position < bytes.end {
        // Holes stay holes.
        let data = from.data_from(position)?.min(bytes.end);
        end = end.saturating_add(data.saturating_sub(position));
        position = data;
        let left = usize::try_from(bytes.end.saturating_sub(position)).unwrap_or(usize::MAX);
        // What the disk cannot read is none of a sound batch, and zeroes in the copy.
        let piece = from.read_readable_at(position, left.min(PIECE_BYTES))?;
        if piece.is_empty() {
            break;
        }
        file.write_at(end, &[&piece])?;
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        position = position.saturating_add(length);
        end = end.saturating_add(length);
    }
    Ok(end)
}

/// Writes batches without records in the place of `offsets`, and returns where they end.
fn fill(file: &DiskFile, at: u64, offsets: Range<i64>, epoch: i32) -> Result<u64, StorageError> {
    let (mut begin, mut at) = (offsets.start, at);
    while begin < offsets.end {
        let left = offsets.end.saturating_sub(begin);
        let count = left.min(i64::from(i32::MAX));
        file.write_at(at, &[&empty_batch(begin, count, epoch)])?;
        at = at.saturating_add(u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX));
        begin = begin.saturating_add(count);
    }
    Ok(at)
}

/// A batch of `count` offsets without a record.
fn empty_batch(base_offset: i64, count: i64, leader_epoch: i32) -> [u8; HEADER_BYTES] {
    let last_offset_delta = i32::try_from(count.saturating_sub(1)).unwrap_or(i32::MAX);
    let mut header = BatchHeader {
        base_offset,
        batch_length: EMPTY_LENGTH,
        leader_epoch,
        magic: MAGIC,
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta,
        base_timestamp: -1,
        max_timestamp: -1,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: 0,
    };
    let bytes = header.to_bytes();
    header.crc = crc32c::crc32c(bytes.get(CHECKED_FROM..).unwrap_or_default());
    header.to_bytes()
}
