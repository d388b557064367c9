//! An open file on the faulty disk.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::io::Errno;

use super::contents::Change;
use super::world::World;
use crate::log::storage::StorageFile;

#[derive(Debug)]
pub(super) struct FaultyFile {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) process: u64,
    pub(super) inode: usize,
}

impl FaultyFile {
    fn with<T>(&self, work: impl FnOnce(&mut World, usize) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.world.lock();
        if world.process != self.process {
            return Err(io::Error::other("the process that opened the file is dead"));
        }
        work(&mut world, self.inode)
    }
}

impl StorageFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        self.with(|world, inode| {
            let begun = world.begin_read();
            let size = world.inodes[inode].current.len();
            world.note("size", (inode, size), &[], &begun);
            begun.map(|()| u64::try_from(size).unwrap())
        })
    }

    fn modified(&self) -> io::Result<i64> {
        self.with(|world, inode| {
            let begun = world.begin_read();
            let modified = world.inodes[inode].modified;
            world.note("modified", (inode, modified), &[], &begun);
            begun.map(|()| modified)
        })
    }

    fn set_modified(&self, at: i64) -> io::Result<()> {
        self.with(|world, inode| {
            let begun = world.begin_change();
            world.note("set modified", (inode, at), &[], &begun);
            begun?;
            world.inodes[inode].modified = at;
            Ok(())
        })
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Bytes> {
        self.with(|world, inode| {
            let mut begun = match world.unreadable.contains(&inode) {
                true => Err(io::Error::from(Errno::IO)),
                false => world.begin_read(),
            };
            let current = &world.inodes[inode].current;
            let start = current.len().min(usize::try_from(position).unwrap());
            let end = current.len().min(start.saturating_add(length));
            if world.inodes[inode].is_ruined(&(start..end)) {
                begun = Err(Errno::IO.into());
            }
            let read = Bytes::copy_from_slice(&current[start..end]);
            world.note("read", (inode, position, length), &read, &begun);
            begun.map(|()| read)
        })
    }

    fn write_at(&self, position: u64, chunks: &[&[u8]]) -> io::Result<()> {
        self.with(|world, inode| {
            let mut bytes = chunks.concat();
            let start = usize::try_from(position).unwrap();
            let mut outcome = world.begin_change();
            match outcome {
                // A part may have been written, but not by who is dead.
                Err(_) if world.is_dead() => bytes.clear(),
                Err(_) => bytes.truncate(world.rng.usize(..=bytes.len())),
                Ok(()) => {
                    let size = world.inodes[inode].current.len();
                    let room = world.room_for(start, bytes.len(), size);
                    if room < bytes.len() {
                        bytes.truncate(room);
                        outcome = Err(ErrorKind::StorageFull.into());
                    }
                }
            }
            world.note("write", (inode, position), &bytes, &outcome);
            if !bytes.is_empty() {
                let position = start;
                world.change(inode, Change::Write { position, bytes });
            }
            outcome
        })
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.with(|world, inode| {
            let mut outcome = world.begin_change();
            let length = usize::try_from(size).unwrap();
            let found = world.inodes[inode].current.len();
            if outcome.is_ok() && world.room_for(0, length, found) < length {
                outcome = Err(ErrorKind::StorageFull.into());
            }
            world.note("allocate", (inode, size), &[], &outcome);
            outcome?;
            world.inodes[inode].allocate(length);
            Ok(())
        })
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.with(|world, inode| {
            let begun = world.begin_change();
            world.note("truncate", (inode, size), &[], &begun);
            begun?;
            let size = usize::try_from(size).unwrap();
            world.change(inode, Change::Truncate(size));
            Ok(())
        })
    }

    fn drop_cache(&self, position: u64) -> io::Result<()> {
        self.with(|world, inode| {
            world.note("drop cache", (inode, position), &[], &Ok(()));
            let inode = &mut world.inodes[inode];
            // The system forgets whole pages; here it forgets to the byte.
            let position = usize::try_from(position).unwrap();
            if inode.is_synced() && position <= inode.current.len() {
                inode.current.truncate(position);
                let behind = inode.durable.get(position..).unwrap_or_default();
                inode.current.extend_from_slice(behind);
            }
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|world, inode| {
            let begun = world.begin_sync();
            world.note("sync", inode, &[], &begun);
            let is_dead = world.is_dead();
            let inode = &mut world.inodes[inode];
            match &begun {
                Ok(()) => inode.sync(),
                Err(_) if is_dead => {}
                Err(_) => inode.fail_to_sync(&mut world.rng),
            }
            begun
        })
    }
}
