//! The disk alone: a file that was written before, written again and synced.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// As large as an extent of the commit log.
const FILE_BYTES: usize = 16 * 1024 * 1024;

/// The median time of writing and syncing `bytes`, one place after the other, `times`, in microseconds.
pub(crate) fn sync_us(folder: &Path, bytes: usize, times: usize) -> f64 {
    let file = Prewritten::new(folder, bytes);
    let took = (0..times).map(|time| {
        let start = Instant::now();
        file.sync(time);
        start.elapsed()
    });
    percentile(took.collect(), 50).as_secs_f64() * 1e6
}

/// The 99th percentile of the same `rate` times a second for so many `seconds`, each from the moment on that it was due, in
/// milliseconds.
pub(crate) fn paced_p99_ms(folder: &Path, bytes: usize, rate: u32, seconds: usize) -> f64 {
    let file = Prewritten::new(folder, bytes);
    let pause = Duration::from_secs(1) / rate;
    let mut due = Instant::now();
    let times = usize::try_from(rate).expect("not so many") * seconds;
    let took = (0..times).map(|time| {
        due += pause;
        // A sleep would be late by as much as the disk takes.
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        file.sync(time);
        due.elapsed()
    });
    percentile(took.collect(), 99).as_secs_f64() * 1e3
}

fn percentile(mut took: Vec<Duration>, percent: usize) -> Duration {
    took.sort_unstable();
    took[took.len() * percent / 100]
}

/// The file, removed when dropped.
struct Prewritten {
    path: PathBuf,
    file: File,
    written: Vec<u8>,
}

impl Prewritten {
    fn new(folder: &Path, bytes: usize) -> Self {
        let path = folder.join("prewritten");
        let file = File::create(&path).expect("a file");
        file.write_all_at(&vec![0; FILE_BYTES], 0).expect("write");
        file.sync_all().expect("sync");
        let written = vec![7; bytes];
        Self {
            path,
            file,
            written,
        }
    }

    /// Writes and syncs the next place.
    fn sync(&self, time: usize) {
        let bytes = self.written.len();
        let at = time % (FILE_BYTES / bytes) * bytes;
        let at = u64::try_from(at).expect("a place in the file");
        self.file.write_all_at(&self.written, at).expect("write");
        self.file.sync_data().expect("sync");
    }
}

impl Drop for Prewritten {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).expect("remove the file");
    }
}
