//! An extent: a file of the commit log, written with zeroes once and over and over again then, so
//! that a sync of what is written into it has no metadata to carry.
//!
//! Its first page says which part of the log it holds:
//! ```text
//!  0  [8]  "sluicecl"
//!  8  u32  version: 1
//! 12  u32  generation of the frames
//! 16  u64  number of the extent: 0, 1, 2, ... over all generations
//! 24  u64  sequence of the first frame
//! 32  u32  CRC of the frame before
//! 36  u32  CRC-32C of bytes 0..36
//! ```
//! Frames follow from byte 4096 on; those of a later flush begin at a page boundary, so that no
//! write ever touches a page that is durable.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::frame::Chain;
use crate::log::StorageError;
use crate::log::storage::{Disk, DiskFile, OpenMode};

/// What writes are aligned to.
pub(super) const PAGE_BYTES: u64 = 4096;
/// What the name of an extent's file ends in.
pub(super) const SUFFIX: &str = ".extent";
const MAGIC: [u8; 8] = *b"sluicecl";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 40;
/// Zeroes written at once.
static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];

/// A file that is ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub(super) path: PathBuf,
    pub(super) file: DiskFile,
    /// Bytes of the file.
    pub(super) size: u64,
}

/// What the first page of an extent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtentHeader {
    /// Number of the extent.
    pub(crate) number: u64,
    /// Where the chain stands at its beginning.
    pub(crate) chain: Chain,
}

impl Extent {
    /// Makes the file `index` of `size` bytes of zeroes, durably but for its name. Leaves nothing behind
    /// where that fails.
    pub(super) fn create(
        disk: &Disk,
        directory: &Path,
        index: u64,
        size: u64,
    ) -> Result<Self, StorageError> {
        let path = directory.join(format!("{index:08}{SUFFIX}"));
        match Self::filled(disk, &path, size) {
            Ok(file) => Ok(Self { path, file, size }),
            Err(error) => {
                disk.remove_file(&path)?;
                Err(error)
            }
        }
    }

    fn filled(disk: &Disk, path: &Path, size: u64) -> Result<DiskFile, StorageError> {
        let file = disk.open(path, OpenMode::Create)?;
        let mut at = 0;
        while at < size {
            let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
            let zeroes = ZEROES.get(..left).unwrap_or(&ZEROES);
            file.write_at(at, &[zeroes])?;
            at = at.saturating_add(u64::try_from(zeroes.len()).unwrap_or(u64::MAX));
        }
        file.sync()?;
        disk.open_direct(path)
    }

    /// Opens a file that was made earlier; with the number in its name.
    pub(super) fn found(
        disk: &Disk,
        directory: &Path,
        name: &str,
    ) -> Result<Option<(u64, Self)>, StorageError> {
        let Some(index) = name
            .strip_suffix(SUFFIX)
            .and_then(|index| index.parse().ok())
        else {
            return Ok(None);
        };
        let path = directory.join(name);
        let file = disk.open_direct(&path)?;
        let size = file.size()?;
        Ok(Some((index, Self { path, file, size })))
    }

    /// The header, where the first page holds one.
    pub(super) fn header(&self) -> Result<Option<ExtentHeader>, StorageError> {
        let bytes = self.file.read_at(0, HEADER_BYTES)?;
        Ok(ExtentHeader::read(&bytes))
    }
}

impl ExtentHeader {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(self.chain.generation.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.chain.sequence.to_be_bytes());
        bytes.extend(self.chain.crc.to_be_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    fn read(bytes: &Bytes) -> Option<Self> {
        let u32_at = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(4)?)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let u64_at = |at: usize| {
            let bytes = bytes.get(at..at.checked_add(8)?)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let is_whole = crc32c::crc32c(bytes.get(..36)?) == u32_at(36)?;
        (is_whole && bytes.starts_with(&MAGIC) && u32_at(8)? == VERSION).then_some(())?;
        Some(Self {
            number: u64_at(16)?,
            chain: Chain {
                generation: u32_at(12)?,
                sequence: u64_at(24)?,
                crc: u32_at(32)?,
            },
        })
    }
}

/// The next page boundary at or behind `position`.
pub(super) const fn page_align(position: u64) -> u64 {
    match position.checked_next_multiple_of(PAGE_BYTES) {
        Some(boundary) => boundary,
        None => u64::MAX,
    }
}
