//! What `sluice log verify` says of a data directory is what its next start does.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::change::label;
use super::damage::{filled, flip, segment};
use super::*;
use crate::log::commit_log::FoundExtent;
use crate::log::{Disk, FileSystem, with_checksum};
use crate::offline::{Form, RepairOptions, Tally, repair, verify};

impl World {
    pub(super) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Lets go of the data directory, whose lock goes with the last of it.
    pub(super) fn let_go(&mut self) {
        let another = self.directory.path().join("another");
        self.topics = open(&another, &self.clock).unwrap();
    }

    /// What a check says while the broker is down.
    pub(super) fn verified(&self) -> (Tally, String) {
        let mut out = Vec::new();
        let tally = verify(&self.data(), Form::Text, &mut out, &mut |_| ()).unwrap();
        (tally, String::from_utf8(out).unwrap())
    }
}

/// A killed broker with small extents in its commit log: most of them needed, or only the last one.
fn killed(is_checkpointed: bool) -> World {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(TimestampMs(NOW));
    let mut config = config(directory.path());
    config.commit_log.extent_bytes = 8 * 4096;
    config.commit_log.checkpoint_interval = Duration::from_secs(3600);
    let topics = Topics::open(config, clock.clone(), |_| ()).unwrap();
    let mut world = World {
        directory,
        clock,
        topics,
    };
    world.create("orders", 1, &[]);
    world.topics.0.checkpoint.run().unwrap();
    for number in 0..30 {
        append(&world.partition("orders"), batch(&[&number.to_string()])).unwrap();
    }
    if is_checkpointed {
        world.topics.0.checkpoint.run().unwrap();
    }
    world.topics.0.stop_flushing();
    world.let_go();
    world
}

/// The small files of a data directory in which a partition has records: all but those that are looked at piece by
/// piece.
fn small_files(world: &World) -> Vec<PathBuf> {
    let data = world.data();
    let partition = data.join("topics/orders-0");
    let names = world.files("orders-0");
    let snapshot = names.iter().find(|name| name.ends_with(".snapshot"));
    [
        partition.join("partition.metadata"),
        partition.join("leader-epoch-checkpoint"),
        partition.join("log-start-offset"),
        partition.join(snapshot.unwrap()),
        data.join("recovery-points"),
        data.join("producer-ids"),
        data.join("cleaner-offset-checkpoint"),
    ]
    .into()
}

/// A closed broker with records of a producer.
fn closed() -> World {
    let mut world = World::new();
    world.create("orders", 1, &[]);
    append(&world.partition("orders"), sequenced(&["one"], 0, 0)).unwrap();
    world.topics.close().unwrap();
    let nothing = with_checksum("version 2\n0\n".to_owned());
    for (file, text) in [
        ("cleaner-offset-checkpoint", nothing),
        ("producer-ids", with_checksum("version 1\n0\n".to_owned())),
        (
            "topics/orders-0/log-start-offset",
            with_checksum("1\n0\n".to_owned()),
        ),
    ] {
        fs::write(world.data().join(file), text).unwrap();
    }
    world.let_go();
    world
}

/// Mutation: `DiskFile::contents` without a bound.
#[test]
fn a_huge_file_is_as_one_that_is_not_whole_to_a_check_and_to_a_start() {
    for is_clean in [true, false] {
        let world = closed();
        let (tally, said) = world.verified();
        assert!(tally.is_sound(), "{said}");
        for path in small_files(&world) {
            let file = fs::File::options().write(true).open(&path);
            file.unwrap().set_len(1 << 40).unwrap();
        }
        if !is_clean {
            fs::remove_file(world.data().join("clean-shutdown")).unwrap();
        }
        let (_, said) = world.verified();
        for path in small_files(&world) {
            let is_told = said.contains(&format!("{}\"", path.display()));
            assert!(is_told, "{}, clean {is_clean}:\n{said}", path.display());
        }
        let topics = open(world.directory.path(), &world.clock).unwrap();
        let partition = topics.partition("orders", PartitionId(0)).unwrap();
        assert_eq!(values(&partition, 0), pairs(&[(0, "one")]));
    }
}

/// Mutations: `read_doubtful` that tells what failed; `Cursor::advance` or `IndexFiles::open` that do.
#[test]
fn a_derived_file_that_cannot_be_read_is_told_as_such_and_the_rest_is_checked() {
    let world = closed();
    let partition = world.data().join("topics/orders-0");
    let log = partition.join(format!("{:020}.log", 0));
    let mut paths = small_files(&world);
    paths.push(partition.join("damaged-ranges"));
    paths.push(log.with_extension("index"));
    for path in &paths {
        fs::remove_file(path).unwrap_or_default();
        fs::create_dir(path).unwrap();
    }
    let times = log.with_extension("timeindex");
    fs::remove_file(&times).unwrap_or_default();
    std::os::unix::fs::symlink("nowhere", &times).unwrap();
    paths.push(times);
    let whole = fs::read(&log).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&log, bytes).unwrap();
    let (tally, said) = world.verified();
    for path in &paths {
        let end = format!("{}\"", path.display());
        let line = said.lines().find(|line| line.contains(&end));
        let is_derived = line.is_some_and(|line| line.starts_with("derived "));
        assert!(is_derived, "{end} in {said}");
    }
    assert_eq!((tally.damaged, tally.derived), (1, paths.len()), "{said}");
    fs::write(&log, whole).unwrap();
    let topics = open(world.directory.path(), &world.clock).unwrap();
    let partition = topics.partition("orders", PartitionId(0)).unwrap();
    assert_eq!(values(&partition, 0), pairs(&[(0, "one")]));
}

/// Mutation: `PartitionPoints::read` that takes what cannot be read for a file that is not there.
#[test]
fn a_start_tells_where_it_does_not_know_which_logs_were_compacted() {
    let is_told = |harm: &dyn Fn(&PathBuf)| {
        let world = closed();
        harm(&world.data().join("cleaner-offset-checkpoint"));
        let topics = open(world.directory.path(), &world.clock).unwrap();
        topics.recovery().are_cleaned_unknown
    };
    assert!(!is_told(&|_| ()));
    assert!(!is_told(&|path| fs::remove_file(path).unwrap()));
    assert!(is_told(&|path| fs::write(path, "version 2\n1\n").unwrap()));
    assert!(is_told(&|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }));
}

/// Mutation: `Disk::read_file` that finds no file where there is a huge one.
#[test]
fn a_directory_whose_properties_are_huge_is_refused_and_not_taken_for_a_new_one() {
    let world = closed();
    let meta = world.data().join("meta.properties");
    let file = fs::File::options().write(true).open(&meta).unwrap();
    file.set_len(1 << 40).unwrap();
    let refused = open(world.directory.path(), &world.clock).unwrap_err();
    let expected = "meta.properties is not what Sluice wrote";
    assert!(refused.to_string().contains(expected), "{refused}");
    let refused = verify(&world.data(), Form::Text, &mut Vec::new(), &mut |_| ());
    assert!(refused.is_err());
}

/// What is said of a file that rots, byte by byte.
fn assert_rot_is_told(file: &str, expected: &str) {
    let world = closed();
    let path = world.data().join(file);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        fs::write(&path, bytes).unwrap();
        let (tally, said) = world.verified();
        let is_told = said.contains(expected) && said.contains("nothing is lost");
        assert!(is_told, "byte {at} of {file}:\n{said}");
        assert_eq!((tally.damaged, tally.derived), (0, 1), "{said}");
    }
}

/// Mutations: `check_root` without either file.
#[test]
fn rot_in_a_small_file_that_belongs_to_no_partition_is_told() {
    assert_rot_is_told("producer-ids", "derived file=");
    assert_rot_is_told("cleaner-offset-checkpoint", "derived file=");
}

/// Mutations: `PartitionPoints::is_whole` of the second version alone; `check_root` that tells of files that are not
/// there.
#[test]
fn files_of_earlier_builds_and_files_never_made_are_no_finding() {
    let world = closed();
    for text in [Some(["7000\n", "version 1\n0\n"]), None] {
        for (place, file) in ["producer-ids", "cleaner-offset-checkpoint"]
            .into_iter()
            .enumerate()
        {
            let path = world.data().join(file);
            match text {
                Some(text) => fs::write(&path, text[place]).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
        }
        let (tally, said) = world.verified();
        assert!(tally.is_sound(), "{said}");
    }
}

/// Fails where what a check says of a label is not what the start makes of it. Mutation: `label` that takes one that
/// is not whole for another's.
#[test]
fn a_check_says_of_a_label_whether_the_start_keeps_the_directory() {
    const KEPT: &str = "derived partition=orders-0";
    const MOVED: &str = "moves the directory to quarantine/";
    const REMOVED: &str = "removes the directory";
    for (whose, expected) in [
        ("nothing", KEPT),
        ("nearly orders", KEPT),
        ("unknown", MOVED),
        ("payments", MOVED),
        ("deleted", REMOVED),
        ("orders", "sound=true"),
    ] {
        let mut world = World::new();
        let orders = world.create("orders", 1, &[]).id();
        let payments = world.create("payments", 1, &[]).id();
        let gone = world.create("gone", 1, &[]);
        append(&world.partition("orders"), batch(&["one"])).unwrap();
        wait(world.topics.delete(gone.name())).unwrap();
        world.topics.close().unwrap();
        world.let_go();
        let label = match whose {
            "nothing" => "version: 0\ntopic id: ".to_owned(),
            "nearly orders" => label(crate::model::Uuid({
                let mut id = orders.0;
                id[7] ^= 4;
                id
            })),
            "unknown" => label(crate::log::random_id()),
            "payments" => label(payments),
            "deleted" => label(gone.id()),
            _ => label(orders),
        };
        let path = world.data().join("topics/orders-0/partition.metadata");
        fs::write(&path, &label).unwrap();
        let (_, said) = world.verified();
        assert!(said.contains(expected), "{whose}:\n{said}");
        let topics = open(world.directory.path(), &world.clock).unwrap();
        let partition = topics.partition("orders", PartitionId(0)).unwrap();
        let is_kept = try_values(&partition, 0).is_ok_and(|found| found == pairs(&[(0, "one")]));
        let is_to_be_kept = [KEPT, "sound=true"].contains(&expected);
        assert_eq!(is_kept, is_to_be_kept, "{whose}:\n{said}");
    }
}

/// The extents that are in use, by their place in the log.
fn extents(world: &World) -> Vec<PathBuf> {
    let directory = world.data().join("commit-log");
    let found = FoundExtent::all(&Disk::new(FileSystem), &directory).unwrap();
    let placed = found.iter().filter(|extent| extent.header().is_some());
    placed.map(|extent| extent.path().to_owned()).collect()
}

/// An extent of a directory that was begun more often.
fn later_generation() -> Vec<u8> {
    let mut world = killed(true);
    for _ in 0..3 {
        world = world.killed();
        append(&world.partition("orders"), batch(&["elsewhere"])).unwrap();
    }
    let data = world.data().join("commit-log");
    let found = FoundExtent::all(&Disk::new(FileSystem), &data).unwrap();
    let last = found.iter().filter_map(|extent| {
        let generation = extent.header()?.chain.generation;
        Some((generation, extent.path()))
    });
    fs::read(last.max().unwrap().1).unwrap()
}

/// Mutation: `failed_alone` that takes what is no directory for one that the disk does not read.
#[test]
fn a_check_says_of_a_file_in_the_place_of_a_partition_that_its_records_are_lost() {
    let world = closed();
    let home = world.data().join("topics/orders-0");
    fs::remove_dir_all(&home).unwrap();
    fs::write(&home, "a file").unwrap();
    let (tally, said) = world.verified();
    let damage = said.lines().find(|line| line.starts_with("damage "));
    let is_told = damage.is_some_and(|line| line.contains("it is no directory"));
    assert!(is_told && tally.damaged == 1, "{said}");
}

/// What happens to an extent.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Remove,
    /// Its first page rots.
    Page,
    /// A byte of it flips.
    Flip(usize),
    /// It ends there.
    Cut(u64),
    /// It is one of another data directory.
    Foreign,
}

impl Harm {
    /// Does it to the extent at `path`; `foreign` is one of another directory.
    fn apply(self, path: &Path, foreign: &[u8]) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Self::Remove => return fs::remove_file(path).unwrap(),
            Self::Page => bytes[..4096].fill(0xff),
            Self::Flip(at) => bytes[at] ^= 1,
            Self::Cut(size) => bytes.truncate(usize::try_from(size).unwrap()),
            Self::Foreign => bytes = foreign.to_vec(),
        }
        fs::write(path, bytes).unwrap();
    }
}

/// Mutation: `check_commit_log` with the live extent `(0, 0)`.
#[test]
fn the_extents_that_a_check_tells_of_are_those_that_the_start_puts_aside() {
    let is_stray =
        |line: &&str| line.starts_with("note ") && line.contains("nothing is lost for it");
    let foreign = later_generation();
    let mut damaged = 0;
    for is_checkpointed in [false, true] {
        let count = extents(&killed(is_checkpointed)).len();
        assert!(count >= 4, "{count}");
        for place in 0..count {
            for harm in [
                Harm::Remove,
                Harm::Page,
                Harm::Flip(4096 + 100),
                Harm::Flip(7 * 4096 + 100),
                Harm::Cut(0),
                Harm::Cut(3 * 4096),
                Harm::Foreign,
            ] {
                let world = killed(is_checkpointed);
                harm.apply(&extents(&world)[place], &foreign);
                let (tally, said) = world.verified();
                let what = format!("{harm:?} of {place}, checkpointed {is_checkpointed}:\n{said}");
                let lines: Vec<_> = said
                    .lines()
                    .filter(|line| line.starts_with("damage ") || is_stray(line))
                    .collect();
                let told: BTreeSet<_> = lines
                    .iter()
                    .map(|line| line.split('"').nth(1).unwrap().into())
                    .collect();
                let topics = open(world.directory.path(), &world.clock).unwrap();
                let found = topics
                    .recovery()
                    .losses
                    .iter()
                    .map(|loss| loss.path.clone());
                assert_eq!(told, found.collect::<BTreeSet<PathBuf>>(), "{what}");
                let strays = lines.iter().filter(|line| is_stray(line)).count();
                assert_eq!(tally.damaged, lines.len() - strays, "{what}");
                damaged += tally.damaged;
            }
        }
    }
    assert!(damaged > 10, "{damaged}");
}

/// Mutation: `check_commit_log` that calls all of it damage.
#[test]
fn after_a_clean_stop_no_extent_is_damage_and_a_start_and_stop_make_good_what_is_harmed() {
    let foreign = later_generation();
    for (harm, derived) in [(Harm::Flip(4096 + 100), 1), (Harm::Foreign, 0)] {
        let mut world = killed(false).killed();
        append(&world.partition("orders"), batch(&["last"])).unwrap();
        world.topics.close().unwrap();
        world.let_go();
        let last = |extent: &PathBuf| {
            fs::read(extent).unwrap()[4096..4104]
                .iter()
                .any(|it| *it > 0)
        };
        let extent = extents(&world).into_iter().rfind(last).unwrap();
        harm.apply(&extent, &foreign);
        let (tally, said) = world.verified();
        assert_eq!((tally.damaged, tally.derived), (0, derived), "{said}");
        assert!(said.contains("nothing is lost"), "{said}");
        let mut world = world.killed();
        world.topics.close().unwrap();
        world.let_go();
        let (tally, said) = world.verified();
        assert!(tally.is_sound(), "{said}");
    }
}

/// Mutation: `walk_row` without `LossKind::Extents`.
#[test]
fn a_last_extent_that_is_gone_is_damage_though_those_before_it_are_there() {
    let world = killed(true);
    fs::remove_file(extents(&world).last().unwrap()).unwrap();
    let (tally, said) = world.verified();
    let is_told = said.contains("the extents that are needed are missing");
    assert!(tally.damaged == 1 && is_told, "{said}");
}

/// Mutation: `check_log` that takes what is no directory for a log that cannot be read.
#[test]
fn a_file_beside_the_partitions_is_no_damage() {
    let mut world = World::new();
    world.create("orders", 1, &[]);
    append(&world.partition("orders"), batch(&["one"])).unwrap();
    world.topics.close().unwrap();
    fs::write(world.data().join("topics/notes.txt"), "mine").unwrap();
    world.let_go();
    let (tally, text) = world.verified();
    assert!(tally.is_sound(), "{text}");
    assert!(text.contains("it is no directory"), "{text}");
}

/// Mutation: `lost` that does not ask where the log starts.
#[test]
fn damage_below_the_log_start_is_a_note_and_repair_takes_it_out_of_the_way() {
    let mut world = filled();
    let partition = world.partition("orders");
    flip(&segment(&world, 3), 70, 4);
    wait(partition.delete_records(Some(Offset(4)))).unwrap();
    drop(partition);
    world.topics.close().unwrap();
    world.let_go();
    let (tally, text) = world.verified();
    assert!(tally.is_sound(), "{text}");
    assert!(text.contains("it is below the log start"), "{text}");
    let options = RepairOptions::default();
    repair(&world.data(), &options, &mut Vec::new(), &mut |_| ()).unwrap();
    let (_, text) = world.verified();
    assert!(!text.contains("it is below the log start"), "{text}");
    let world = world.reopened();
    let partition = world.partition("orders");
    assert_eq!(partition.log.damaged(), []);
    assert_eq!(values(&partition, 4).len(), 7);
}
