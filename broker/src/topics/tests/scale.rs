//! What thousands of partitions must not cost: proven by what is asked of the disk.

use std::sync::mpsc;

use super::failure::{FaultyWorld, SMALL};
use super::*;
use crate::log::compaction::CompactionPolicy;
use crate::log::{CountedStorage, Disk, FaultyStorage, HeldAt, Hold, LogKey, OpenMode, Uses};

const MANY: i32 = 60;

/// A world, and what is asked of its disk. Its commit log is never full.
fn counted_world() -> (FaultyWorld, CountedStorage) {
    let storage = FaultyStorage::new(1);
    let counted = CountedStorage::new(storage.clone());
    let commit_log = CommitLogConfig {
        extent_bytes: 1 << 20,
        checkpoint_bytes: 1 << 22,
        full_bytes_max: 1 << 22,
        ..SMALL
    };
    let world = FaultyWorld::on(storage, Disk::new(counted.clone()), commit_log);
    (world, counted)
}

fn create_many(world: &FaultyWorld) -> Arc<Topic> {
    let many = world
        .topics
        .create(new_topic("many", MANY, &[]), Commit::Yes);
    world.drive(many).unwrap().unwrap()
}

/// A topic of one partition.
fn other(world: &FaultyWorld) -> Arc<Topic> {
    world.create("other");
    world.topics.topic("other").unwrap()
}

/// Writes a record to each partition, in one flush.
fn append_to_each(world: &FaultyWorld, topic: &Topic, value: &str) {
    let partitions = topic.partitions();
    let appending = partitions
        .iter()
        .map(|partition| partition.append(batch(&[value]), Acks::All).unwrap());
    let appending: Vec<_> = appending.collect();
    for one in appending {
        world.drive(one.durable()).unwrap();
    }
}

/// Mutation: `Checkpoint::sync` that compares with `usize::MAX` syncs every file.
#[test]
fn a_checkpoint_of_many_files_is_one_sync_of_the_whole_and_one_of_a_few_is_not() {
    let (mut world, counted) = counted_world();
    let topic = create_many(&world);
    append_to_each(&world, &topic, "a");
    counted.take_uses();
    world.topics.0.checkpoint.run().unwrap();
    let uses = counted.take_uses();
    assert_eq!(uses.volume_syncs, 1);
    // The recovery points.
    assert_eq!((uses.file_syncs, uses.directory_syncs), (1, 1));

    let appending = topic.partitions()[7].append(batch(&["b"]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
    counted.take_uses();
    world.topics.0.checkpoint.run().unwrap();
    let uses = counted.take_uses();
    assert_eq!((uses.volume_syncs, uses.file_syncs), (0, 2));

    world.storage.cut_power();
    world.reopen();
    for number in 0..MANY {
        let partition = world.topics.partition("many", PartitionId(number)).unwrap();
        let expected = if number == 7 { 2 } else { 1 };
        assert_eq!(values(&partition, 0).len(), expected);
    }
}

/// Mutations: `note_start` that makes its file durable; `SegmentName::is_durable` that is false for what was noted.
#[test]
fn segments_that_all_begin_in_one_flush_take_no_sync_each() {
    let (mut world, counted) = counted_world();
    let topic = create_many(&world);
    for partition in topic.partitions().iter() {
        let mut config = topic.config().log.clone();
        config.segment_bytes = 1;
        partition.log.set_config(config);
    }
    let other = other(&world);
    for value in ["a", "b", "c", "d"] {
        counted.take_uses();
        append_to_each(&world, &topic, value);
        let uses = counted.take_uses();
        assert!(uses.file_syncs <= 2, "{uses:?}");
        assert_eq!(uses.directory_syncs, 0, "{value}");
        // One checkpoint may have begun before a segment did.
        for _ in 0..2 {
            append_to_each(&world, &other, value);
            world.topics.0.checkpoint.run().unwrap();
        }
    }
    world.storage.cut_power();
    world.reopen();
    for number in 0..MANY {
        let partition = world.topics.partition("many", PartitionId(number)).unwrap();
        assert_eq!(values(&partition, 0).len(), 4);
    }
}

/// Mutation: `Registry::new_partition` that opens its log instead of beginning it.
#[test]
fn new_partitions_do_not_ask_the_disk_what_it_has_of_them() {
    let (world, counted) = counted_world();
    world.create("few");
    counted.take_uses();
    let topic = create_many(&world);
    let name = topic.name().clone();
    let added = world.topics.add_partitions(&name, MANY + 9, Commit::Yes);
    world.drive(added).unwrap();
    let uses = counted.take_uses();
    let expected = Uses {
        // The events, in the commit log.
        file_syncs: 2,
        ..Uses::default()
    };
    assert_eq!(uses, expected);
    append_to_each(&world, &topic, "a");
}

/// Mutation: a `Burial` that is finished for each log of the flush by itself.
#[test]
fn a_topic_of_many_partitions_is_deleted_with_a_few_syncs() {
    let (mut world, counted) = counted_world();
    let topic = create_many(&world);
    append_to_each(&world, &topic, "a");
    world.topics.0.checkpoint.run().unwrap();
    counted.take_uses();
    world.drive(world.topics.delete(topic.name())).unwrap();
    let uses = counted.take_uses();
    let expected = Uses {
        // The event, in the commit log.
        file_syncs: 1,
        // Where the partitions were, and where they went.
        directory_syncs: 2,
        ..uses
    };
    assert_eq!(uses, expected);
    world.storage.cut_power();
    world.reopen();
    assert!(world.topics.topic("many").is_none());
    assert!(world.topics.recovery().quarantined.is_empty());
}

/// Mutation: `Registry::recovered` without `Checkpoint::retain`.
#[test]
fn a_start_forgets_how_far_deleted_logs_were_durable() {
    let (mut world, _) = counted_world();
    let topic = create_many(&world);
    append_to_each(&world, &topic, "a");
    world.create("kept");
    let kept = world.partition("kept");
    let appending = kept.append(batch(&["a"]), Acks::All).unwrap();
    world.drive(appending.durable()).unwrap();
    world.topics.0.checkpoint.run().unwrap();
    // The event is durable, and the process dies before it is carried out.
    world.give_up(world.topics.delete(topic.name()));
    world.flush();
    world.storage.kill();
    world.reopen();
    let point = |topic: &Topic| {
        let key = LogKey {
            topic: topic.id(),
            partition: 0,
        };
        world.topics.0.checkpoint.point(key)
    };
    assert_eq!(point(&topic), 0);
    assert_eq!(point(&world.topics.topic("kept").unwrap()), 1);
}

/// A world in which `orders` has many batches of some 400 bytes, 64 KiB and more, and a few that no
/// checkpoint has seen.
fn world_with_a_long_log() -> (FaultyWorld, CountedStorage) {
    let (world, counted) = counted_world();
    let configs = [("index.interval.bytes", "1000")];
    let orders = world
        .topics
        .create(new_topic("orders", 1, &configs), Commit::Yes);
    world.drive(orders).unwrap();
    for number in 0..LONG {
        append_numbered(&world, number);
        if number % 16 == 0 {
            world.topics.0.checkpoint.run().unwrap();
        }
    }
    (world, counted)
}

/// Mutation: `first_timestamp` with `BatchWalk::new` reads 64 KiB.
#[test]
fn a_look_for_something_to_compact_reads_of_a_segment_the_header_of_its_first_batch() {
    let (world, counted) = world_with_a_long_log();
    let log = Arc::clone(&world.partition("orders").log);
    log.begin_segment_at(i64::from(LONG));
    append_numbered(&world, LONG);
    let policy = CompactionPolicy {
        min_dirty_ratio: 0.5,
        min_lag_ms: 0,
        max_lag_ms: 1000,
        delete_retention_ms: 0,
        index_bytes_max: u32::MAX,
    };
    counted.take_uses();
    let spans = log.segment_spans(&policy).unwrap();
    let times: Vec<_> = spans.iter().map(|span| span.first_timestamp).collect();
    assert_eq!(times, [Some(NOW)]);
    assert_eq!(
        counted.take_uses().segment_bytes,
        record_batch::HEADER_BYTES
    );
}

const LONG: i32 = 250;

fn append_numbered(world: &FaultyWorld, number: i32) {
    let text = format!("{number} {}", "x".repeat(300));
    let records = [record(&text, NOW + i64::from(number))];
    let producer = BatchProducer {
        id: 7,
        epoch: 0,
        base_sequence: number,
    };
    let batch = batch_of(&records).with_producer(producer).build();
    let appending = world
        .partition("orders")
        .append(batch.unwrap().unwrap(), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
}

/// Everything is read, from each offset and by each time, and the producer is known.
fn assert_whole(world: &FaultyWorld, count: i32) {
    let orders = world.partition("orders");
    for number in (0..count).step_by(2) {
        let from = i64::from(number);
        let read = values(&orders, from);
        assert_eq!(read.len(), usize::try_from(count - number).unwrap());
        assert!(read[0].1.starts_with(&format!("{number} ")));
        let found = orders.log.first_at_or_after(NOW + from, 0, i64::MAX);
        assert_eq!(found.unwrap().map(|found| found.offset), Some(from));
    }
}

/// Mutation: `largest_in_range` that looks into every candidate.
#[test]
fn the_largest_timestamp_is_found_without_a_look_into_every_batch() {
    const LARGE: usize = 200_000;
    let (world, counted) = counted_world();
    world.create("orders");
    let orders = world.partition("orders");
    // The one that is larger than all will be deleted.
    for time in [1_000, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16, 2, 3] {
        let large = [record(&"x".repeat(LARGE), NOW + time)];
        let batch = batch_of(&large).build().unwrap().unwrap();
        let appending = orders.append(batch, Acks::All).unwrap();
        world.drive(appending.durable()).unwrap();
        world.topics.0.checkpoint.run().unwrap();
    }
    world.drive(orders.delete_records(Some(Offset(1)))).unwrap();
    counted.take_uses();
    let found = orders.offset_for(OffsetSpec::MaxTimestamp, Isolation::ReadUncommitted);
    let found = found.unwrap().unwrap();
    let timestamp = Some(TimestampMs(NOW + 16));
    assert_eq!((found.offset, found.timestamp), (Offset(12), timestamp));
    let read = counted.take_uses().segment_bytes;
    assert!(read < 8 * LARGE, "{read}");
}

/// Mutation: `Recovery::resumed` that finds nothing reads all of the segment, and so does
/// `Saver::save` without `PartitionLog::save` or without `Partition::save_producers`.
#[test]
fn a_start_after_a_kill_reads_of_a_long_log_what_came_last() {
    let (mut world, counted) = world_with_a_long_log();
    let size = usize::try_from(world.partition("orders").log.size()).unwrap();
    world.storage.kill();
    counted.take_uses();
    world.reopen();
    let read = counted.take_uses().segment_bytes;
    assert!(size > 90_000, "{size}");
    assert!(read < size / 6, "{read} of {size}");
    assert_whole(&world, LONG);
    append_numbered(&world, LONG);
    assert_whole(&world, LONG + 1);
    world.storage.cut_power();
    world.reopen();
    assert_whole(&world, LONG + 1);
}

/// Mutation: `SavedEntries::load` that does not compare the checksum believes the entry.
#[test]
fn an_index_that_is_not_what_was_saved_is_built_again() {
    let (mut world, counted) = world_with_a_long_log();
    let (_, end) = world.partition("orders").log.bounds();
    assert_eq!(end, i64::from(LONG));
    world.storage.kill();
    let path = Path::new("/data/topics/orders-0/00000000000000000000.index");
    let file = world.disk().open(path, OpenMode::Write).unwrap();
    let entries = file.read_at(0, 16).unwrap();
    // The position of the first entry, still before that of the second.
    let harmed = [entries[4], entries[5], entries[6], entries[7] + 1];
    file.write_at(4, &[&harmed]).unwrap();
    counted.take_uses();
    world.reopen();
    assert!(counted.take_uses().segment_bytes > 90_000);
    assert_whole(&world, LONG);
}

/// Mutation: `Recovery::trust` that returns how the last stop was.
#[test]
fn of_logs_that_are_known_to_be_durable_nothing_is_read_from_the_disk_again() {
    let (mut world, counted) = counted_world();
    let topic = create_many(&world);
    append_to_each(&world, &topic, "a");
    world.topics.0.checkpoint.run().unwrap();
    let appending = topic.partitions()[7].append(batch(&["b"]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
    world.storage.kill();
    counted.take_uses();
    world.reopen();
    let uses = counted.take_uses();
    // Of the one that is in doubt: its label, twice, its epochs, its segment; and of the metadata.
    assert!(uses.drops <= 8, "{uses:?}");
    assert!(uses.file_syncs + uses.directory_syncs < 20, "{uses:?}");
}

/// Mutations: `is_labelled` that is false; a `Registry::move_away` that syncs where each of them went.
#[test]
fn a_start_reads_a_label_once_and_moves_what_was_deleted_with_a_few_syncs() {
    let (mut world, counted) = counted_world();
    let topic = create_many(&world);
    append_to_each(&world, &topic, "a");
    world.storage.kill();
    counted.take_uses();
    world.reopen();
    let drops = counted.take_uses().drops;
    // Of each its label, its epochs and its segment, and those of the metadata.
    let each = usize::try_from(MANY).unwrap();
    assert!(drops <= each * 3 + 8, "{drops}");
    let topic = world.topics.topic("many").unwrap();
    world.topics.0.checkpoint.run().unwrap();
    // The event is durable, and the process dies before it is carried out.
    world.give_up(world.topics.delete(topic.name()));
    world.flush();
    world.storage.kill();
    counted.take_uses();
    world.reopen();
    let syncs = counted.take_uses().directory_syncs;
    assert!(syncs < 20, "{syncs}");
}

/// Appends a record while retention waits for the disk to sync the partition's directory once more
/// than `after` times; `false` where it does not wait so often.
fn append_while_retention_waits(after: usize) -> bool {
    let (mut world, counted) = counted_world();
    let configs = [("retention.ms", "1000"), ("segment.bytes", "1048576")];
    let orders = new_topic("orders", 1, &configs);
    world
        .drive(world.topics.create(orders, Commit::Yes))
        .unwrap();
    let large = "x".repeat(700_000);
    for value in [&large, &large, "last"] {
        let old = batch_of(&[record(value, NOW - 10_000)]).build();
        let appending = world
            .partition("orders")
            .append(old.unwrap().unwrap(), Acks::All);
        world.drive(appending.unwrap().durable()).unwrap();
    }
    world.topics.0.checkpoint.run().unwrap();
    let (held, is_held) = mpsc::channel();
    let (released, release) = mpsc::channel();
    counted.hold(Hold {
        at: HeldAt::SyncOfPartition,
        after,
        held,
        release,
    });
    let topics = world.topics.clone();
    let retaining = std::thread::spawn(move || topics.retention_check());
    let has_waited = loop {
        if is_held.recv_timeout(Duration::from_millis(10)).is_ok() {
            let meanwhile = world.partition("orders").append(batch(&["new"]), Acks::All);
            world.flush_alone().unwrap();
            assert_eq!(
                wait(meanwhile.unwrap().durable()).unwrap().base_offset,
                Offset(3)
            );
            released.send(()).unwrap();
            break true;
        }
        if retaining.is_finished() {
            break false;
        }
    };
    retaining.join().unwrap().unwrap();
    let offsets = world.partition("orders").offsets();
    assert!((1..=3).contains(&offsets.log_start.0), "{offsets:?}");
    world.storage.cut_power_and_forget();
    world.reopen();
    let found = values(&world.partition("orders"), 3);
    let expected = [(3, "new")];
    assert_eq!(
        found,
        pairs(&expected[..usize::from(has_waited)]),
        "{after}"
    );
    has_waited
}

/// Mutation: where `retain` holds `writer` while the disk works, the flush waits for it.
#[test]
fn no_producer_waits_for_the_disk_of_retention() {
    let mut after = 0;
    while append_while_retention_waits(after) {
        after += 1;
    }
    assert!(after >= 3, "the end, the start and what goes");
}
