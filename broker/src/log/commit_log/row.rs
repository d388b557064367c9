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
    /// The newest of those that are not needed.
    unneeded: Option<&'a Path>,
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
    /// `live` is the generation and number from which on extents are needed, as far as is known.
    pub(super) fn new(generation: u32, live: (u32, u64)) -> Self {
        let next = (live.0 == generation).then_some(live.1);
        Self {
            generation,
            first: next.unwrap_or(0),
            next,
            last: None,
            chain: None,
            unneeded: None,
        }
    }

    /// Takes the extent with the next larger number, which is at `path`.
    pub(super) fn take(&mut self, header: ExtentHeader, path: &'a Path) -> Link<'a> {
        if header.chain.generation != self.generation {
            return Link::Outside;
        }
        if header.number < self.first {
            self.unneeded = Some(path);
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

    /// Where all that are needed are missing, though there was one at least: the newest of the others.
    pub(super) fn left_over(&self) -> Option<&'a Path> {
        self.unneeded.filter(|_| self.last.is_none())
    }
}
