//! What compaction leaves of a batch.
//!
//! Kafka's rules (KIP-98, KIP-534): base offset, offset of the last record, producer, sequence,
//! leader epoch and codec stay, so that nobody who knew the batch is misled by what is left of it. A
//! batch may even be left without records, for the sake of its sequence. From when on a deletion
//! marker may go, the delete horizon, takes the place of the base timestamp, which records do not
//! miss since their timestamps are relative to whatever is there.

use super::encode::{RecordFields, sealed};
use super::{Attributes, BatchHeader, Compression, HEADER_BYTES, RawBatch, TimestampType};
use crate::compression::CompressionError;
use crate::record::Record;

impl RawBatch {
    /// The batch with `records` alone, which are some of its own in their order, and with a delete
    /// horizon where there is one.
    ///
    /// # Errors
    /// [`CompressionError`].
    pub fn with_only(
        &self,
        records: impl IntoIterator<Item = Record>,
        delete_horizon: Option<i64>,
    ) -> Result<Self, CompressionError> {
        let mut records = records.into_iter().peekable();
        let Some(first) = records.peek() else {
            return Ok(self.emptied());
        };
        let mut header = *self.header();
        header.base_timestamp = delete_horizon.unwrap_or(first.timestamp);
        header.attributes = header
            .attributes
            .with_delete_horizon(delete_horizon.is_some());
        let mut bytes = vec![0; HEADER_BYTES];
        let mut max_timestamp = -1;
        header.record_count = 0;
        for record in records {
            put(&record, &header, &mut bytes);
            header.record_count = header.record_count.saturating_add(1);
            max_timestamp = record.timestamp.max(max_timestamp);
        }
        if header.attributes.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = max_timestamp;
        }
        let (header, bytes) = sealed(header, compressed(header.attributes, bytes)?);
        Ok(Self::new(header, bytes))
    }

    /// The batch without any record: what remains is its place and its producer's sequence.
    fn emptied(&self) -> Self {
        let mut header = *self.header();
        header.attributes = header
            .attributes
            .with_compression(Compression::None)
            .with_delete_horizon(false);
        header.base_timestamp = header.max_timestamp;
        header.record_count = 0;
        let (header, bytes) = sealed(header, vec![0; HEADER_BYTES]);
        Self::new(header, bytes)
    }
}

fn put(record: &Record, header: &BatchHeader, bytes: &mut Vec<u8>) {
    let offset_delta = record.offset.saturating_sub(header.base_offset);
    let fields = RecordFields {
        timestamp_delta: record.timestamp.wrapping_sub(header.base_timestamp),
        offset_delta: i32::try_from(offset_delta).unwrap_or(i32::MAX),
        key: record.key.as_ref(),
        value: record.value.as_ref(),
        headers: &record.headers,
    };
    fields.put(bytes);
}

/// The records behind the room for the header, as the codec of the batch leaves them.
fn compressed(attributes: Attributes, bytes: Vec<u8>) -> Result<Vec<u8>, CompressionError> {
    match attributes.compression() {
        Some(Compression::None) | None => Ok(bytes),
        Some(codec) => {
            let mut compressed = vec![0; HEADER_BYTES];
            let records = bytes.get(HEADER_BYTES..).unwrap_or_default();
            codec.compress(records, &mut compressed)?;
            Ok(compressed)
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{BatchBuilder, BatchProducer, NewRecord, Stamp, StampedBatch};
    use super::*;

    /// Ten records of a producer at offset 100, some of them deletion markers.
    fn batch(codec: Compression, append_time: Option<i64>) -> RawBatch {
        let mut builder = BatchBuilder::new(codec).with_producer(BatchProducer {
            id: 7,
            epoch: 2,
            base_sequence: 40,
        });
        for number in 0..10_u8 {
            let record = NewRecord {
                timestamp: 1_000_000 - i64::from(number) * 10,
                key: Some(Bytes::from(vec![b'k', number])),
                value: (number % 3 != 0).then(|| Bytes::from(vec![number; 100])),
                ..NewRecord::default()
            };
            builder.append(&record).unwrap();
        }
        let stamp = Stamp {
            base_offset: 100,
            leader_epoch: 5,
            append_time,
        };
        let stamped = StampedBatch::new(&builder.build().unwrap().unwrap(), stamp);
        let mut bytes = Vec::new();
        stamped.write_to(&mut bytes);
        RawBatch::take(&mut bytes.into()).unwrap().unwrap()
    }

    fn records(batch: &RawBatch) -> Vec<Record> {
        let records = batch.records(1 << 20).unwrap();
        records.map(Result::unwrap).collect()
    }

    #[test]
    fn what_stays_keeps_its_offset_time_producer_and_codec() {
        for codec in Compression::ALL {
            for append_time in [None, Some(2_000_000)] {
                assert_kept(&batch(*codec, append_time), None);
                assert_kept(&batch(*codec, append_time), Some(3_000_000));
            }
        }
    }

    fn assert_kept(batch: &RawBatch, horizon: Option<i64>) {
        let mut kept = records(batch);
        kept.retain(|record| record.offset % 4 == 3);
        let left = batch.with_only(kept.clone(), horizon).unwrap();
        assert!(left.has_valid_crc());
        assert_eq!(left.bytes().len(), left.header().size().unwrap());
        assert_eq!(records(&left), kept);
        let (old, new) = (batch.header(), left.header());
        assert_eq!((new.base_offset, new.last_offset()), (100, 109));
        assert_eq!(new.producer(), old.producer());
        assert_eq!(new.leader_epoch, 5);
        assert_eq!(new.attributes.compression(), old.attributes.compression());
        assert_eq!(new.delete_horizon(), horizon);
        assert_eq!(new.max_timestamp, kept[0].timestamp);
    }

    #[test]
    fn a_batch_without_records_still_tells_its_sequence() {
        let batch = batch(Compression::Zstd, None);
        let left = batch.with_only([], Some(5)).unwrap();
        assert_eq!(left.bytes().len(), HEADER_BYTES);
        assert!(left.has_valid_crc());
        assert_eq!(records(&left), []);
        assert_eq!(left.header().last_offset(), 109);
        assert_eq!(left.header().producer(), batch.header().producer());
        assert_eq!(left.header().max_timestamp, 1_000_000);
        assert!(!left.header().attributes.has_delete_horizon());
    }
}
