//! The machine's file system.
//!
//! Reads go into memory that is not cleared first, writes are vectored and repeated until whole.
//! Files are synced by `fdatasync`, which covers a grown length.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{
    Advice, FallocateFlags, FlockOperation, OFlags, SeekFrom, fadvise, fallocate, flock, fstatfs,
    seek, statvfs, syncfs,
};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv, preadv2, pwrite, pwritev};
use rustix::system::uname;

use super::storage::{Free, OpenMode, Storage, StorageFile, Volume, io_slices};

/// Slices that one system call takes (`IOV_MAX`).
const SLICES_MAX: usize = 1024;

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

/// The kind of a file system in user space (`FUSE_SUPER_MAGIC`). The kernel tells it nothing of
/// syncfs(2), which does nothing there and says that all is done.
const FUSE: u32 = 0x6573_5546;

/// The kinds of file systems of which it is known that syncfs(2) makes durable what fsync(2) would: ext,
/// XFS and Btrfs.
const SYNCED_AS_A_WHOLE: [u32; 3] = [0xEF53, 0x5846_5342, 0x9123_683E];

/// The first Linux in which syncfs(2) tells that a file could not be written.
const SYNCFS_TELLS: (u32, u32) = (5, 8);

#[derive(Debug)]
struct RealFile {
    file: File,
    /// The same file, written around the system's memory.
    direct: Option<File>,
}

/// A directory that was opened before what is synced was written: so it hears of all failures.
#[derive(Debug)]
struct RealVolume(File);

impl Storage for FileSystem {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn StorageFile>> {
        let opened = match open(path, mode, OFlags::empty()) {
            Err(error) if mode == OpenMode::Draft && is_at_a_link(&error) => {
                fs::remove_file(path)?;
                open(path, mode, OFlags::empty())
            }
            opened => opened,
        };
        let file = opened.map_err(|error| told(error, mode))?;
        Ok(Arc::new(RealFile { file, direct: None }))
    }

    fn open_direct(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let mode = OpenMode::Write;
        let file = open(path, mode, OFlags::empty()).map_err(|error| told(error, mode))?;
        // Not every file system can.
        let direct = open(path, mode, OFlags::DIRECT).ok();
        Ok(Arc::new(RealFile { file, direct }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            // Nobody here gives a name that is no text.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create_dir(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)
    }

    fn is_link(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::symlink_metadata(path)?.is_symlink())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, directory: &Path) -> io::Result<()> {
        fs::remove_dir_all(directory)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn sync_all(&self, directory: &Path) -> io::Result<()> {
        let opened = File::open(directory)?;
        match u32::try_from(fstatfs(&opened)?.f_type) {
            Ok(FUSE) => sync_tree(directory),
            _ => Ok(syncfs(opened)?),
        }
    }

    fn volume(&self, directory: &Path) -> io::Result<Option<Box<dyn Volume>>> {
        let opened = File::open(directory)?;
        let kind = u32::try_from(fstatfs(&opened)?.f_type).unwrap_or_default();
        let is_told = version(&uname().release().to_string_lossy()) >= Some(SYNCFS_TELLS);
        let is_sound = SYNCED_AS_A_WHOLE.contains(&kind) && is_told;
        match is_sound {
            true => Ok(Some(Box::new(RealVolume(opened)))),
            false => Ok(None),
        }
    }

    fn free(&self, directory: &Path) -> io::Result<Free> {
        let found = statvfs(directory)?;
        Ok(Free {
            bytes: found.f_bavail.saturating_mul(found.f_frsize),
            // Where files are not counted there are none in all.
            inodes: match found.f_files {
                0 => u64::MAX,
                _ => found.f_favail,
            },
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Debug + Send + Sync>> {
        let opened = |mode, flags| open(path, mode, flags).map_err(|error| told(error, mode));
        let file = match opened(OpenMode::Create, OFlags::empty()) {
            // Who may only read, to check what is there, takes it as well.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                opened(OpenMode::Read, OFlags::NOFOLLOW)
            }
            opened => opened,
        }?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }
}

impl Volume for RealVolume {
    fn sync(&self) -> io::Result<()> {
        Ok(syncfs(&self.0)?)
    }
}

impl StorageFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn modified(&self) -> io::Result<i64> {
        let modified = self.file.metadata()?.modified()?;
        let since = modified.duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        Ok(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    fn set_modified(&self, at: i64) -> io::Result<()> {
        let since = Duration::from_millis(u64::try_from(at).unwrap_or_default());
        self.file.set_modified(SystemTime::UNIX_EPOCH + since)
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        let mut buffer = Vec::with_capacity(length);
        let mut position = position;
        while buffer.len() < length {
            match pread(&self.file, spare_capacity(&mut buffer), position) {
                Ok(0) => break,
                Ok(count) => position = position.saturating_add(bytes_of(count)),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        buffer.truncate(length);
        Ok(buffer.into())
    }

    fn read_into(&self, position: u64, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut rest = slices;
        let mut count = 0;
        while !rest.is_empty() {
            let next = rest.len().min(SLICES_MAX);
            let Some(next) = rest.get_mut(..next) else {
                break;
            };
            match preadv(&self.file, next, position.saturating_add(bytes_of(count))) {
                Ok(0) => break,
                Ok(more) => {
                    count = count.saturating_add(more);
                    IoSliceMut::advance_slices(&mut rest, more);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(count)
    }

    fn read_resident(&self, position: u64, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = slices.len().min(SLICES_MAX);
        let next = slices.get_mut(..count).unwrap_or_default();
        match preadv2(&self.file, next, position, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(count),
            // Not in memory, or of a file system that cannot tell.
            Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }

    fn read_ahead(&self, position: u64, length: u64) {
        let length = NonZeroU64::new(length);
        // Where it cannot, the read itself waits for the disk.
        fadvise(&self.file, position, length, Advice::WillNeed).unwrap_or_default();
    }

    fn data_from(&self, position: u64) -> io::Result<u64> {
        // No read or write minds where this leaves the file: each says where it begins.
        match seek(&self.file, SeekFrom::Data(position)) {
            // Nothing but a hole is left.
            Err(Errno::NXIO) => Ok(self.size()?.max(position)),
            // Not every file system can.
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(position),
            found => Ok(found?),
        }
    }

    fn read_once_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        let mut buffer = vec![0; length];
        let mut slices = [IoSliceMut::new(&mut buffer)];
        // What is in memory already stays there, for others seem to read it.
        let cached = preadv2(&self.file, &mut slices, position, ReadWriteFlags::NOWAIT);
        if cached == Ok(length) {
            return Ok(buffer.into());
        }
        let bytes = self.read_at(position, length)?;
        let length = u64::try_from(length).ok().and_then(NonZeroU64::new);
        fadvise(&self.file, position, length, Advice::DontNeed)?;
        Ok(bytes)
    }

    fn write_at(&self, position: u64, chunks: &[&[u8]]) -> io::Result<()> {
        if let (Some(direct), [pages]) = (&self.direct, chunks)
            && write_pages(direct, position, pages)?
        {
            return Ok(());
        }
        let mut slices = io_slices(chunks);
        let mut rest = slices.as_mut_slice();
        let mut position = position;
        // Leading empty slices would look like a write of nothing.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let next = rest.get(..SLICES_MAX).unwrap_or(rest);
            match pwritev(&self.file, next, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    IoSlice::advance_slices(&mut rest, count);
                    position = position.saturating_add(bytes_of(count));
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        match fallocate(&self.file, FallocateFlags::empty(), 0, size) {
            // Not every file system can; each can be written to.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.write_zeroes(size),
            outcome => Ok(outcome?),
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    fn drop_cache(&self, position: u64) -> io::Result<()> {
        Ok(fadvise(&self.file, position, None, Advice::DontNeed)?)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn open(path: &Path, mode: OpenMode, flags: OFlags) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(mode != OpenMode::Read);
    options.create(matches!(mode, OpenMode::Create | OpenMode::Draft));
    // Of no meaning for files; but who meets a pipe under the name of one waits for nobody to write into it.
    let mut flags = flags | OFlags::NONBLOCK;
    flags.set(OFlags::NOFOLLOW, mode != OpenMode::Read);
    options.custom_flags(flags.bits().cast_signed());
    let file = options.open(path)?;
    match mode == OpenMode::Read || file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(Errno::SPIPE.into()),
    }
}

/// Writes whole pages around the system's memory; `false` where the file system wants more than that
/// they are whole, or less was written than that.
fn write_pages(direct: &File, position: u64, pages: &[u8]) -> io::Result<bool> {
    match pwrite(direct, pages, position) {
        Ok(count) => Ok(count == pages.len()),
        Err(Errno::INVAL | Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a file was not opened because a link has its name.
fn is_at_a_link(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// The same failure, for somebody who has to do something about it.
fn told(error: io::Error, mode: OpenMode) -> io::Error {
    match mode != OpenMode::Read && is_at_a_link(&error) {
        true => io::Error::other(
            "it is a symbolic link, and nothing is written through one; put what it leads to in its place",
        ),
        false => error,
    }
}

/// Syncs every file and every directory, one by one. What else has a name is not ours, and need not be there to be opened.
fn sync_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_data()?;
        }
    }
    File::open(directory)?.sync_all()
}

/// The first two numbers of a kernel's release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn bytes_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind of a file system in memory (`TMPFS_MAGIC`).
    const TMPFS: u32 = 0x0102_1994;

    #[test]
    fn many_chunks_are_written_one_behind_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = FileSystem.open(&path, OpenMode::Create).unwrap();
        let texts: Vec<String> = (0..3000).map(|number| format!("{number} ")).collect();
        let mut chunks: Vec<&[u8]> = vec![b""];
        chunks.extend(texts.iter().map(String::as_bytes));
        file.write_at(3, &chunks).unwrap();
        file.sync().unwrap();
        let expected = texts.concat();
        let size = usize::try_from(file.size().unwrap()).unwrap();
        assert_eq!(size, 3 + expected.len());
        assert_eq!(file.read_at(3, expected.len()).unwrap(), expected);
        assert_eq!(file.read_at(3, 1 << 20).unwrap().len(), expected.len());
        let mut parts = [vec![0; 5], vec![], vec![0; expected.len()]];
        let mut slices = parts.each_mut().map(|part| IoSliceMut::new(part));
        let count = file.read_into(3, &mut slices).unwrap();
        assert_eq!(count, expected.len());
        assert_eq!(parts.concat()[..count], *expected.as_bytes());
    }

    /// Fails where a draft is opened by `Create`.
    #[test]
    fn a_draft_is_never_written_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("precious");
        fs::write(&outside, "untouched").unwrap();
        let path = directory.path().join("meta.properties");
        let draft = path.with_extension("tmp");
        std::os::unix::fs::symlink(&outside, &draft).unwrap();
        assert!(FileSystem.is_link(&draft).unwrap() && !FileSystem.is_link(&outside).unwrap());
        let disk = super::super::Disk::new(FileSystem);
        disk.replace_file(&path, b"ours").unwrap();
        assert_eq!(fs::read(&outside).unwrap(), b"untouched");
        assert_eq!(fs::read(&path).unwrap(), b"ours");
    }

    /// Fails where `read_resident` reads as `read_into` does.
    #[test]
    fn what_is_not_in_memory_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let kind = fstatfs(File::open(directory.path()).unwrap()).unwrap();
        // A disk in memory has nothing to wait for.
        if u32::try_from(kind.f_type) == Ok(TMPFS) {
            return;
        }
        let path = directory.path().join("file");
        let file = FileSystem.open(&path, OpenMode::Create).unwrap();
        file.write_at(0, &[&[7; 1 << 16]]).unwrap();
        let mut bytes = vec![0; 1 << 16];
        let mut read = |file: &dyn StorageFile| {
            file.read_resident(0, &mut [IoSliceMut::new(&mut bytes)])
                .unwrap()
        };
        let warm = read(&*file);
        file.sync().unwrap();
        assert_eq!(warm, 1 << 16);
        // The system forgets no page that somebody looks at, as its own threads do now and then.
        let is_cold = (0..10_000).any(|_| {
            std::thread::yield_now();
            file.drop_cache(0).unwrap();
            read(&*file) == 0
        });
        assert!(is_cold);
    }

    /// Mutation: `sync_tree` that opens whatever has a name.
    #[test]
    fn what_is_no_file_is_not_synced_and_fails_no_sync_of_all() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("inside");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("file"), b"x").unwrap();
        std::os::unix::fs::symlink("/nowhere", inside.join("link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(inside.join("socket"));
        sync_tree(directory.path()).unwrap();
        drop(socket.unwrap());
    }

    #[test]
    fn the_release_of_a_kernel_begins_with_two_numbers() {
        assert_eq!(version("6.18.44-fc-v669"), Some((6, 18)));
        assert_eq!(version("4.18.0-553.el8.x86_64"), Some((4, 18)));
        assert!(version("5.10") >= Some(SYNCFS_TELLS));
        assert!(version("5.4.0") < Some(SYNCFS_TELLS));
        assert_eq!(version("unknown"), None);
    }

    #[test]
    fn what_is_taken_of_the_disk_is_no_longer_free() {
        let directory = tempfile::tempdir().unwrap();
        let free = FileSystem.free(directory.path()).unwrap();
        assert!(free.bytes > 0 && free.inodes > 0);
        let path = directory.path().join("file");
        let file = FileSystem.open(&path, OpenMode::Create).unwrap();
        file.allocate(1 << 20).unwrap();
        assert_eq!(file.size().unwrap(), 1 << 20);
        let taken = rustix::fs::stat(&path).unwrap().st_blocks * 512;
        assert!(taken >= 1 << 20, "{taken} bytes of blocks");
    }

    #[test]
    fn the_time_of_a_file_is_that_of_its_last_write_or_what_was_set() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = FileSystem.open(&path, OpenMode::Create).unwrap();
        file.set_modified(1_234_567).unwrap();
        assert_eq!(file.modified().unwrap(), 1_234_567);
        file.write_at(0, &[b"x"]).unwrap();
        assert!(file.modified().unwrap() > 1_700_000_000_000);
    }

    #[test]
    fn a_lock_is_refused_while_another_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = FileSystem.lock(&path).unwrap();
        let refusal = FileSystem.lock(&path).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        FileSystem.lock(&path).unwrap();
    }
}
