//! Where the readers of a log will go on: the positions of the offsets they ask for next, most likely.
//!
//! Who reads on from where a read ended needs no index. A bookmark only says where to look first: it
//! names the file it is of, and the batch found there says whether it is the one.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::open_files::SegmentFile;

/// Bookmarks of one log. Those that a reader went on from make room first: others may follow it.
const BOOKMARKS_MAX: usize = 16;

/// The bookmarks of one log. Without readers they take no memory.
#[derive(Debug, Default)]
pub(super) struct Bookmarks(Mutex<VecDeque<Bookmark>>);

#[derive(Debug)]
struct Bookmark {
    offset: i64,
    file: Weak<SegmentFile>,
    position: u64,
    /// Whether a reader went on from here.
    is_left: bool,
}

impl Bookmarks {
    /// The position of `offset` in `file`, where it is known.
    pub(super) fn find(&self, offset: i64, file: &Arc<SegmentFile>) -> Option<u64> {
        let bookmarks = self.0.lock();
        let is_it = |bookmark: &&Bookmark| {
            bookmark.offset == offset && std::ptr::eq(bookmark.file.as_ptr(), Arc::as_ptr(file))
        };
        bookmarks
            .iter()
            .rev()
            .find(is_it)
            .map(|bookmark| bookmark.position)
    }

    /// A reader went from the offset `from` to `to`, which is at `position` of `file`.
    pub(super) fn turn(&self, from: i64, to: i64, file: &Arc<SegmentFile>, position: u64) {
        let mut bookmarks = self.0.lock();
        bookmarks.retain(|bookmark| bookmark.offset != to);
        for bookmark in bookmarks.iter_mut() {
            bookmark.is_left |= bookmark.offset == from;
        }
        if bookmarks.len() >= BOOKMARKS_MAX {
            let left = bookmarks.iter().position(|bookmark| bookmark.is_left);
            bookmarks.remove(left.unwrap_or(0));
        }
        bookmarks.push_back(Bookmark {
            offset: to,
            file: Arc::downgrade(file),
            position,
            is_left: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::storage::OpenMode;
    use super::*;

    fn file(name: &str) -> Arc<SegmentFile> {
        SegmentFile::new(PathBuf::from(name), OpenMode::Read)
    }

    #[test]
    fn a_reader_is_found_where_it_stopped_in_that_file_alone() {
        let (old, new) = (file("a"), file("a"));
        let bookmarks = Bookmarks::default();
        bookmarks.turn(0, 10, &old, 1000);
        assert_eq!(bookmarks.find(10, &old), Some(1000));
        assert_eq!(bookmarks.find(10, &new), None);
        assert_eq!(bookmarks.find(9, &old), None);
        bookmarks.turn(10, 20, &old, 2000);
        assert_eq!(bookmarks.find(10, &old), Some(1000));
        assert_eq!(bookmarks.find(20, &old), Some(2000));
    }

    /// Fails where `turn` does not note that a bookmark is left.
    #[test]
    fn a_fast_reader_has_no_slow_one_forgotten() {
        let file = file("a");
        let bookmarks = Bookmarks::default();
        bookmarks.turn(0, 5, &file, 55);
        for step in 100..200 {
            bookmarks.turn(step, step + 1, &file, 7);
        }
        assert_eq!(bookmarks.0.lock().len(), BOOKMARKS_MAX);
        for (offset, position) in [(200, Some(7)), (199, Some(7)), (150, None), (5, Some(55))] {
            assert_eq!(bookmarks.find(offset, &file), position, "{offset}");
        }
    }

    #[test]
    fn of_many_readers_the_one_who_has_not_read_for_longest_is_forgotten() {
        let file = file("a");
        let bookmarks = Bookmarks::default();
        for reader in 0..17 {
            bookmarks.turn(-1, reader, &file, 7);
        }
        assert_eq!(bookmarks.find(0, &file), None);
        assert_eq!(bookmarks.find(1, &file), Some(7));
    }
}
