//! What thousands of partitions must not cost: proven by what is asked of the disk.

use super::failure::{FaultyWorld, SMALL};
use super::*;
use crate::log::{CountedStorage, Disk, FaultyStorage, LogKey, Uses};

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
