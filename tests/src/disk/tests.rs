use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;

use super::*;

fn fresh(seed: u64) -> (tempfile::TempDir, Disk) {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::mount(folder.path(), "disk", Random::new(seed));
    (folder, disk)
}

fn sync_directory(path: &Path) {
    fs::File::open(path).unwrap().sync_all().unwrap();
}

/// Mutation: `State::remove` that forgets the file with its name.
#[test]
fn a_fuse_disk_is_a_file_system_like_any_other() {
    let (_folder, disk) = fresh(1);
    let path = |name: &str| disk.path().join(name);
    fs::create_dir_all(path("a/b")).unwrap();
    fs::write(path("a/b/text"), "one two").unwrap();
    fs::rename(path("a/b"), path("c")).unwrap();
    assert_eq!(fs::read_to_string(path("c/text")).unwrap(), "one two");
    let mut options = fs::File::options();
    let file = options.read(true).write(true).open(path("c/text")).unwrap();
    file.write_all_at(b"six", 4).unwrap();
    file.set_len(6).unwrap();
    fs::remove_file(path("c/text")).unwrap();
    let mut bytes = [0; 6];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"one si");
    for number in 0..500 {
        fs::write(path("c").join(number.to_string()), "").unwrap();
    }
    assert_eq!(fs::read_dir(path("c")).unwrap().count(), 500);
    fs::remove_dir_all(path("c")).unwrap();
    let error = fs::metadata(path("c")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// Mutations: `State::sync` that does nothing for files, or nothing for directories.
#[test]
fn a_power_cut_leaves_on_a_fuse_disk_what_was_synced() {
    let mut lost = Lost::default();
    for seed in 0..10 {
        let (_folder, mut disk) = fresh(seed);
        let kept = disk.path().join("kept");
        let mut file = fs::File::create(&kept).unwrap();
        file.write_all(&[1; 10_000]).unwrap();
        file.sync_data().unwrap();
        sync_directory(disk.path());
        file.write_all(&[2; 10_000]).unwrap();
        fs::write(disk.path().join("unnamed"), "gone").unwrap();
        let cut = disk.cut_power();
        lost.names += cut.names;
        lost.bytes += cut.bytes;
        let error = file.sync_data().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5), "no power");
        drop(file);
        disk.power_up();
        let bytes = fs::read(&kept).unwrap();
        assert_eq!(bytes[..10_000], [1; 10_000]);
    }
    assert!(lost.names > 0 && lost.bytes > 10_000, "{lost:?}");
}

/// Mutation: `State::sync` that does not look at `lies`.
#[test]
fn a_fuse_disk_that_lies_about_syncs_loses_what_was_synced() {
    let is_lost = |seed| {
        let (_folder, mut disk) = fresh(seed);
        disk.set_faults(Faults {
            lies: true,
            ..Faults::default()
        });
        let mut file = fs::File::create(disk.path().join("file")).unwrap();
        file.write_all(b"text").unwrap();
        file.sync_all().unwrap();
        sync_directory(disk.path());
        drop(file);
        disk.cut_power();
        disk.power_up();
        fs::read(disk.path().join("file")).ok() != Some(b"text".to_vec())
    };
    assert!((0..10).any(is_lost));
}

/// Mutations: `State::sync` that does not look at `syncs_left`; `Contents::fail_sync` that puts nothing back.
#[test]
fn a_fuse_disk_fails_the_sync_it_is_told_to_and_forgets_for_good() {
    let (_folder, disk) = fresh(3);
    let mut file = fs::File::create(disk.path().join("file")).unwrap();
    disk.set_faults(Faults {
        syncs_left: Some(2),
        ..Faults::default()
    });
    file.sync_data().unwrap();
    file.write_all(&[1; 65536]).unwrap();
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
    file.sync_data().unwrap();
    let seen = fs::read(disk.path().join("file")).unwrap();
    assert_eq!(seen, [1; 65536], "the kernel's memory still has it");
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    let seen = fs::read(disk.path().join("file")).unwrap();
    assert!(seen.contains(&0), "the disk has not");
}

/// Mutation: `Drive::stall` that lets a sync go on when the stall is over.
#[test]
fn a_fuse_disk_that_stalls_lets_a_sync_wait_and_fail() {
    let (_folder, disk) = fresh(5);
    disk.set_faults(Faults {
        stalls: true,
        ..Faults::default()
    });
    let mut file = fs::File::create(disk.path().join("file")).unwrap();
    file.write_all(b"text").unwrap();
    let sync = std::thread::spawn(move || file.sync_data());
    while disk.stalled_syncs() == 0 {
        std::thread::yield_now();
    }
    disk.set_faults(Faults::default());
    assert_eq!(sync.join().unwrap().unwrap_err().raw_os_error(), Some(5));
}

/// Mutations: `State::write` that does not look at `short_writes`, or writes nothing and says so where nothing fits;
/// `State::excess` that counts what the file has already.
#[test]
fn a_fuse_disk_takes_part_of_a_write_and_says_when_it_is_full() {
    let (_folder, disk) = fresh(4);
    disk.set_faults(Faults {
        short_writes: true,
        ..Faults::default()
    });
    let file = fs::File::create(disk.path().join("file")).unwrap();
    let written = file.write_at(&[1; 1000], 0).unwrap();
    assert!((1..1000).contains(&written));
    disk.set_faults(Faults {
        capacity: Some(1500),
        ..Faults::default()
    });
    assert_eq!(file.write_at(&[2; 2000], 0).unwrap(), 1500);
    let error = file.write_at(&[3; 10], 1500).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    file.write_all_at(&[4; 1500], 0).unwrap();
    file.set_len(100).unwrap();
    assert_eq!(file.write_at(&[5; 10], 1000).unwrap(), 10);
}

/// Mutation: `Mounted::read` that waits on the threads that answer.
#[test]
fn reads_of_a_fuse_disk_stall_and_writes_go_on() {
    let (_folder, disk) = fresh(1);
    let path = disk.path().join("file");
    let file = fs::File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    file.set_len(64 << 20).unwrap();
    disk.forget(Path::new("file"));
    disk.set_faults(Faults {
        reads_stall: true,
        ..Faults::default()
    });
    std::thread::scope(|scope| {
        let file = &file;
        // Far enough from each other that the kernel asks for each, and more than there are threads that answer.
        let readers: [_; 2 * THREADS] = std::array::from_fn(|number| {
            let position = u64::try_from(number).unwrap() << 20;
            scope.spawn(move || file.read_exact_at(&mut [0; 9000], position))
        });
        while disk.stalled_reads() < THREADS {
            std::thread::yield_now();
        }
        file.write_all_at(&[2; 5000], 60 << 20).unwrap();
        file.sync_data().unwrap();
        assert!(readers.iter().all(|reader| !reader.is_finished()));
        disk.set_faults(Faults::default());
        for reader in readers {
            reader.join().unwrap().unwrap();
        }
    });
    assert_eq!(disk.stalled_reads(), 0);
}
