use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::record::{Header, Headers, RecordError, RecordOutline};

const CLIENT: Origin = Origin::Client { produce_version: 9 };
const LIMIT: usize = 1 << 20;

fn record(timestamp: i64, key: Option<&'static str>, value: Option<&'static str>) -> NewRecord {
    NewRecord {
        timestamp,
        key: key.map(Bytes::from),
        value: value.map(Bytes::from),
        ..NewRecord::default()
    }
}

fn build(builder: BatchBuilder, records: &[NewRecord]) -> ValidatedBatch {
    let mut builder = builder;
    for record in records {
        builder.append(record).unwrap();
    }
    builder.build().unwrap().unwrap()
}

fn batch(records: &[NewRecord]) -> ValidatedBatch {
    build(BatchBuilder::new(Compression::None), records)
}

/// A batch of two records with another header, whose checksum is right.
fn with_header(change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let batch = batch(&[record(5, None, Some("a")), record(6, None, Some("b"))]);
    let mut header = *batch.header();
    change(&mut header);
    let records = batch.record_bytes();
    header.crc = crc32c::crc32c(&[&header.to_bytes()[CHECKED_FROM..], &records].concat());
    [header.to_bytes().as_slice(), &records].concat().into()
}

fn parse(bytes: Bytes) -> Result<ValidatedBatch, InvalidBatch> {
    ValidatedBatch::parse(bytes, CLIENT)
}

#[test]
fn an_outline_says_what_the_header_says() {
    let bytes = with_header(|header| {
        header.base_offset = 1 << 40;
        header.last_offset_delta = 1;
    });
    let header = BatchHeader::decode(&bytes).unwrap();
    let outline = BatchOutline::decode(bytes.first_chunk().unwrap()).unwrap();
    assert_eq!(outline.base_offset, header.base_offset);
    assert_eq!(outline.last_offset, header.last_offset());
    assert_eq!(outline.size, bytes.len());
}

#[test]
fn what_begins_like_no_batch_has_no_outline() {
    let changes: [fn(&mut BatchHeader); 3] = [
        |header| header.magic = 1,
        |header| header.batch_length = 48,
        |header| header.batch_length = -1,
    ];
    for change in changes {
        let bytes = with_header(change);
        assert_eq!(BatchOutline::decode(bytes.first_chunk().unwrap()), None);
    }
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn any_headers() -> impl Strategy<Value = Vec<Header>> {
    let header =
        (any_bytes(), prop::option::of(any_bytes())).prop_map(|(key, value)| Header { key, value });
    prop::collection::vec(header, 0..4)
}

fn any_record() -> impl Strategy<Value = NewRecord> {
    (
        prop_oneof![Just(-1), 0..i64::MAX],
        prop::option::of(any_bytes()),
        prop::option::of(any_bytes()),
        any_headers(),
    )
        .prop_map(|(timestamp, key, value, headers)| NewRecord {
            timestamp,
            key,
            value,
            headers: headers.into_iter().collect(),
        })
}

proptest! {
    #[test]
    fn headers_are_taken_apart_as_they_were_put_together(headers in any_headers()) {
        let together: Headers = headers.iter().cloned().collect();
        prop_assert_eq!(together.len(), headers.len());
        prop_assert_eq!(together.is_empty(), headers.is_empty());
        prop_assert_eq!(together.iter().collect::<Vec<_>>(), headers);
    }

    #[test]
    fn records_survive_a_round_trip_through_every_codec(
        records in prop::collection::vec(any_record(), 1..30),
        codec in prop::sample::select(Compression::ALL),
    ) {
        let built = build(BatchBuilder::new(codec), &records);
        let parsed = parse(built.bytes().clone()).unwrap();
        prop_assert_eq!(&parsed, &built);
        let read: Vec<_> = parsed.records(LIMIT).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), records.len());
        for ((offset, read), written) in (0..).zip(read).zip(&records) {
            prop_assert_eq!(read.offset, offset);
            let read = NewRecord {
                timestamp: read.timestamp,
                key: read.key,
                value: read.value,
                headers: read.headers,
            };
            prop_assert_eq!(&read, written);
        }
        let mut outlines = Vec::new();
        let visited: Result<(), RecordError> = parsed.visit_records(LIMIT, |outline| {
            outlines.push(outline);
            Ok(())
        });
        prop_assert_eq!(visited, Ok(()));
        let expected: Vec<_> = (0..).zip(&records).map(|(index, record)| RecordOutline {
            index,
            offset: i64::try_from(index).unwrap(),
            timestamp: record.timestamp,
            has_key: record.key.is_some(),
        }).collect();
        prop_assert_eq!(outlines, expected);
    }

    #[test]
    fn the_estimated_size_is_exact_without_a_codec_and_a_bound_with_one(
        records in prop::collection::vec(any_record(), 1..30),
        codec in prop::sample::select(Compression::ALL),
    ) {
        let mut builder = BatchBuilder::new(codec);
        for record in &records {
            let expected = builder.estimated_size_with(record);
            builder.append(record).unwrap();
            prop_assert_eq!(builder.estimated_size(), expected);
        }
        let estimated = builder.estimated_size();
        let batch = builder.build().unwrap().unwrap();
        prop_assert!(batch.size() <= estimated);
        if codec == Compression::None {
            prop_assert_eq!(batch.size(), estimated);
        }
    }
}

#[test]
fn a_batch_takes_its_timestamps_from_its_records() {
    let batch = batch(&[
        record(1000, None, None),
        record(900, None, None),
        record(1100, None, None),
    ]);
    assert_eq!(batch.header().base_timestamp, 1000);
    assert_eq!(batch.header().max_timestamp, 1100);
    assert_eq!(batch.header().last_offset_delta, 2);
}

#[test]
fn a_codec_that_would_make_the_records_larger_is_not_used() {
    let small = [record(1, None, Some("v"))];
    let large = NewRecord {
        value: Some(Bytes::from(vec![b'v'; 500])),
        ..NewRecord::default()
    };
    for codec in Compression::ALL {
        let kept = build(BatchBuilder::new(*codec), &small);
        assert_eq!(
            kept.header().attributes.compression(),
            Some(Compression::None)
        );
        let used = build(BatchBuilder::new(*codec), std::slice::from_ref(&large));
        assert_eq!(used.header().attributes.compression(), Some(*codec));
    }
}

#[test]
fn an_empty_builder_makes_no_batch() {
    assert_eq!(BatchBuilder::new(Compression::Gzip).build(), Ok(None));
}

#[test]
fn a_batch_truncated_at_any_byte_is_refused_and_ends_the_walk_cleanly() {
    let bytes = batch(&[record(1, Some("key"), Some("value"))]).into_bytes();
    for end in 0..bytes.len() {
        let cut = bytes.slice(..end);
        let error = parse(cut.clone()).unwrap_err();
        let is_named = match end {
            0 => error == InvalidBatch::Missing,
            _ => matches!(error, InvalidBatch::WrongSize { available, .. } if available == end),
        };
        assert!(is_named, "{end}: {error}");
        let both = Bytes::from([bytes.as_ref(), &cut].concat());
        let mut walk = batches(both);
        assert!(walk.next().unwrap().is_ok());
        assert!(walk.next().is_none());
        assert_eq!(walk.position(), bytes.len());
        assert_eq!(walk.rest(), &cut);
    }
}

#[test]
fn a_single_flipped_bit_in_the_checked_part_is_caught() {
    let bytes = batch(&[record(1, Some("key"), Some("value"))]).into_bytes();
    for byte in CHECKED_FROM - 4..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[byte] ^= 1 << bit;
            let error = parse(flipped.into()).unwrap_err();
            assert!(
                matches!(error, InvalidBatch::WrongChecksum { .. }),
                "byte {byte} bit {bit}: {error}"
            );
        }
    }
}

#[test]
fn exactly_one_batch_is_accepted() {
    let bytes = batch(&[record(1, None, None)]).into_bytes();
    let twice = Bytes::from([bytes.as_ref(), &bytes].concat());
    assert_eq!(parse(twice), Err(InvalidBatch::Several));
    let trailing = Bytes::from([bytes.as_ref(), &[0]].concat());
    assert!(matches!(
        parse(trailing),
        Err(InvalidBatch::WrongSize { .. })
    ));
    assert_eq!(parse(Bytes::new()), Err(InvalidBatch::Missing));
}

#[test]
fn older_formats_and_senseless_lengths_have_names_of_their_own() {
    for magic in [0, 1, 3, -1] {
        let bytes = with_header(|header| header.magic = magic);
        assert_eq!(
            parse(bytes.clone()),
            Err(InvalidBatch::UnsupportedMagic { magic })
        );
        let mut walk = batches(bytes);
        assert_eq!(
            walk.next(),
            Some(Err(UnreadableBatch::UnsupportedMagic { magic }))
        );
        assert_eq!(walk.next(), None);
        assert_eq!(walk.position(), 0);
    }
    for length in [i32::MIN, -1, 0, 48] {
        let bytes = with_header(|header| header.batch_length = length);
        assert_eq!(
            batches(bytes.clone()).next(),
            Some(Err(UnreadableBatch::InvalidLength { length }))
        );
        let available = bytes.len();
        assert_eq!(
            parse(bytes),
            Err(InvalidBatch::WrongSize { length, available })
        );
    }
}

#[test]
fn what_a_client_may_not_write_is_refused_by_name() {
    type Change = fn(&mut BatchHeader);
    type Check = fn(&InvalidBatch) -> bool;
    let cases: [(Change, Check); 11] = [
        (
            |header| header.record_count = 0,
            |error| matches!(error, InvalidBatch::WrongCount { .. }),
        ),
        (
            |header| header.record_count = -2,
            |error| matches!(error, InvalidBatch::WrongCount { .. }),
        ),
        (
            |header| header.last_offset_delta = 2,
            |error| matches!(error, InvalidBatch::WrongCount { .. }),
        ),
        (
            |header| {
                header.record_count = i32::MAX;
                header.last_offset_delta = i32::MAX - 1;
            },
            |error| matches!(error, InvalidBatch::TooShort { .. }),
        ),
        (
            |header| header.attributes = Attributes(5),
            |error| matches!(error, InvalidBatch::UnsupportedCompression { .. }),
        ),
        (
            |header| header.attributes = Attributes(7),
            |error| matches!(error, InvalidBatch::UnsupportedCompression { .. }),
        ),
        (
            |header| header.attributes = Attributes(0x20),
            |error| *error == InvalidBatch::Control,
        ),
        (
            |header| header.attributes = Attributes(0x10),
            |error| *error == InvalidBatch::TransactionalWithoutProducer,
        ),
        (
            |header| header.producer_id = 7,
            |error| matches!(error, InvalidBatch::InvalidProducer { .. }),
        ),
        (
            |header| (header.producer_id, header.producer_epoch) = (7, 0),
            |error| matches!(error, InvalidBatch::InvalidProducer { .. }),
        ),
        (
            |header| (header.producer_id, header.base_sequence) = (7, 0),
            |error| matches!(error, InvalidBatch::InvalidProducer { .. }),
        ),
    ];
    for (index, (change, is_expected)) in cases.into_iter().enumerate() {
        let error = parse(with_header(change)).unwrap_err();
        assert!(is_expected(&error), "case {index}: {error}");
    }
    for no_producer in [-1, -2, i64::MIN] {
        parse(with_header(|header| header.base_sequence = 5)).unwrap();
        parse(with_header(move |header| header.producer_id = no_producer)).unwrap();
    }
}

#[test]
fn what_clients_are_known_to_leave_in_the_header_is_accepted() {
    // Some leave the sequence at 0 without a producer id, some the leader epoch at 0.
    let changes: [fn(&mut BatchHeader); 3] = [
        |header| header.base_sequence = 0,
        |header| (header.leader_epoch, header.base_offset) = (0, 99),
        |header| {
            header.attributes = Attributes(0x10);
            (
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
            ) = (7, 0, 0);
        },
    ];
    for change in changes {
        parse(with_header(change)).unwrap();
    }
}

#[test]
fn zstd_needs_a_produce_request_that_knows_it() {
    let large = NewRecord {
        value: Some(Bytes::from(vec![b'v'; 500])),
        ..NewRecord::default()
    };
    let bytes = build(BatchBuilder::new(Compression::Zstd), &[large]).into_bytes();
    let parse =
        |produce_version| ValidatedBatch::parse(bytes.clone(), Origin::Client { produce_version });
    assert!(matches!(
        parse(6),
        Err(InvalidBatch::UnsupportedCompression { .. })
    ));
    parse(7).unwrap();
}

#[test]
fn the_broker_writes_markers() {
    let marker = with_header(|header| {
        header.attributes = Attributes(0x30);
        (header.producer_id, header.producer_epoch) = (7, 0);
    });
    assert_eq!(parse(marker.clone()), Err(InvalidBatch::Control));
    ValidatedBatch::parse(marker, Origin::Broker).unwrap();
}

#[test]
fn a_stamp_changes_the_header_alone_and_keeps_the_checksum_right() {
    let records = [
        record(5, None, Some("value")),
        record(6, None, Some("value")),
    ];
    let batch = build(BatchBuilder::new(Compression::Lz4), &records);
    for append_time in [None, Some(77)] {
        let stamp = Stamp {
            base_offset: 42,
            leader_epoch: 3,
            append_time,
        };
        let stamped = StampedBatch::new(&batch, stamp);
        assert_eq!(
            stamped.record_bytes().as_ptr(),
            batch.record_bytes().as_ptr()
        );
        let mut bytes = Vec::new();
        stamped.write_to(&mut bytes);
        assert_eq!(bytes.len(), stamped.size());
        let stored = batches(bytes.into()).next().unwrap().unwrap();
        assert!(stored.has_valid_crc());
        assert_eq!(stored.header(), stamped.header());
        assert_eq!(stored.header().leader_epoch, 3);
        assert_eq!(stored.header().last_offset(), 43);
        let read: Vec<_> = stored.records(LIMIT).unwrap().map(Result::unwrap).collect();
        let found: Vec<_> = read
            .iter()
            .map(|read| (read.offset, read.timestamp))
            .collect();
        let time = |own| append_time.unwrap_or(own);
        assert_eq!(found, [(42, time(5)), (43, time(6))]);
    }
}

#[test]
fn a_clients_claim_to_the_brokers_clock_is_undone() {
    let bytes = with_header(|header| {
        header.attributes = header
            .attributes
            .with_timestamp_type(TimestampType::LogAppendTime);
    });
    let stamp = Stamp {
        base_offset: 0,
        leader_epoch: 0,
        append_time: None,
    };
    let stamped = StampedBatch::new(&parse(bytes).unwrap(), stamp);
    let mut bytes = Vec::new();
    stamped.write_to(&mut bytes);
    let stored = batches(bytes.into()).next().unwrap().unwrap();
    assert!(stored.has_valid_crc());
    let first = stored.records(LIMIT).unwrap().next().unwrap().unwrap();
    assert_eq!(first.timestamp, 5);
}

#[test]
fn sequences_wrap_to_zero() {
    let producer = |base_sequence| BatchProducer {
        id: 1,
        epoch: 0,
        base_sequence,
    };
    assert_eq!(producer(10).last_sequence(4), 14);
    assert_eq!(producer(i32::MAX).last_sequence(0), i32::MAX);
    assert_eq!(producer(i32::MAX).last_sequence(1), 0);
    assert_eq!(producer(i32::MAX - 1).last_sequence(4), 2);
    let batch = build(
        BatchBuilder::new(Compression::None).with_producer(producer(9)),
        &[record(0, None, None)],
    );
    assert_eq!(batch.header().producer(), Some(producer(9)));
}

#[test]
fn a_largest_timestamp_that_is_corrected_leaves_a_valid_batch() {
    let batch = batch(&[record(1000, None, None), record(1100, None, None)]);
    let same = batch.clone().with_max_timestamp(1100);
    assert_eq!(same, batch);
    let corrected = batch.with_max_timestamp(1200);
    let parsed = parse(corrected.bytes().clone());
    assert_eq!(parsed.as_ref(), Ok(&corrected));
    assert_eq!(parsed.unwrap().header().max_timestamp, 1200);
}
