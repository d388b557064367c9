//! The bytes of one file: as they are read, as a power cut leaves them, and what lies between.

const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
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

    /// Brings to the disk what was changed since the last sync, and only that: what a failed sync lost
    /// stays lost.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            apply(&mut self.durable, &change);
        }
    }

    pub(super) fn lose_unsynced(&mut self, rng: &mut fastrand::Rng) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Truncate(_) if rng.bool() => apply(&mut self.durable, &change),
                Change::Truncate(_) => {}
                Change::Write { position, bytes } => match rng.u8(..4) {
                    0 => {}
                    1 => apply(&mut self.durable, &Change::Write { position, bytes }),
                    _ => self.keep_sectors(position, &bytes, rng),
                },
            }
        }
        self.current = self.durable.clone();
    }

    fn keep_sectors(&mut self, position: usize, bytes: &[u8], rng: &mut fastrand::Rng) {
        let mut at = 0;
        while at < bytes.len() {
            let to_boundary = SECTOR_BYTES - (position + at) % SECTOR_BYTES;
            let end = bytes.len().min(at + to_boundary);
            if rng.bool() {
                let write = Change::Write {
                    position: position + at,
                    bytes: bytes[at..end].to_vec(),
                };
                apply(&mut self.durable, &write);
            }
            at = end;
        }
    }
}

fn apply(contents: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(size) => contents.resize(*size, 0),
        Change::Write { position, bytes } => {
            let end = position + bytes.len();
            if contents.len() < end {
                contents.resize(end, 0);
            }
            contents[*position..end].copy_from_slice(bytes);
        }
    }
}
