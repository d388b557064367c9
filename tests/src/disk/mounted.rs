//! The drive as the kernel sees it: requests of FUSE, each handed on and answered.
//!
//! Nothing is written back later by the kernel: each write(2) and each sync comes here before it returns. Reads are served
//! from the kernel's cache, as on any disk. syncfs(2) does not come here: the kernel tells no such file system of it, and says that it is done.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::drive::{Attributes, Drive};

/// How long the kernel may believe what it was told: nobody else changes anything.
const FOREVER: Duration = Duration::from_secs(3600);

/// Inodes are never used again.
const GENERATION: Generation = Generation(0);

const BLOCK: u32 = 4096;
/// Blocks of a disk that is as large as it needs to be: 4 TiB.
const BLOCKS: u64 = 1 << 30;

type Listing = Vec<(OsString, u64, bool)>;

/// A mounted drive.
#[derive(Debug)]
pub(super) struct Mounted {
    drive: Arc<Drive>,
    /// What open directories held when they were opened.
    listings: Mutex<(u64, HashMap<u64, Listing>)>,
}

impl Mounted {
    pub(super) fn new(drive: Arc<Drive>) -> Self {
        Self {
            drive,
            listings: Mutex::default(),
        }
    }

    fn listings(&self) -> std::sync::MutexGuard<'_, (u64, HashMap<u64, Listing>)> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attr(of: &Attributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(of.inode),
        size: of.size,
        blocks: of.size.div_ceil(512),
        atime: of.modified,
        mtime: of.modified,
        ctime: of.modified,
        crtime: of.modified,
        kind: kind(of.is_directory),
        perm: if of.is_directory { 0o755 } else { 0o644 },
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

const fn kind(is_directory: bool) -> FileType {
    if is_directory {
        FileType::Directory
    } else {
        FileType::RegularFile
    }
}

fn reply_entry(reply: ReplyEntry, outcome: Result<Attributes, Errno>) {
    match outcome {
        Ok(attributes) => reply.entry(&FOREVER, &attr(&attributes), GENERATION),
        Err(errno) => reply.error(errno),
    }
}

fn reply_attr(reply: ReplyAttr, outcome: Result<Attributes, Errno>) {
    match outcome {
        Ok(attributes) => reply.attr(&FOREVER, &attr(&attributes)),
        Err(errno) => reply.error(errno),
    }
}

fn reply_empty(reply: ReplyEmpty, outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(errno),
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.drive.with(|drive| {
            let inode = drive.find(parent.0, name)?;
            drive.attributes(inode)
        });
        reply_entry(reply, found);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply_attr(reply, self.drive.with(|drive| drive.attributes(ino.0)));
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.drive.with(|drive| {
            if let Some(size) = size {
                drive.resize(ino.0, size)?;
            }
            drive.attributes(ino.0)
        });
        reply_attr(reply, changed);
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let made = self.drive.with(|drive| {
            let inode = drive.create_directory(parent.0, name)?;
            drive.attributes(inode)
        });
        reply_entry(reply, made);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.drive.with(|drive| {
            let inode = drive.create_file(parent.0, name)?;
            drive.attributes(inode)
        });
        match made {
            Ok(attributes) => {
                let attr = attr(&attributes);
                let flags = FopenFlags::FOPEN_KEEP_CACHE;
                reply.created(&FOREVER, &attr, GENERATION, FileHandle(0), flags);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        reply_empty(reply, self.drive.with(|drive| drive.remove(parent.0, name)));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        reply_empty(reply, self.drive.with(|drive| drive.remove(parent.0, name)));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self.drive.with(|drive| {
            if !flags.is_empty() {
                return Err(Errno::EINVAL);
            }
            drive.rename((parent.0, name), (newparent.0, newname))
        });
        reply_empty(reply, renamed);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.drive.with(|_| Ok(())) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let drive = Arc::clone(&self.drive);
        let read = move || match drive.read(ino.0, offset, size.into()) {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        };
        // The threads that answer have other requests to answer meanwhile.
        if self.drive.reads_stall() {
            drop(std::thread::spawn(read));
        } else {
            read();
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.drive.with(|drive| drive.write(ino.0, offset, data)) {
            Ok(count) => reply.written(u32::try_from(count).expect("a request is small")),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply_empty(reply, self.drive.sync(ino.0));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply_empty(reply, self.drive.sync(ino.0));
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let extended = self.drive.with(|drive| match mode {
            0 => drive.extend(ino.0, offset + length),
            _ => Err(Errno::EOPNOTSUPP),
        });
        reply_empty(reply, extended);
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let listed = self.drive.with(|drive| Ok(drive.list(ino.0)));
        match listed {
            Ok(listing) => {
                let (last, listings) = &mut *self.listings();
                *last += 1;
                listings.insert(*last, listing);
                reply.opened(FileHandle(*last), FopenFlags::empty());
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listings = self.listings();
        let listing = listings.1.get(&fh.0).into_iter().flatten();
        for (next, (name, inode, is_directory)) in (1..).zip(listing) {
            if next > offset && reply.add(INodeNo(*inode), next, kind(*is_directory), name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.listings().1.remove(&fh.0);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        match self.drive.with(|drive| Ok(drive.free())) {
            Ok(free) => {
                let free = free.map_or(BLOCKS, |bytes| bytes / u64::from(BLOCK));
                reply.statfs(BLOCKS, free, free, BLOCKS, BLOCKS, BLOCK, 255, BLOCK);
            }
            Err(errno) => reply.error(errno),
        }
    }
}
