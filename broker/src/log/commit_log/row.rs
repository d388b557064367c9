//! The extents of one generation in their order, and how each follows the one before.
//!
//! Numbers leave no gap, since an extent is begun when the one before is full and durable, and none is
//! written again before the recovery points say that it is needed no more.

use std::path::Path;

use super::first_page::ExtentHeader;
use super::frame::Chain;

/// The extents so far.
#[derive(Debug)]
pub(super) struct Row<'a> {
    generation: u32,
    /// Number of the first extent that is needed.
    first: u64,
    /// Number of the next one; `None` where that may be any.
    next: Option<u64>,
    last: Option<&'a Path>,
    /// Where the chain stands at the end of the last.
    chain: Option<Chain>,
}

/// How an extent follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link<'a> {
    /// It is not needed.
    Outside,
    /// It goes on with the chain.
    Next,
    /// It is the next one, but the one before, which is this, has lost its end.
    Behind(&'a Path),
    /// Before it at least one is missing.
    BehindGap,
}

impl<'a> Row<'a> {
    /// The extents of `generation` from number `first` on, as far as that is known.
    pub(super) fn new(generation: u32, first: Option<u64>) -> Self {
        Self {
            generation,
            first: first.unwrap_or(0),
            next: first,
            last: None,
            chain: None,
        }
    }

    /// Takes the extent with the next larger number, which is at `path`.
    pub(super) fn take(&mut self, header: ExtentHeader, path: &'a Path) -> Link<'a> {
        if header.chain.generation != self.generation {
            return Link::Outside;
        }
        if header.number < self.first {
            return Link::Outside;
        }
        let is_next = self.next.is_none_or(|next| next == header.number);
        self.next = Some(header.number.saturating_add(1));
        let before = self.last.replace(path);
        match before {
            _ if !is_next => Link::BehindGap,
            Some(before) if self.chain != Some(header.chain) => Link::Behind(before),
            Some(_) | None => Link::Next,
        }
    }

    /// Says where the chain stands at the end of the extent that was taken last.
    pub(super) const fn go_on(&mut self, chain: Chain) {
        self.chain = Some(chain);
    }

    /// Whether it has no extent.
    pub(super) const fn is_empty(&self) -> bool {
        self.last.is_none()
    }
}
