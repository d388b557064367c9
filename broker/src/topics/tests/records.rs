//! The records of a partition: appended, repeated, read, found, deleted.

use super::*;

#[test]
fn a_repeated_batch_gets_the_original_offset_also_after_a_restart_and_a_kill() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    assert!(matches!(
        append(&partition, sequenced(&["x"], 0, 5)),
        Err(AppendError::OutOfOrderSequence { .. })
    ));
    for index in 0..7 {
        let appended = append(&partition, sequenced(&["a", "b"], 0, index * 2)).unwrap();
        assert_eq!(appended.base_offset, Offset(i64::from(index) * 2));
    }
    let check = |partition: &Partition| {
        for index in 2..7 {
            let again = append(partition, sequenced(&["a", "b"], 0, index * 2)).unwrap();
            assert_eq!(again.base_offset, Offset(i64::from(index) * 2));
        }
        assert!(matches!(
            append(partition, sequenced(&["a", "b"], 0, 18)),
            Err(AppendError::OutOfOrderSequence { .. })
        ));
        assert_eq!(partition.offsets().high_watermark, Offset(14));
    };
    check(&partition);
    drop(partition);
    let world = world.restarted();
    check(&world.partition("orders"));
    let files = world.files("orders-0");
    assert!(files.contains(&"00000000000000000014.snapshot".to_owned()));
    let world = world.killed();
    check(&world.partition("orders"));
    let snapshot = "data/topics/orders-0/00000000000000000014.snapshot";
    std::fs::write(world.directory.path().join(snapshot), "garbage").unwrap();
    let world = world.killed();
    let partition = world.partition("orders");
    check(&partition);
    append(&partition, sequenced(&["c"], 0, 14)).unwrap();
    let again = append(&partition, sequenced(&["a", "b"], 0, 2)).unwrap();
    assert_eq!(
        again.base_offset,
        Offset(2),
        "more are known than may be in flight"
    );
    append(&partition, sequenced(&["d"], 1, 0)).unwrap();
    assert!(matches!(
        append(&partition, sequenced(&["e"], 0, 15)),
        Err(AppendError::StaleProducerEpoch { .. })
    ));
}

#[test]
fn deleted_records_stay_deleted_and_the_log_start_never_moves_back() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    for value in ["a", "b", "c"] {
        append(&partition, batch(&[value])).unwrap();
    }
    let delete = |to: Option<i64>| wait(partition.delete_records(to.map(Offset)));
    assert_eq!(delete(Some(2)).unwrap(), Offset(2));
    assert_eq!(delete(Some(1)).unwrap(), Offset(2));
    assert!(matches!(
        delete(Some(4)),
        Err(DeleteRecordsError::OffsetOutOfRange { .. })
    ));
    assert!(matches!(
        partition.read(read_request(1)),
        Err(ReadError::OffsetOutOfRange { .. })
    ));
    assert_eq!(values(&partition, 2), pairs(&[(2, "c")]));
    assert_eq!(delete(None).unwrap(), Offset(3));
    drop(partition);
    let world = world.killed();
    let partition = world.partition("orders");
    assert_eq!(partition.offsets().log_start, Offset(3));
    let appended = append(&partition, batch(&["d"])).unwrap();
    assert_eq!(appended.base_offset, Offset(3));
    assert_eq!(appended.log_start_offset, Offset(3));
}

#[test]
fn a_record_is_found_by_its_timestamp_within_a_compressed_batch() {
    for compression in Compression::ALL {
        let world = World::new();
        world.create("orders", 1, &[]);
        let partition = world.partition("orders");
        for start in [0, 100, 50] {
            let mut builder = BatchBuilder::new(*compression);
            for index in 0..10 {
                builder
                    .append(&record("same same same", NOW + start + index))
                    .unwrap();
            }
            append(&partition, builder.build().unwrap().unwrap()).unwrap();
        }
        let found = |spec| {
            let found = partition.offset_for(spec, Isolation::ReadUncommitted);
            found
                .unwrap()
                .map(|found| (found.offset.0, found.timestamp.map(|time| time.0 - NOW)))
        };
        let at = |millis: i64| found(OffsetSpec::At(TimestampMs(NOW + millis)));
        assert_eq!(at(-5), Some((0, Some(0))));
        assert_eq!(at(3), Some((3, Some(3))));
        assert_eq!(at(10), Some((10, Some(100))));
        assert_eq!(at(55), Some((10, Some(100))));
        assert_eq!(at(109), Some((19, Some(109))));
        assert_eq!(at(110), None);
        assert_eq!(found(OffsetSpec::MaxTimestamp), Some((19, Some(109))));
        assert_eq!(found(OffsetSpec::Earliest), Some((0, None)));
        assert_eq!(found(OffsetSpec::Latest), Some((30, None)));
        wait(partition.delete_records(Some(Offset(12)))).unwrap();
        assert_eq!(at(-5), Some((12, Some(102))));
        wait(partition.delete_records(Some(Offset(20)))).unwrap();
        assert_eq!(found(OffsetSpec::MaxTimestamp), Some((29, Some(59))));
        assert_eq!(found(OffsetSpec::Earliest), Some((20, None)));
    }
}

#[test]
fn the_rules_of_a_topic_are_applied_to_a_batch() {
    let world = World::new();
    world.create(
        "limited",
        1,
        &[
            ("message.timestamp.before.max.ms", "1000"),
            ("cleanup.policy", "compact"),
            ("min.insync.replicas", "2"),
        ],
    );
    let partition = world.partition("limited");
    let refusal = |records: &[NewRecord], acks| {
        let batch = batch_of(records).build().unwrap().unwrap();
        partition.append(batch, acks).unwrap_err()
    };
    let good = record("a", NOW);
    let old = record("b", NOW - 1001);
    let early = record("c", NOW + 3_600_001);
    let without_key = NewRecord {
        key: None,
        ..good.clone()
    };
    assert!(matches!(
        refusal(std::slice::from_ref(&good), Acks::All),
        AppendError::NotEnoughReplicas { required: 2 }
    ));
    for bad in [old, early] {
        let refusal = refusal(&[good.clone(), bad], Acks::Leader);
        assert!(matches!(refusal, AppendError::InvalidTimestamp { .. }));
        assert_eq!(refusal.record_index(), Some(1));
    }
    let refusal = refusal(&[good.clone(), good.clone(), without_key], Acks::Leader);
    assert!(matches!(refusal, AppendError::MissingKey { .. }));
    assert_eq!(refusal.record_index(), Some(2));
    let fine = batch_of(&[good]).build().unwrap().unwrap();
    let fine = partition.append(fine, Acks::Leader).unwrap();
    assert_eq!(wait(fine.durable()).unwrap().base_offset, Offset(0));
}

#[test]
fn a_topic_may_stamp_and_compress_by_itself() {
    let world = World::new();
    world.create(
        "own",
        1,
        &[
            ("message.timestamp.type", "LogAppendTime"),
            ("compression.type", "zstd"),
        ],
    );
    let partition = world.partition("own");
    let text = "text ".repeat(100);
    let sent = sequenced(&[&text], 0, 0);
    let appended = append(&partition, sent.clone()).unwrap();
    assert_eq!(appended.log_append_time, Some(TimestampMs(NOW)));
    world.clock.advance(Duration::from_secs(5));
    let again = append(&partition, sent).unwrap();
    assert_eq!(again, appended, "the duplicate has the original's time");
    let read = partition.read(read_request(0)).unwrap();
    let batch = record_batch::batches(read.records[0].clone())
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(
        batch.header().attributes.compression(),
        Some(Compression::Zstd)
    );
    assert!(batch.has_valid_crc());
    assert_eq!(values(&partition, 0), pairs(&[(0, &text)]));
}

#[test]
fn a_read_obeys_its_limits() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    for _ in 0..10 {
        append(&partition, batch(&["0123456789"])).unwrap();
    }
    let size = usize::try_from(partition.size()).unwrap() / 10;
    let bytes = |offset, max_bytes, first_batch_max| {
        let request = ReadRequest {
            max_bytes,
            first_batch_max,
            ..read_request(offset)
        };
        partition.read(request).unwrap().size()
    };
    assert_eq!(bytes(0, 3 * size, Some(size)), 3 * size);
    assert_eq!(bytes(0, 3 * size + size / 2, Some(size)), 3 * size);
    assert_eq!(bytes(0, 1, Some(size)), size);
    assert_eq!(bytes(0, 1, None), 0);
    assert_eq!(bytes(8, 100 * size, Some(size)), 2 * size);
    assert_eq!(bytes(10, 100 * size, Some(size)), 0);
    let cramped = ReadRequest {
        max_bytes: 1,
        first_batch_max: Some(size - 1),
        ..read_request(0)
    };
    let refusal = partition.read(cramped).unwrap_err();
    assert!(matches!(refusal, ReadError::NoRoom { bytes } if bytes == size));
    assert!(matches!(
        partition.read(read_request(11)),
        Err(ReadError::OffsetOutOfRange { .. })
    ));
}

#[test]
fn a_waiting_fetch_wakes_for_durable_data_deletion_of_records_and_of_the_topic() {
    let world = World::new();
    let topic = world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    let mut waiter = FetchWaiter::new();
    partition.watch(&mut waiter);
    let appending = partition.append(batch(&["a"]), Acks::Leader).unwrap();
    wait(waiter.woken());
    assert_eq!(partition.offsets().high_watermark, Offset(1));
    wait(appending.durable()).unwrap();
    wait(partition.delete_records(None)).unwrap();
    wait(waiter.woken());
    wait(world.topics.delete(topic.name())).unwrap();
    wait(waiter.woken());
    assert!(matches!(
        partition.read(read_request(1)),
        Err(ReadError::Deleted)
    ));
}

#[test]
fn a_reader_at_the_end_gets_what_comes_from_memory() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    append(&partition, batch(&["before"])).unwrap();
    let cached = |offset| {
        let outcome = partition.read_cached(read_request(offset))?;
        Some(outcome.unwrap().size())
    };
    assert_eq!(cached(0), None, "nobody was at the end");
    assert_eq!(cached(1), Some(0));
    append(&partition, batch(&["a"])).unwrap();
    append(&partition, batch(&["b", "c"])).unwrap();
    let from_memory = partition.read_cached(read_request(1)).unwrap().unwrap();
    let from_memory = from_memory.records.concat();
    let all = partition.read(read_request(0)).unwrap().records.concat();
    assert!(all.len() > from_memory.len() && all.ends_with(&from_memory));
    assert!(cached(2).unwrap() < from_memory.len());
    assert_eq!(cached(0), None);
    wait(partition.delete_records(Some(Offset(2)))).unwrap();
    assert!(partition.read_cached(read_request(1)).unwrap().is_err());
}

/// Mutation: `tend` without `expire_producers`.
#[test]
fn producers_of_an_idle_partition_are_forgotten_after_a_day() {
    let world = World::new();
    world.create("orders", 1, &[]);
    append(&world.partition("orders"), sequenced(&["a"], 0, 0)).unwrap();
    world.topics.retention_check().unwrap();
    assert_eq!(world.topics.producers(), (1, 1000));
    let world = world.restarted();
    assert_eq!(world.topics.producers(), (1, 1000));
    world.clock.advance(Duration::from_hours(25));
    world.topics.retention_check().unwrap();
    assert_eq!(world.topics.producers(), (0, 1000));
}
