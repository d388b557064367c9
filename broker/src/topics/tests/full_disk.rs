//! The disk is full: records are refused and nothing is harmed, all else goes on, and records are taken
//! again when there is room. What was taken before and meets the full disk waits, whole.

use super::failure::FaultyWorld;
use super::*;
use crate::log::{Faults, Room, StorageError};

/// Bytes that are enough for everything, and the reserve.
const ROOM: u64 = 1 << 20;

/// A world whose topic `orders` has the record `kept`, on a disk with nothing but its reserve.
fn full_world() -> FaultyWorld {
    let world = FaultyWorld::new(1);
    world.create("orders");
    world.create("payments");
    let orders = world.partition("orders");
    let kept = orders.append(sequenced(&["kept"], 0, 0), Acks::All);
    world.drive(kept.unwrap().durable()).unwrap();
    world.storage.leave_free(0);
    world
}

fn look(world: &FaultyWorld) -> Room {
    world.topics.space().look(0).unwrap().room
}

fn free(world: &FaultyWorld) {
    world.storage.leave_free(ROOM);
    assert_eq!(look(world), Room::Enough);
}

/// Appends and waits for the flush.
fn appended(
    world: &FaultyWorld,
    topic: &str,
    batch: ValidatedBatch,
) -> Result<Offset, AppendError> {
    let appending = world.partition(topic).append(batch, Acks::All)?;
    Ok(world.drive(appending.durable())?.base_offset)
}

/// Fails where the room is looked at behind the sequence, and where a refused batch counts.
#[test]
fn a_refused_batch_is_taken_when_it_comes_again_as_if_it_had_never_come() {
    let world = full_world();
    assert_eq!(look(&world), Room::Low);
    for _ in 0..3 {
        let refused = appended(&world, "orders", sequenced(&["a", "b"], 0, 1));
        assert!(matches!(refused, Err(AppendError::DiskFull(_))));
        // One that was on its way behind it is not told that the first is missing.
        let refused = appended(&world, "orders", sequenced(&["c"], 0, 3));
        assert!(matches!(refused, Err(AppendError::DiskFull(_))));
    }
    let again = appended(&world, "orders", sequenced(&["kept"], 0, 0));
    assert_eq!(again.unwrap(), Offset(0), "a duplicate needs no room");
    free(&world);
    let next = appended(&world, "orders", sequenced(&["a", "b"], 0, 1));
    assert_eq!(next.unwrap(), Offset(1));
    let last = appended(&world, "orders", sequenced(&["c"], 0, 3));
    assert_eq!(last.unwrap(), Offset(3));
    let expected = pairs(&[(0, "kept"), (1, "a"), (2, "b"), (3, "c")]);
    assert_eq!(values(&world.partition("orders"), 0), expected);
}

/// Appends a record of a producer of its own.
fn append_of(world: &FaultyWorld, id: i64, base_sequence: i32) -> Result<Offset, AppendError> {
    append_in(world, 0, id, base_sequence)
}

/// The same in an epoch.
fn append_in(
    world: &FaultyWorld,
    epoch: i16,
    id: i64,
    base_sequence: i32,
) -> Result<Offset, AppendError> {
    let producer = BatchProducer {
        id,
        epoch,
        base_sequence,
    };
    let builder = batch_of(&[record("another", NOW)]).with_producer(producer);
    appended(world, "orders", builder.build().unwrap().unwrap())
}

/// Fails where `Head::sequenced` does not look at the refused producers: the second batch would be taken,
/// and the first one, sent again, for a duplicate.
#[test]
fn of_a_new_producers_batches_none_overtakes_one_that_was_refused() {
    let world = full_world();
    assert_eq!(look(&world), Room::Low);
    for first in [0, 40] {
        let id = i64::from(first);
        let refused = append_of(&world, id, first);
        assert!(matches!(refused, Err(AppendError::DiskFull(_))));
    }
    free(&world);
    for (first, offset) in [(0, 1), (40, 3)] {
        let id = i64::from(first);
        let early = append_of(&world, id, first + 1);
        assert!(
            matches!(early, Err(AppendError::OutOfOrderSequence { .. })),
            "{early:?}"
        );
        assert_eq!(append_of(&world, id, first).unwrap(), Offset(offset));
        assert_eq!(
            append_of(&world, id, first + 1).unwrap(),
            Offset(offset + 1)
        );
    }
}

/// The later batch would be taken for a beginning, and the first, sent again, for a duplicate: its records would be lost,
/// and nobody told. Mutation: a refused producer is kept without its epoch.
#[test]
fn in_a_new_epoch_no_batch_overtakes_one_that_was_refused() {
    let world = full_world();
    assert_eq!(look(&world), Room::Low);
    append_of(&world, 7, 40).unwrap_err();
    append_in(&world, 1, 7, 0).unwrap_err();
    free(&world);
    let early = append_in(&world, 1, 7, 40);
    assert!(
        matches!(early, Err(AppendError::OutOfOrderSequence { .. })),
        "{early:?}"
    );
    assert_eq!(append_in(&world, 1, 7, 0).unwrap(), Offset(1));
    assert_eq!(append_in(&world, 1, 7, 1).unwrap(), Offset(2));
}

/// A producer may be unknown since its state expired, or its records were deleted (KIP-360). Fails where what
/// was refused of one producer counts against others, or for ever.
#[test]
fn after_a_full_disk_a_producer_that_is_not_known_begins_anywhere_as_before_it() {
    let world = full_world();
    assert_eq!(look(&world), Room::Low);
    append_of(&world, 8, 0).unwrap_err();
    append_of(&world, 9, 0).unwrap_err();
    free(&world);
    assert_eq!(append_of(&world, 10, 70).unwrap(), Offset(1));
    // One that has begun is known, until that expires.
    append_of(&world, 8, 0).unwrap();
    world.clock.advance(crate::limits::PRODUCER_EXPIRATION * 2);
    let orders = world.partition("orders");
    orders.save_producers(&orders.log.tend(), false).unwrap();
    assert_eq!(append_of(&world, 8, 50).unwrap(), Offset(3));
    // And so does that one was refused.
    assert_eq!(append_of(&world, 9, 50).unwrap(), Offset(4));
}

/// Fails where `take_room` does not tell internal topics from others, and where a full disk fails the flush.
#[test]
fn a_full_disk_serves_reads_and_takes_commits_and_deletions() {
    let world = full_world();
    assert_eq!(look(&world), Room::Low);
    let internal = new_topic("__consumer_offsets", 1, &[]);
    let created = world.topics.create(internal, Commit::Yes);
    world.drive(created).unwrap().unwrap();
    for value in ["one", "two"] {
        appended(&world, "__consumer_offsets", batch(&[value])).unwrap();
    }
    let refused = world.topics.create(new_topic("new", 1, &[]), Commit::Yes);
    let refused = world.drive(refused).unwrap_err();
    assert!(matches!(refused, CreateTopicError::DiskFull(_)));
    let name = TopicName::parse("orders").unwrap();
    let refused = world.topics.add_partitions(&name, 2, Commit::Yes);
    let refused = world.drive(refused).unwrap_err();
    assert!(matches!(refused, AddPartitionsError::DiskFull(_)));

    let orders = world.partition("orders");
    assert_eq!(values(&orders, 0), pairs(&[(0, "kept")]));
    let moved = world.drive(orders.delete_records(None));
    assert_eq!(moved.unwrap(), Offset(1));
    let name = TopicName::parse("payments").unwrap();
    world.drive(world.topics.delete(&name)).unwrap();
    assert_eq!(look(&world), Room::Low);
    let graves = || world.disk().list(Path::new("/data/deleted")).unwrap();
    world.topics.retention_check().unwrap();
    assert_eq!(graves().len(), 0, "whose room is needed does not stay");
    free(&world);
    assert_eq!(
        appended(&world, "orders", batch(&["new"])).unwrap(),
        Offset(1)
    );
}

/// Mutations: `take_room` that takes any settings, and one that takes none.
#[test]
fn a_full_disk_takes_short_configs_and_refuses_long_ones() {
    let world = full_world();
    let name = TopicName::parse("orders").unwrap();
    let key = "leader.replication.throttled.replicas";
    let alter = |key: &str, value: Option<&str>| {
        let change = ConfigChange {
            key: key.to_owned(),
            operation: match value {
                Some(_) => ConfigOperation::Set,
                None => ConfigOperation::Delete,
            },
            value: value.map(str::to_owned),
        };
        let alteration = Alteration::Change(vec![change]);
        world.drive(world.topics.alter_configs(&name, alteration, Commit::Yes))
    };
    let long = vec!["0:1"; 2000].join(",");
    free(&world);
    alter(key, Some(&long)).unwrap();
    world.storage.leave_free(0);
    assert_eq!(look(&world), Room::Low);
    let refused = alter(key, Some(&long)).unwrap_err();
    assert!(
        matches!(refused, AlterConfigError::DiskFull(_)),
        "{refused}"
    );
    alter(key, None).unwrap();
    alter("retention.ms", Some("1000")).unwrap();
    let config = world.topics.topic("orders").unwrap().config();
    assert_eq!(config.log.retention.ms, Some(1000));
}

/// Mutation: `remove_dropped` that waits for `file.delete.delay.ms` on a full disk as well.
#[test]
fn the_room_of_deleted_records_is_given_back_at_once() {
    let world = full_world();
    assert_eq!(look(&world), Room::Low);
    let moved = world.drive(world.partition("orders").delete_records(None));
    assert_eq!(moved.unwrap(), Offset(1));
    world.topics.retention_check().unwrap();
    let names = world.disk().list(Path::new("/data/topics/orders-0"));
    let mut names = names.unwrap();
    names.retain(|name| name.contains(".log"));
    assert_eq!(names, ["00000000000000000001.log"]);
}

/// Fails where a segment that cannot be written fails the flush, and where what is written of it is
/// published before it is whole.
#[test]
fn what_was_taken_before_the_disk_was_full_waits_whole_until_there_is_room() {
    let mut world = FaultyWorld::new(1);
    world.create("orders");
    let orders = world.partition("orders");
    appended(&world, "orders", batch(&["kept"])).unwrap();
    world.topics.space().begin_watch();
    let text = "x".repeat(70_000);
    let appending = orders.append(batch(&[&text]), Acks::All).unwrap();
    // Not even with the reserve there is room for all of it.
    world.storage.leave_free(100);
    std::thread::scope(|scope| {
        let flushing = scope.spawn(|| world.flush_alone());
        while world.topics.space().room() != Room::Exhausted {
            assert!(!flushing.is_finished(), "it does not wait");
            std::thread::yield_now();
        }
        assert_eq!(values(&orders, 0), pairs(&[(0, "kept")]));
        assert!(!flushing.is_finished());
        world.storage.leave_free(2 * ROOM);
        flushing.join().unwrap().unwrap();
    });
    assert_eq!(wait(appending.durable()).unwrap().base_offset, Offset(1));
    let expected = pairs(&[(0, "kept"), (1, &text)]);
    assert_eq!(values(&orders, 0), expected);
    world.storage.kill();
    world.reopen();
    assert_eq!(values(&world.partition("orders"), 0), expected);
}

/// The process is killed while a segment waits for room: the commit log has what was never acknowledged,
/// whole, or does not.
#[test]
fn a_kill_while_a_segment_waits_for_room_leaves_no_half_batch() {
    let mut world = FaultyWorld::new(1);
    world.create("orders");
    appended(&world, "orders", batch(&["kept"])).unwrap();
    let text = "x".repeat(70_000);
    let orders = world.partition("orders");
    let lost = orders.append(batch(&[&text]), Acks::All).unwrap();
    world.storage.leave_free(100);
    // Nobody watches, so it does not wait: all is as it was at that moment.
    assert!(!world.flush());
    assert!(wait(lost.durable()).is_err());
    world.storage.kill();
    world.reopen();
    let found = values(&world.partition("orders"), 0);
    let whole = pairs(&[(0, "kept"), (1, &text)]);
    assert!(found == whole || found == whole[..1], "{found:?}");
    appended(&world, "orders", batch(&["more"])).unwrap();
}

/// Fails where [`DataDirectory::open`](crate::log::DataDirectory::open) does not give the reserve back.
#[test]
fn a_start_on_a_full_disk_serves_what_is_there() {
    let mut world = full_world();
    // First nothing but the reserve, then what is left of that.
    for free in [0, 20_000] {
        world.storage.kill();
        world.storage.leave_free(free);
        world.reopen();
        assert_ne!(world.topics.space().room(), Room::Enough);
        let orders = world.partition("orders");
        assert_eq!(values(&orders, 0), pairs(&[(0, "kept")]));
        let refused = appended(&world, "orders", batch(&["new"]));
        assert!(matches!(refused, Err(AppendError::DiskFull(_))));
    }
    let orders = world.partition("orders");
    let moved = world.drive(orders.delete_records(None));
    assert_eq!(moved.unwrap(), Offset(1));
}

/// Mutation: a `leave` that fails where an index has no room.
#[test]
fn a_stop_is_clean_though_the_full_disk_has_no_room_for_an_index() {
    let index = Path::new("/data/topics/orders-0/00000000000000000000.timeindex");
    let mut left_out = 0;
    for free in 0..60 {
        let mut world = full_world();
        world.storage.leave_free(ROOM);
        world.topics.0.checkpoint.run().unwrap();
        world
            .disk()
            .remove_file(Path::new("/data/disk-reserve"))
            .unwrap();
        world.storage.leave_free(free);
        let closed = world.topics.close();
        world.storage.kill();
        world.storage.leave_free(ROOM);
        let is_index = |error: &StorageError| error.path.to_string_lossy().ends_with("index");
        assert!(!closed.as_ref().is_err_and(is_index), "{closed:?}");
        let is_whole = world
            .disk()
            .read_file(index)
            .unwrap()
            .is_some_and(|bytes| !bytes.is_empty());
        left_out += usize::from(closed.is_ok() && !is_whole);
        world.reopen();
        let stop = world.topics.recovery().last_stop;
        assert_eq!(stop == LastStop::Clean, closed.is_ok(), "{free} bytes");
        let orders = world.partition("orders");
        assert_eq!(values(&orders, 0), pairs(&[(0, "kept")]));
    }
    assert!(left_out > 0);
}

/// Mutation: without `or_no_room` in `Topics::open_on` it says which file could not be written, and no more.
#[test]
fn a_start_that_finds_no_room_at_all_says_how_much_to_make() {
    let mut world = full_world();
    world.storage.kill();
    world.storage.leave_free(0);
    world.reopen();
    // The reserve is spent, and what it left as well.
    world.storage.kill();
    world.storage.leave_free(0);
    let refusal = world.begin_to_open().unwrap_err();
    assert!(matches!(refusal, OpenError::NoRoom { .. }), "{refusal}");
    let said = refusal.to_string();
    assert!(said.contains("too full to start") && said.contains("make at least 1 MiB free"));
    world
        .storage
        .leave_free(config(Path::new("/")).space.reserve_bytes);
    world.reopen();
    assert_eq!(values(&world.partition("orders"), 0), pairs(&[(0, "kept")]));
}

/// Mutation: where a rename of `swap` or `retire` does not wait for room, the process ends.
#[test]
fn a_disk_that_is_full_while_compaction_replaces_segments_is_no_failure() {
    for renames in 1..=12 {
        let world = FaultyWorld::new(1);
        let configs = [
            ("cleanup.policy", "compact"),
            ("min.cleanable.dirty.ratio", "0"),
            ("segment.bytes", "1048576"),
        ];
        let created = world
            .topics
            .create(new_topic("orders", 1, &configs), Commit::Yes);
        world.drive(created).unwrap().unwrap();
        let text = "x".repeat(600_000);
        for _ in 0..4 {
            appended(&world, "orders", batch(&[&text])).unwrap();
        }
        world.storage.set_faults(Faults {
            renames_to_full: Some(renames),
            ..Faults::default()
        });
        let compacted = world.topics.compact_dirtiest(1 << 20, &mut |_| true);
        let outcome = compacted.unwrap().run.map(|run| run.outcome);
        assert!(
            world.topics.0.queue.failure().is_none(),
            "{renames}: {outcome:?}"
        );
        // What was refused before the last look counts in it.
        look(&world);
        assert_eq!(look(&world), Room::Enough);
        appended(&world, "orders", batch(&["next"])).unwrap();
        assert_eq!(
            values(&world.partition("orders"), 3),
            pairs(&[(3, &text), (4, "next")])
        );
    }
}

/// What happens while somebody tends the log of `orders`, at the end of which `is_over`.
fn while_tended<T: Send + 'static>(
    world: &FaultyWorld,
    is_over: impl Fn(&Partition) -> bool + Send + 'static,
    work: impl FnOnce() -> T,
) -> (bool, T) {
    let orders = world.partition("orders");
    let (has_begun, begun) = std::sync::mpsc::channel();
    let tends = std::thread::spawn(move || {
        let _tending = orders.log.tend();
        has_begun.send(()).unwrap();
        let start = std::time::Instant::now();
        while !is_over(&orders) && start.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        is_over(&orders)
    });
    begun.recv().unwrap();
    let done = work();
    (tends.join().unwrap(), done)
}

/// Mutation: `bury` that closes the log when it has it to itself.
#[test]
fn who_waits_for_room_in_a_log_hears_that_it_is_deleted() {
    let world = full_world();
    let name = TopicName::parse("orders").unwrap();
    let (has_heard, deleted) = while_tended(
        &world,
        |orders| orders.log.is_closed(),
        || world.drive(world.topics.delete(&name)),
    );
    deleted.unwrap();
    assert!(has_heard);
}

/// Mutation: `save_producers` that waits for who tends the log.
#[test]
fn retention_does_not_wait_for_who_waits_for_room() {
    let world = full_world();
    let is_checked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_over = Arc::clone(&is_checked);
    let (was_in_time, ()) = while_tended(
        &world,
        move |_| is_over.load(std::sync::atomic::Ordering::SeqCst),
        || {
            world.topics.retention_check().unwrap();
            is_checked.store(true, std::sync::atomic::Ordering::SeqCst);
        },
    );
    assert!(was_in_time);
}
