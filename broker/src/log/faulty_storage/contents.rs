//! The contents of a file on the faulty disk: what is seen, what is durable, and what lies between.

use std::ops::Range;

const SECTOR_BYTES: usize = 512;

/// What a power cut does to what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// All of it is gone.
    Nothing,
    /// All of it is there.
    Everything,
    /// Of each write nothing is kept, or all, or some of its sectors, whatever becomes of others before it.
    Any {
        /// Whether bits of what is kept may be others.
        flips_bits: bool,
    },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// When it was last written to, by the clock of the world; no cut takes that back.
    pub(super) modified: i64,
    unsynced: Vec<Change>,
    /// Whether a failed sync lost something that can still be read.
    is_diverged: bool,
    /// Where bytes are that cannot be read any more.
    ruined: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { position: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Inode {
    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.current, &change);
        self.unsynced.push(change);
    }

    /// Has `size` bytes at least, of zeroes where there were none.
    pub(super) fn allocate(&mut self, size: usize) {
        for contents in [&mut self.current, &mut self.durable] {
            contents.resize(size.max(contents.len()), 0);
        }
    }

    /// Brings to the disk what was changed since the last sync, and only that: what a failed sync lost
    /// stays lost.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            apply(&mut self.durable, &change);
        }
    }

    /// Loses for good what was not synced, or some of it, though it can still be read.
    pub(super) fn fail_to_sync(&mut self, rng: &mut fastrand::Rng) {
        match rng.bool() {
            true => self.unsynced.clear(),
            false => self.keep_any(rng, false),
        }
        self.is_diverged = true;
    }

    /// Has the byte at `position` never be read again.
    pub(super) fn ruin(&mut self, position: usize) {
        self.ruined.push(position);
    }

    pub(super) fn is_ruined(&self, range: &Range<usize>) -> bool {
        self.ruined.iter().any(|at| range.contains(at))
    }

    pub(super) fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }

    /// The power goes.
    pub(super) fn cut(&mut self, cut: Cut, rng: &mut fastrand::Rng) {
        if self.is_synced() && !self.is_diverged {
            return;
        }
        match cut {
            Cut::Nothing => self.unsynced.clear(),
            Cut::Everything => self.sync(),
            Cut::Any { flips_bits } => self.keep_any(rng, flips_bits),
        }
        self.current.clone_from(&self.durable);
        self.is_diverged = false;
    }

    fn keep_any(&mut self, rng: &mut fastrand::Rng, flips_bits: bool) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Truncate(_) if rng.bool() => apply(&mut self.durable, &change),
                Change::Truncate(_) => {}
                Change::Write {
                    position,
                    mut bytes,
                } => {
                    if flips_bits && !bytes.is_empty() && rng.u8(..8) == 0 {
                        let at = rng.usize(..bytes.len());
                        bytes[at] ^= 1 << rng.u8(..8);
                    }
                    match rng.u8(..4) {
                        0 => {}
                        1 => apply(&mut self.durable, &Change::Write { position, bytes }),
                        _ => self.keep_sectors(position, &bytes, rng),
                    }
                }
            }
        }
    }

    fn keep_sectors(&mut self, position: usize, bytes: &[u8], rng: &mut fastrand::Rng) {
        let mut at = 0;
        while at < bytes.len() {
            let to_boundary = SECTOR_BYTES - (position + at) % SECTOR_BYTES;
            let end = bytes.len().min(at + to_boundary);
            if rng.bool() {
                write(&mut self.durable, position + at, &bytes[at..end]);
            }
            at = end;
        }
    }
}

fn apply(contents: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(size) => contents.resize(*size, 0),
        Change::Write { position, bytes } => write(contents, *position, bytes),
    }
}

fn write(contents: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[position..end].copy_from_slice(bytes);
}
