use bytes::Bytes;

use super::*;
use crate::record::Header;

fn record(timestamp: i64, key: Option<&'static str>, value: Option<&'static str>) -> NewRecord {
    NewRecord {
        timestamp,
        key: key.map(Bytes::from),
        value: value.map(Bytes::from),
        headers: Vec::new(),
    }
}

fn batch(compression: Compression, records: &[NewRecord]) -> ValidatedBatch {
    let mut builder = BatchBuilder::new(compression);
    for record in records {
        builder.append(record).unwrap();
    }
    builder.build().unwrap().unwrap()
}

#[test]
fn a_built_batch_passes_the_checks_and_reads_back() {
    let header = |key: &'static str, value| Header {
        key: Bytes::from(key),
        value,
    };
    let records = [
        record(1000, Some("key"), Some("value")),
        record(900, None, Some("")),
        NewRecord {
            headers: vec![
                header("h", None),
                header("h", Some(Bytes::new())),
                Header {
                    key: Bytes::from_static(&[0xff]),
                    value: Some(Bytes::from_static(b"x")),
                },
            ],
            ..record(-1, Some(""), None)
        },
    ];
    for compression in Compression::ALL {
        let bytes = batch(*compression, &records).into_bytes();
        let origin = Origin::Client { produce_version: 9 };
        let parsed = ValidatedBatch::parse(bytes, origin).unwrap();
        assert_eq!(parsed.header().base_timestamp, 1000);
        assert_eq!(parsed.header().max_timestamp, 1000);
        let read: Vec<_> = parsed
            .records(10_000)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (index, (read, written)) in read.iter().zip(&records).enumerate() {
            assert_eq!(usize::try_from(read.offset), Ok(index));
            assert_eq!(read.timestamp, written.timestamp);
            assert_eq!(read.key, written.key);
            assert_eq!(read.value, written.value);
            assert_eq!(read.headers, written.headers);
        }
        assert_eq!(read.len(), records.len());
        assert_eq!(parsed.first_null_key(10_000), Ok(Some(1)));
    }
}

#[test]
fn the_checksum_is_corrected_when_the_brokers_clock_is_stamped() {
    let batch = batch(Compression::None, &[record(5, None, Some("value"))]);
    for append_time in [None, Some(77)] {
        let stamp = Stamp {
            base_offset: 42,
            leader_epoch: 3,
            append_time,
        };
        let stamped = StampedBatch::new(&batch, stamp);
        let mut bytes = Vec::new();
        stamped.write_to(&mut bytes);
        let stored = batches(bytes.into()).next().unwrap().unwrap();
        assert!(stored.has_valid_crc());
        assert_eq!(stored.header(), stamped.header());
        let read = stored.records(100).unwrap().next().unwrap().unwrap();
        assert_eq!(read.offset, 42);
        assert_eq!(read.timestamp, append_time.unwrap_or(5));
    }
}
