use std::path::Path;

use bytes::Bytes;
use sluice_protocol::record_batch::{BatchBuilder, Compression, NewRecord, Stamp, StampedBatch};

use super::super::{Disk, FaultyStorage, OpenMode};
use super::*;

/// Batches one behind the other, at the offsets given, each with its number of records.
fn segment(batches: &[(i64, usize)]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut positions) = (Vec::new(), Vec::new());
    for (base_offset, count) in batches {
        let values = (0..*count).map(|number| format!("value {number} of {base_offset}").into());
        positions.push(bytes.len());
        bytes.extend(batch(*base_offset, values));
    }
    (bytes, positions)
}

/// A batch of records with these values.
fn batch(base_offset: i64, values: impl IntoIterator<Item = Bytes>) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Compression::None);
    for value in values {
        let record = NewRecord {
            timestamp: 1000 + base_offset,
            value: Some(value),
            ..NewRecord::default()
        };
        batch.append(&record).unwrap();
    }
    let stamp = Stamp {
        base_offset,
        leader_epoch: 0,
        append_time: None,
    };
    let batch = StampedBatch::new(&batch.build().unwrap().unwrap(), stamp);
    [&batch.header_bytes()[..], batch.record_bytes()].concat()
}

fn survey(bytes: &[u8], offsets: Range<i64>) -> Vec<Stretch> {
    let disk = Disk::new(FaultyStorage::new(1));
    disk.create_dir(Path::new("/data")).unwrap();
    let path = Path::new("/data/segment");
    disk.write_file(path, bytes).unwrap();
    let file = disk.open(path, OpenMode::Read).unwrap();
    let mut survey = SegmentSurvey::new(&file, file.size().unwrap(), offsets);
    let mut stretches = Vec::new();
    while let Some(stretch) = survey.next().unwrap() {
        stretches.push(stretch);
    }
    stretches
}

/// Base offsets of the sound batches, and the lost offsets.
fn seen(bytes: &[u8]) -> (Vec<i64>, Vec<(i64, i64)>) {
    let (mut sound, mut lost) = (Vec::new(), Vec::new());
    for stretch in survey(bytes, 100..200) {
        match stretch {
            Stretch::Batch(_, header) => sound.push(header.base_offset),
            Stretch::Damage(damage) => lost.push((damage.begin, damage.end.unwrap_or(200))),
        }
    }
    (sound, lost)
}

const FOUR: [(i64, usize); 4] = [(100, 3), (103, 5), (108, 1), (109, 2)];

#[test]
fn a_sound_segment_is_all_batches_gaps_included() {
    let (bytes, _) = segment(&FOUR);
    assert_eq!(seen(&bytes), (vec![100, 103, 108, 109], vec![]));
    let (bytes, _) = segment(&[(110, 3), (150, 5)]);
    assert_eq!(seen(&bytes), (vec![110, 150], vec![]));
}

/// Fails without the search byte by byte in `next_whole`, without `is_ahead`, and where the offsets of a
/// segment are not bounded by the next one's.
#[test]
fn any_flipped_bit_of_a_batch_costs_that_batch_and_no_other() {
    let (sound, positions) = segment(&FOUR);
    for at in positions[1]..positions[2] {
        for bit in [0, 3, 7] {
            // The epoch is in no checksum, and no batch is known by it.
            if (12..16).contains(&(at - positions[1])) {
                continue;
            }
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            let place = at - positions[1];
            let expected = (vec![100, 108, 109], vec![(103, 108)]);
            assert_eq!(seen(&bytes), expected, "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn what_is_cut_out_or_overwritten_or_torn_is_told_with_its_offsets() {
    let (sound, positions) = segment(&FOUR);
    let mut cut = sound.clone();
    cut.drain(positions[1] + 20..positions[2] + 9);
    assert_eq!(seen(&cut), (vec![100, 109], vec![(103, 109)]));
    let mut zeroed = sound.clone();
    zeroed[positions[0]..positions[2]].fill(0);
    assert_eq!(seen(&zeroed), (vec![108, 109], vec![(100, 108)]));
    let torn = &sound[..sound.len() - 1];
    assert_eq!(seen(torn), (vec![100, 103, 108], vec![(109, 200)]));
    let stretches = survey(torn, 100..200);
    let Some(Stretch::Damage(damage)) = stretches.last() else {
        panic!("{stretches:?}");
    };
    assert_eq!(damage.end, None);
    let is_torn = matches!(damage.fault, Fault::Torn { .. });
    assert!(is_torn, "{:?}", damage.fault);
    let inserted = [&sound[..positions[1]], b"junk", &sound[positions[1]..]].concat();
    assert_eq!(
        seen(&inserted),
        (vec![100, 103, 108, 109], vec![(103, 103)])
    );
}

#[test]
fn random_bytes_end_and_are_no_batches() {
    let mut rng = fastrand::Rng::with_seed(7);
    for size in [0, 1, 16, 60, 61, 62, 5000, 200_000] {
        let bytes: Vec<u8> = (0..size).map(|_| rng.u8(..)).collect();
        let stretches = survey(&bytes, 0..i64::MAX);
        assert_eq!(stretches.len(), usize::from(size > 0), "{size}");
        assert_eq!(survey(&vec![2; size], 0..i64::MAX).len(), stretches.len());
    }
}

/// Mutation: `is_whole` without `goes_on`.
#[test]
fn bytes_that_pretend_to_be_large_batches_hide_no_batch_behind_them() {
    const PRETENDED_BYTES: i32 = 14 << 20;
    let (batches, positions) = segment(&[(100, 1), (150, 1)]);
    let (before, behind) = batches.split_at(positions[1]);
    let mut fake = behind.get(..61).unwrap().to_vec();
    fake[8..12].copy_from_slice(&PRETENDED_BYTES.to_be_bytes());
    // All of them together claim more than a search may spend.
    let mut bytes = [before, &fake.repeat(20), behind].concat();
    bytes.resize(15 << 20, 0);
    let (sound, lost) = seen(&bytes);
    assert_eq!(sound, [100, 150]);
    assert_eq!(lost, [(101, 150), (151, 200)]);
}

/// Batches whose length is right are followed by what they say, though the headers lead no further than to the next
/// harmed one.
///
/// Mutations: `next_whole` without `follower`; `follower` that knows one of the two offsets only.
#[test]
fn a_batch_between_two_harmed_ones_is_found() {
    const CHECKSUM: usize = 17;
    const BASE_OFFSET: usize = 7;
    const MAGIC: usize = 16;
    let dense = [(100, 3), (103, 5), (108, 1), (109, 2), (111, 1)];
    let sparse = [(100, 3), (105, 3), (108, 1), (109, 2), (111, 1)];
    for (batches, harmed) in [(dense, CHECKSUM), (dense, BASE_OFFSET), (sparse, CHECKSUM)] {
        let (mut bytes, positions) = segment(&batches);
        bytes[positions[1] + harmed] ^= 1;
        bytes[positions[3] + MAGIC] ^= 1;
        let expected = (vec![100, 108, 111], vec![(103, 108), (109, 111)]);
        assert_eq!(seen(&bytes), expected, "{batches:?}, {harmed}");
    }
}

/// Mutation: `next_whole` without the rule about the offset that the harmed batch has.
#[test]
fn a_batch_in_a_record_at_that_very_offset_is_none_though_nothing_leads_behind_it() {
    const LENGTH: usize = 10;
    let held = batch(101, [Bytes::from("forged")]);
    let mut holder = batch(101, [held.into()]);
    holder[LENGTH] ^= 1;
    let bytes = [batch(100, [Bytes::from("true")]), holder].concat();
    assert_eq!(seen(&bytes), (vec![100], vec![(101, 200)]));
}

/// Mutation: `next_whole` without `is_last`.
#[test]
fn a_batch_in_a_record_of_the_last_batch_is_none_whatever_its_offset() {
    const CHECKSUM: usize = 17;
    let held = batch(105, [Bytes::from("forged")]);
    let mut holder = batch(101, [held.into()]);
    holder[CHECKSUM] ^= 1;
    let bytes = [batch(100, [Bytes::from("true")]), holder].concat();
    assert_eq!(seen(&bytes), (vec![100], vec![(101, 200)]));
}
