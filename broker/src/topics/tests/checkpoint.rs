//! What becomes of flushes and deletions while a checkpoint syncs, and of everybody when a thread dies that
//! the log needs.

use std::sync::mpsc;

use super::failure::{FaultyWorld, SMALL};
use super::*;
use crate::log::{
    CountedStorage, Disk, FaultyStorage, HeldAt, Hold, checkpoint_until_closed, flush_until_closed,
    look_until_closed,
};

/// A commit log that takes seven flushes of a [`large`] batch.
const ROOMY: CommitLogConfig = CommitLogConfig {
    full_bytes_max: 8 * SMALL.extent_bytes,
    checkpoint_bytes: u64::MAX,
    synced_singly_max: 256,
    ..SMALL
};

/// A world whose topic `orders` has `flushes` records that no checkpoint synced yet.
fn world_with(flushes: usize) -> (FaultyWorld, CountedStorage) {
    let storage = FaultyStorage::new(1);
    let counted = CountedStorage::new(storage.clone());
    let world = FaultyWorld::on(storage, Disk::new(counted.clone()), ROOMY);
    world.create("orders");
    for _ in 0..flushes {
        flush_large(&world);
    }
    (world, counted)
}

/// Flushes a batch that leaves no room for another one in its extent.
fn flush_large(world: &FaultyWorld) {
    let value = "x".repeat(9000);
    let appending = world
        .partition("orders")
        .append(batch(&[&value]), Acks::All);
    world.flush_alone().unwrap();
    wait(appending.unwrap().durable()).unwrap();
}

/// Runs a checkpoint that the disk holds up while `meanwhile` is done, which may release it.
fn during_a_checkpoint(
    world: &FaultyWorld,
    counted: &CountedStorage,
    meanwhile: impl FnOnce(&mpsc::Sender<()>),
) {
    held_at(HeldAt::SyncOfPartition, world, counted, meanwhile);
}

/// The same, at whatever step.
fn held_at(
    at: HeldAt,
    world: &FaultyWorld,
    counted: &CountedStorage,
    meanwhile: impl FnOnce(&mpsc::Sender<()>),
) {
    let (held, is_held) = mpsc::channel();
    let (released, release) = mpsc::channel();
    counted.hold(Hold {
        at,
        after: 0,
        held,
        release,
    });
    std::thread::scope(|scope| {
        let running = scope.spawn(|| world.topics.0.checkpoint.run());
        is_held.recv().unwrap();
        meanwhile(&released);
        released.send(()).unwrap_or_default();
        running.join().unwrap().unwrap();
    });
}

/// Mutations: `Waiting::full_bytes` and `Checkpoint::pending_bytes` without what was taken.
#[test]
fn what_a_checkpoint_syncs_counts_until_its_extents_are_given_back() {
    let (world, counted) = world_with(4);
    let checkpoint = &world.topics.0.checkpoint;
    let pending = checkpoint.pending_bytes();
    during_a_checkpoint(&world, &counted, |release| {
        assert_eq!(checkpoint.pending_bytes(), pending);
        for _ in 0..3 {
            flush_large(&world);
            assert!(!checkpoint.is_full());
        }
        std::thread::scope(|scope| {
            let flushing = scope.spawn(|| flush_large(&world));
            while !checkpoint.is_full() {
                assert!(!flushing.is_finished(), "nothing held the flush up");
                std::thread::yield_now();
            }
            release.send(()).unwrap();
            flushing.join().unwrap();
        });
        assert!(!checkpoint.is_full());
        let later = checkpoint.pending_bytes();
        assert!(0 < later && later <= pending, "{later} of {pending}");
    });
}

/// Mutation: `Checkpoint::forget` that leaves alone what the running checkpoint took.
#[test]
fn a_checkpoint_brings_no_log_back_that_was_deleted_while_it_ran() {
    let (world, counted) = world_with(1);
    let partition = world.partition("orders");
    let checkpoint = &world.topics.0.checkpoint;
    during_a_checkpoint(&world, &counted, |_| {
        world.drive(world.topics.delete(partition.topic())).unwrap();
    });
    assert_eq!(checkpoint.point(partition.log.key()), 0);
}

/// Retention and compaction go by the point: what they take before one that the disk does not know would be missed there.
///
/// Mutation: `sync_noted` that advances the points before it has written them.
#[test]
fn nobody_goes_by_a_recovery_point_that_is_not_on_the_disk() {
    let (world, counted) = world_with(1);
    let checkpoint = &world.topics.0.checkpoint;
    let log = world.partition("orders").log.key();
    held_at(HeldAt::Rename, &world, &counted, |_| {
        assert_eq!(checkpoint.point(log), 0);
    });
    assert_eq!(checkpoint.point(log), 1);
}

/// Mutation: `sync_noted` that recycles the extents before it has written the points.
#[test]
fn no_extent_is_written_again_that_the_recovery_points_on_the_disk_need() {
    let (world, counted) = world_with(3);
    held_at(HeldAt::Rename, &world, &counted, |_| {
        for _ in 0..3 {
            flush_large(&world);
        }
        let after = world.after_the_worst_cut();
        assert_eq!(after.topics.recovery().losses, []);
        assert_eq!(values(&after.partition("orders"), 0).len(), 6);
    });
}

/// A log of durability `os` has what it has in its segments alone: one that is missing between others that are whole would be taken for
/// lost where nothing tells how far the log was durable.
///
/// Mutation: `begin_segment` that does not sync the directory.
#[test]
fn a_power_cut_between_the_files_and_their_names_takes_no_segment_and_leaves_the_one_behind_it() {
    for seed in 0..20 {
        let storage = FaultyStorage::new(seed);
        let counted = CountedStorage::new(storage.clone());
        let world = FaultyWorld::on(storage, Disk::new(counted.clone()), ROOMY);
        let settings = [("sluice.durability", "os")];
        let created = world
            .topics
            .create(new_topic("orders", 1, &settings), Commit::Yes);
        let topic = world.drive(created).unwrap().unwrap();
        let mut config = topic.config().log.clone();
        config.segment_bytes = 1;
        world.partition("orders").log.set_config(config);
        for _ in 0..4 {
            flush_large(&world);
        }
        held_at(HeldAt::SyncOfPartition, &world, &counted, |_| {
            let storage = world.storage.fork();
            storage.forget_order();
            storage.lose_files("/data", "recovery-points");
            storage.cut_power();
            let disk = Disk::new(storage.clone());
            let after = FaultyWorld::on(storage, disk, ROOMY);
            let damaged = after.partition("orders").log.damaged();
            assert_eq!(damaged, [], "{seed}");
        });
    }
}

/// What a thread does with a world.
type Thread = fn(FaultyWorld);

/// Mutations: `flush_until_closed`, `checkpoint_until_closed` or `look_until_closed`, or `run_alone`, which retention and compaction call
/// too, without `FailAtPanic`.
#[test]
fn when_a_thread_dies_that_the_log_needs_everybody_is_told() {
    let threads: [(&str, Thread); 4] = [
        ("flush", |world| {
            let queue = &world.topics.0.queue;
            let journal = world.journal.into_inner();
            flush_until_closed(queue, journal, &world.clock, |_, _| panic!("as told"));
        }),
        ("sync", |world| {
            let registry = &world.topics.0;
            checkpoint_until_closed(&registry.queue, &registry.checkpoint, || panic!("as told"));
        }),
        ("sync", |world| {
            let checkpoint = &world.topics.0.checkpoint;
            checkpoint.observe(|_| panic!("as told"));
            checkpoint.run().unwrap();
        }),
        ("look for room", |world| {
            let registry = &world.topics.0;
            registry.space.begin_watch();
            look_until_closed(&registry.queue, &registry.space, |_| panic!("as told"));
        }),
    ];
    for (operation, thread) in threads {
        let storage = FaultyStorage::new(1);
        let disk = Disk::new(storage.clone());
        let at_once = CommitLogConfig {
            checkpoint_interval: Duration::ZERO,
            ..SMALL
        };
        let world = FaultyWorld::on(storage, disk, at_once);
        world.create("orders");
        let partition = world.partition("orders");
        let appended = partition.append(batch(&["a"]), Acks::Leader).unwrap();
        drop(appended);
        let topics = world.topics.clone();
        let died = std::thread::spawn(move || thread(world)).join();
        assert!(died.is_err(), "{operation}");
        let failure = topics.0.queue.failure();
        assert_eq!(failure.map(|failure| failure.operation), Some(operation));
        let refused = partition.append(batch(&["b"]), Acks::All);
        assert!(matches!(refused, Err(AppendError::Storage(_))));
    }
}
