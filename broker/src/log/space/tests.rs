//! What becomes of a disk that fills up and has room again.

use std::sync::mpsc;

use super::*;
use crate::log::faulty_storage::{Faults, FaultyStorage};
use crate::log::{CountedStorage, HeldAt, Hold};

const DIRECTORY: &str = "/data";
const CONFIG: SpaceConfig = SpaceConfig {
    free_min: 1000,
    reserve_bytes: 400,
};
/// Bytes on a disk with room for everything, and not much more.
const ENOUGH: u64 = 400 + 1250;

struct World {
    storage: FaultyStorage,
    disk: Disk,
    space: Arc<Space>,
}

impl World {
    /// A disk on which so many bytes are free, before there is a reserve.
    fn new(free: u64) -> Self {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        disk.create_dir(DIRECTORY.as_ref()).unwrap();
        set_capacity(&storage, free);
        let space = Space::open(&disk, DIRECTORY.as_ref(), CONFIG).unwrap();
        Self {
            storage,
            disk,
            space,
        }
    }

    fn set_capacity(&self, bytes: u64) {
        set_capacity(&self.storage, bytes);
    }

    fn reserve(&self) -> Option<u64> {
        size_of_reserve(&self.disk, DIRECTORY.as_ref()).unwrap()
    }

    fn look(&self) -> Room {
        self.space.look(0).unwrap().room
    }

    fn write(&self, bytes: usize) -> Result<(), StorageError> {
        let path = Path::new(DIRECTORY).join("file");
        let write = || self.disk.write_file(&path, &vec![1; bytes]).map(drop);
        self.space.when_there_is_room(write)
    }
}

fn set_capacity(storage: &FaultyStorage, bytes: u64) {
    storage.set_faults(Faults {
        capacity: Some(bytes),
        ..Faults::default()
    });
}

/// A space on a disk with so many bytes free, which holds up who comes there next.
fn held_up(free: u64) -> (FaultyStorage, CountedStorage, Arc<Space>) {
    let storage = FaultyStorage::new(1);
    let counted = CountedStorage::new(storage.clone());
    let disk = Disk::new(counted.clone());
    disk.create_dir(DIRECTORY.as_ref()).unwrap();
    set_capacity(&storage, free);
    let space = Space::open(&disk, DIRECTORY.as_ref(), CONFIG).unwrap();
    (storage, counted, space)
}

/// Somebody is refused while `work` is held up by the disk.
fn refused_during<T: Send>(
    at: HeldAt,
    counted: &CountedStorage,
    space: &Space,
    work: impl FnOnce() -> T + Send,
) -> T {
    let (held, is_held) = mpsc::channel();
    let (released, release) = mpsc::channel();
    counted.hold(Hold {
        at,
        after: 0,
        held,
        release,
    });
    std::thread::scope(|scope| {
        let working = scope.spawn(work);
        is_held.recv().unwrap();
        assert!(space.take(1).is_err());
        released.send(()).unwrap();
        working.join().unwrap()
    })
}

/// Mutation: where `look` holds `state` while the reserve is made, who is refused waits for the disk.
#[test]
fn nobody_waits_while_the_reserve_is_made() {
    let (storage, counted, space) = held_up(ENOUGH - 1);
    set_capacity(&storage, ENOUGH);
    let look = || space.look(0).unwrap();
    let facts = refused_during(HeldAt::Allocation, &counted, &space, look);
    assert_eq!(facts.room, Room::Enough);
}

/// Mutations: where `look` or `make_way` holds `state` while the reserve is given back, who is refused waits for
/// the disk.
#[test]
fn nobody_waits_while_the_reserve_is_given_back() {
    let (storage, counted, space) = held_up(ENOUGH);
    set_capacity(&storage, 400 + 99);
    let look = || space.look(0).unwrap();
    let facts = refused_during(HeldAt::Removal, &counted, &space, look);
    assert_eq!((facts.room, facts.reserve), (Room::Low, 0));

    let (storage, counted, space) = held_up(ENOUGH);
    set_capacity(&storage, 400 + 99);
    let path = Path::new(DIRECTORY).join("file");
    let write = || space.when_there_is_room(|| space.disk.write_file(&path, &[1; 300]).map(drop));
    refused_during(HeldAt::Removal, &counted, &space, write).unwrap();
}

#[test]
fn a_disk_with_room_has_a_reserve_and_takes_records() {
    let world = World::new(ENOUGH);
    assert_eq!(world.space.room(), Room::Enough);
    assert_eq!(world.reserve(), Some(400));
    assert_eq!(world.space.refusal(), None);
    let short = World::new(ENOUGH - 1);
    assert_eq!(short.space.room(), Room::Low);
    assert_eq!(short.reserve(), None);
    assert_eq!(short.space.refusal().unwrap().needed, ENOUGH);
}

/// Fails where [`Space::take`] does not count.
#[test]
fn what_is_taken_between_two_looks_is_bounded_by_what_is_free() {
    let world = World::new(ENOUGH);
    let free = 1250;
    let taken = (0..1000)
        .take_while(|_| world.space.take(10).is_ok())
        .count();
    assert!(taken > 0 && taken * 10 <= free, "took {taken} times 10");
    assert_eq!(world.look(), Room::Enough);
    world.space.take(10).unwrap();
}

/// Fails where `make_way` does not give the reserve back.
#[test]
fn a_write_that_the_disk_refuses_gets_the_reserve_and_ends_the_taking_of_records() {
    let world = World::new(ENOUGH);
    world.set_capacity(400 + 100);
    world.write(300).unwrap();
    assert_eq!(world.reserve(), None);
    assert_eq!(world.space.room(), Room::Low);
    world.space.take(1).unwrap_err();
    world.space.take_own().unwrap();
    // The file has 300 bytes, and what is left of the reserve is for deletions.
    world.set_capacity(300 + 99);
    assert_eq!(world.look(), Room::Exhausted);
    world.space.take_own().unwrap_err();

    world.set_capacity(300 + ENOUGH);
    let facts = world.space.look(0).unwrap();
    assert_eq!((facts.was, facts.room), (Room::Exhausted, Room::Enough));
    assert_eq!(world.reserve(), Some(400));
    world.space.take(1).unwrap();
}

/// Fails where `make_way` waits though nobody watches.
#[test]
fn while_nobody_watches_a_full_disk_is_an_error() {
    let world = World::new(ENOUGH);
    world.set_capacity(400);
    let error = world.write(600).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(world.space.room(), Room::Exhausted);
}

/// Fails where `make_way` returns the error where somebody watches.
#[test]
fn who_meets_a_full_disk_waits_until_there_is_room() {
    let world = World::new(ENOUGH);
    world.set_capacity(400);
    world.space.begin_watch();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| world.write(600));
        while world.space.state.lock().waiting == 0 {
            assert!(!writing.is_finished(), "it does not wait");
            std::thread::yield_now();
        }
        // However much seems to be free: the disk refuses.
        assert_eq!(world.space.look(0).unwrap().room, Room::Exhausted);
        world.set_capacity(600);
        writing.join().unwrap().unwrap();
    });
    world.set_capacity(600 + ENOUGH);
    world.look();
    assert_eq!(world.look(), Room::Enough);
}

/// Fails where [`Space::close`] does not end the waiting.
#[test]
fn the_end_ends_the_waiting() {
    let world = World::new(ENOUGH);
    world.set_capacity(400);
    world.space.begin_watch();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| world.write(600));
        while world.space.state.lock().waiting == 0 {
            assert!(!writing.is_finished(), "it does not wait");
            std::thread::yield_now();
        }
        world.space.close();
        assert!(writing.join().unwrap().unwrap_err().is_full());
    });
}

fn set_inodes(storage: &FaultyStorage, inodes: u64) {
    storage.set_faults(Faults {
        inodes: Some(inodes),
        ..Faults::default()
    });
}

/// Mutations: `full` that tells of bytes alone; `make_room_to_start` that looks at bytes alone.
#[test]
fn a_disk_out_of_inodes_is_told_as_such_and_gives_the_reserve_to_a_start() {
    let world = World::new(ENOUGH);
    set_inodes(&world.storage, 999);
    assert_eq!(world.look(), Room::Low);
    let full = world.space.take(1).unwrap_err();
    assert_eq!(
        (full.of, full.free, full.needed),
        (Supply::Inodes, 999, 1250)
    );
    let said = full.to_string();
    assert!(said.contains("999 inodes are free, and 1250"), "{said}");
    assert!(!said.contains("broker.disk"), "{said}");
    world.space.take_own().unwrap();
    assert_eq!(world.reserve(), Some(400));
    set_inodes(&world.storage, 1250);
    assert_eq!(world.look(), Room::Enough);
    world.space.take(1).unwrap();

    make_room_to_start(&world.disk, DIRECTORY.as_ref()).unwrap();
    assert_eq!(world.reserve(), Some(400));
    set_inodes(&world.storage, 0);
    make_room_to_start(&world.disk, DIRECTORY.as_ref()).unwrap();
    assert_eq!(world.reserve(), None);
    let space = Space::open(&world.disk, DIRECTORY.as_ref(), CONFIG).unwrap();
    assert_eq!(space.room(), Room::Exhausted);
    space.take_own().unwrap_err();
}

/// Mutations: `advice` that says the same of every room; `full_of` without the reserve that is not there.
#[test]
fn who_is_refused_is_told_how_much_is_needed_and_what_helps() {
    let world = World::new(ENOUGH);
    let told = |free| {
        world.set_capacity(free);
        let facts = world.space.look(0).unwrap();
        assert_eq!(world.space.refusal(), Some(facts.full));
        facts.full
    };
    let full = told(400 + 999);
    assert_eq!((full.free, full.needed), (999, 1250));
    let said = full.to_string();
    assert!(said.contains("broker.disk_free_min"), "{said}");
    assert!(!said.contains("not Sluice's"), "{said}");
    // The reserve goes, and then what there was of it.
    told(400 + 99);
    let full = told(0);
    assert_eq!((full.free, full.needed), (0, 1650));
    let said = full.to_string();
    assert!(said.contains("not Sluice's"), "{said}");
}

#[test]
fn a_start_on_a_full_disk_has_the_room_of_the_reserve() {
    let world = World::new(ENOUGH);
    world.set_capacity(400 + 399);
    make_room_to_start(&world.disk, DIRECTORY.as_ref()).unwrap();
    assert_eq!(world.reserve(), None);
    let space = Space::open(&world.disk, DIRECTORY.as_ref(), CONFIG).unwrap();
    assert_eq!(space.room(), Room::Low);
}

#[test]
fn a_reserve_of_another_size_becomes_what_it_should_be() {
    let world = World::new(3 * ENOUGH);
    for bytes in [200, 800, 400] {
        let config = SpaceConfig {
            reserve_bytes: bytes,
            ..CONFIG
        };
        let space = Space::open(&world.disk, DIRECTORY.as_ref(), config).unwrap();
        assert_eq!(world.reserve(), Some(bytes));
        assert_eq!(space.room(), Room::Enough);
    }
}

/// Fails where [`Space::spare`] does not keep what records need.
#[test]
fn what_can_wait_takes_nothing_that_others_need() {
    let world = World::new(ENOUGH);
    world.space.spare(250).unwrap();
    world.space.spare(251).unwrap_err();
    world.set_capacity(400 + 800);
    assert_eq!(world.look(), Room::Low);
    world.space.spare(400).unwrap();
    world.space.spare(401).unwrap_err();
}
