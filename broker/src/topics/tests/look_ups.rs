//! Looking records up by time, in logs of several segments, against a look at every record.

use proptest::prelude::*;

use super::failure::FaultyWorld;
use super::*;
use crate::log::OpenMode;

/// The topic of these tests.
const TOPIC: &str = "orders";

/// A world with one topic, whose segments hold few records.
fn world_with_small_segments() -> FaultyWorld {
    let world = FaultyWorld::new(1);
    world.create(TOPIC);
    make_segments_small(&world);
    world
}

fn make_segments_small(world: &FaultyWorld) {
    let topic = world.topics.topic(TOPIC).unwrap();
    let mut config = topic.config().log.clone();
    config.segment_bytes = 500;
    config.index_interval_bytes = 50;
    world.partition(TOPIC).log.set_config(config);
}

fn append_at(world: &FaultyWorld, timestamps: &[i64]) {
    let records: Vec<_> = timestamps
        .iter()
        .map(|timestamp| record("0123456789", *timestamp))
        .collect();
    let batch = batch_of(&records).build().unwrap().unwrap();
    let appending = world.partition(TOPIC).append(batch, Acks::All).unwrap();
    world.drive(appending.durable()).unwrap();
}

fn found(partition: &Partition, spec: OffsetSpec) -> Option<(i64, i64)> {
    let found = partition.offset_for(spec, Isolation::ReadUncommitted);
    let found = found.unwrap()?;
    Some((found.offset.0, found.timestamp.unwrap().0))
}

/// Asks for every time there is and those beside it, and compares with a look at every record.
fn assert_found_as_by_scan(partition: &Partition, timestamps: &[i64]) {
    let start = partition.offsets().log_start.0;
    let records = || {
        (0..)
            .zip(timestamps.iter().copied())
            .filter(|(offset, _)| *offset >= start)
    };
    for (_, timestamp) in records() {
        for asked in [timestamp - 1, timestamp, timestamp + 1] {
            let expected = records().find(|(_, timestamp)| *timestamp >= asked);
            let at = OffsetSpec::At(TimestampMs(asked));
            assert_eq!(found(partition, at), expected, "at {asked}");
        }
    }
    let largest = records().map(|(_, timestamp)| timestamp).max();
    let expected = records().find(|(_, timestamp)| Some(*timestamp) == largest);
    assert_eq!(found(partition, OffsetSpec::MaxTimestamp), expected);
}

#[test]
fn every_record_of_an_ascending_log_is_found_by_its_own_timestamp() {
    let world = world_with_small_segments();
    let timestamps: Vec<i64> = (-40..0).map(|hour| NOW + hour * 3_600_000).collect();
    for timestamp in &timestamps {
        append_at(&world, &[*timestamp]);
    }
    assert_found_as_by_scan(&world.partition(TOPIC), &timestamps);
}

#[test]
fn young_records_behind_a_clean_stop_and_a_kill_stay_and_are_found() {
    let days = |count: i64| NOW - count * 24 * 3_600_000;
    let mut world = world_with_small_segments();
    let old = days(3);
    append_at(&world, &[old]);
    world.topics.close().unwrap();
    world.storage.kill();
    world.reopen();
    make_segments_small(&world);
    // The first of these share a segment with the old one; then it is full, and nobody has written
    // its indexes again.
    let timestamps: Vec<i64> = std::iter::once(old).chain((0..12).map(|_| NOW)).collect();
    for timestamp in &timestamps[1..] {
        append_at(&world, &[*timestamp]);
    }
    world.storage.kill();
    world.reopen();
    let partition = world.partition(TOPIC);
    let mut config = world.topics.topic(TOPIC).unwrap().config().log.clone();
    config.retention.ms = Some(2 * 24 * 3_600_000);
    partition.log.set_config(config);
    world.topics.retention_check().unwrap();
    assert_eq!(partition.offsets().log_start, Offset(0));
    assert_found_as_by_scan(&partition, &timestamps);
}

/// Mutation: `time_floor` that believes the entry it finds.
#[test]
fn a_rotten_entry_of_a_time_index_hides_no_record() {
    let world = world_with_small_segments();
    let mut config = world.topics.topic(TOPIC).unwrap().config().log.clone();
    config.segment_bytes = 4_000;
    config.index_interval_bytes = 50;
    world.partition(TOPIC).log.set_config(config);
    let timestamps: Vec<i64> = (-80..0).map(|hour| NOW + hour * 3_600_000).collect();
    for timestamp in &timestamps {
        append_at(&world, &[*timestamp]);
    }
    let partition = world.partition(TOPIC);
    let path = Path::new("/data/topics/orders-0/00000000000000000000.timeindex");
    partition.log.write_indexes().unwrap();
    assert_found_as_by_scan(&partition, &timestamps);
    let entries = world.disk().read_file(path).unwrap().unwrap().len() / 12;
    assert!(entries > 20, "{entries}");
    for entry in 0..entries - 1 {
        // What was found to be rotten is written anew.
        partition.log.write_indexes().unwrap();
        let mut bytes = world.disk().read_file(path).unwrap().unwrap().to_vec();
        let found = &mut bytes[entry * 12..][..12];
        found[1] = 0;
        let file = world.disk().open(path, OpenMode::Write).unwrap();
        file.write_at(0, &[&bytes]).unwrap();
        assert_found_as_by_scan(&partition, &timestamps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_look_up_by_time_finds_what_a_scan_finds(
        batches in prop::collection::vec(prop::collection::vec(0_i64..60, 1..4), 1..40),
        deleted in 0_i64..40,
        indexes_are_written in any::<bool>(),
        is_restarted in any::<bool>(),
    ) {
        let mut world = world_with_small_segments();
        let mut timestamps = Vec::new();
        for batch in batches {
            let batch: Vec<i64> = batch.iter().map(|minute| NOW + minute * 60_000).collect();
            append_at(&world, &batch);
            timestamps.extend(batch);
        }
        let partition = world.partition(TOPIC);
        if indexes_are_written {
            partition.log.write_indexes().unwrap();
        }
        let end = partition.offsets().high_watermark.0;
        let deletion = partition.delete_records(Some(Offset(deleted.min(end - 1))));
        world.drive(deletion).unwrap();
        drop(partition);
        if is_restarted {
            world.storage.kill();
            world.reopen();
        }
        assert_found_as_by_scan(&world.partition(TOPIC), &timestamps);
    }
}
