//! The disk fails to read for a moment: what is whole on it is served again, and nobody has to mend it.

use super::failure::FaultyWorld;
use super::*;
use crate::log::DamagedRange;

const METADATA: &str = "metadata/00000000000000000000.log";
const RECORDS: &str = "orders-0/00000000000000000000.log";

fn append(world: &FaultyWorld, value: &str) {
    let appending = world.partition("orders").append(batch(&[value]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
}

/// A world whose topic `orders` has two records, all in its files.
fn world() -> FaultyWorld {
    let world = FaultyWorld::new(1);
    world.create("orders");
    append(&world, "one");
    append(&world, "two");
    world.topics.0.checkpoint.run().unwrap();
    world
}

fn end(world: &FaultyWorld, is_clean: bool) {
    if is_clean {
        world.topics.close().unwrap();
    }
    world.storage.kill();
}

fn is_there(world: &FaultyWorld, file: &str) -> bool {
    let found = world.disk().read_file(&Path::new("/data").join(file));
    found.unwrap().is_some()
}

fn assert_whole(world: &FaultyWorld, values_there: &[&str], what: &str) {
    let partition = world.partition("orders");
    assert_eq!(partition.log.damaged(), [], "{what}");
    let expected: Vec<_> = (0..).zip(values_there.iter().copied()).collect();
    assert_eq!(values(&partition, 0), pairs(&expected), "{what}");
}

/// Mutations: `LogKey::keeps_damage` that is always true; a `DataDirectory::open` that begins.
#[test]
fn metadata_that_could_not_be_read_once_prevent_one_start_and_no_more() {
    for is_clean in [true, false] {
        let what = format!("clean: {is_clean}");
        let mut world = world();
        end(&world, is_clean);
        assert_eq!(world.storage.harm_files(METADATA), 1);
        for _ in 0..2 {
            let refused = world.begin_to_open().unwrap_err().to_string();
            assert!(refused.contains("lost or changed"), "{what}: {refused}");
            world.storage.kill();
        }
        assert!(!is_there(&world, "metadata/damaged-ranges"), "{what}");
        assert_eq!(is_there(&world, "clean-shutdown"), is_clean);
        world.storage.heal_files();
        world.reopen();
        assert!(!is_there(&world, "clean-shutdown"));
        assert_whole(&world, &["one", "two"], &what);
    }
}

/// Mutation: `sort_out` without `is_old` leaves what `sluice log verify` complains of.
#[test]
fn what_an_earlier_version_wrote_down_of_the_metadata_is_not_believed() {
    for is_clean in [true, false] {
        let mut world = world();
        end(&world, is_clean);
        let old = Path::new("/data/metadata/damaged-ranges");
        world.disk().replace_file(old, b"0\n1\n0 1\n").unwrap();
        world.reopen();
        assert_whole(&world, &["one", "two"], "believed");
        assert!(!is_there(&world, "metadata/damaged-ranges"));
    }
}

/// Mutation: `damaged_after_all` that does not look again.
#[test]
fn records_that_could_not_be_read_at_one_start_are_there_after_the_next() {
    for (is_clean, then_clean) in [(true, true), (true, false), (false, true), (false, false)] {
        let what = format!("clean: {is_clean}, then {then_clean}");
        let mut world = world();
        end(&world, is_clean);
        assert_eq!(world.storage.harm_files(RECORDS), 1);
        world.reopen();
        let lost = DamagedRange::new(0, 2).unwrap();
        assert_eq!(world.partition("orders").log.damaged(), [lost], "{what}");
        append(&world, "three");
        world.topics.0.checkpoint.run().unwrap();
        end(&world, then_clean);
        assert!(is_there(&world, "topics/orders-0/damaged-ranges"));
        world.storage.heal_files();
        world.reopen();
        assert_whole(&world, &["one", "two", "three"], &what);
        assert!(world.topics.recovery().damaged_logs.is_empty(), "{what}");
        end(&world, true);
        world.reopen();
        assert_whole(&world, &["one", "two", "three"], &what);
    }
}

/// Mutation: a `look_in` that forgets a range for one batch of it.
#[test]
fn a_second_look_forgets_no_more_than_what_is_there_again() {
    let mut world = world();
    append(&world, "three");
    world.topics.0.checkpoint.run().unwrap();
    end(&world, true);
    let path = Path::new("/data/topics/orders-0/00000000000000000000.log");
    let size = u64::try_from(batch(&["one"]).bytes().len()).unwrap();
    assert_eq!(world.storage.harm_files(RECORDS), 1);
    world.reopen();
    let range = |begin, end| DamagedRange::new(begin, end).unwrap();
    assert_eq!(world.partition("orders").log.damaged(), [range(0, 3)]);
    end(&world, true);
    world.storage.heal_files();
    let bytes = world.disk().read_file(path).unwrap().unwrap();
    let mut harmed = bytes.to_vec();
    harmed[usize::try_from(size + 70).unwrap()] ^= 4;
    world.disk().replace_file(path, &harmed).unwrap();
    world.reopen();
    assert_eq!(world.partition("orders").log.damaged(), [range(1, 2)]);
    assert_eq!(
        values(&world.partition("orders"), 2),
        pairs(&[(2, "three")])
    );
}

/// Mutation: `scrub` without `look_again`.
#[test]
fn the_scrub_forgets_damage_in_the_active_segment_that_is_there_no_more() {
    let world = world();
    let partition = world.partition("orders");
    assert_eq!(world.storage.harm_files(RECORDS), 1);
    let refused = partition.log.read(LogRead {
        from: 0,
        end: 2,
        max_bytes: 1 << 20,
        first_batch_max: None,
    });
    assert!(matches!(refused, Err(LogReadError::Damaged { .. })));
    assert!(partition.log.scrub(&mut |_| true).unwrap());
    let lost = DamagedRange::new(0, 2).unwrap();
    assert_eq!(partition.log.damaged(), [lost]);
    world.storage.heal_files();
    assert!(partition.log.scrub(&mut |_| true).unwrap());
    assert_whole(&world, &["one", "two"], "scrubbed");
}
