//! Reading a log to its end: nothing is left out, nothing comes twice, whoever reads and wherever it comes from.

use super::*;
use crate::limits::TAIL_BYTES_MAX;

/// A log of several segments; batches from small ones to some that are larger than what is read at once.
fn filled(world: &World) -> (Arc<Partition>, Vec<u8>) {
    world.create("orders", 1, &[("segment.bytes", "1048576")]);
    let partition = world.partition("orders");
    for number in 0..120_usize {
        let size = match number % 10 {
            0 => 200_000,
            1..4 => 40_000,
            _ => number,
        };
        append(&partition, batch(&["x".repeat(size).as_str(), "y"])).unwrap();
    }
    let mut request = read_request(0);
    let mut whole = Vec::new();
    loop {
        request.max_bytes = 0;
        let outcome = partition.read(request).unwrap();
        if outcome.records.is_empty() {
            return (partition, whole);
        }
        whole.extend(outcome.records.concat());
        request.offset = behind(&outcome);
    }
}

/// The offset behind what was read.
fn behind(outcome: &ReadOutcome) -> Offset {
    let batches = record_batch::batches(outcome.records.concat().into());
    let last = batches.last().unwrap().unwrap();
    Offset(last.header().last_offset() + 1)
}

/// It fails where `SegmentRead::true_batches` leaves `limit` out, and where `ReadBuffer::into_bytes` forgets
/// what is behind the last whole piece.
#[test]
fn every_way_to_read_a_log_to_its_end_gives_the_same_bytes() {
    let world = World::new();
    let (partition, whole) = filled(&world);
    assert!(
        world
            .files("orders-0")
            .iter()
            .filter(|name| name.ends_with(".log"))
            .count()
            > 2
    );
    let world = world.restarted();
    for max_bytes in [1, 100, 65_536, 70_000, 1 << 20, 1 << 26] {
        let partition = world.partition("orders");
        let mut request = ReadRequest {
            max_bytes,
            ..read_request(0)
        };
        let mut read = Vec::new();
        while request.offset < partition.offsets().high_watermark {
            let resident = partition.read_resident(request);
            let outcome = resident.unwrap_or_else(|| partition.read(request)).unwrap();
            assert!(outcome.size() <= max_bytes || outcome.records.concat().len() < 250_000);
            assert!(!outcome.records.is_empty());
            request.offset = behind(&outcome);
            read.extend(outcome.records.concat());
        }
        assert!(read == whole, "{max_bytes}");
    }
    drop(partition);
}

#[test]
fn from_every_offset_the_batch_that_holds_it_comes_first() {
    let world = World::new();
    let (partition, whole) = filled(&world);
    let mut rest = Bytes::from(whole);
    for first in (0..240).step_by(2) {
        for offset in [first, first + 1] {
            let records = partition
                .read(read_request(offset))
                .unwrap()
                .records
                .concat();
            assert!(rest.starts_with(&records), "{offset}");
        }
        let batch = record_batch::batches(rest.clone()).next().unwrap().unwrap();
        rest = rest.split_off(batch.header().size().unwrap());
    }
}

/// What is in the system's memory is read without a wait from where a read ended, in old segments too. It fails where
/// `PartitionLog::read_place` leaves no bookmark.
#[test]
fn who_goes_on_where_a_read_ended_needs_neither_index_nor_disk() {
    let world = World::new();
    let (partition, _) = filled(&world);
    let newest = read_request(239);
    if partition.read_resident(newest).is_none() {
        // A file system that cannot tell what is in memory.
        return;
    }
    let inside = partition.read(ReadRequest {
        max_bytes: 1,
        ..read_request(51)
    });
    let next = behind(&inside.unwrap());
    let elsewhere = ReadRequest {
        offset: Offset(next.0 + 2),
        ..read_request(0)
    };
    assert!(partition.read_resident(elsewhere).is_none());
    let mut request = ReadRequest {
        offset: next,
        max_bytes: 70_000,
        ..read_request(0)
    };
    while request.offset < partition.offsets().high_watermark {
        let outcome = partition.read_resident(request).unwrap().unwrap();
        request.offset = behind(&outcome);
    }
}

/// However many partitions are followed, they share one bound, and what came first goes first. It fails where
/// `Tails::admit` lets nothing go.
#[test]
fn all_tails_together_hold_no_more_than_the_bound() {
    const PARTITIONS: i32 = 8;
    const BATCHES: i64 = 6;
    let world = World::new();
    world.create("orders", PARTITIONS, &[]);
    let value = "x".repeat(900_000);
    let partitions: Vec<_> = (0..PARTITIONS)
        .map(|partition| world.partition_of("orders", partition))
        .collect();
    for partition in &partitions {
        assert!(partition.read_cached(read_request(0)).is_some());
        for _ in 0..BATCHES {
            append(partition, batch(&[&value])).unwrap();
        }
    }
    let everything = |offset| ReadRequest {
        max_bytes: 1 << 26,
        ..read_request(offset)
    };
    let cached = |partition: &Partition| {
        let reads = (0..BATCHES).filter_map(|offset| partition.read_cached(everything(offset)));
        reads.map(|read| read.unwrap().size()).max().unwrap_or(0)
    };
    let cached: Vec<_> = partitions
        .iter()
        .map(|partition| cached(partition))
        .collect();
    let whole: usize = cached.iter().sum();
    assert!(
        whole <= TAIL_BYTES_MAX && whole > TAIL_BYTES_MAX / 2,
        "{cached:?}"
    );
    assert_eq!(cached[0], 0, "{cached:?}");
    assert!(cached[7] > 5_000_000, "{cached:?}");
}
