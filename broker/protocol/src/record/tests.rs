use proptest::prelude::*;

use super::*;
use crate::record_batch::{Attributes, Compression};
use crate::wire::Writer;

/// The header of a batch of `record_count` records that starts at offset 100.
fn header(record_count: i32) -> BatchHeader {
    BatchHeader {
        base_offset: 100,
        batch_length: 0,
        leader_epoch: 0,
        magic: 2,
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: 9,
        base_timestamp: 1000,
        max_timestamp: 5000,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count,
    }
}

/// A record with the key `k`, no value and no headers.
fn record(offset_delta: i32) -> Vec<u8> {
    framed(&[0, 2, u8::try_from(offset_delta * 2).unwrap(), 2, b'k', 1, 0])
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.varint(i32::try_from(body.len()).unwrap());
    writer.raw(body);
    writer.finish_contiguous().unwrap().to_vec()
}

fn outlines(header: &BatchHeader, bytes: &[u8]) -> Result<Vec<RecordOutline>, RecordError> {
    let mut all = Vec::new();
    visit_records::<RecordError>(header, bytes, 1000, |outline| {
        all.push(outline);
        Ok(())
    })?;
    Ok(all)
}

fn read(header: &BatchHeader, bytes: Vec<u8>) -> Result<Vec<Record>, RecordError> {
    Records::new(header, &bytes.into(), 1000)?.collect()
}

#[test]
fn gaps_left_by_compaction_keep_their_offsets() {
    let records = read(&header(2), [record(3), record(9)].concat()).unwrap();
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [103, 109]);
    assert_eq!(records[0].timestamp, 1001);
}

#[test]
fn the_brokers_clock_gives_every_record_the_largest_timestamp() {
    let mut header = header(1);
    header.attributes = header
        .attributes
        .with_timestamp_type(TimestampType::LogAppendTime);
    let records = read(&header, record(0)).unwrap();
    assert_eq!(records[0].timestamp, 5000);
}

#[test]
fn offsets_that_do_not_ascend_or_leave_the_batch_are_an_error() {
    for (first, second) in [(1, 1), (2, 1), (0, 10)] {
        assert_eq!(
            read(&header(2), [record(first), record(second)].concat()),
            Err(RecordError::OffsetOutOfOrder {
                index: 1,
                delta: second
            })
        );
    }
}

#[test]
fn a_count_other_than_that_of_the_records_is_an_error() {
    assert_eq!(
        read(&header(2), record(0)),
        Err(RecordError::MissingRecords {
            declared: 2,
            found: 1
        })
    );
    assert_eq!(
        read(&header(1), [record(0), record(1)].concat()),
        Err(RecordError::TrailingBytes { count: 8 })
    );
    assert_eq!(
        read(&header(-1), Vec::new()),
        Err(RecordError::MissingRecords {
            declared: -1,
            found: 0
        })
    );
    assert_eq!(read(&header(0), Vec::new()), Ok(Vec::new()));
}

#[test]
fn a_record_must_be_as_long_as_it_says() {
    let long = framed(&[0, 0, 0, 1, 1, 0, 7, 7]);
    assert_eq!(
        read(&header(1), long),
        Err(RecordError::RecordTooLong { index: 0, count: 2 })
    );
    let malformed = Err(RecordError::Malformed { index: 0 });
    // A value of ten bytes where none are left; a header count of 63 likewise; a negative one.
    for body in [
        [0, 0, 0, 1, 20, 0].as_slice(),
        &[0, 0, 0, 1, 1, 126],
        &[0, 0, 0, 1, 1, 1],
    ] {
        assert_eq!(read(&header(1), framed(body)), malformed);
    }
    // Longer than the batch, negative, and a varint that does not end.
    for bytes in [vec![20, 0], vec![1], vec![0xff; 6]] {
        assert_eq!(read(&header(1), bytes), malformed);
    }
}

#[test]
fn reading_ends_after_the_first_error() {
    let bytes = Bytes::from([framed(&[0]), record(1)].concat());
    let mut records = Records::new(&header(2), &bytes, 1000).unwrap();
    assert!(records.next().unwrap().is_err());
    assert!(records.next().is_none());
}

#[test]
fn any_negative_length_is_null_and_a_header_needs_a_key() {
    // Key length -2, value length -1, one header with an empty key and value length -3.
    let records = read(&header(1), framed(&[0, 0, 0, 3, 1, 2, 0, 5])).unwrap();
    assert_eq!(records[0].key, None);
    let headers: Vec<_> = records[0].headers.iter().collect();
    assert_eq!(headers.len(), records[0].headers.len());
    assert_eq!((headers[0].key_str(), &headers[0].value), (Some(""), &None));
    assert_eq!(
        read(&header(1), framed(&[0, 0, 0, 1, 1, 2, 1, 0])),
        Err(RecordError::Malformed { index: 0 })
    );
}

#[test]
fn keys_are_read_without_what_follows_them() {
    let broken_behind_key = framed(&[0, 0, 2, 2, b'k', 99]);
    let bytes = Bytes::from([record(0), broken_behind_key].concat());
    let keys: Result<Vec<_>, _> = Keys::new(&header(2), &bytes, 1000).unwrap().collect();
    let key = Some(Bytes::from_static(b"k"));
    assert_eq!(keys, Ok(vec![key.clone(), key]));
}

#[test]
fn an_unknown_codec_is_named() {
    let mut header = header(1);
    header.attributes = Attributes(0x05);
    assert_eq!(
        read(&header, record(0)),
        Err(RecordError::UnknownCodec { attributes: 5 })
    );
    header.attributes = Attributes::default().with_compression(Compression::Zstd);
    assert!(matches!(
        read(&header, record(0)),
        Err(RecordError::Compression(CompressionError::Corrupt { .. }))
    ));
}

proptest! {
    #[test]
    fn records_are_accepted_in_passing_exactly_when_they_can_be_read(
        damage in prop::collection::vec((0..60_usize, any::<u8>()), 0..3),
        end in 0..60_usize,
        count in 0..5,
        codec in prop::sample::select(Compression::ALL),
    ) {
        let with_headers = framed(&[0, 6, 4, 2, b'k', 4, b'v', b'w', 4, 2, b'h', 1, 0, 2, b'x']);
        let mut bytes = [record(0), record(1), with_headers, record(3)].concat();
        for (position, byte) in damage {
            if let Some(place) = bytes.get_mut(position) {
                *place = byte;
            }
        }
        bytes.truncate(bytes.len().min(end));
        let mut header = header(count);
        header.attributes = header.attributes.with_compression(codec);
        let mut content = Vec::new();
        codec.compress(&bytes, &mut content).unwrap();
        let in_passing = outlines(&header, &content);
        let outline = |(index, record): (usize, Record)| RecordOutline {
            index,
            offset: record.offset,
            timestamp: record.timestamp,
            has_key: record.key.is_some(),
        };
        match read(&header, content) {
            Ok(records) => {
                let expected = records.into_iter().enumerate().map(outline).collect();
                prop_assert_eq!(in_passing, Ok(expected));
            }
            Err(error) => prop_assert!(in_passing.is_err(), "{error}: {in_passing:?}"),
        }
    }
}

#[test]
fn content_above_the_limit_is_refused_while_it_streams() {
    for codec in Compression::ALL {
        let long = framed(&[&[0, 0, 0, 1, 0xd0, 0x0f][..], &[7; 1000], &[0]].concat());
        let mut header = header(1);
        header.attributes = header.attributes.with_compression(*codec);
        let mut content = Vec::new();
        codec.compress(&long, &mut content).unwrap();
        let visited = outlines(&header, &content);
        if *codec == Compression::None {
            assert_eq!(visited.unwrap().len(), 1);
        } else {
            let over = CompressionError::OverLimit { limit: 1000 };
            assert_eq!(visited, Err(RecordError::Compression(over)), "{codec}");
        }
    }
}
