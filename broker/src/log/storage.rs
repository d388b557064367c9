//! The seam between the log and the disk.
//!
//! [`Storage`] is what the log asks of a file system: the real one ([`super::FileSystem`]) and, in
//! tests, one that loses what was not synced, tears writes and fails on demand. The log itself sees it
//! through a [`Disk`](super::Disk).
//!
//! What the log relies on: after [`StorageFile::sync`] the bytes and the length of a file survive a
//! power cut, after [`Storage::sync_dir`] the names in a directory do; nothing else does. A write
//! that fails may have been carried out in part. After a failed sync nothing is known of the file.
//!
//! Nothing is written through a symbolic link, nor into what is no file, as a pipe.

use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

/// What [`StorageFile::write_zeroes`] writes at a time.
static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];

/// Whether all bytes are zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes
        .chunks(ZEROES.len())
        .all(|chunk| ZEROES.starts_with(chunk))
}

/// What a file system still has room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Free {
    /// Bytes that can be written.
    pub bytes: u64,
    /// Files that can be made; [`u64::MAX`] where nothing but bytes limits them.
    pub inodes: u64,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To be read; it must exist. A symbolic link is followed.
    Read,
    /// To be read and written; it must exist. A symbolic link is an error.
    Write,
    /// As [`OpenMode::Write`], made if need be.
    Create,
    /// As [`OpenMode::Create`], but a symbolic link of that name makes room for a file.
    Draft,
}

/// A file system.
pub trait Storage: Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// Those of the system.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens a file that exists, to be read and written. What is written to it in whole pages, from
    /// memory that is aligned to pages, goes around the system's memory where that can be done.
    ///
    /// # Errors
    /// Those of the system.
    fn open_direct(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        self.open(path, OpenMode::Write)
    }

    /// Names of what is in a directory, in no order.
    ///
    /// # Errors
    /// Those of the system.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory with those above it; not an error where it exists.
    ///
    /// # Errors
    /// Those of the system.
    fn create_dir(&self, directory: &Path) -> io::Result<()>;

    /// Whether a name is that of a symbolic link.
    ///
    /// # Errors
    /// Those of the system.
    fn is_link(&self, _path: &Path) -> io::Result<bool> {
        Ok(false)
    }

    /// Renames a file or directory, replacing a file of the new name.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the system.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    /// Those of the system.
    fn remove_dir(&self, directory: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;

    /// Makes all files and names of the file system that holds `directory` durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_all(&self, directory: &Path) -> io::Result<()>;

    /// The file system that holds `directory`, where it can make durable all it holds with one call
    /// that tells of every failure since this one; `None` where it cannot.
    ///
    /// # Errors
    /// Those of the system.
    fn volume(&self, _directory: &Path) -> io::Result<Option<Box<dyn Volume>>> {
        Ok(None)
    }

    /// What the file system that holds `directory` still has room for.
    ///
    /// # Errors
    /// Those of the system.
    fn free(&self, directory: &Path) -> io::Result<Free>;

    /// Takes a lock on a file, made if need be, and only read where it may not be written, until the result is
    /// dropped or the process ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>>;
}

/// A file system.
pub trait Volume: Debug + Send + Sync {
    /// Makes all its files and names durable.
    ///
    /// # Errors
    /// Those of the system, of any file. What was written since the last sync may be lost for good then.
    fn sync(&self) -> io::Result<()>;
}

/// An open file. Reads and writes name their position, so that readers and the writer share it.
pub trait StorageFile: Debug + Send + Sync {
    /// Bytes of the file.
    ///
    /// # Errors
    /// Those of the system.
    fn size(&self) -> io::Result<u64>;

    /// When the file was last written to, in milliseconds of the wall clock.
    ///
    /// # Errors
    /// Those of the system.
    fn modified(&self) -> io::Result<i64>;

    /// Has the file say that it was last written to `at` then.
    ///
    /// # Errors
    /// Those of the system.
    fn set_modified(&self, at: i64) -> io::Result<()>;

    /// Reads `length` bytes from `position`, fewer only at the end of the file.
    ///
    /// # Errors
    /// Those of the system.
    fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes>;

    /// Reads from `position` on into all of `slices`, one behind the other, and gives how many bytes:
    /// fewer than there is room for only at the end of the file.
    ///
    /// # Errors
    /// Those of the system.
    fn read_into(&self, position: u64, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = slices.iter().map(|slice| slice.len()).sum();
        let bytes = self.read_at(position, room)?;
        let mut rest = bytes.as_ref();
        for slice in slices {
            let count = slice.len().min(rest.len());
            let (now, later) = rest.split_at(count);
            slice
                .get_mut(..count)
                .unwrap_or_default()
                .copy_from_slice(now);
            rest = later;
        }
        Ok(bytes.len())
    }

    /// As [`StorageFile::read_into`], without waiting for the disk: what the system has in memory, up to
    /// the first byte it has not. Nothing where it cannot tell.
    ///
    /// # Errors
    /// Those of the system.
    fn read_resident(&self, _position: u64, _slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(0)
    }

    /// Has the system read `length` bytes from `position` on into its memory, beside what goes on here.
    /// It may fail to: this is a hint.
    fn read_ahead(&self, _position: u64, _length: u64) {}

    /// Where the next bytes are that take room on the disk, from `position` on: what lies before is zeroes.
    /// Who cannot tell says that all do.
    ///
    /// # Errors
    /// Those of the system.
    fn data_from(&self, position: u64) -> io::Result<u64> {
        Ok(position)
    }

    /// As [`StorageFile::read_at`], for bytes that nobody will read again soon: what the system did not
    /// have in memory need not be there afterwards.
    ///
    /// # Errors
    /// Those of the system.
    fn read_once_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        self.read_at(position, length)
    }

    /// Writes all chunks, one behind the other, from `position`.
    ///
    /// # Errors
    /// Those of the system; some of the bytes may have been written.
    fn write_at(&self, position: u64, chunks: &[&[u8]]) -> io::Result<()>;

    /// Writes `size` bytes of zeroes from the beginning on.
    ///
    /// # Errors
    /// Those of the system; some of the bytes may have been written.
    fn write_zeroes(&self, size: u64) -> io::Result<()> {
        let mut at = 0;
        while at < size {
            let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
            let zeroes = ZEROES.get(..left).unwrap_or(&ZEROES);
            self.write_at(at, &[zeroes])?;
            at = at.saturating_add(u64::try_from(zeroes.len()).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Takes `size` bytes of the disk for the file, which is so long then.
    ///
    /// # Errors
    /// Those of the system; some of it may have been taken.
    fn allocate(&self, size: u64) -> io::Result<()>;

    /// Cuts or extends the file to `size` bytes.
    ///
    /// # Errors
    /// Those of the system.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Forgets what the system holds of the file in memory and has written, from `position` on, so
    /// that it is read from the disk again. After a failed sync the two may differ.
    ///
    /// # Errors
    /// Those of the system.
    fn drop_cache(&self, position: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable.
    ///
    /// # Errors
    /// Those of the system. What was written since the last sync may be lost for good then.
    fn sync(&self) -> io::Result<()>;
}

/// The slices as the system takes them.
pub(super) fn io_slices<'a>(chunks: &[&'a [u8]]) -> Vec<IoSlice<'a>> {
    chunks.iter().map(|chunk| IoSlice::new(chunk)).collect()
}
