//! Record batches, and the records in them behind every codec.
//!
//! The checksum would keep mutated bytes out of everything behind it, so these targets put it right.

use bytes::Bytes;
use sluice_protocol::record::{Header, Record, RecordError};
use sluice_protocol::record_batch::{
    self, Attributes, BatchBuilder, BatchHeader, Compression, HEADER_BYTES, NewRecord, Origin,
    RawBatch, Stamp, StampedBatch, ValidatedBatch,
};
use sluice_protocol::sample::{Sample, Sampler};
use sluice_protocol::wire::Version;

/// Bytes of content that the targets accept.
const LIMIT: usize = 256 * 1024;
const CLIENT: Origin = Origin::Client { produce_version: 9 };

/// Walks over batches, checks each, and stamps those that are valid.
pub(crate) fn batches(input: &[u8]) {
    let input = Bytes::copy_from_slice(input);
    let mut walk = record_batch::batches(input.clone());
    let mut size = 0;
    while let Some(Ok(batch)) = walk.next() {
        assert_eq!(
            batch.bytes().slice(..HEADER_BYTES),
            batch.header().to_bytes()[..]
        );
        size += batch.bytes().len();
        stamp(&batch);
    }
    assert_eq!(walk.position(), size);
    assert_eq!(walk.rest().len(), input.len() - size);
    drop(ValidatedBatch::parse(input, CLIENT));
}

fn stamp(batch: &RawBatch) {
    for origin in [CLIENT, Origin::Broker] {
        let Ok(valid) = ValidatedBatch::parse(with_right_crc(batch), origin) else {
            continue;
        };
        for append_time in [None, Some(77)] {
            let stamp = Stamp {
                base_offset: 42,
                leader_epoch: 3,
                append_time,
            };
            let stamped = StampedBatch::new(&valid, stamp);
            let mut bytes = Vec::new();
            stamped.write_to(&mut bytes);
            let stored = ValidatedBatch::parse(bytes.into(), origin);
            let header = stored.as_ref().map(ValidatedBatch::header);
            assert_eq!(header, Ok(stamped.header()));
        }
    }
}

fn with_right_crc(batch: &RawBatch) -> Bytes {
    let crc = batch.computed_crc();
    let header = BatchHeader {
        crc,
        ..*batch.header()
    };
    let bytes = [header.to_bytes().as_slice(), &batch.record_bytes()].concat();
    bytes.into()
}

/// Reads records behind a codec: the first byte of the input draws the codec and the clock, the
/// second the number of records; the rest is what the batch holds.
pub(crate) fn records(input: &[u8]) {
    let [drawn, count, content @ ..] = input else {
        return;
    };
    let batch = batch_of(*drawn, *count, content);
    let Ok(records) = batch.records(LIMIT) else {
        return;
    };
    let mut read = Vec::new();
    let mut is_whole = true;
    for record in records {
        match record {
            Ok(record) => read.push(record),
            Err(_) => is_whole = false,
        }
    }
    let limit = LIMIT.max(content.len());
    assert!(read.iter().map(content_bytes).sum::<usize>() <= limit);
    keys_are_those_of(&read, &batch);
    let in_passing = batch.visit_records::<RecordError>(LIMIT, |_outline| Ok(()));
    assert_eq!(in_passing.is_ok(), is_whole, "{in_passing:?}");
    if is_whole {
        survive_a_round_trip(&read);
    }
}

fn batch_of(drawn: u8, count: u8, content: &[u8]) -> RawBatch {
    let record_count = i32::from(count);
    let length = i32::try_from(HEADER_BYTES + content.len() - 12).unwrap_or(i32::MAX);
    let header = BatchHeader {
        base_offset: 0,
        batch_length: length,
        leader_epoch: 0,
        magic: record_batch::MAGIC,
        crc: 0,
        attributes: Attributes(i16::from(drawn & 0x0f)),
        last_offset_delta: record_count - 1,
        base_timestamp: 1_700_000_000_000,
        max_timestamp: 1_700_000_000_000,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count,
    };
    let mut bytes = Bytes::from([header.to_bytes().as_slice(), content].concat());
    match RawBatch::take(&mut bytes) {
        Ok(Some(batch)) => batch,
        other => panic!("not a batch, but {other:?}"),
    }
}

fn content_bytes(record: &Record) -> usize {
    let length = |bytes: Option<&Bytes>| bytes.map_or(0, Bytes::len);
    let headers = record.headers.iter();
    let headers = headers.map(|header| header.key.len() + length(header.value.as_ref()));
    length(record.key.as_ref()) + length(record.value.as_ref()) + headers.sum::<usize>()
}

fn keys_are_those_of(records: &[Record], batch: &RawBatch) {
    let keys = batch.keys(LIMIT).into_iter().flatten();
    let mut count = 0;
    for (record, key) in records.iter().zip(keys) {
        assert_eq!(key.as_ref(), Ok(&record.key));
        count += 1;
    }
    assert_eq!(count, records.len());
}

fn survive_a_round_trip(records: &[Record]) {
    for codec in Compression::ALL {
        let mut builder = BatchBuilder::new(*codec);
        for record in records {
            let record = record.clone();
            let appended = builder.append(&NewRecord {
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: record.headers,
            });
            assert_eq!(appended, Ok(()));
        }
        let Ok(Some(batch)) = builder.build() else {
            assert!(records.is_empty());
            continue;
        };
        let parsed = ValidatedBatch::parse(batch.bytes().clone(), CLIENT);
        assert_eq!(parsed.as_ref(), Ok(&batch));
        let again: Result<Vec<_>, RecordError> =
            batch.records(usize::MAX).and_then(Iterator::collect);
        // The count is 255 at most, and every offset within it, so they are consecutive.
        assert_eq!(again.as_deref(), Ok(records));
    }
}

/// A batch behind each codec, alone and in a row.
pub(crate) fn batch_samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<_> = sampled_batches()
        .map(|batch| batch.into_bytes().to_vec())
        .collect();
    samples.push(samples.concat());
    samples
}

/// The content of each of [`batch_samples`], as [`records`] takes it.
pub(crate) fn record_samples() -> Vec<Vec<u8>> {
    let sample = |batch: ValidatedBatch| {
        let [_, drawn] = batch.header().attributes.0.to_be_bytes();
        let count = u8::try_from(batch.header().record_count).unwrap_or(u8::MAX);
        [&[drawn, count], batch.record_bytes().as_ref()].concat()
    };
    sampled_batches().map(sample).collect()
}

fn sampled_batches() -> impl Iterator<Item = ValidatedBatch> {
    let mut sampler = Sampler::new(1);
    let codecs = Compression::ALL.iter().copied();
    let sizes = codecs.flat_map(|codec| [1, 3, 60].map(|count| (codec, count)));
    sizes.filter_map(move |(codec, count)| {
        let mut builder = BatchBuilder::new(codec);
        for _ in 0..count {
            builder.append(&sampled_record(&mut sampler)).ok()?;
        }
        builder.build().ok().flatten()
    })
}

fn sampled_record(sampler: &mut Sampler) -> NewRecord {
    let version = Version::new(0, 1);
    let headers = (0..sampler.below(3)).map(|_| Header {
        key: Bytes::sample(sampler, version),
        value: Option::sample(sampler, version),
    });
    let headers = headers.collect();
    NewRecord {
        timestamp: 1_700_000_000_000,
        key: Option::sample(sampler, version),
        value: Some(Bytes::from_static(&[b'v'; 50])),
        headers,
    }
}
