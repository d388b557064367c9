//! The walk over the extents that are needed: every frame in them, and what of them is lost.
//!
//! The generation that the recovery points name is read from its first extent that is still needed, or the newest
//! one where they name none. The chain tells where it ends. If there is a whole frame of the same generation behind the end, then the end is no torn
//! write: a frame is written only when all before it are durable, so the disk lost or changed what it
//! had kept. So it did where a first page is harmed, an extent is shorter than it was made or missing from their
//! row, or the first of them is missing though the recovery points say that it was begun. What lies behind is
//! walked over all the same. What is of a later generation than they name, or of the same one with another secret,
//! is from elsewhere, and not read.

use std::path::Path;

use bytes::Bytes;

use super::found_extent::FoundExtent;
use super::frame::{Chain, FrameHeader};
use super::live::Live;
use super::loss::{Loss, LossKind};
use super::row::{Follower, Link, Placed, Row};
use crate::log::StorageError;

/// A frame in its extent.
#[derive(Clone, Debug)]
pub(crate) struct FoundFrame<'a> {
    pub(crate) extent: &'a FoundExtent,
    /// Which of the extents that is.
    pub(super) index: usize,
    pub(crate) position: u64,
    pub(crate) header: FrameHeader,
    pub(crate) batch: Bytes,
}

/// Walks over the frames of `extents`, which are sorted and were found in `directory`; `live` is the first one that is
/// needed, as far as is known.
pub(crate) fn walk_row<'a>(
    directory: &Path,
    extents: &'a [FoundExtent],
    live: Option<Live>,
    mut visit: impl FnMut(FoundFrame<'a>),
) -> Result<Vec<Loss>, StorageError> {
    let row = Row::of(extents, live)?;
    let mut losses = page_losses(extents, live)?;
    // A gap is the place of one whose first page is harmed, if there are as many.
    let pages = losses
        .iter()
        .filter(|loss| loss.kind == LossKind::FirstPage);
    let mut pages_lost = pages.count();
    let copies = row.copies.iter();
    losses.extend(copies.map(|copy| Loss::missing(LossKind::Copy, copy.path())));
    let mut follower = Follower::new(live.map(|live| live.number));
    let mut is_cut = false;
    for placed in &row.placed {
        let path = placed.extent.path();
        match follower.take(placed.header, path) {
            Link::Next => {}
            Link::Behind(_) if is_cut => {}
            Link::Behind(before) => losses.push(Loss::missing(LossKind::End, before)),
            // They may have been needed no more.
            Link::BehindGap(_) if live.is_none() => {}
            Link::BehindGap(missing) => match pages_lost.checked_sub(missing) {
                Some(left) => pages_lost = left,
                None => losses.push(Loss::missing(LossKind::ExtentsBefore, path)),
            },
        }
        let cut = placed.extent.cut();
        is_cut = cut.is_some();
        losses.extend(cut.map(|bytes| Loss::of(LossKind::Cut, placed.extent, bytes)));
        let chain = walk_extent(*placed, &mut losses, &mut visit)?;
        follower.go_on(chain);
    }
    if live.is_some_and(|live| live.is_begun) && row.placed.is_empty() {
        losses.push(Loss::missing(LossKind::Extents, directory));
    }
    Ok(losses)
}

/// What first pages tell: that they are not whole, or that they are from elsewhere.
fn page_losses(extents: &[FoundExtent], live: Option<Live>) -> Result<Vec<Loss>, StorageError> {
    let mut losses = Vec::new();
    for extent in extents {
        losses.extend(Loss::foreign(extent, live));
        if extent.is_lost(live)? {
            losses.push(Loss::first_page(extent));
        }
    }
    Ok(losses)
}

/// Shows the frames of an extent, and returns where the chain stands behind them.
fn walk_extent<'a>(
    placed: Placed<'a>,
    losses: &mut Vec<Loss>,
    visit: &mut impl FnMut(FoundFrame<'a>),
) -> Result<Chain, StorageError> {
    let Placed {
        index,
        extent,
        header,
    } = placed;
    let mut walk = extent.walk(header)?;
    loop {
        let next = walk.next();
        let skipped = walk.take_skipped();
        losses.extend(skipped.map(|bytes| Loss::of(LossKind::Frames, extent, bytes)));
        let Some((position, header)) = next else {
            return Ok(walk.chain());
        };
        visit(FoundFrame {
            extent,
            index,
            position,
            header,
            batch: walk.batch(position, &header).unwrap_or_default(),
        });
    }
}
