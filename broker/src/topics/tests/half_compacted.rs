//! What a stop in the middle of a compaction leaves, and the disk changes then: what was compacted goes only for
//! something that is whole.

use std::fs;

use super::damage::{assert_lost, batch_size, filled, range, segment};
use super::failure::FaultyWorld;
use super::once_compacted::{TO_COMPACT, TOPIC, filled as fill};
use super::*;
use crate::log::Faults;
use crate::offline::{RepairOptions, repair};

/// The bytes of the segments from `from` on that begin before `to`.
fn segments(world: &World, from: i64, to: i64) -> Vec<u8> {
    let bases = [0, 3, 6, 9].into_iter();
    let inputs = bases.filter(|base| (from..to).contains(base));
    inputs
        .flat_map(|base| fs::read(segment(world, base)).unwrap())
        .collect()
}

/// The name of a segment that is about to take the place of those from `base` to `next`.
fn swap(base: i64, next: i64) -> String {
    format!("{base:020}.{next:020}.swap")
}

fn has_swap(world: &World) -> bool {
    let files = world.files("orders-0");
    files.iter().any(|name| name.ends_with(".swap"))
}

/// The world at its next start, with a file of that name beside the segments.
fn with(world: World, name: &str, content: &[u8], is_clean: bool) -> World {
    world.end(is_clean);
    fs::write(segment(&world, 0).with_file_name(name), content).unwrap();
    world.reopened()
}

fn flipped(mut bytes: Vec<u8>, position: i64) -> Vec<u8> {
    bytes[usize::try_from(position).unwrap()] ^= 4;
    bytes
}

/// Mutations: `is_whole` that is always true, without the checksum, without what makes sense, or without the segment
/// behind.
#[test]
fn what_was_to_be_replaced_stays_where_what_was_to_replace_it_is_not_whole() {
    let size = batch_size();
    let end = |bytes: &[u8]| bytes.len() - 20;
    type Make<'a> = &'a dyn Fn(&World) -> Vec<u8>;
    let spoilt: [(&str, i64, i64, Make<'_>); 9] = [
        ("nothing that is a batch", 0, 3, &|_| b"hello".to_vec()),
        ("the same for all", 0, i64::MAX, &|_| b"hello".to_vec()),
        ("nothing for all", 0, i64::MAX, &|_| Vec::new()),
        ("all for more", 0, i64::MAX, &|it| segments(it, 0, 99)),
        ("a record", 0, 6, &|it| {
            flipped(segments(it, 0, 6), size * 2 - 1)
        }),
        ("a base offset", 0, 6, &|it| {
            flipped(segments(it, 0, 6), size * 2 + 7)
        }),
        ("a length", 0, 6, &|it| {
            flipped(segments(it, 0, 6), size + 8)
        }),
        ("others", 3, 6, &|it| segments(it, 6, 9)),
        ("its end", 0, 9, &|it| {
            let bytes = segments(it, 0, 9);
            bytes[..end(&bytes)].to_vec()
        }),
    ];
    for is_clean in [true, false] {
        for (what, base, next, make) in &spoilt {
            let world = filled();
            let (name, bytes) = (swap(*base, *next), make(&world));
            let world = with(world, &name, &bytes, is_clean);
            assert_lost(&world, &[], what);
            assert!(!has_swap(&world), "{what}");
            let undone = &world.topics.recovery().undone;
            assert_eq!(*undone, [format!("orders-0/{name}")], "{what}");
            assert_lost(&world.killed(), &[], what);
        }
    }
}

/// Mutation: an error of `has_batches` ends the start, whatever it is.
#[test]
fn a_directory_in_the_place_of_what_was_to_replace_segments_is_put_aside() {
    let world = filled();
    world.end(false);
    fs::create_dir(segment(&world, 0).with_file_name(swap(0, 6))).unwrap();
    let world = world.reopened();
    assert_lost(&world, &[], "a directory");
    assert!(!has_swap(&world));
}

/// Mutation: `is_whole` that is always false.
#[test]
fn what_is_whole_takes_its_place() {
    for is_clean in [true, false] {
        let world = filled();
        let bytes = segments(&world, 0, 6);
        let world = with(world, &swap(0, 6), &bytes, is_clean);
        assert_lost(&world, &[], "two segments in one");
        assert!(!has_swap(&world) && !segment(&world, 3).exists());
        assert_eq!(fs::read(segment(&world, 0)).unwrap(), bytes);
        assert!(world.topics.recovery().undone.is_empty());
    }
}

/// Mutation: `settle` that asks `is_whole` alone.
#[test]
fn what_is_not_whole_takes_its_place_where_it_is_all_there_is() {
    for is_clean in [true, false] {
        let world = filled();
        let bytes = flipped(segments(&world, 0, 9), batch_size() * 5 - 1);
        fs::remove_file(segment(&world, 0)).unwrap();
        let world = with(world, &swap(0, 9), &bytes, is_clean);
        assert!(try_values(&world.partition("orders"), 0).is_err());
        let lost = [range(4, 5)];
        assert_lost(&world, &lost, "a record of it");
        assert_lost(&world.killed(), &lost, "after a kill");
    }
}

/// Mutations: `Checking::segments` that asks for nothing unsettled; `is_unsettled` that is never set.
#[test]
fn verify_reads_what_the_next_start_makes_of_a_replacement_and_repair_leaves_it_alone() {
    for is_clean in [true, false] {
        let mut world = filled();
        let sound = segments(&world, 0, 6);
        let rotten = flipped(sound.clone(), batch_size() - 1);
        world.end(is_clean);
        fs::remove_file(segment(&world, 0)).unwrap();
        world.let_go();
        let path = segment(&world, 0).with_file_name(swap(0, 6));
        for (bytes, damaged) in [(sound, 0), (rotten, 1)] {
            fs::write(&path, &bytes).unwrap();
            let (tally, text) = world.verified();
            assert_eq!((tally.damaged, tally.derived), (damaged, 0), "{text}");
            assert!(text.contains("the next start settles it"), "{text}");
            if is_clean {
                let options = RepairOptions::default();
                let mut out = Vec::new();
                repair(&world.data(), &options, &mut out, &mut |_| ()).unwrap();
                assert!(!segment(&world, 0).exists());
                assert_eq!(fs::read(&path).unwrap(), bytes);
            }
        }
    }
}

/// A log whose full segments are about to become one, on a disk that orders no names.
fn about_to_be_compacted(seed: u32) -> FaultyWorld {
    let world = FaultyWorld::new(u64::from(seed));
    world.storage.forget_order();
    let topic = world
        .topics
        .create(new_topic(TOPIC, 1, &TO_COMPACT), Commit::Yes);
    let topic = world.drive(topic).unwrap().unwrap();
    let partition = world.partition(TOPIC);
    fill(&topic, |batch| {
        let appended = partition.append(batch, Acks::All).unwrap();
        world.drive(appended.durable()).unwrap();
    });
    partition.log.set_config(topic.config().log.clone());
    world
}

/// Has the disk lose what is about to take the place of segments that are all there, by their names.
fn harm_what_is_there_twice(world: &FaultyWorld) -> usize {
    let directory = format!("/data/topics/{TOPIC}-0");
    let names = world.disk().list(directory.as_ref()).unwrap();
    let swap = names.iter().find(|name| name.ends_with(".swap"));
    let first = swap.map(|swap| format!("{}.log", swap.get(..20).unwrap()));
    match first.is_some_and(|first| names.contains(&first)) {
        true => world.storage.harm_files(".swap"),
        false => 0,
    }
}

/// Mutations: without the sync behind the first input in `PartitionLog::swap`, or behind the first removal in
/// `complete`.
#[test]
fn a_power_cut_at_any_step_and_rot_of_what_it_leaves_lose_nothing_that_is_there_twice() {
    let mut undone = 0;
    for seed in 0..600_u32 {
        let mut world = about_to_be_compacted(seed);
        let leave = |world: &FaultyWorld, changes| {
            world.storage.set_faults(Faults {
                changes_left: Some(changes),
                ..Faults::default()
            });
        };
        // Before, nothing has another name.
        leave(&world, 22 + seed % 24);
        drop(world.topics.compact_dirtiest(1 << 20, &mut |_| true));
        world.storage.cut_power();
        if seed / 24 % 2 == 0 {
            leave(&world, seed % 31);
            drop(world.begin_to_open());
            world.storage.cut_power();
        }
        undone += harm_what_is_there_twice(&world);
        world.reopen();
        let read = try_values(&world.partition(TOPIC), 0);
        let read = read.unwrap_or_else(|error| panic!("{seed}: {error}"));
        let offsets: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
        for last in [1, 3, 5, 7, 9, 10, 11] {
            assert!(offsets.contains(&last), "{seed}: {offsets:?}");
        }
    }
    assert!(undone > 10, "{undone}");
}
