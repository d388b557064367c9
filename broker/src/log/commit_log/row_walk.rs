//! The walk over the extents that are needed: every frame in them, and what of them is lost.
//!
//! The generation that the recovery points name is read from its first extent that is still needed, or the newest
//! one where they name none. The chain tells where it ends. If there is a whole frame of the same generation behind the end, then the end is no torn
//! write: a frame is written only when all before it are durable, so the disk lost or changed what it
//! had kept. So it did where a first page is harmed, an extent is shorter than it was made or missing from their
//! row, or the first of them is missing though the recovery points say that it was begun. What lies behind is
//! walked over all the same. What is of a later generation than they name is from elsewhere, and not read.

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;

use super::extent::PAGE_BYTES;
use super::found_extent::FoundExtent;
use super::frame::FrameHeader;
use super::live::Live;
use super::row::{Link, Row};
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

/// What the disk lost or changed of a commit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss<'a> {
    pub(crate) kind: LossKind,
    /// The extent that it is told by, or the directory where there is none.
    pub(crate) path: &'a Path,
    /// Where in that; nowhere, where something is missing.
    pub(crate) bytes: Range<u64>,
}

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LossKind {
    /// What the first page of an extent said.
    FirstPage,
    /// Frames before others.
    Frames,
    /// The end of an extent, which the next one follows.
    End,
    /// What an extent had behind the end of its file.
    Cut,
    /// Extents before this one.
    ExtentsBefore,
    /// All extents that are needed.
    Extents,
    /// Nothing: the extent is of a generation that never was here.
    Foreign,
}

/// Walks over the frames of `extents`, which are sorted and were found in `directory`; `live` is the first one that is
/// needed, as far as is known.
pub(crate) fn walk_row<'a>(
    directory: &'a Path,
    extents: &'a [FoundExtent],
    live: Option<Live>,
    mut visit: impl FnMut(FoundFrame<'a>),
) -> Result<Vec<Loss<'a>>, StorageError> {
    let harmed = extents.iter().filter(|extent| extent.is_lost());
    let mut losses: Vec<_> = harmed.map(first_page).collect();
    // A gap is the place of one whose first page is harmed, if there is any.
    let is_told = !losses.is_empty();
    let foreign = extents.iter().filter(|extent| extent.is_foreign(live));
    losses.extend(foreign.map(|extent| missing(LossKind::Foreign, extent.path())));
    let generation = live.map_or_else(|| newest_generation(extents), |live| live.generation);
    let mut row = Row::new(generation, live.map(|live| live.number));
    let mut is_cut = false;
    for (index, extent) in extents.iter().enumerate() {
        let Some(header) = extent.header() else {
            continue;
        };
        match row.take(header, extent.path()) {
            Link::Outside => continue,
            Link::Next => {}
            Link::Behind(_) if is_cut => {}
            Link::Behind(before) => losses.push(missing(LossKind::End, before)),
            Link::BehindGap if is_told => {}
            Link::BehindGap => losses.push(missing(LossKind::ExtentsBefore, extent.path())),
        }
        let cut = extent.cut();
        is_cut = cut.is_some();
        losses.extend(cut.map(|bytes| lost(LossKind::Cut, extent, bytes)));
        let mut walk = extent.walk(header)?;
        loop {
            let next = walk.next();
            let skipped = walk.take_skipped();
            losses.extend(skipped.map(|bytes| lost(LossKind::Frames, extent, bytes)));
            let Some((position, header)) = next else {
                break;
            };
            visit(FoundFrame {
                extent,
                index,
                position,
                header,
                batch: walk.batch(position, &header).unwrap_or_default(),
            });
        }
        row.go_on(walk.chain());
    }
    if live.is_some_and(|live| live.is_begun) && row.is_empty() && !is_told {
        losses.push(missing(LossKind::Extents, directory));
    }
    Ok(losses)
}

/// The generation that is read where none is known.
fn newest_generation(extents: &[FoundExtent]) -> u32 {
    let headers = extents.iter().filter_map(FoundExtent::header);
    let generations = headers.map(|header| header.chain.generation);
    generations.max().unwrap_or_default()
}

fn first_page(extent: &FoundExtent) -> Loss<'_> {
    let bytes = 0..extent.size().min(PAGE_BYTES);
    lost(LossKind::FirstPage, extent, bytes)
}

fn lost(kind: LossKind, extent: &FoundExtent, bytes: Range<u64>) -> Loss<'_> {
    Loss {
        kind,
        path: extent.path(),
        bytes,
    }
}

const fn missing(kind: LossKind, path: &Path) -> Loss<'_> {
    Loss {
        kind,
        path,
        bytes: 0..0,
    }
}
