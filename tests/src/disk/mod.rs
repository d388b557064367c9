//! A disk that forgets what was not synced: a FUSE file system of ours, for power cuts and other faults on demand.
//!
//! What it promises is what POSIX does and no more. fsync(2) of a file makes its bytes and length durable, fsync(2) of a
//! directory the names in it. At a power cut, of the other changes of bytes everything stays, or nothing, or some sectors
//! of 512 bytes, file by file; of the other changes of names a prefix stays. The system may at any time write some of it by itself.
//! A sync that fails loses bytes for good. All choices follow from a seed.
//!
//! * `names`: what is called how, now and after a cut; `contents`: bytes, the same;
//! * `drive`: both, with faults and power; `mounted`: the drive as the kernel sees it.
//!
//! syncfs(2) cannot be seen from here; see `mounted`. Stories that use it have `fuse_disk` in their name.

mod contents;
mod drive;
mod mounted;
mod names;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{BackgroundSession, Config, MountOption};
use rustix::fs::{Advice, fadvise};
use rustix::mount::UnmountFlags;

use self::drive::Drive;
use self::mounted::Mounted;
use crate::process;
use crate::seed::Random;

/// Requests answered at a time: syncs take a while.
const THREADS: usize = 12;

/// What is to go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Syncs say they are done and do nothing.
    pub lies: bool,
    /// Syncs wait until this is over, and then fail without having done anything.
    pub stalls: bool,
    /// Reads that the kernel does not answer from its memory wait until this is over, a minute at most.
    pub reads_stall: bool,
    /// Changes until the power is cut: 1 cuts it before the next.
    pub changes_left: Option<u64>,
    /// Syncs until one fails with EIO: 1 fails the next.
    pub syncs_left: Option<u64>,
    /// Writes take a part of what they are given.
    pub short_writes: bool,
    /// Bytes that all files together may have; then ENOSPC.
    pub capacity: Option<u64>,
}

/// What a power cut took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Changes of names.
    pub names: usize,
    /// Bytes of files that still have a name, and of others.
    pub bytes: u64,
}

/// A disk, mounted while it has power.
#[derive(Debug)]
pub struct Disk {
    drive: Arc<Drive>,
    mount_point: PathBuf,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// A new disk, mounted at `<folder>/<name>`; what is on it lies in `<folder>/<name>.objects`.
    ///
    /// # Panics
    /// If it cannot be mounted.
    #[must_use]
    pub fn mount(folder: &Path, name: &str, random: Random) -> Self {
        let objects = folder.join(format!("{name}.objects"));
        let mount_point = folder.join(name);
        for made in [&objects, &mount_point] {
            std::fs::create_dir(made).expect("make a folder for the disk");
        }
        let mut disk = Self {
            drive: Arc::new(Drive::new(objects, random)),
            mount_point,
            session: None,
        };
        disk.power_up();
        disk
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.mount_point
    }

    /// Has things go wrong from now on, or go right again.
    pub fn set_faults(&self, faults: Faults) {
        self.drive.set_faults(faults);
    }

    /// Whether nobody, and no fault, has cut the power.
    #[must_use]
    pub fn has_power(&self) -> bool {
        self.drive.has_power()
    }

    /// How many syncs wait because they stall.
    #[must_use]
    pub fn stalled_syncs(&self) -> usize {
        self.drive.stalled_syncs()
    }

    /// How many reads wait because they stall.
    #[must_use]
    pub fn stalled_reads(&self) -> usize {
        self.drive.stalled_reads()
    }

    /// Has the kernel forget what it holds in memory of a file, given by its path on the disk, that is synced.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn forget(&self, path: &Path) {
        let file = std::fs::File::open(self.mount_point.join(path)).expect("a file on the disk");
        file.sync_all().expect("sync a file");
        fadvise(&file, 0, None, Advice::DontNeed).expect("have a file forgotten");
    }

    /// How many syncs were made to fail.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.drive.failed_syncs()
    }

    /// How many writes took only a part of what they were given.
    #[must_use]
    pub fn short_writes(&self) -> u64 {
        self.drive.short_writes()
    }

    /// Cuts the power, unless it is cut: what was not synced is lost, kept or torn, and everything asked of the disk fails
    /// from then on.
    pub fn cut_power(&self) -> Lost {
        self.drive.cut_power()
    }

    /// Gives power and mounts the disk again, so that nothing is left in the kernel's memory. Who has it open has lost it.
    ///
    /// # Panics
    /// If it cannot be mounted.
    pub fn power_up(&mut self) {
        self.unmount();
        self.drive.power_up();
        process::mounted(&self.mount_point);
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("sluice-e2e".to_owned())];
        config.n_threads = Some(THREADS);
        let mounted = Mounted::new(Arc::clone(&self.drive));
        let session = fuser::spawn_mount(mounted, &self.mount_point, &config);
        let session = session.unwrap_or_else(|error| {
            let path = self.mount_point.display();
            panic!("mount {path}: {error}: FUSE needs /dev/fuse, and root or fusermount3")
        });
        self.session = Some(session);
    }

    fn unmount(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        // Detached, since a process that was killed may let go of its last file a moment later. Who is not root may not, and
        // leaves it to the session.
        rustix::mount::unmount(&self.mount_point, UnmountFlags::DETACH).unwrap_or_default();
        drop(session);
        process::unmounted(&self.mount_point);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
        if std::thread::panicking() {
            let left = self.mount_point.with_extension("left");
            self.drive.lay_out(&left);
            eprintln!("what the disk had is in {}", left.display());
        }
    }
}

#[cfg(test)]
mod tests;
