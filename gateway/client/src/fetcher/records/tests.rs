use sluice_protocol::compression::Compression;
use sluice_protocol::record_batch::{
    Attributes, BatchBuilder, BatchHeader, BatchProducer, CHECKED_FROM, HEADER_BYTES, NewRecord,
};

use super::*;

const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A batch of values at an offset, with attributes that the builder does not give.
fn batch(base_offset: i64, values: &[&str], producer: i64, attributes: i16) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None).with_producer(BatchProducer {
        id: producer,
        epoch: 0,
        base_sequence: 0,
    });
    for value in values {
        let is_marker = attributes & CONTROL != 0;
        let key = Bytes::copy_from_slice(value.as_bytes());
        let record = NewRecord {
            key: is_marker.then_some(key.clone()),
            value: (!is_marker).then_some(key),
            ..NewRecord::default()
        };
        builder.append(&record).unwrap();
    }
    let bytes = builder.build().unwrap().unwrap().into_bytes();
    let mut header = BatchHeader::decode(&bytes).unwrap();
    header.base_offset = base_offset;
    header.attributes = Attributes(attributes);
    let checked = [&header.to_bytes()[CHECKED_FROM..], &bytes[HEADER_BYTES..]].concat();
    header.crc = crc32c::crc32c(&checked);
    [&header.to_bytes()[..], &bytes[HEADER_BYTES..]].concat()
}

const ABORT: &str = "\0\0\0\0";
const COMMIT: &str = "\0\0\0\u{1}";

fn fetched(parts: &[Vec<u8>], offset: i64, aborted: &[(i64, i64)]) -> FetchedRecords {
    let aborted = aborted
        .iter()
        .map(|&(producer_id, first_offset)| AbortedTransaction {
            producer_id,
            first_offset,
        });
    FetchedRecords::new(parts.concat().into(), offset, aborted.collect(), 1 << 20)
}

fn values(records: &mut RecordIter) -> Vec<(i64, String)> {
    let values = records.map(|record| {
        let record = record.unwrap();
        let value = record.value.unwrap().to_vec();
        (record.offset, String::from_utf8(value).unwrap())
    });
    values.collect()
}

fn pairs(pairs: &[(i64, &str)]) -> Vec<(i64, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(offset, value)| (*offset, (*value).to_owned()))
        .collect()
}

#[test]
fn records_before_the_offset_asked_for_are_left_out() {
    let parts = [batch(10, &["a", "b", "c"], -1, 0), batch(13, &["d"], -1, 0)];
    let mut records = fetched(&parts, 12, &[]).iter();
    assert_eq!(values(&mut records), pairs(&[(12, "c"), (13, "d")]));
    assert_eq!(records.position(), 14);
}

#[test]
fn markers_and_aborted_records_are_left_out_and_passed() {
    let parts = [
        batch(0, &["lost"], 7, TRANSACTIONAL),
        batch(1, &["kept"], 8, TRANSACTIONAL),
        batch(2, &[ABORT], 7, TRANSACTIONAL | CONTROL),
        batch(3, &["again"], 7, TRANSACTIONAL),
        batch(4, &[COMMIT], 8, TRANSACTIONAL | CONTROL),
        batch(5, &[COMMIT], 7, TRANSACTIONAL | CONTROL),
    ];
    let mut committed = fetched(&parts, 0, &[(7, 0)]).iter();
    assert_eq!(values(&mut committed), pairs(&[(1, "kept"), (3, "again")]));
    assert_eq!(committed.position(), 6);
    let mut all = fetched(&parts, 0, &[]).iter();
    let seen = pairs(&[(0, "lost"), (1, "kept"), (3, "again")]);
    assert_eq!(values(&mut all), seen);
}

#[test]
fn a_batch_cut_off_at_the_end_is_not_there_yet() {
    let mut parts = vec![batch(0, &["a"], -1, 0), batch(1, &["b"], -1, 0)];
    parts[1].truncate(65);
    let mut records = fetched(&parts, 0, &[]).iter();
    assert_eq!(values(&mut records), pairs(&[(0, "a")]));
    assert_eq!(records.position(), 1);
}

#[test]
fn a_wrong_checksum_is_an_error_and_the_end() {
    let mut parts = vec![batch(0, &["a"], -1, 0), batch(1, &["b"], -1, 0)];
    *parts[1].last_mut().unwrap() ^= 1;
    let mut records = fetched(&parts, 0, &[]).iter();
    assert!(records.next().unwrap().is_ok());
    assert_eq!(records.next(), Some(Err(ReadError::Checksum { offset: 1 })));
    assert_eq!(records.next(), None);
}
