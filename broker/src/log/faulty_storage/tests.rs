//! Everything that the faulty disk is said to do does happen, and nothing else.

use std::collections::BTreeSet;

use super::*;

const SEEDS: u64 = 400;
const DIRECTORY: &str = "/d";

fn disk(seed: u64) -> FaultyStorage {
    let disk = FaultyStorage::new(seed);
    disk.create_dir(DIRECTORY.as_ref()).unwrap();
    disk.sync_dir("/".as_ref()).unwrap();
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// A file that is there for ever.
fn file(disk: &FaultyStorage, name: &str) -> Arc<dyn StorageFile> {
    let file = disk.open(&path(name), OpenMode::Create).unwrap();
    disk.sync_dir(DIRECTORY.as_ref()).unwrap();
    file
}

fn contents(disk: &FaultyStorage, name: &str) -> Vec<u8> {
    let file = disk.open(&path(name), OpenMode::Read).unwrap();
    file.read_at(0, usize::MAX).unwrap().to_vec()
}

/// What is seen over all seeds.
fn outcomes<T: Ord>(live: impl Fn(u64) -> T) -> BTreeSet<T> {
    (0..SEEDS).map(live).collect()
}

#[test]
fn a_cut_keeps_what_was_synced_and_tears_the_rest_at_sectors() {
    let seen = outcomes(|seed| {
        let disk = disk(seed);
        let file = file(&disk, "f");
        file.write_at(0, &[&[1; 100]]).unwrap();
        file.sync().unwrap();
        file.write_at(100, &[&[2; 1000]]).unwrap();
        disk.cut_power();
        let kept = contents(&disk, "f");
        assert_eq!(kept[..100], [1; 100]);
        // The sectors of the second write: up to 512, up to 1024, up to 1100.
        let bounds = [(100, 512), (512, 1024), (1024, 1100)];
        bounds.map(|(from, to)| {
            let sector = kept.get(from..to).unwrap_or_default();
            assert!(sector.iter().all(|byte| *byte == 2) || sector.iter().all(|byte| *byte == 0));
            sector.first() == Some(&2)
        })
    });
    assert_eq!(seen.len(), 8, "any of three sectors");
}

#[test]
fn writes_come_out_of_order_within_a_file_and_between_files() {
    let seen = outcomes(|seed| {
        let disk = disk(seed);
        let (first, second) = (file(&disk, "a"), file(&disk, "b"));
        first.write_at(0, &[&[1; 512]]).unwrap();
        first.write_at(512, &[&[1; 512]]).unwrap();
        second.write_at(0, &[&[1; 512]]).unwrap();
        disk.cut_power();
        let a = contents(&disk, "a");
        [a.first(), a.get(512), contents(&disk, "b").first()].map(|byte| byte == Some(&1))
    });
    assert_eq!(seen.len(), 8, "whatever was written before");
}

#[test]
fn names_are_kept_in_order_or_in_none() {
    let live = |forgets: bool| {
        outcomes(|seed| {
            let disk = disk(seed);
            if forgets {
                disk.forget_order();
            }
            for name in ["a", "b"] {
                disk.open(&path(name), OpenMode::Create).unwrap();
            }
            disk.rename(&path("a"), &path("c")).unwrap();
            disk.cut_power();
            disk.list(DIRECTORY.as_ref()).unwrap()
        })
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let ordered = [names(&[]), names(&["a"]), names(&["a", "b"])];
    let ordered: BTreeSet<Vec<String>> = ordered.into_iter().chain([names(&["b", "c"])]).collect();
    assert_eq!(live(false), ordered);
    let any = live(true);
    assert!(any.is_superset(&ordered));
    assert!(any.contains(&names(&["b"])) && any.contains(&names(&["c"])));
}

#[test]
fn bits_flip_in_what_was_not_synced_alone_and_only_where_asked_for() {
    let live = |flips: bool| {
        outcomes(|seed| {
            let disk = disk(seed);
            if flips {
                disk.flip_bits();
            }
            let file = file(&disk, "f");
            file.write_at(0, &[&[0; 64]]).unwrap();
            file.sync().unwrap();
            file.write_at(64, &[&[0xff; 64]]).unwrap();
            disk.cut_power();
            let kept = contents(&disk, "f");
            assert_eq!(kept[..64], [0; 64]);
            let behind = kept[64..].iter();
            behind.map(|byte| byte.count_zeros()).sum::<u32>()
        })
    };
    assert_eq!(live(false), [0].into());
    assert_eq!(live(true), [0, 1].into());
}

#[test]
fn a_failed_sync_may_lose_what_can_be_read_until_the_cut() {
    let seen = outcomes(|seed| {
        let disk = disk(seed);
        let file = file(&disk, "f");
        disk.set_faults(Faults {
            syncs_left: Some(1),
            ..Faults::default()
        });
        file.write_at(0, &[b"x"]).unwrap();
        file.sync().unwrap_err();
        assert!(disk.has_struck());
        assert_eq!(contents(&disk, "f"), b"x");
        file.sync().unwrap();
        disk.cut_power();
        contents(&disk, "f")
    });
    assert_eq!(seen, [vec![], b"x".to_vec()].into());
}

#[test]
fn a_failed_write_was_carried_out_in_part_and_a_failed_read_in_none() {
    let seen = outcomes(|seed| {
        let disk = disk(seed);
        let file = file(&disk, "f");
        disk.set_faults(Faults {
            changes_to_error: Some(2),
            reads_to_error: Some(1),
            ..Faults::default()
        });
        file.write_at(0, &[b"a"]).unwrap();
        file.read_at(0, 1).unwrap_err();
        file.write_at(1, &[b"bc"]).unwrap_err();
        file.write_at(3, &[b"d"]).unwrap();
        contents(&disk, "f")
    });
    let parts = [&b"a\0\0d"[..], b"ab\0d", b"abcd"];
    assert_eq!(seen, parts.map(<[u8]>::to_vec).into());
}

#[test]
fn a_full_disk_takes_a_part_and_overwrites_what_is_there() {
    let disk = disk(1);
    let one = file(&disk, "a");
    one.write_at(0, &[&[0; 90]]).unwrap();
    disk.leave_free(10);
    let full = one.write_at(80, &[&[1; 30]]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!(contents(&disk, "a").len(), 100);
    one.write_at(0, &[&[2; 100]]).unwrap();
    let opened = disk.open(&path("b"), OpenMode::Create);
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::StorageFull);
    one.truncate(0).unwrap();
    assert_eq!(disk.free(DIRECTORY.as_ref()).unwrap().bytes, 100);
    file(&disk, "b").write_at(0, &[&[1; 100]]).unwrap();
}

#[test]
fn who_is_dead_changes_nothing() {
    let disk = disk(1);
    let file = file(&disk, "f");
    disk.set_faults(Faults {
        changes_left: Some(1),
        ..Faults::default()
    });
    file.write_at(0, &[b"a"]).unwrap();
    file.write_at(1, &[b"b"]).unwrap_err();
    file.sync().unwrap_err();
    disk.rename(&path("f"), &path("g")).unwrap_err();
    disk.create_dir(&path("h")).unwrap_err();
    assert_eq!(contents(&disk, "f"), b"a");
    assert_eq!(disk.list(DIRECTORY.as_ref()).unwrap(), ["f"]);
}

#[test]
fn the_account_tells_runs_apart_by_what_was_asked_and_answered() {
    let live = |byte: u8, reads: bool| {
        let disk = disk(1);
        let file = file(&disk, "f");
        file.write_at(0, &[&[byte]]).unwrap();
        if reads {
            file.read_at(0, 1).unwrap();
        }
        disk.account()
    };
    assert_eq!(live(1, true), live(1, true));
    assert_ne!(live(1, true), live(2, true));
    assert_ne!(live(1, true), live(1, false));
}
