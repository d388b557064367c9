//! The seam between the log and the disk.
//!
//! [`Storage`] is what the log asks of a file system: the real one ([`super::FileSystem`]) and, in
//! tests, one that loses what was not synced, tears writes and fails on demand. [`Disk`] and
//! [`DiskFile`] wrap it so that every failure names the operation and the path.
//!
//! What the log relies on: after [`StorageFile::sync`] the bytes and the length of a file survive a
//! power cut, after [`Storage::sync_dir`] the names in a directory do; nothing else does. A write
//! that fails may have been carried out in part. After a failed sync nothing is known of the file.
//!
//! Drafts are [`OpenMode::Draft`], so that nothing is written through a link that lies in their place.

use std::fmt::Debug;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::StorageError;

/// What disks read at once: where one byte of it is lost, all are.
const PAGE_BYTES: u64 = 4096;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To be read; it must exist.
    Read,
    /// To be read and written; it must exist.
    Write,
    /// To be read and written, made if need be.
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

    /// Bytes that can still be written to the file system that holds `directory`.
    ///
    /// # Errors
    /// Those of the system.
    fn free_bytes(&self, directory: &Path) -> io::Result<u64>;

    /// Takes a lock on a file, made if need be, until the result is dropped or the process ends.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] where another process has it.
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

/// A file system whose errors say what was tried and where. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Disk(Arc<dyn Storage>);

/// An open file whose errors say what was tried and where. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DiskFile {
    path: Arc<Path>,
    file: Arc<dyn StorageFile>,
}

impl Disk {
    /// Wraps a file system.
    #[must_use]
    pub fn new(storage: impl Storage + 'static) -> Self {
        Self(Arc::new(storage))
    }

    pub(crate) fn open(&self, path: &Path, mode: OpenMode) -> Result<DiskFile, StorageError> {
        let file = self.0.open(path, mode).map_err(at("open", path))?;
        let path = Arc::from(path);
        Ok(DiskFile { path, file })
    }

    /// Opens a file that exists, as [`Storage::open_direct`].
    pub(crate) fn open_direct(&self, path: &Path) -> Result<DiskFile, StorageError> {
        let file = self.0.open_direct(path).map_err(at("open", path))?;
        let path = Arc::from(path);
        Ok(DiskFile { path, file })
    }

    /// An empty file to be written, whatever an earlier process left there.
    pub(crate) fn draft(&self, path: &Path) -> Result<DiskFile, StorageError> {
        let file = self.open(path, OpenMode::Draft)?;
        file.truncate(0)?;
        Ok(file)
    }

    /// As [`Storage::is_link`]; nothing is none.
    pub(crate) fn is_link(&self, path: &Path) -> Result<bool, StorageError> {
        match self.0.is_link(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            found => found.map_err(at("look at", path)),
        }
    }

    /// The names in a directory; none where it does not exist.
    pub(crate) fn list(&self, directory: &Path) -> Result<Vec<String>, StorageError> {
        match self.0.list(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(at("list", directory)),
        }
    }

    pub(crate) fn create_dir(&self, directory: &Path) -> Result<(), StorageError> {
        self.0
            .create_dir(directory)
            .map_err(at("create directory", directory))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.0.rename(from, to).map_err(at("rename", from))
    }

    /// Removes a file; not an error where there is none.
    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), StorageError> {
        match self.0.remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(at("remove", path)),
        }
    }

    pub(crate) fn remove_dir(&self, directory: &Path) -> Result<(), StorageError> {
        self.0
            .remove_dir(directory)
            .map_err(at("remove directory", directory))
    }

    pub(crate) fn sync_dir(&self, directory: &Path) -> Result<(), StorageError> {
        self.0
            .sync_dir(directory)
            .map_err(at("sync directory", directory))
    }

    pub(crate) fn sync_all(&self, directory: &Path) -> Result<(), StorageError> {
        self.0
            .sync_all(directory)
            .map_err(at("sync the file system of", directory))
    }

    /// As [`Storage::volume`].
    pub(crate) fn volume(&self, directory: &Path) -> Result<Option<Box<dyn Volume>>, StorageError> {
        self.0
            .volume(directory)
            .map_err(at("look at the file system of", directory))
    }

    pub(crate) fn free_bytes(&self, directory: &Path) -> Result<u64, StorageError> {
        self.0
            .free_bytes(directory)
            .map_err(at("measure the file system of", directory))
    }

    pub(crate) fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>> {
        self.0.lock(path)
    }

    /// All bytes of a file; `None` where there is none.
    pub(crate) fn read_file(&self, path: &Path) -> Result<Option<Bytes>, StorageError> {
        let file = match self.open(path, OpenMode::Read) {
            Err(error) if error.cause.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let size = usize::try_from(file.size()?).unwrap_or(usize::MAX);
        file.read_at(0, size).map(Some)
    }

    /// As [`Disk::read_file`], from the disk and not from memory.
    pub(crate) fn read_file_uncached(&self, path: &Path) -> Result<Option<Bytes>, StorageError> {
        match self.open(path, OpenMode::Read) {
            Err(error) if error.cause.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?.drop_cache(0)?,
        }
        self.read_file(path)
    }

    /// Writes a small file anew, without making it durable.
    pub(crate) fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<DiskFile, StorageError> {
        let file = self.draft(path)?;
        file.write_at(0, &[bytes])?;
        Ok(file)
    }

    /// Replaces a small file as a whole, without making it durable.
    pub(crate) fn swap_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        let draft = path.with_extension("tmp");
        self.write_file(&draft, bytes)?;
        self.rename(&draft, path)
    }

    /// Replaces a small file durably and as a whole: after a crash it is the old or the new one.
    pub(crate) fn replace_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
        let draft = path.with_extension("tmp");
        self.write_file(&draft, bytes)?.sync()?;
        self.rename(&draft, path)?;
        self.sync_dir(path.parent().unwrap_or(path))
    }
}

impl DiskFile {
    pub(crate) fn size(&self) -> Result<u64, StorageError> {
        self.file.size().map_err(self.failed("measure"))
    }

    /// As [`StorageFile::modified`].
    pub(crate) fn modified(&self) -> Result<i64, StorageError> {
        self.file
            .modified()
            .map_err(self.failed("look at the time of"))
    }

    /// As [`StorageFile::set_modified`].
    pub(crate) fn set_modified(&self, at: i64) -> Result<(), StorageError> {
        self.file
            .set_modified(at)
            .map_err(self.failed("set the time of"))
    }

    pub(crate) fn read_at(&self, position: u64, length: usize) -> Result<Bytes, StorageError> {
        self.file
            .read_at(position, length)
            .map_err(self.failed("read"))
    }

    /// As [`StorageFile::read_into`].
    pub(crate) fn read_into(
        &self,
        position: u64,
        slices: &mut [IoSliceMut<'_>],
    ) -> Result<usize, StorageError> {
        self.file
            .read_into(position, slices)
            .map_err(self.failed("read"))
    }

    /// As [`StorageFile::read_resident`].
    pub(crate) fn read_resident(
        &self,
        position: u64,
        slices: &mut [IoSliceMut<'_>],
    ) -> Result<usize, StorageError> {
        self.file
            .read_resident(position, slices)
            .map_err(self.failed("read"))
    }

    /// As [`StorageFile::read_ahead`].
    pub(crate) fn read_ahead(&self, position: u64, length: u64) {
        self.file.read_ahead(position, length);
    }

    /// As [`DiskFile::read_at`]; what the disk says it cannot read is zeroes, page by page.
    pub(crate) fn read_readable_at(
        &self,
        position: u64,
        length: usize,
    ) -> Result<Bytes, StorageError> {
        match self.file.read_at(position, length) {
            Err(error) if is_unreadable(&error) => self.read_by_pages(position, length),
            read => read.map_err(self.failed("read")),
        }
    }

    /// As [`DiskFile::read_readable_at`] and [`StorageFile::read_once_at`].
    pub(crate) fn read_once_at(&self, position: u64, length: usize) -> Result<Bytes, StorageError> {
        match self.file.read_once_at(position, length) {
            Err(error) if is_unreadable(&error) => self.read_by_pages(position, length),
            read => read.map_err(self.failed("read")),
        }
    }

    fn read_by_pages(&self, position: u64, length: usize) -> Result<Bytes, StorageError> {
        let left = self.size()?.saturating_sub(position);
        let length = length.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut bytes = Vec::with_capacity(length);
        let mut at = position;
        while bytes.len() < length {
            let to_boundary = PAGE_BYTES.saturating_sub(at % PAGE_BYTES);
            let to_boundary = usize::try_from(to_boundary).unwrap_or(usize::MAX);
            let end = length.min(bytes.len().saturating_add(to_boundary));
            match self.file.read_at(at, end.saturating_sub(bytes.len())) {
                Ok(page) => bytes.extend_from_slice(&page),
                Err(error) if is_unreadable(&error) => {}
                Err(error) => return Err(self.failed("read")(error)),
            }
            bytes.resize(end, 0);
            at = position.saturating_add(u64::try_from(end).unwrap_or(u64::MAX));
        }
        Ok(bytes.into())
    }

    pub(crate) fn write_at(&self, position: u64, chunks: &[&[u8]]) -> Result<(), StorageError> {
        self.file
            .write_at(position, chunks)
            .map_err(self.failed("write"))
    }

    pub(crate) fn allocate(&self, size: u64) -> Result<(), StorageError> {
        self.file.allocate(size).map_err(self.failed("extend"))
    }

    pub(crate) fn truncate(&self, size: u64) -> Result<(), StorageError> {
        self.file.truncate(size).map_err(self.failed("truncate"))
    }

    /// As [`StorageFile::drop_cache`].
    pub(crate) fn drop_cache(&self, position: u64) -> Result<(), StorageError> {
        self.file
            .drop_cache(position)
            .map_err(self.failed("drop the cache of"))
    }

    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.file.sync().map_err(self.failed("sync"))
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(io::Error) -> StorageError {
        at(operation, &self.path)
    }
}

/// Whether the disk says that the bytes are lost, and not that something else is wrong.
pub(super) fn is_unreadable(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lost = [Errno::IO, Errno::BADMSG, Errno::UCLEAN, Errno::NODATA];
    Errno::from_io_error(error).is_some_and(|errno| lost.contains(&errno))
}

/// The slices as the system takes them.
pub(super) fn io_slices<'a>(chunks: &[&'a [u8]]) -> Vec<IoSlice<'a>> {
    chunks.iter().map(|chunk| IoSlice::new(chunk)).collect()
}

fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path: PathBuf = path.to_owned();
    move |cause| StorageError::new(operation, &path, cause)
}
