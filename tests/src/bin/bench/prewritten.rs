//! The disk alone: a file that was written before, written again and synced.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

/// As large as an extent of the commit log.
const FILE_BYTES: usize = 16 * 1024 * 1024;

/// The median time of writing and syncing `bytes`, one place after the other, `times`, in microseconds.
pub(crate) fn sync_us(folder: &Path, bytes: usize, times: usize) -> f64 {
    let path = folder.join("prewritten");
    let file = File::create(&path).expect("a file");
    file.write_all_at(&vec![0; FILE_BYTES], 0).expect("write");
    file.sync_all().expect("sync");
    let written = vec![7; bytes];
    let places = FILE_BYTES / bytes;
    let mut took = Vec::new();
    for time in 0..times {
        let at = u64::try_from(time % places * bytes).expect("a place in the file");
        let start = Instant::now();
        file.write_all_at(&written, at).expect("write");
        file.sync_data().expect("sync");
        took.push(start.elapsed());
    }
    std::fs::remove_file(path).expect("remove the file");
    took.sort_unstable();
    took[times / 2].as_secs_f64() * 1e6
}
