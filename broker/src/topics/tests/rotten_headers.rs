//! A bit of a header rots while the broker is down: the start loses that batch and no other, and no offset is given out twice.

use std::fs;

use super::damage::{
    RECORDS, append_more, assert_lost, batch_size, filled, flip, make_segments_small, range,
    segment,
};
use super::*;

/// A byte at each end of base offset, length, magic, checksum, attributes, last offset's delta, timestamps, producer and
/// count of records; that of the leader's epoch is not covered by the checksum.
const BYTES: [i64; 16] = [0, 6, 7, 8, 11, 16, 17, 22, 23, 25, 26, 27, 42, 50, 57, 60];
/// The first offset of the last segment.
const LAST: i64 = 9;

/// Mutations: `scan_durable` that is always plain; a ground without its border; `by_index` that is believed after a clean
/// stop whatever it leads to.
#[test]
fn a_header_that_rots_before_a_start_costs_its_batch_and_no_other() {
    for is_clean in [true, false] {
        for number in LAST..RECORDS {
            for byte in BYTES {
                let world = filled();
                world.end(is_clean);
                let position = (number - LAST) * batch_size() + byte;
                let mask = if byte % 2 == 0 { 0x01 } else { 0x40 };
                flip(&segment(&world, LAST), position, mask);
                let world = world.reopened();
                let what = format!("byte {byte} of {number}, bit {mask}, clean: {is_clean}");
                assert_lost(&world, &[range(number, number + 1)], &what);
                assert_eq!(world.topics.recovery().cut, [], "{what}");
                make_segments_small(&world);
                append_more(&world, RECORDS..RECORDS + 1);
                assert_lost(&world, &[range(number, number + 1)], &what);
            }
        }
    }
}

/// Mutation: `leaves_out` that is always false.
#[test]
fn behind_the_recovery_point_no_offset_is_left_out_even_where_the_log_was_compacted_once() {
    let world = World::new();
    world.create("orders", 1, &[("sluice.durability", "os")]);
    append(&world.partition("orders"), batch(&["one"])).unwrap();
    world.topics.0.checkpoint.run().unwrap();
    let log = segment(&world, 0);
    let size = i64::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    for value in ["two", "three"] {
        append(&world.partition("orders"), batch(&[value])).unwrap();
    }
    world.topics.0.stop_flushing();
    fs::write(log.with_file_name("compacted"), b"").unwrap();
    // The last batch, which is longer than the others by two letters, says that it is at another offset.
    flip(&log, 2 * size + 2, 16);
    let world = world.reopened();
    let partition = world.partition("orders");
    assert_eq!(values(&partition, 0), pairs(&[(0, "one"), (1, "two")]));
    assert_eq!(partition.offsets().log_end.0, 2);
}
