//! What `sluice log verify` finds in a data directory and what `sluice log repair` makes of it.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::log::{Disk, Faults, FaultyStorage, with_checksum};
use crate::offline::{Form, RepairOptions, Tally, repair, repair_on, verify};

/// A broker that has stopped, and what its files were then.
struct Stopped {
    directory: tempfile::TempDir,
    clock: Clock,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// Batches in the first segments, and the records of each.
const BATCHES: i64 = 80;
const RECORDS: i64 = 3;
/// The segment of the other topic.
const PAYMENTS: &str = "topics/payments-0/00000000000000000000.log";

impl Stopped {
    /// Two partitions, one of them of several segments, with indexes and producers.
    fn new() -> Self {
        let world = World::new();
        world.create(
            "orders",
            1,
            &[
                ("segment.bytes", "1048576"),
                ("index.interval.bytes", "100"),
            ],
        );
        world.create("payments", 1, &[]);
        let partition = world.partition("orders");
        let large = "x".repeat(30_000);
        for number in 0..BATCHES {
            let values = [number.to_string(), large.clone(), "third".to_owned()];
            let records = values.iter().map(|value| record(value, NOW + number * 100));
            let producer = BatchProducer {
                id: 7,
                epoch: 0,
                base_sequence: i32::try_from(number * RECORDS).unwrap(),
            };
            let batch_of_three = batch_of(&records.collect::<Vec<_>>()).with_producer(producer);
            append(&partition, batch_of_three.build().unwrap().unwrap()).unwrap();
            append(&world.partition("payments"), batch(&["one"])).unwrap();
        }
        world.topics.close().unwrap();
        let World {
            directory, clock, ..
        } = world;
        let files = tree(&directory.path().join("data"));
        Self {
            directory,
            clock,
            files,
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn partition_file(&self, ending: &str, place: usize) -> PathBuf {
        let directory = self.data().join("topics/orders-0");
        let files = self.files.iter().map(|(path, _)| path);
        let is_wanted = |path: &&PathBuf| {
            path.parent() == Some(&directory) && path.to_string_lossy().ends_with(ending)
        };
        files.filter(is_wanted).nth(place).unwrap().clone()
    }

    /// Makes everything as it was.
    fn restore(&self) {
        fs::remove_dir_all(self.data()).unwrap();
        for (path, bytes) in &self.files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    fn verified(&self) -> (Tally, String) {
        let mut out = Vec::new();
        let tally = verify(&self.data(), Form::Text, &mut out, &mut |_| ()).unwrap();
        (tally, String::from_utf8(out).unwrap())
    }

    fn repaired(&self) -> (Tally, String) {
        let mut out = Vec::new();
        let options = RepairOptions::default();
        let tally = repair(&self.data(), &options, &mut out, &mut |_| ()).unwrap();
        (tally, String::from_utf8(out).unwrap())
    }
}

/// Every file below a directory, in order.
fn tree(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files.extend(tree(&path)),
            false => files.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    files
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, size: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..size]).unwrap();
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip(usize),
    Cut(usize),
    Remove,
}

impl Harm {
    fn apply(self, path: &Path) {
        match self {
            Self::Flip(at) => flip(path, at),
            Self::Cut(size) => cut(path, size),
            Self::Remove => fs::remove_file(path).unwrap(),
        }
    }
}

/// Harms, each with what must be said of it.
fn harms(stopped: &Stopped) -> Vec<(PathBuf, Harm, &'static str)> {
    use Harm::{Cut, Flip, Remove};
    let of = |ending, place| stopped.partition_file(ending, place);
    let at = |path: &str| stopped.data().join(path);
    let metadata = "metadata/00000000000000000000.log";
    let payments = fs::metadata(at(PAYMENTS)).unwrap().len();
    // Its batches have the same size, and so its last one is gone as if it had never been.
    let batches = u64::try_from(BATCHES).unwrap();
    let whole_batches = usize::try_from(payments / batches * (batches - 1)).unwrap();
    vec![
        (
            of(".log", 0),
            Flip(40_000),
            "damage partition=orders-0 begin=3 end=6 ",
        ),
        (
            of(".log", 0),
            Flip(7),
            "damage partition=orders-0 begin=0 end=3 ",
        ),
        (of(".log", 0), Cut(100_000), "reason=\"the batch has"),
        (of(".log", 0), Cut(0), "reason=\"records are missing\""),
        (
            of(".log", 0),
            Remove,
            "the segments that the log began with are gone",
        ),
        (of(".log", 1), Remove, "reason=\"records are missing\""),
        (of(".log", 2), Remove, "the log ends too early"),
        (at(PAYMENTS), Cut(whole_batches), "the log ends too early"),
        (at(metadata), Cut(0), "the log ends too early"),
        (of(".index", 0), Flip(7), "derived partition=orders-0 "),
        (of(".timeindex", 0), Flip(5), "derived partition=orders-0 "),
        (
            of(".timeindex", 0),
            Flip(12 + 7),
            ".timeindex\" position=12 ",
        ),
        (of(".timeindex", 1), Cut(12), "not the largest timestamp"),
        (of(".snapshot", 0), Flip(20), "its checksum is wrong"),
        (of("-checkpoint", 0), Flip(0), "leader-epoch-checkpoint"),
        (of("log-start-offset", 0), Flip(2), "log-start-offset"),
        (at("recovery-points"), Cut(30), "it is not known how far"),
        (at("recovery-points"), Remove, "it is not known how far"),
        (
            at("commit-log/00000000.extent"),
            Flip(4156),
            "extent\" position=4096 ",
        ),
        (
            at(metadata),
            Flip(100),
            "restore the data directory from a backup",
        ),
    ]
}

/// Fails where any one of the checks is left out; each line of [`harms`] is one.
#[test]
fn each_kind_of_damage_is_found_by_name_and_nothing_where_there_is_none() {
    let stopped = Stopped::new();
    let (tally, said) = stopped.verified();
    assert!(tally.is_sound(), "{said}");
    assert_eq!((tally.logs, tally.batches), (3, 163));
    for (path, harm, expected) in harms(&stopped) {
        harm.apply(&path);
        let (tally, said) = stopped.verified();
        let is_told = !tally.is_sound() && said.contains(expected);
        assert!(
            is_told,
            "{harm:?} of {}: {expected} in\n{said}",
            path.display()
        );
        stopped.restore();
    }
    fs::remove_dir_all(stopped.data().join("topics/payments-0")).unwrap();
    let (tally, said) = stopped.verified();
    assert!(
        tally.damaged == 1 && said.contains("all segments are gone"),
        "{said}"
    );
}

/// Fails where what the broker knew of the damage stays, and where the lost offsets are not filled: they would be given out again at the end of the log,
/// and be missing for ever in the middle.
#[test]
fn a_repaired_log_serves_all_that_is_sound_and_gives_no_offset_twice() {
    let stopped = Stopped::new();
    let log = stopped.partition_file(".log", 0);
    flip(&log, 40_000);
    fs::remove_file(stopped.partition_file(".log", 1)).unwrap();
    let payments = stopped.data().join(PAYMENTS);
    let size = fs::read(&payments).unwrap().len();
    cut(&payments, size - 1);
    flip(&stopped.partition_file(".snapshot", 0), 20);
    let known = log.with_file_name("damaged-ranges");
    fs::write(&known, with_checksum("1\n1\n3 6\n".to_owned())).unwrap();
    let before = fs::read(&log).unwrap();

    let (tally, said) = stopped.repaired();
    assert!(tally.is_sound() && !known.exists(), "{said}");
    assert!(
        said.contains("lost partition=orders-0 begin=3 end=6\n"),
        "{said}"
    );
    assert_eq!(fs::read(log.with_extension("log.damaged")).unwrap(), before);
    let (tally, said) = stopped.verified();
    assert!(tally.is_sound(), "{said}");
    let (_, said) = stopped.repaired();
    assert!(
        !said.contains("mended") && !said.contains("removed"),
        "{said}"
    );

    let topics = open(stopped.directory.path(), &stopped.clock).unwrap();
    let orders = topics.partition("orders", PartitionId(0)).unwrap();
    let offsets: Vec<i64> = values(&orders, 0)
        .iter()
        .map(|(offset, _)| *offset)
        .collect();
    assert_eq!(offsets[..4], [0, 1, 2, 6]);
    assert_eq!(*offsets.last().unwrap(), BATCHES * RECORDS - 1);
    let payments = topics.partition("payments", PartitionId(0)).unwrap();
    let left = i64::try_from(values(&payments, 0).len()).unwrap();
    assert_eq!(left, BATCHES - 1);
    let appended = append(&payments, batch(&["next"])).unwrap();
    assert_eq!(
        appended.base_offset.0, BATCHES,
        "the lost offset is not given again"
    );
}

/// Fails where nothing is put in the place of segments that are gone.
#[test]
fn what_is_gone_as_a_whole_is_passed_over_and_never_given_out_again() {
    let stopped = Stopped::new();
    fs::remove_file(stopped.partition_file(".log", 0)).unwrap();
    fs::remove_dir_all(stopped.data().join("topics/payments-0")).unwrap();
    let (tally, said) = stopped.repaired();
    assert!(tally.is_sound(), "{said}");
    let topics = open(stopped.directory.path(), &stopped.clock).unwrap();
    let orders = topics.partition("orders", PartitionId(0)).unwrap();
    let left = values(&orders, 0);
    assert!(left[0].0 > 0 && left.last().unwrap().0 == BATCHES * RECORDS - 1);
    let payments = topics.partition("payments", PartitionId(0)).unwrap();
    assert_eq!(values(&payments, 0), []);
    let appended = append(&payments, batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset.0, BATCHES);
}

/// Fails where ranges that are known and sound are not looked for.
#[test]
fn what_turned_out_to_be_sound_is_no_longer_taken_for_damaged() {
    let stopped = Stopped::new();
    let known = stopped.data().join("topics/orders-0/damaged-ranges");
    fs::write(&known, "0\n1\n3 6\n").unwrap();
    let (tally, said) = stopped.verified();
    assert!(
        tally.derived == 1 && said.contains("offsets 3 to before 6 are not damaged"),
        "{said}"
    );
    assert!(stopped.repaired().0.is_sound());
    assert!(!known.exists());
}

#[test]
fn a_rehearsal_changes_nothing_and_a_directory_in_use_is_left_alone() {
    let stopped = Stopped::new();
    flip(&stopped.partition_file(".log", 0), 40_000);
    let before = tree(&stopped.data());
    let options = RepairOptions {
        is_rehearsal: true,
        partition: Some("orders-0".to_owned()),
        ..RepairOptions::default()
    };
    let mut out = Vec::new();
    let tally = repair(&stopped.data(), &options, &mut out, &mut |_| ()).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(
        !tally.is_sound() && said.contains("mended partition=orders-0 rehearsed=true"),
        "{said}"
    );
    assert!(tree(&stopped.data()) == before);
    let topics = open(stopped.directory.path(), &stopped.clock).unwrap();
    for error in [
        verify(&stopped.data(), Form::Text, &mut Vec::new(), &mut |_| ()).unwrap_err(),
        repair(&stopped.data(), &options, &mut Vec::new(), &mut |_| ()).unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("is in use by a running sluice"),
            "{error}"
        );
    }
    drop(topics);
}

/// Fails where the copy of the old segment is renamed away instead, or the draft not synced before it
/// takes its name.
#[test]
fn a_repair_that_dies_at_any_step_leaves_every_sound_batch_and_is_ended_by_the_next() {
    let stopped = Stopped::new();
    flip(&stopped.partition_file(".log", 0), 40_000);
    flip(&stopped.partition_file(".index", 0), 7);
    let root = Path::new("/data");
    let options = RepairOptions::default();
    let log = root.join("topics/orders-0/00000000000000000000.log");
    let files: Vec<_> = tree(&stopped.data())
        .into_iter()
        .filter(|(path, _)| !path.to_string_lossy().contains("commit-log"))
        .collect();
    stopped.repaired();
    let mended = fs::read(stopped.partition_file(".log", 0)).unwrap();
    for steps in 0.. {
        let storage = FaultyStorage::new(u64::from(steps));
        let disk = Disk::new(storage.clone());
        for (path, bytes) in &files {
            let path = root.join(path.strip_prefix(stopped.data()).unwrap());
            disk.create_dir(path.parent().unwrap()).unwrap();
            disk.replace_file(&path, bytes).unwrap();
        }
        disk.sync_all(Path::new("/")).unwrap();
        let damaged = disk.read_file(&log).unwrap().unwrap();
        storage.set_faults(Faults {
            changes_left: Some(steps),
            ..Faults::default()
        });
        let first = repair_on(&disk, root, &options, &mut Vec::new(), &mut |_| ());
        let is_over = first.is_ok_and(|tally| tally.is_sound());
        storage.cut_power();
        let found = disk.read_file(&log).unwrap().unwrap();
        assert!(found == mended || found == damaged, "after {steps} steps");
        let tally = repair_on(&disk, root, &options, &mut Vec::new(), &mut |_| ()).unwrap();
        assert!(tally.is_sound(), "after {steps} steps");
        assert_eq!(disk.read_file(&log).unwrap().unwrap(), mended);
        let kept = disk.read_file(&log.with_extension("log.damaged")).unwrap();
        assert!(kept.unwrap() == damaged, "after {steps} steps");
        if is_over {
            return;
        }
    }
}

/// Fails where a check believes what it reads.
#[test]
fn any_flip_in_a_segment_is_found_and_none_anywhere_ends_the_check() {
    let stopped = Stopped::new();
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let is_extent = |path: &Path| path.to_string_lossy().ends_with(".extent");
    let small: Vec<_> = stopped
        .files
        .iter()
        .filter(|(path, bytes)| !is_extent(path) && !bytes.is_empty())
        .collect();
    for _ in 0..60 {
        let (path, bytes) = small[rng.usize(0..small.len())];
        let at = rng.usize(0..bytes.len());
        flip(path, at);
        let mut out = Vec::new();
        let verified = verify(&stopped.data(), Form::Text, &mut out, &mut |_| ());
        let is_segment = path.to_string_lossy().ends_with(".log");
        if is_segment {
            let is_sound = verified.unwrap().is_sound();
            assert!(!is_sound, "byte {at} of {} (seed {seed})", path.display());
        }
        fs::write(path, bytes).unwrap();
    }
}

/// What a repair that is refused says, having changed nothing.
fn refused(stopped: &Stopped) -> String {
    let before = tree(&stopped.data());
    let options = RepairOptions::default();
    let refusal = repair(&stopped.data(), &options, &mut Vec::new(), &mut |_| ());
    assert!(tree(&stopped.data()) == before);
    refusal.unwrap_err().to_string()
}

/// What a repair says that changes nothing, and not all is sound.
fn left_alone(stopped: &Stopped) -> String {
    let before = tree(&stopped.data());
    let (tally, said) = stopped.repaired();
    assert!(!tally.is_sound() && tree(&stopped.data()) == before);
    said
}

/// Fails where drafts are opened as they are found, or links are not looked for.
#[test]
fn a_repair_writes_through_no_link() {
    let stopped = Stopped::new();
    let log = stopped.partition_file(".log", 0);
    flip(&log, 40_000);
    let outside = stopped.directory.path().join("precious");
    fs::write(&outside, "untouched").unwrap();
    for ending in ["tmp", "log.damaged"] {
        let link = log.with_extension(ending);
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        let said = left_alone(&stopped);
        let expected = format!("file=\"{}\" reason=\"it is a symbolic link", link.display());
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("damage partition=orders-0"), "{said}");
        fs::remove_file(&link).unwrap();
    }
    let partition = stopped.data().join("topics/orders-0");
    let moved = stopped.directory.path().join("moved");
    fs::rename(&partition, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &partition).unwrap();
    assert!(left_alone(&stopped).contains("orders-0\" reason=\"it is a symbolic link"));
    assert_eq!(fs::read(&outside).unwrap(), b"untouched");
}

/// Fails where the disk that fails one log ends the repair, or a link in one.
#[test]
fn what_cannot_be_mended_of_one_log_keeps_no_other_waiting() {
    let harms: [fn(&Stopped); 3] = [
        |stopped| {
            let log = stopped.partition_file(".log", 0);
            fs::remove_file(&log).unwrap();
            fs::create_dir(&log).unwrap();
        },
        |stopped| {
            let log = stopped.partition_file(".log", 0);
            fs::remove_file(&log).unwrap();
            std::os::unix::fs::symlink("nowhere", &log).unwrap();
        },
        |stopped| {
            let orders = stopped.data().join("topics/orders-0");
            fs::remove_dir_all(&orders).unwrap();
            fs::write(&orders, "a file").unwrap();
        },
    ];
    let stopped = Stopped::new();
    for harm in harms {
        harm(&stopped);
        flip(&stopped.data().join(PAYMENTS), 100);
        let (tally, said) = stopped.repaired();
        assert_eq!((tally.damaged, tally.derived), (1, 0), "{said}");
        assert!(said.contains("damage partition=orders-0"), "{said}");
        assert!(said.contains("mended partition=payments-0"), "{said}");
        let (_, said) = stopped.verified();
        assert!(!said.contains("damage partition=payments-0"), "{said}");
        stopped.restore();
    }
}

/// Fails where a link that leads nowhere, and goes, keeps its log from being mended.
#[test]
fn a_link_in_the_place_of_a_derived_file_is_removed_as_the_check_says() {
    let stopped = Stopped::new();
    let times = stopped.partition_file(".timeindex", 0);
    let outside = stopped.directory.path().join("precious");
    fs::write(&outside, "untouched").unwrap();
    for target in [Path::new("nowhere"), &outside] {
        fs::remove_file(&times).unwrap();
        std::os::unix::fs::symlink(target, &times).unwrap();
        flip(&stopped.partition_file(".log", 1), 40_000);
        let (_, said) = stopped.verified();
        assert!(said.contains("sluice log repair removes it"), "{said}");
        let (tally, said) = stopped.repaired();
        assert!(tally.is_sound() && !times.is_symlink(), "{said}");
        assert_eq!(fs::read(&outside).unwrap(), b"untouched");
        stopped.restore();
    }
}

/// Fails where the format is not asked for.
#[test]
fn a_directory_of_a_later_format_is_neither_checked_nor_mended() {
    let stopped = Stopped::new();
    let meta = stopped.data().join("meta.properties");
    let text = fs::read_to_string(&meta).unwrap();
    fs::write(&meta, text.replace("sluice.format=4", "sluice.format = 9")).unwrap();
    flip(&stopped.partition_file(".log", 0), 40_000);
    let verified = verify(&stopped.data(), Form::Text, &mut Vec::new(), &mut |_| ());
    for said in [verified.unwrap_err().to_string(), refused(&stopped)] {
        let expected = "has the format 9, this version of Sluice reads up to 4";
        assert!(said.contains(expected), "{said}");
    }
}

/// Fails where only the end of the last segment is left to the next start, or a mend is made of what the
/// commit log has.
#[test]
fn what_the_next_start_settles_is_no_damage_and_not_mended() {
    let stopped = Stopped::new();
    fs::remove_file(stopped.data().join("clean-shutdown")).unwrap();
    let points = stopped.data().join("recovery-points");
    fs::remove_file(&points).unwrap();
    flip(&stopped.partition_file(".log", 0), 40_000);
    fs::remove_file(stopped.partition_file(".log", 1)).unwrap();
    let (tally, said) = stopped.verified();
    assert_eq!((tally.damaged, tally.derived), (0, 1), "{said}");
    assert!(said.contains("recovery-points"), "{said}");
    assert!(
        said.contains("note partition=orders-0 begin=3 end=6 "),
        "{said}"
    );
    assert!(refused(&stopped).contains("start and stop it first"));
    stopped.restore();
    fs::remove_file(stopped.data().join("clean-shutdown")).unwrap();
    flip(&stopped.partition_file(".log", 0), 40_000);
    let (tally, said) = stopped.verified();
    assert!(
        tally.damaged == 1 && said.contains("damage partition=orders-0 begin=3 end=6 "),
        "{said}"
    );
}

/// Fails where a repair takes a lock that is not there for a disk that cannot be written.
#[test]
fn a_copy_without_its_lock_is_mended_and_checked_without_one() {
    let stopped = Stopped::new();
    let lock = stopped.data().join("lock");
    fs::remove_file(&lock).unwrap();
    flip(&stopped.partition_file(".log", 0), 40_000);
    assert_eq!(stopped.verified().0.damaged, 1);
    assert!(!lock.exists());
    assert!(stopped.repaired().0.is_sound());
}

/// Of a directory that its user may only read everything is checked, and nothing written.
///
/// Mutation: where `FileSystem::lock` opens the file for writing alone, that user is refused.
#[test]
fn who_may_only_read_may_check() {
    use std::os::unix::fs::PermissionsExt as _;
    let stopped = Stopped::new();
    let may = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    may(stopped.directory.path(), 0o755);
    may(&stopped.data().join("lock"), 0o444);
    let check = || {
        if rustix::process::geteuid().is_root() {
            // Of this thread alone, which ends.
            let nobody = Some(rustix::process::Uid::from_raw(65534));
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        stopped.verified()
    };
    let (tally, said) = std::thread::scope(|scope| scope.spawn(check).join()).unwrap();
    assert!(tally.is_sound(), "{said}");
}

/// Mutation: where `Home::open` does not look for it, a file `meta.properties` in it cannot be opened.
#[test]
fn a_file_in_the_place_of_a_directory_is_told_as_one() {
    let stopped = Stopped::new();
    let file = stopped.partition_file(".log", 0);
    let refusal = verify(&file, Form::Text, &mut Vec::new(), &mut |_| ()).unwrap_err();
    let said = refusal.to_string();
    assert!(
        said.contains(" is a file; name the data directory"),
        "{said}"
    );
}

/// Mutations: where `damage` calls `lost` for them they are damage of no offsets; where it does so behind a point of
/// 0, a last batch that has rotted is called no loss.
#[test]
fn bytes_in_the_place_of_nothing_are_no_loss_unless_nobody_knows_the_end() {
    let stopped = Stopped::new();
    let last = stopped.partition_file(".log", 2);
    let whole = fs::read(&last).unwrap();
    let strange = [whole.as_slice(), b"bytes that are no batch"].concat();
    fs::write(&last, &strange).unwrap();
    let (tally, said) = stopped.verified();
    assert_eq!((tally.damaged, tally.derived), (0, 1), "{said}");
    assert!(said.contains("size=23 reason=\"these bytes behind the last batch are none: "));
    assert!(!said.contains("begin="), "{said}");
    assert!(stopped.repaired().0.is_sound());
    assert_eq!(fs::read(&last).unwrap(), whole);
    assert!(stopped.verified().0.is_sound());

    stopped.restore();
    flip(&last, whole.len() - 10);
    let partition = last.parent().unwrap().to_owned();
    let alone = stopped.directory.path().join("orders-0");
    fs::rename(&partition, &alone).unwrap();
    let mut out = Vec::new();
    let tally = verify(&alone, Form::Text, &mut out, &mut |_| ()).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert_eq!(tally.damaged, 1, "{said}");

    stopped.restore();
    fs::write(&last, &strange).unwrap();
    let world = World::at(stopped.directory, stopped.clock);
    append(&world.partition("orders"), batch(&["a"])).unwrap();
    let world = world.restarted();
    append(&world.partition("orders"), batch(&["b"])).unwrap();
    let end = BATCHES * RECORDS;
    let expected = pairs(&[(end, "a"), (end + 1, "b")]);
    assert_eq!(values(&world.partition("orders"), end), expected);
    let (directory, _) = world.stopped();
    let mut out = Vec::new();
    verify(
        &directory.path().join("data"),
        Form::Text,
        &mut out,
        &mut |_| (),
    )
    .unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(
        said.contains("these bytes between two batches are none: "),
        "{said}"
    );
}

/// Mutation: where a start keeps the points that it found, the advice is no good.
#[test]
fn recovery_points_that_are_not_whole_are_mended_by_a_start_and_stop_as_told() {
    let stopped = Stopped::new();
    cut(&stopped.data().join("recovery-points"), 30);
    for (tally, said) in [stopped.verified(), stopped.repaired(), stopped.verified()] {
        assert_eq!((tally.damaged, tally.derived), (0, 1), "{said}");
        assert!(said.contains("start and stop the broker, which writes it anew"));
    }
    let (directory, _) = World::at(stopped.directory, stopped.clock).stopped();
    let mut out = Vec::new();
    let tally = verify(
        &directory.path().join("data"),
        Form::Text,
        &mut out,
        &mut |_| (),
    )
    .unwrap();
    assert!(tally.is_sound(), "{}", String::from_utf8(out).unwrap());
}

/// Fails where `mend` of `Repair` forgets no place.
#[test]
fn a_start_after_the_last_segment_was_mended_finds_it_as_it_should_be() {
    let stopped = Stopped::new();
    let last = stopped.data().join(PAYMENTS);
    let length = fs::metadata(&last).unwrap().len();
    flip(&last, 100);
    let (tally, told) = stopped.repaired();
    assert!(told.contains("mended partition=payments-0"), "{told}");
    assert_eq!(tally.damaged, 0, "{told}");
    assert_ne!(fs::metadata(&last).unwrap().len(), length, "{told}");
    let topics = open(stopped.directory.path(), &stopped.clock).unwrap();
    assert_eq!(topics.recovery().changed_logs, []);
    assert_eq!(topics.recovery().damaged_logs, []);
    topics.close().unwrap();
}

/// Mutation: `Home::sites` that goes by the recovery points alone.
#[test]
fn an_end_that_is_gone_after_a_clean_stop_is_damage_by_the_snapshot_where_recovery_points_are_gone()
{
    let stopped = Stopped::new();
    let last = stopped.partition_file(".log", 2);
    let end = BATCHES * RECORDS;
    let batch_size = usize::try_from(fs::metadata(&last).unwrap().len()).unwrap() / 20;
    for harm in [Harm::Remove, Harm::Cut(0), Harm::Cut(batch_size + 7)] {
        fs::remove_file(stopped.data().join("recovery-points")).unwrap();
        harm.apply(&last);
        let (tally, said) = stopped.verified();
        assert_eq!(tally.damaged, 1, "{harm:?}: {said}");
        let told = said.lines().find(|line| line.starts_with("damage "));
        let is_told = told.is_some_and(|line| line.contains(&format!(" end={end} ")));
        assert!(is_told, "{harm:?}: {said}");
        let (tally, said) = stopped.repaired();
        assert_eq!(tally.damaged, 0, "{harm:?}: {said}");
        stopped.restore();
    }
}
