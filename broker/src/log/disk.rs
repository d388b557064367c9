//! The disk as the log sees it: a file system whose every failure names the operation and the path, and
//! the few ways in which files are written and read as a whole.

use std::fmt::Debug;
use std::io::{self, ErrorKind, IoSliceMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::storage::{Free, OpenMode, Storage, StorageFile, Volume};
use super::{StorageError, id_text, random_id};

/// Bytes of a file that is read as a whole, at most: a larger one is none that anybody here wrote.
const WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of a name in a directory, at most.
const NAME_BYTES_MAX: usize = 255;
/// What disks read at once: where one byte of it is lost, all are.
const PAGE_BYTES: u64 = 4096;

/// A file system whose errors say what was tried and where. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Disk(Arc<dyn Storage>);

/// An open file whose errors say what was tried and where. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DiskFile {
    path: Arc<Path>,
    file: Arc<dyn StorageFile>,
    /// Whether the disk could not read some of it.
    has_failed: Arc<AtomicBool>,
}

impl Disk {
    /// Wraps a file system.
    #[must_use]
    pub fn new(storage: impl Storage + 'static) -> Self {
        Self(Arc::new(storage))
    }

    /// As [`Storage::open`]; what is no file makes room for a draft.
    pub(crate) fn open(&self, path: &Path, mode: OpenMode) -> Result<DiskFile, StorageError> {
        match self.0.open(path, mode) {
            Err(error) if mode == OpenMode::Draft && is_no_file(&error) => {
                self.remove_file(path)?;
                DiskFile::opened(path, self.0.open(path, mode))
            }
            opened => DiskFile::opened(path, opened),
        }
    }

    /// Opens a file that exists, as [`Storage::open_direct`].
    pub(crate) fn open_direct(&self, path: &Path) -> Result<DiskFile, StorageError> {
        DiskFile::opened(path, self.0.open_direct(path))
    }

    /// An empty file to be written, whatever an earlier process left there. Leaves nothing behind where that
    /// fails: a start would take it for what it was to become.
    pub(crate) fn draft(&self, path: &Path) -> Result<DiskFile, StorageError> {
        let file = self.open(path, OpenMode::Draft)?;
        if let Err(error) = file.truncate(0) {
            self.remove_file(path)?;
            return Err(error);
        }
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

    /// Whether there is a directory, or nothing, and not something else.
    pub(crate) fn is_directory(&self, path: &Path) -> Result<bool, StorageError> {
        match self.list(path) {
            Err(error) if error.cause.kind() == ErrorKind::NotADirectory => Ok(false),
            listed => listed.map(|_names| true),
        }
    }

    pub(crate) fn create_dir(&self, directory: &Path) -> Result<(), StorageError> {
        self.0
            .create_dir(directory)
            .map_err(at("create directory", directory))
    }

    /// As [`Storage::rename`]; a directory makes room for a file.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        let renamed = match self.0.rename(from, to) {
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                self.put_aside(to)?;
                self.0.rename(from, to)
            }
            renamed => renamed,
        };
        renamed.map_err(at("rename", from))
    }

    /// Has no file be of that name: removes one, and puts a directory aside. Not an error where there is none.
    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), StorageError> {
        match self.0.remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == ErrorKind::IsADirectory => self.put_aside(path),
            removed => removed.map_err(at("remove", path)),
        }
    }

    /// Gives a directory that has the name of a file another one, which nobody reads: nobody here made it, so
    /// nobody knows what is in it.
    fn put_aside(&self, path: &Path) -> Result<(), StorageError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mark = format!(".{}.stray", id_text(random_id()));
        let aside = format!("{}{mark}", end_of_name(&name, mark.len()));
        let renamed = self.0.rename(path, &path.with_file_name(aside));
        renamed.map_err(at("rename", path))
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

    /// Makes the names durable that lead to a directory: those above it may be as new as it is.
    pub(crate) fn sync_way_to(&self, directory: &Path) -> Result<(), StorageError> {
        for above in directory.ancestors().skip(1) {
            let above = match above.as_os_str().is_empty() {
                true => Path::new("."),
                false => above,
            };
            match self.sync_dir(above) {
                // What this user made they may read, and so all below that.
                Err(error) if error.cause.kind() == ErrorKind::PermissionDenied => return Ok(()),
                // Some file systems have nothing to sync, and those of others may be mounted there.
                Err(error) if is_unsyncable(error.cause.kind()) => {}
                synced => synced?,
            }
        }
        Ok(())
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

    pub(crate) fn free(&self, directory: &Path) -> Result<Free, StorageError> {
        self.0
            .free(directory)
            .map_err(at("measure the file system of", directory))
    }

    pub(crate) fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>> {
        self.0.lock(path)
    }

    /// All bytes of a small file; `None` where there is none, and no bytes where it is too large to be one: it is
    /// as good as one that is torn.
    pub(crate) fn read_file(&self, path: &Path) -> Result<Option<Bytes>, StorageError> {
        match self.open(path, OpenMode::Read) {
            Err(error) if error.cause.kind() == ErrorKind::NotFound => Ok(None),
            opened => Ok(Some(opened?.contents()?.unwrap_or_default())),
        }
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
    fn opened(path: &Path, file: io::Result<Arc<dyn StorageFile>>) -> Result<Self, StorageError> {
        let file = file.map_err(at("open", path))?;
        Ok(Self {
            path: Arc::from(path),
            file,
            has_failed: Arc::default(),
        })
    }

    /// All its bytes; `None` where they are too many for one that is read as a whole.
    pub(crate) fn contents(&self) -> Result<Option<Bytes>, StorageError> {
        let size = self.size()?;
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        match size <= WHOLE_BYTES_MAX {
            true => self.read_at(0, length).map(Some),
            false => Ok(None),
        }
    }

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

    /// As [`StorageFile::data_from`].
    pub(crate) fn data_from(&self, position: u64) -> Result<u64, StorageError> {
        self.file
            .data_from(position)
            .map_err(self.failed("seek in"))
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

    /// Whether all that was read so far could be read, and none of it was taken for zeroes.
    pub(crate) fn is_readable(&self) -> bool {
        !self.has_failed.load(Ordering::Relaxed)
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
                Err(error) if is_unreadable(&error) => {
                    self.has_failed.store(true, Ordering::Relaxed);
                }
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

    pub(crate) fn write_zeroes(&self, size: u64) -> Result<(), StorageError> {
        self.file.write_zeroes(size).map_err(self.failed("write"))
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

/// As much of the end of `name` as a longer one has room for, of which `taken` bytes are others. Its end says which
/// partition it was.
#[must_use]
pub fn end_of_name(name: &str, taken: usize) -> &str {
    let left = NAME_BYTES_MAX.saturating_sub(taken);
    let begin = name.ceil_char_boundary(name.len().saturating_sub(left));
    name.get(begin..).unwrap_or_default()
}

/// Whether something else has the name of a file, as a directory, a pipe, a socket or a device.
pub(super) fn is_no_file(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let others = [Errno::ISDIR, Errno::SPIPE, Errno::NXIO, Errno::NODEV];
    let is_other = Errno::from_io_error(error).is_some_and(|errno| others.contains(&errno));
    // Storage that is no system's has kinds of errors alone.
    is_other || error.kind() == ErrorKind::IsADirectory
}

/// Whether the disk says that the bytes are lost, and not that something else is wrong.
pub(super) fn is_unreadable(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lost = [Errno::IO, Errno::BADMSG, Errno::UCLEAN, Errno::NODATA];
    Errno::from_io_error(error).is_some_and(|errno| lost.contains(&errno))
}

fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path: PathBuf = path.to_owned();
    move |cause| StorageError::new(operation, &path, cause)
}

const fn is_unsyncable(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::Unsupported)
}
