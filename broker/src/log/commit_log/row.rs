//! The extents of one generation in their order, and how each follows the one before.
//!
//! Numbers leave no gap, since an extent is begun when the one before is full and durable, and none is
//! written again before the recovery points say that it is needed no more. Where somebody left a copy of an
//! extent beside it, the one that goes further is in the row.

use std::path::Path;

use super::first_page::ExtentHeader;
use super::found_extent::FoundExtent;
use super::frame::Chain;
use super::live::Live;
use crate::log::StorageError;

/// An extent that has a place in the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    /// Which of all that were found it is.
    pub(super) index: usize,
    pub(super) extent: &'a FoundExtent,
    pub(super) header: ExtentHeader,
}

/// The extents that are needed, in their order, and copies of these.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) placed: Vec<Placed<'a>>,
    pub(super) copies: Vec<&'a FoundExtent>,
}

/// How the extents of a row follow each other.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    /// Number of the next one; `None` where that may be any.
    next: Option<u64>,
    last: Option<&'a Path>,
    /// Where the chain stands at the end of the last.
    chain: Option<Chain>,
}

/// How an extent follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link<'a> {
    /// It goes on with the chain.
    Next,
    /// It is the next one, but the one before, which is this, has lost its end.
    Behind(&'a Path),
    /// Before it so many are missing.
    BehindGap(usize),
}

impl<'a> Row<'a> {
    /// Those of `extents`, which are sorted, that are needed from `live` on, or of the newest generation where that
    /// is not known.
    pub(super) fn of(extents: &'a [FoundExtent], live: Option<Live>) -> Result<Self, StorageError> {
        let generation = live.map_or_else(|| newest_generation(extents), |live| live.generation);
        let first = live.map_or(0, |live| live.number);
        let is_needed =
            |header: &ExtentHeader| header.chain.generation == generation && header.number >= first;
        let placed = extents.iter().enumerate().filter_map(|(index, extent)| {
            let header = extent.header().filter(is_needed)?;
            (!extent.is_foreign(live)).then_some(Placed {
                index,
                extent,
                header,
            })
        });
        let placed: Vec<_> = placed.collect();
        let mut row = Self {
            placed: Vec::new(),
            copies: Vec::new(),
        };
        for same in placed.chunk_by(|one, other| one.header.number == other.header.number) {
            row.add(same)?;
        }
        Ok(row)
    }

    /// Takes extents with one number.
    fn add(&mut self, same: &[Placed<'a>]) -> Result<(), StorageError> {
        if let [only] = same {
            self.placed.push(*only);
            return Ok(());
        }
        let reaches = same.iter().map(Placed::reach);
        let reaches = reaches.collect::<Result<Vec<_>, _>>()?;
        let furthest = reaches.iter().max();
        let at = reaches.iter().position(|reach| Some(reach) == furthest);
        for (index, placed) in same.iter().enumerate() {
            match at == Some(index) {
                true => self.placed.push(*placed),
                false => self.copies.push(placed.extent),
            }
        }
        Ok(())
    }
}

impl Placed<'_> {
    /// Sequence of the frame that would follow its last one.
    fn reach(&self) -> Result<u64, StorageError> {
        let mut walk = self.extent.walk(self.header)?;
        while walk.next().is_some() {}
        Ok(walk.chain().sequence)
    }
}

impl<'a> Follower<'a> {
    /// Before the extent with the number `first`, or any.
    pub(super) const fn new(first: Option<u64>) -> Self {
        Self {
            next: first,
            last: None,
            chain: None,
        }
    }

    /// Takes the extent with the next larger number, which is at `path`.
    pub(super) fn take(&mut self, header: ExtentHeader, path: &'a Path) -> Link<'a> {
        let missing = header
            .number
            .saturating_sub(self.next.unwrap_or(header.number));
        self.next = Some(header.number.saturating_add(1));
        let before = self.last.replace(path);
        match before {
            _ if missing > 0 => Link::BehindGap(usize::try_from(missing).unwrap_or(usize::MAX)),
            Some(before) if self.chain != Some(header.chain) => Link::Behind(before),
            Some(_) | None => Link::Next,
        }
    }

    /// Says where the chain stands at the end of the extent that was taken last.
    pub(super) const fn go_on(&mut self, chain: Chain) {
        self.chain = Some(chain);
    }
}

/// The generation that is read where none is known.
fn newest_generation(extents: &[FoundExtent]) -> u32 {
    let headers = extents.iter().filter_map(FoundExtent::header);
    let generations = headers.map(|header| header.chain.generation);
    generations.max().unwrap_or_default()
}
