//! A batch between its first sending and its end.

use bytes::Bytes;
use sluice_protocol::compression::{Compression, CompressionError};
use sluice_protocol::record_batch::{BatchBuilder, BatchProducer};

use super::call::Parcel;
use super::{ProduceError, RecordMetadata};

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    /// To be sent, in its turn.
    Ready,
    /// Sent; the answer is awaited.
    Sent,
    /// The answer was lost, or says to try again: it may be in the log.
    Uncertain,
    /// Certainly not in the log; needs a new sequence number.
    Unwritten,
}

/// The producer id and epoch a partition's batches carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Records that travel together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Number by which the answer finds it.
    pub(super) number: u64,
    pub(super) parcels: Vec<Parcel>,
    pub(super) flight: Flight,
    /// Sequence number of its first record.
    pub(super) sequence: i32,
    /// Whether an attempt to write it ended without certainty.
    pub(super) may_be_written: bool,
}

impl Batch {
    pub(super) fn record_count(&self) -> usize {
        let parcels = self.parcels.iter();
        parcels.map(|parcel| parcel.entries.len()).sum()
    }

    /// The sequence number behind its last record.
    pub(super) fn next_sequence(&self) -> i32 {
        let count = i32::try_from(self.record_count()).unwrap_or(i32::MAX);
        self.sequence.wrapping_add(count) & i32::MAX
    }

    /// Its bytes on the wire.
    pub(super) fn encode(
        &self,
        compression: Compression,
        producer: Option<ProducerId>,
    ) -> Result<Bytes, ProduceError> {
        let mut builder = BatchBuilder::new(compression);
        if let Some(producer) = producer {
            builder = builder.with_producer(BatchProducer {
                id: producer.id,
                epoch: producer.epoch,
                base_sequence: self.sequence,
            });
        }
        for entry in self.parcels.iter().flat_map(|parcel| &parcel.entries) {
            builder
                .append(&entry.record)
                .map_err(|error| ProduceError::Unencodable {
                    reason: error.to_string(),
                })?;
        }
        let built = builder.build();
        let built = built.map_err(|error: CompressionError| ProduceError::Unencodable {
            reason: error.to_string(),
        })?;
        Ok(built.map_or_else(Bytes::new, |batch| batch.into_bytes()))
    }

    /// Tells every caller where its records are.
    pub(super) fn written(
        self,
        partition: i32,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
    ) {
        let mut offset = base_offset;
        for parcel in self.parcels {
            for entry in parcel.entries {
                let metadata = RecordMetadata {
                    partition,
                    offset,
                    timestamp: log_append_time.unwrap_or(entry.record.timestamp),
                };
                parcel.call.resolve(entry.index, Ok(metadata));
                offset = offset.map(|offset| offset.saturating_add(1));
            }
        }
    }

    /// Tells every caller that its records failed.
    pub(super) fn fail(self, error: &ProduceError) {
        for parcel in self.parcels {
            parcel.fail(error);
        }
    }

    /// Fails the records named and keeps the others, in order.
    pub(super) fn without(self, guilty: &[(usize, ProduceError)]) -> Vec<Parcel> {
        let mut index = 0;
        let mut kept = Vec::with_capacity(self.parcels.len());
        for parcel in self.parcels {
            let mut entries = Vec::with_capacity(parcel.entries.len());
            for entry in parcel.entries {
                match guilty.iter().find(|(place, _)| *place == index) {
                    Some((_, error)) => parcel.call.resolve(entry.index, Err(error.clone())),
                    None => entries.push(entry),
                }
                index += 1;
            }
            if !entries.is_empty() {
                kept.push(Parcel::new(&parcel.call, entries));
            }
        }
        kept
    }

    /// Cuts the batch in two: between callers where it has several, else between records.
    pub(super) fn halves(mut self) -> (Vec<Parcel>, Vec<Parcel>) {
        if self.parcels.len() > 1 {
            let behind = self.parcels.split_off(self.parcels.len() / 2);
            return (self.parcels, behind);
        }
        let half = self.record_count() / 2;
        let mut halves = (Vec::new(), Vec::new());
        for parcel in self.parcels {
            let (first, second) = parcel.split(half);
            halves.0.push(first);
            halves.1.push(second);
        }
        halves
    }
}
