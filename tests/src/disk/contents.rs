//! The bytes of one file: what a reader sees, and what of it the disk may still forget.
//!
//! The object, a file of the real system, has what a reader sees. Of each page that was changed since the last sync, memory
//! has what it was at that sync: a sync forgets these, a power cut puts them back, sector by sector.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::seed::Random;

const PAGE: u64 = 4096;
/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;
/// The bits of all sectors of a page.
const WHOLE: u8 = u8::MAX;

/// The bytes of a file.
#[derive(Debug)]
pub(super) struct Contents {
    object: PathBuf,
    size: u64,
    synced_size: u64,
    /// By number of the page; what is not here is durable.
    unsynced: BTreeMap<u64, Page>,
}

/// A page that was changed since the last sync.
#[derive(Debug)]
struct Page {
    /// What it was; ends where the file ended.
    before: Vec<u8>,
    /// A bit for each sector that was changed.
    changed: u8,
}

/// What a power cut leaves of the changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    Everything,
    SomeSectors,
}

impl Contents {
    /// An empty file whose object is made at `object`.
    pub(super) fn create(object: PathBuf) -> io::Result<Self> {
        File::create_new(&object)?;
        Ok(Self {
            object,
            size: 0,
            synced_size: 0,
            unsynced: BTreeMap::new(),
        })
    }

    pub(super) fn object(&self) -> &Path {
        &self.object
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn read(&self, position: u64, length: u64) -> io::Result<Vec<u8>> {
        let length = length.min(self.size.saturating_sub(position));
        self.read_object(position, length)
    }

    fn read_object(&self, position: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).expect("it was asked for")];
        File::open(&self.object)?.read_exact_at(&mut bytes, position)?;
        Ok(bytes)
    }

    fn opened(&self) -> io::Result<File> {
        File::options().write(true).open(&self.object)
    }

    pub(super) fn write(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let end = position + length(bytes);
        self.remember(position, end)?;
        self.opened()?.write_all_at(bytes, position)?;
        self.size = self.size.max(end);
        Ok(())
    }

    pub(super) fn resize(&mut self, size: u64) -> io::Result<()> {
        if size < self.size {
            self.remember(size, self.size)?;
        }
        self.opened()?.set_len(size)?;
        self.size = size;
        Ok(())
    }

    /// Keeps what pages are before they are changed from `start` to `end`.
    fn remember(&mut self, start: u64, end: u64) -> io::Result<()> {
        if start == end {
            return Ok(());
        }
        for number in start / PAGE..=(end - 1) / PAGE {
            let first = number * PAGE;
            if !self.unsynced.contains_key(&number) {
                let known = self.size.min(self.synced_size).saturating_sub(first);
                let before = self.read_object(first, known.min(PAGE))?;
                self.unsynced.insert(number, Page { before, changed: 0 });
            }
            let from = start.saturating_sub(first) / SECTOR;
            let to = (end - first).min(PAGE).div_ceil(SECTOR);
            let page = self.unsynced.get_mut(&number).expect("just put there");
            page.changed |= (from..to).fold(0, |bits, sector| bits | 1 << sector);
        }
        Ok(())
    }

    /// Makes bytes and length durable.
    pub(super) fn sync(&mut self) {
        self.synced_size = self.size;
        self.unsynced.clear();
    }

    /// A sync that fails: some of what it should have kept is lost for good, as if never written, and nobody will write it
    /// again. Linux does so; what readers still see is in the caches above, which hold whole pages.
    pub(super) fn fail_sync(&mut self, random: &mut Random) -> io::Result<()> {
        let is_seen = random.below(2) == 0;
        for (number, page) in std::mem::take(&mut self.unsynced) {
            let kept = match (is_seen, page.changed) {
                (true, WHOLE) => Kept::SomeSectors,
                (true, _) => Kept::Everything,
                (false, _) => Kept::Nothing,
            };
            self.put_back(number, &page, kept, random)?;
        }
        Ok(())
    }

    /// The system writes some pages by itself, as it may at any time.
    pub(super) fn write_back(&mut self, random: &mut Random) {
        let (size, synced_size) = (self.size, &mut self.synced_size);
        self.unsynced.retain(|number, _| {
            let is_kept = random.below(2) == 0;
            if !is_kept {
                *synced_size = (*synced_size).max(size.min((number + 1) * PAGE));
            }
            is_kept
        });
    }

    /// The power is cut: of what was not synced everything stays, or nothing, or some sectors. Gives the bytes that changed.
    pub(super) fn lose_unsynced(&mut self, random: &mut Random) -> io::Result<u64> {
        let kept = match random.below(4) {
            0 => Kept::Nothing,
            1 => Kept::Everything,
            _ => Kept::SomeSectors,
        };
        let size = match kept {
            Kept::Nothing => self.synced_size,
            Kept::Everything => self.size,
            Kept::SomeSectors => self.some_size(random),
        };
        let mut lost = self.size.abs_diff(size);
        self.opened()?.set_len(size)?;
        self.size = size;
        for (number, page) in std::mem::take(&mut self.unsynced) {
            lost += self.put_back(number, &page, kept, random)?;
        }
        self.synced_size = size;
        Ok(lost)
    }

    /// The old length, the new one, or one between.
    fn some_size(&self, random: &mut Random) -> u64 {
        let (least, most) = (
            self.size.min(self.synced_size),
            self.size.max(self.synced_size),
        );
        match random.below(3) {
            0 => least,
            1 => most,
            _ => least + length_below(random, most - least + 1),
        }
    }

    /// Undoes the changes of a page that are not kept, within the file's size. Gives how many bytes these are.
    fn put_back(
        &self,
        number: u64,
        page: &Page,
        kept: Kept,
        random: &mut Random,
    ) -> io::Result<u64> {
        let mut lost = 0;
        let object = self.opened()?;
        for sector in 0..PAGE / SECTOR {
            let is_kept = match kept {
                Kept::Nothing => false,
                Kept::Everything => true,
                Kept::SomeSectors => random.below(2) == 0,
            };
            let start = number * PAGE + sector * SECTOR;
            if is_kept || page.changed & (1 << sector) == 0 || start >= self.size {
                continue;
            }
            let end = self.size.min(start + SECTOR);
            object.write_all_at(&page.sector(sector, end - start), start)?;
            lost += end - start;
        }
        Ok(lost)
    }
}

impl Page {
    /// What a sector was, up to `length` bytes of it: zeros where the file had ended.
    fn sector(&self, sector: u64, length: u64) -> Vec<u8> {
        let start = usize::try_from(sector * SECTOR).expect("within a page");
        let length = usize::try_from(length).expect("within a sector");
        let known = self.before.get(start..).unwrap_or_default();
        let mut bytes = known[..known.len().min(length)].to_vec();
        bytes.resize(length, 0);
        bytes
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a usize fits")
}

fn length_below(random: &mut Random, end: u64) -> u64 {
    let drawn = random.below(usize::try_from(end).expect("files are small"));
    u64::try_from(drawn).expect("a usize fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        contents: Contents,
        random: Random,
        _folder: tempfile::TempDir,
    }

    fn fixture(seed: u64) -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        Fixture {
            contents: Contents::create(folder.path().join("1")).expect("an object"),
            random: Random::new(seed),
            _folder: folder,
        }
    }

    fn all(contents: &Contents) -> Vec<u8> {
        contents.read(0, u64::MAX / 2).expect("the bytes")
    }

    /// Mutation: `Contents::sync` that keeps `unsynced`.
    #[test]
    fn what_was_synced_survives_any_cut() {
        for seed in 0..200 {
            let mut it = fixture(seed);
            it.contents.write(0, &[1; 5000]).unwrap();
            it.contents.sync();
            it.contents.write(5000, &[2; 9000]).unwrap();
            it.contents.write_back(&mut it.random);
            it.contents.write(6000, &[3; 10]).unwrap();
            it.contents.lose_unsynced(&mut it.random).unwrap();
            let left = all(&it.contents);
            assert_eq!(left[..5000], [1; 5000], "seed {seed}");
            assert!(left[5000..].iter().all(|byte| *byte < 4), "seed {seed}");
        }
    }

    /// Mutations: `Contents::lose_unsynced` that tears nothing; `Contents::put_back` of less than a sector.
    #[test]
    fn what_was_not_synced_may_be_lost_kept_or_torn_in_sectors() {
        let cut = |seed| {
            let mut it = fixture(seed);
            it.contents.write(0, &[1; 4096]).unwrap();
            it.contents.sync();
            it.contents.write(0, &[2; 4096]).unwrap();
            it.contents.lose_unsynced(&mut it.random).unwrap();
            all(&it.contents)
        };
        let cuts: Vec<Vec<u8>> = (0..50).map(cut).collect();
        assert!(cuts.contains(&vec![1; 4096]));
        assert!(cuts.contains(&vec![2; 4096]));
        let sectors = |bytes: &Vec<u8>| bytes.chunks(512).all(|sector| sector == [sector[0]; 512]);
        assert!(cuts.iter().all(sectors));
        assert!(cuts.iter().any(|cut| cut.contains(&1) && cut.contains(&2)));
        assert_eq!(cut(7), cut(7));
    }

    /// Mutation: `Contents::resize` without `remember`.
    #[test]
    fn a_truncation_that_was_not_synced_may_be_undone_with_its_bytes() {
        let cut = |seed| {
            let mut it = fixture(seed);
            it.contents.write(0, &[1; 6000]).unwrap();
            it.contents.sync();
            it.contents.resize(100).unwrap();
            it.contents.resize(3000).unwrap();
            let seen = all(&it.contents);
            assert_eq!(seen[..100], [1; 100]);
            assert_eq!(seen[100..], [0; 2900]);
            it.contents.lose_unsynced(&mut it.random).unwrap();
            all(&it.contents)
        };
        let cuts: Vec<Vec<u8>> = (0..50).map(cut).collect();
        assert!(cuts.contains(&vec![1; 6000]));
        assert!(cuts.iter().any(|cut| cut.len() == 3000));
        assert!(cuts.iter().all(|cut| cut[..100] == [1; 100]));
    }

    /// Mutation: `Contents::fail_sync` that puts nothing back.
    #[test]
    fn what_a_failed_sync_lost_no_later_sync_brings_back() {
        let mut is_lost = |seed| {
            let mut it = fixture(seed);
            it.contents.write(0, &[1; 65536]).unwrap();
            it.contents.fail_sync(&mut it.random).unwrap();
            let seen = all(&it.contents);
            it.contents.sync();
            it.contents.lose_unsynced(&mut it.random).unwrap();
            assert_eq!(all(&it.contents), seen);
            seen.contains(&0)
        };
        assert!((0..10).all(&mut is_lost));
    }
}
