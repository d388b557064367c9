//! A small disk that fills up: a tmpfs of its own, mounted for a story.

use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use crate::process;

/// Name of the file that takes up room.
const BALLAST: &str = "ballast";

/// A mounted tmpfs, unmounted when dropped.
#[derive(Debug)]
pub struct Tmpfs {
    mount_point: PathBuf,
}

impl Tmpfs {
    /// Mounts one of so many bytes at `<folder>/<name>`.
    ///
    /// # Panics
    /// If it cannot be mounted.
    #[must_use]
    pub fn mount(folder: &Path, name: &str, bytes: u64) -> Self {
        let mount_point = folder.join(name);
        std::fs::create_dir(&mount_point).expect("make a folder for the disk");
        process::mounted(&mount_point);
        let size = std::ffi::CString::new(format!("size={bytes}")).expect("digits");
        let mounted = rustix::mount::mount(
            "sluice-e2e",
            &mount_point,
            "tmpfs",
            MountFlags::empty(),
            Some(size.as_c_str()),
        );
        mounted.unwrap_or_else(|error| {
            let path = mount_point.display();
            panic!("mount a tmpfs at {path}: {error}: this story needs root")
        });
        Self { mount_point }
    }

    /// Bytes that are free.
    ///
    /// # Panics
    /// If nobody can tell.
    #[must_use]
    pub fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.mount_point).expect("it is mounted");
        found.f_bavail * found.f_frsize
    }

    /// Has a file that is not the program's take up room, so many bytes of it; none removes it.
    ///
    /// # Panics
    /// If there is not so much room.
    pub fn take(&self, bytes: u64) {
        if bytes == 0 {
            return std::fs::remove_file(self.mount_point.join(BALLAST))
                .expect("remove the ballast");
        }
        self.try_take(bytes).expect("room for the ballast");
    }

    /// The same with all that is free, down to the last byte. What the program gives back from then on is its own.
    ///
    /// # Panics
    /// As [`Tmpfs::take`].
    pub fn fill(&self) {
        loop {
            let held = std::fs::metadata(self.mount_point.join(BALLAST));
            let held = held.map_or(0, |ballast| ballast.len());
            match self.try_take(held + self.free()) {
                Ok(()) => return,
                // The program was faster.
                Err(Errno::NOSPC) => {}
                Err(error) => panic!("fill the disk: {error}"),
            }
        }
    }

    fn try_take(&self, bytes: u64) -> Result<(), Errno> {
        let options = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.mount_point.join(BALLAST));
        let file = options.expect("make the ballast");
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Detached, since a process that was killed may let go of its last file a moment later.
        rustix::mount::unmount(&self.mount_point, UnmountFlags::DETACH).unwrap_or_default();
        process::unmounted(&self.mount_point);
    }
}
