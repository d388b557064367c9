//! The first page of an extent: which part of the log it holds.
//!
//! ```text
//!  0  [8]  "sluicecl"
//!  8  u32  version: 3
//! 12  u32  generation of the frames
//! 16  u64  number of the extent: 0, 1, 2, ... over all generations
//! 24  u64  sequence of the first frame
//! 32  u32  CRC of the frame before
//! 36  u32  secret of the generation
//! 40  u64  bytes of the file
//! 48  u32  CRC-32C of bytes 0..48
//! ```
//! The same stands at byte 512 again. So what one sector loses the other one has; and since both are synced
//! together with the first flush, before anything of it is acknowledged, a page of which neither can be read
//! was harmed, while one that was being written when the power went has one of before, or none there.
//!
//! Version 2 did not say how many bytes the file has, and had its CRC at byte 40. Version 1 had no secret either,
//! its CRC at byte 36, and nothing at byte 512.

use super::frame::Chain;
use super::pages::PAGE;

const MAGIC: [u8; 8] = *b"sluicecl";
/// The version that is written.
pub(super) const VERSION: u32 = 3;
/// Where it stands: in two sectors.
const PLACES: [usize; 2] = [0, 512];
/// Bytes of either, its CRC included.
const HEADER_BYTES: usize = 52;

/// What the first page of an extent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstPage {
    /// Which part of the log follows.
    Header(ExtentHeader),
    /// Nothing yet: none was ever durable.
    Blank,
    /// There was a header, and the disk lost or changed it.
    Damaged,
}

/// Which part of the log an extent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtentHeader {
    /// In which version it stands there.
    pub(crate) version: u32,
    /// Number of the extent.
    pub(crate) number: u64,
    /// Where the chain stands at its beginning.
    pub(crate) chain: Chain,
    /// Bytes that its file has; unknown for those that earlier versions wrote.
    pub(crate) size: Option<u64>,
}

impl FirstPage {
    /// Of the bytes that the file has of its first page.
    pub(super) fn read(page: &[u8]) -> Self {
        let places = PLACES.map(|at| page.get(at..).unwrap_or_default());
        if let Some(header) = places.into_iter().find_map(ExtentHeader::read) {
            return Self::Header(header);
        }
        let is_written = |place: &[u8]| place.iter().take(HEADER_BYTES).any(|byte| *byte != 0);
        // Version 1 stood there once.
        let is_first_version = u32_at(page, 8) == Some(1);
        // One that was never finished has zeroes alone.
        let is_rest = page.len() < PAGE && is_written(page);
        match is_rest || is_first_version || places.into_iter().all(is_written) {
            true => Self::Damaged,
            false => Self::Blank,
        }
    }

    /// The header, where it can be read.
    pub(crate) const fn header(self) -> Option<ExtentHeader> {
        match self {
            Self::Header(header) => Some(header),
            Self::Blank | Self::Damaged => None,
        }
    }
}

impl ExtentHeader {
    /// The whole page: no part of it has to be read to be written.
    pub(super) fn to_page(self) -> Vec<u8> {
        let header = self.to_bytes();
        let mut page = vec![0; PAGE];
        for at in PLACES {
            if let Some(place) = page.get_mut(at..at.saturating_add(header.len())) {
                place.copy_from_slice(&header);
            }
        }
        page
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.version.to_be_bytes());
        bytes.extend(self.chain.generation.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.chain.sequence.to_be_bytes());
        bytes.extend(self.chain.crc.to_be_bytes());
        bytes.extend(self.chain.secret.to_be_bytes());
        bytes.extend(self.size.unwrap_or_default().to_be_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(&MAGIC).then_some(())?;
        let version = u32_at(bytes, 8)?;
        let (secret, size, crc_at) = match version {
            1 => (0, None, 36),
            2 => (u32_at(bytes, 36)?, None, 40),
            VERSION => (u32_at(bytes, 36)?, Some(u64_at(bytes, 40)?), 48),
            _ => return None,
        };
        let is_whole = crc32c::crc32c(bytes.get(..crc_at)?) == u32_at(bytes, crc_at)?;
        is_whole.then_some(Self {
            version,
            number: u64_at(bytes, 16)?,
            chain: Chain {
                generation: u32_at(bytes, 12)?,
                sequence: u64_at(bytes, 24)?,
                crc: u32_at(bytes, 32)?,
                secret,
            },
            size,
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}
