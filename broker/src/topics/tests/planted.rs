//! Records may hold whole batches, as backups and mirrors do: what harms the batch around them makes none of those a
//! record of the log.

use sluice_protocol::record_batch::{Stamp, StampedBatch};

use super::damage::{append_more, assert_lost, flip, range, segment};
use super::*;

/// The offset of the record that holds batches.
const HOLDER: i64 = 5;
/// Records in all, but where that one is the last.
const END: i64 = 12;

/// Whole batches one behind the other, as a log might have them.
fn batches_at(offsets: &[i64]) -> Bytes {
    let mut bytes = Vec::new();
    for base_offset in offsets {
        let stamp = Stamp {
            base_offset: *base_offset,
            leader_epoch: 0,
            append_time: None,
        };
        let forged = StampedBatch::new(&batch(&["forged"]), stamp);
        bytes.extend_from_slice(forged.header_bytes());
        bytes.extend_from_slice(forged.record_bytes());
    }
    bytes.into()
}

/// A world whose log has the record with those batches, and usual ones around it; and the position of its batch.
fn holding(planted: &[i64], end: i64) -> (World, i64) {
    let world = World::new();
    world.create("orders", 1, &[]);
    append_more(&world, 0..HOLDER);
    let position = std::fs::metadata(segment(&world, 0)).map_or(0, |it| it.len());
    let holder = NewRecord {
        value: Some(batches_at(planted)),
        ..record("", NOW)
    };
    let holder = batch_of(&[holder]).build().unwrap().unwrap();
    append(&world.partition("orders"), holder).unwrap();
    append_more(&world, HOLDER + 1..end);
    (world, i64::try_from(position).unwrap())
}

/// Mutation: `next_whole` that takes the first whole batch, wherever it leads.
#[test]
fn batches_in_a_record_are_none_of_the_log_whatever_becomes_of_the_one_around_them() {
    let planted: [&[i64]; 5] = [&[5], &[8], &[6, 7, 8], &[5, 6, 7], &[4, 9]];
    // Length, magic, base offset, last offset's delta, checksum.
    let harms = [
        (10, 0x01),
        (11, 0x04),
        (16, 0x01),
        (7, 0x04),
        (26, 0x02),
        (20, 0x10),
    ];
    for planted in planted {
        for end in [END, HOLDER + 1] {
            for is_clean in [true, false] {
                for (byte, mask) in harms {
                    let (world, position) = holding(planted, end);
                    let what = format!(
                        "batches at {planted:?}, the end at {end}, byte {byte}, clean: {is_clean}"
                    );
                    world.end(is_clean);
                    flip(&segment(&world, 0), position + byte, mask);
                    let world = world.reopened();
                    append_more(&world, end..END);
                    assert_lost(&world, &[range(HOLDER, HOLDER + 1)], &what);
                    let world = world.restarted();
                    assert_lost(&world, &[range(HOLDER, HOLDER + 1)], &what);
                }
            }
        }
    }
}
