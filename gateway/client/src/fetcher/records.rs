//! Fetched batches, and the records in them for those who look.
//!
//! A broker sends whole batches: the first may begin before the offset asked for, and among them are
//! the markers of transactions and, for a committed reader, batches of transactions that were
//! aborted. All of that is left out here; the position moves past it all the same, so that a reader
//! whose fetch holds nothing for it still gets on.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use sluice_protocol::messages::fetch::AbortedTransaction;
use sluice_protocol::record::{Record, RecordError, Records};
use sluice_protocol::record_batch::{Batches, RawBatch, UnreadableBatch, batches};

/// Bytes in a marker's key up to its type: the version. The type 0 aborts.
const MARKER_ABORT: [u8; 2] = [0, 0];

/// Why records cannot be read. Nothing behind them can be read either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not a batch.
    #[error("the batch at offset {offset} cannot be read: {source}")]
    Batch {
        /// Where the reader was.
        offset: i64,
        /// What is wrong.
        source: UnreadableBatch,
    },
    /// The checksum of a batch is wrong.
    #[error("the batch at offset {offset} fails its checksum")]
    Checksum {
        /// First offset of the batch.
        offset: i64,
    },
    /// The records of a batch are malformed, or too large once decompressed.
    #[error("the batch at offset {offset} cannot be read: {source}")]
    Records {
        /// First offset of the batch.
        offset: i64,
        /// What is wrong.
        source: RecordError,
    },
}

/// Batches as a broker sent them, for a reader at some offset.
#[derive(Clone, Debug)]
pub struct FetchedRecords {
    bytes: Bytes,
    offset: i64,
    aborted: Vec<AbortedTransaction>,
    content_bytes_max: usize,
}

impl FetchedRecords {
    pub(super) const fn new(
        bytes: Bytes,
        offset: i64,
        aborted: Vec<AbortedTransaction>,
        content_bytes_max: usize,
    ) -> Self {
        Self {
            bytes,
            offset,
            aborted,
            content_bytes_max,
        }
    }

    /// Whether the broker sent nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The batches as they are, compressed and unfiltered.
    #[must_use]
    pub fn batches(&self) -> Batches {
        batches(self.bytes.clone())
    }

    /// The records from the offset asked for on, decompressed batch by batch as they are reached.
    #[must_use]
    pub fn iter(&self) -> RecordIter {
        let mut aborted: Vec<_> = self.aborted.clone();
        aborted.sort_unstable_by_key(|transaction| transaction.first_offset);
        RecordIter {
            batches: self.batches(),
            records: None,
            position: self.offset,
            aborted: aborted.into(),
            aborting: HashSet::new(),
            content_bytes_max: self.content_bytes_max,
            is_over: false,
        }
    }
}

impl IntoIterator for &FetchedRecords {
    type Item = Result<Record, ReadError>;
    type IntoIter = RecordIter;

    fn into_iter(self) -> RecordIter {
        self.iter()
    }
}

/// The records of a fetch, in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct RecordIter {
    batches: Batches,
    records: Option<Open>,
    position: i64,
    /// Aborted transactions not reached yet, by their first offset.
    aborted: VecDeque<AbortedTransaction>,
    /// Producers in a transaction that will be aborted.
    aborting: HashSet<i64>,
    content_bytes_max: usize,
    is_over: bool,
}

/// A batch being read.
#[derive(Clone, Debug)]
struct Open {
    records: Records,
    base_offset: i64,
    /// Offset behind the last one the batch takes up, which compaction may have emptied.
    end: i64,
}

impl RecordIter {
    /// Where to read on: behind the last record returned, and behind everything left out before the
    /// next one.
    #[must_use]
    pub const fn position(&self) -> i64 {
        self.position
    }

    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(open) = &mut self.records {
                match open.records.next() {
                    Some(Ok(record)) if record.offset < self.position => continue,
                    Some(Ok(record)) => {
                        self.position = record.offset.saturating_add(1);
                        return Ok(Some(record));
                    }
                    Some(Err(source)) => {
                        let offset = open.base_offset;
                        return Err(ReadError::Records { offset, source });
                    }
                    None => {
                        self.position = self.position.max(open.end);
                        self.records = None;
                    }
                }
            }
            let Some(batch) = self.batches.next() else {
                return Ok(None);
            };
            let offset = self.position;
            let batch = batch.map_err(|source| ReadError::Batch { offset, source })?;
            self.open(&batch)?;
        }
    }

    /// Begins with a batch, or passes it by.
    fn open(&mut self, batch: &RawBatch) -> Result<(), ReadError> {
        let header = batch.header();
        let base_offset = header.base_offset;
        let end = header.last_offset().saturating_add(1);
        if end <= self.position {
            return Ok(());
        }
        if !batch.has_valid_crc() {
            return Err(ReadError::Checksum {
                offset: base_offset,
            });
        }
        while let Some(transaction) = self.aborted.front()
            && transaction.first_offset < end
        {
            self.aborting.insert(transaction.producer_id);
            self.aborted.pop_front();
        }
        let records = batch.records(self.content_bytes_max);
        let records = records.map_err(|source| ReadError::Records {
            offset: base_offset,
            source,
        })?;
        if header.attributes.is_control() {
            if aborts(records) {
                self.aborting.remove(&header.producer_id);
            }
            self.position = end;
        } else if header.attributes.is_transactional()
            && self.aborting.contains(&header.producer_id)
        {
            self.position = end;
        } else {
            self.records = Some(Open {
                records,
                base_offset,
                end,
            });
        }
        Ok(())
    }
}

impl Iterator for RecordIter {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.step().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}

/// Whether a batch of markers ends a transaction by aborting it.
fn aborts(mut markers: Records) -> bool {
    let Some(Ok(marker)) = markers.next() else {
        return false;
    };
    let key = marker.key.unwrap_or_default();
    key.get(2..4) == Some(&MARKER_ABORT)
}

#[cfg(test)]
mod tests;
