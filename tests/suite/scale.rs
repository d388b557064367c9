//! More partitions than most have: none of them costs much, and more than there may be open files is no error.

use std::time::{Duration, Instant};

use sluice_e2e::partitions::Partitions;
use sluice_e2e::process::Server;
use sluice_e2e::sluice::Sluice;

const PARTITIONS: usize = 1000;

/// Open files that the system grants: of these, segments get half.
const OPEN_FILES: usize = 800;

/// How long a start with that many partitions may take where other tests run beside it: five times as long as promised.
const START_MAX: Duration = Duration::from_secs(5);

/// Fails if `open_files_limit` lets as many segments be open as there are partitions: somebody is refused then.
#[tokio::test]
async fn more_partitions_than_open_files_are_written_and_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sluice = Sluice::bundled_with_open_files(folder.path(), OPEN_FILES, &[]).await;
    let broker = sluice.addresses().broker.clone().expect("a bundled broker");
    let partitions = Partitions::create(&broker, PARTITIONS).await;
    for written in 1..=3 {
        partitions.write("a value").await;
        assert_eq!(partitions.read().await, written * PARTITIONS);
    }
    assert!(open_files(sluice.server()) <= OPEN_FILES);
    sluice.kill();
    sluice.start_again().await;
    assert_eq!(partitions.read().await, 3 * PARTITIONS);
    partitions.write("another").await;
    assert_eq!(partitions.read().await, 4 * PARTITIONS);
    assert!(open_files(sluice.server()) <= OPEN_FILES);
    let said = sluice.server().stderr();
    assert!(!said.contains("Too many open files"), "{said}");
}

/// Fails if a start syncs each of the partitions for itself on a disk that takes some milliseconds for one.
#[tokio::test]
async fn a_thousand_partitions_start_soon_after_a_kill_and_after_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sluice = Sluice::bundled(folder.path(), &[]).await;
    let broker = sluice.addresses().broker.clone().expect("a bundled broker");
    let partitions = Partitions::create(&broker, PARTITIONS).await;
    partitions.write("a value").await;
    sluice.kill();
    assert_starts_soon(&mut sluice).await;
    partitions.write("a value").await;
    let status = sluice.interrupt().await;
    assert!(status.success(), "{status}");
    assert_starts_soon(&mut sluice).await;
    assert_eq!(partitions.read().await, 2 * PARTITIONS);
    let began = Instant::now();
    partitions.delete().await;
    let took = began.elapsed();
    assert!(took < START_MAX, "deleting took {took:?}");
}

async fn assert_starts_soon(sluice: &mut Sluice) {
    let began = Instant::now();
    sluice.start_again().await;
    let took = began.elapsed();
    assert!(took < START_MAX, "starting took {took:?}");
}

fn open_files(server: &Server) -> usize {
    let path = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    std::fs::read_dir(path).expect("the server runs").count()
}
