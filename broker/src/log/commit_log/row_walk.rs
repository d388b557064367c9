//! The walk over the extents that are needed: every frame in them, and what of them is lost.
//!
//! The newest generation is read from its first extent that is still needed. The chain tells where it
//! ends. If there is a whole frame of the same generation behind the end, then the end is no torn
//! write: a frame is written only when all before it are durable, so the disk lost or changed what it
//! had kept. So it did where a first page is harmed, or an extent is missing from their row. What lies
//! behind is walked over all the same.

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;

use super::extent::PAGE_BYTES;
use super::found_extent::FoundExtent;
use super::frame::FrameHeader;
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
    /// The extent that it is told by.
    pub(crate) extent: &'a Path,
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
    /// Extents before this one.
    ExtentsBefore,
    /// All extents that are needed, of which this one was the last before.
    ExtentsBehind,
}

/// Walks over the frames of `extents`, which are sorted; `live` is the generation and number from which on
/// extents are needed, as far as is known.
pub(crate) fn walk_row<'a>(
    extents: &'a [FoundExtent],
    live: (u32, u64),
    mut visit: impl FnMut(FoundFrame<'a>),
) -> Result<Vec<Loss<'a>>, StorageError> {
    let harmed = extents.iter().filter(|extent| extent.is_lost());
    let mut losses: Vec<_> = harmed.map(first_page).collect();
    // A gap is the place of one whose first page is harmed, if there is any.
    let is_told = !losses.is_empty();
    let mut row = Row::new(newest_generation(extents, live), live);
    for (index, extent) in extents.iter().enumerate() {
        let Some(header) = extent.header() else {
            continue;
        };
        match row.take(header, extent.path()) {
            Link::Outside => continue,
            Link::Next => {}
            Link::Behind(before) => losses.push(missing(LossKind::End, before)),
            Link::BehindGap if is_told => {}
            Link::BehindGap => losses.push(missing(LossKind::ExtentsBefore, extent.path())),
        }
        let mut walk = extent.walk(header)?;
        loop {
            let next = walk.next();
            losses.extend(walk.take_skipped().map(|bytes| Loss {
                kind: LossKind::Frames,
                extent: extent.path(),
                bytes,
            }));
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
    let left_over = row.left_over().filter(|_| !is_told);
    losses.extend(left_over.map(|last| missing(LossKind::ExtentsBehind, last)));
    Ok(losses)
}

/// The generation that is read.
fn newest_generation(extents: &[FoundExtent], live: (u32, u64)) -> u32 {
    let headers = extents.iter().filter_map(FoundExtent::header);
    let generations = headers.map(|header| header.chain.generation);
    generations.fold(live.0, u32::max)
}

fn first_page(extent: &FoundExtent) -> Loss<'_> {
    Loss {
        kind: LossKind::FirstPage,
        extent: extent.path(),
        bytes: 0..extent.size().min(PAGE_BYTES),
    }
}

const fn missing(kind: LossKind, extent: &Path) -> Loss<'_> {
    Loss {
        kind,
        extent,
        bytes: 0..0,
    }
}
