//! What a flush writes, gathered in whole pages: so it can go to the disk around the system's memory,
//! where nobody would ever look for it again.
//!
//! A piece is copied here and written at once, so that a large flush takes no more memory than a small
//! one. What follows in the last page becomes zeroes; no page is shared by two flushes.

use crate::log::StorageError;
use crate::log::disk::DiskFile;

/// Bytes of a page, which memory is aligned to: what any disk asks for.
pub(super) const PAGE: usize = 4096;
/// Bytes written at once. Larger pieces are not faster, and do not stay in the processor's caches.
const PIECE_BYTES: usize = 1 << 20;

/// Memory for a piece, allocated when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Pages {
    memory: Vec<u8>,
    /// Where the aligned part begins.
    begin: usize,
    /// Bytes of it that hold something.
    filled: usize,
}

impl Pages {
    /// Writes all chunks, one behind the other, from `position`, which must be at the boundary of a page.
    ///
    /// # Errors
    /// [`StorageError`]; some of the bytes may have been written.
    pub(super) fn write(
        &mut self,
        file: &DiskFile,
        position: u64,
        chunks: &[&[u8]],
    ) -> Result<(), StorageError> {
        self.clear(chunks.iter().map(|chunk| chunk.len()).sum());
        let mut position = position;
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                rest = self.fill(rest);
                if self.room().is_empty() {
                    position = self.write_piece(file, position)?;
                }
            }
        }
        self.pad();
        self.write_piece(file, position).map(drop)
    }

    /// Makes room for `bytes` bytes, or for a piece of them.
    fn clear(&mut self, bytes: usize) {
        let pages = bytes.next_multiple_of(PAGE).min(PIECE_BYTES);
        self.filled = 0;
        if self.memory.len() < pages.saturating_add(PAGE) {
            self.memory = vec![0; pages.saturating_add(PAGE)];
            self.begin = self.memory.as_ptr().align_offset(PAGE);
        }
    }

    /// What is still empty.
    fn room(&mut self) -> &mut [u8] {
        let pages = self.memory.len().saturating_sub(PAGE);
        let end = self.begin.saturating_add(pages);
        let begin = self.begin.saturating_add(self.filled);
        self.memory.get_mut(begin..end).unwrap_or_default()
    }

    /// Copies what there is room for, and gives the rest.
    fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.room();
        let (now, later) = bytes.split_at(room.len().min(bytes.len()));
        room.get_mut(..now.len())
            .unwrap_or_default()
            .copy_from_slice(now);
        self.filled = self.filled.saturating_add(now.len());
        later
    }

    /// Fills the last page with zeroes.
    fn pad(&mut self) {
        let padding = self
            .filled
            .next_multiple_of(PAGE)
            .saturating_sub(self.filled);
        let room = self.room().get_mut(..padding).unwrap_or_default();
        room.fill(0);
        self.filled = self.filled.saturating_add(padding);
    }

    /// Writes what was gathered, and gives where it ends.
    fn write_piece(&mut self, file: &DiskFile, position: u64) -> Result<u64, StorageError> {
        let end = self.begin.saturating_add(self.filled);
        let piece = self.memory.get(self.begin..end).unwrap_or_default();
        if !piece.is_empty() {
            file.write_at(position, &[piece])?;
        }
        let size = u64::try_from(self.filled).unwrap_or(u64::MAX);
        self.filled = 0;
        Ok(position.saturating_add(size))
    }
}

#[cfg(test)]
mod tests {
    use super::super::extent::PAGE_BYTES;
    use super::*;
    use crate::log::FileSystem;
    use crate::log::disk::Disk;

    /// Fails where a piece that is full is not written before the next one is gathered, or the memory
    /// is not aligned.
    #[test]
    fn chunks_of_any_size_become_whole_pages_one_behind_the_other() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![9; 4 * PIECE_BYTES]).unwrap();
        let file = Disk::new(FileSystem).open_direct(&path).unwrap();
        let mut pages = Pages::default();
        for sizes in [
            vec![1],
            vec![0, PAGE],
            vec![PIECE_BYTES - 1, 2, 3 * PAGE],
            vec![100, 2 * PIECE_BYTES, 7],
        ] {
            let chunks: Vec<_> = sizes.iter().map(|size| vec![rng.u8(1..); *size]).collect();
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            pages.write(&file, PAGE_BYTES, &slices).unwrap();
            let mut expected = chunks.concat();
            expected.resize(expected.len().next_multiple_of(PAGE), 0);
            let found = file.read_at(PAGE_BYTES, expected.len()).unwrap();
            assert!(found == expected, "{sizes:?}");
            assert_eq!(pages.memory[pages.begin..].as_ptr().align_offset(PAGE), 0);
        }
        assert_eq!(file.read_at(0, 4096).unwrap(), vec![9; 4096]);
    }
}
