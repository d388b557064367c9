//! The file `<20 digits>.snapshot`: the producers of a partition up to that offset, in Kafka's format.
//!
//! ```text
//! version i16 = 1 | crc32c u32 of all behind it | count i32 | entries, big-endian:
//!   producer id i64 | epoch i16 | last sequence i32 | last offset i64 | offset delta i32 |
//!   timestamp i64 | coordinator epoch i32 = -1 | first offset of the open transaction i64 = -1
//! ```
//! A producer has one entry for each of its last batches, the oldest first. Kafka writes only the
//! last one, and of several with the same id takes the last, so both read each other's files. Where none
//! can be read, the headers of the log tell the same of all records that are there. What retention and compaction remove is told by the
//! one that they synced before, and by nothing else.

use std::path::Path;

use bytes::{Buf, Bytes};

use super::StorageError;
use super::disk::Disk;
use super::producer_state::{KnownBatch, ProducerStates};
use super::segment::{file_name, offsets_of};

/// What the name of a snapshot ends in.
pub(crate) const SNAPSHOT: &str = "snapshot";

const VERSION: i16 = 1;
/// Version and checksum.
const UNCHECKED_BYTES: usize = 6;
const ENTRY_BYTES: usize = 46;

/// The bytes of a snapshot.
#[must_use]
pub(crate) fn encode(states: &ProducerStates) -> Vec<u8> {
    let mut producers: Vec<_> = states.iter().collect();
    producers.sort_unstable_by_key(|(id, _)| *id);
    let count: usize = producers.iter().map(|(_, state)| state.batches.len()).sum();
    let mut body = Vec::with_capacity(count.saturating_mul(ENTRY_BYTES).saturating_add(4));
    body.extend_from_slice(&i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes());
    for (id, state) in producers {
        for batch in &state.batches {
            body.extend_from_slice(&id.to_be_bytes());
            body.extend_from_slice(&state.epoch.to_be_bytes());
            body.extend_from_slice(&batch.last_sequence.to_be_bytes());
            body.extend_from_slice(&batch.last_offset.to_be_bytes());
            body.extend_from_slice(&batch.offset_delta.to_be_bytes());
            body.extend_from_slice(&batch.timestamp.to_be_bytes());
            body.extend_from_slice(&(-1_i32).to_be_bytes());
            body.extend_from_slice(&(-1_i64).to_be_bytes());
        }
    }
    let mut bytes = Vec::with_capacity(body.len().saturating_add(UNCHECKED_BYTES));
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// A batch that a snapshot tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotEntry {
    /// Id of the producer.
    pub(crate) producer_id: i64,
    /// Its incarnation.
    pub(crate) epoch: i16,
    /// Sequence of the batch's last record.
    pub(crate) last_sequence: i32,
    /// Offset of its last record.
    pub(crate) last_offset: i64,
    /// The same less the offset of its first record.
    pub(crate) offset_delta: i32,
    /// Its largest timestamp.
    pub(crate) timestamp: i64,
    /// Epoch of the coordinator that ended the producer's last transaction, or -1.
    pub(crate) coordinator_epoch: i32,
    /// First offset of the transaction that is open, or -1.
    pub(crate) transaction_start: i64,
}

impl SnapshotEntry {
    fn decode(bytes: &mut Bytes) -> Self {
        Self {
            producer_id: bytes.get_i64(),
            epoch: bytes.get_i16(),
            last_sequence: bytes.get_i32(),
            last_offset: bytes.get_i64(),
            offset_delta: bytes.get_i32(),
            timestamp: bytes.get_i64(),
            coordinator_epoch: bytes.get_i32(),
            transaction_start: bytes.get_i64(),
        }
    }
}

/// The entries of a snapshot; `None` where it is not whole.
#[must_use]
pub(crate) fn entries(mut bytes: Bytes) -> Option<impl Iterator<Item = SnapshotEntry>> {
    if bytes.len() < UNCHECKED_BYTES + 4 || bytes.get_i16() != VERSION {
        return None;
    }
    if bytes.get_u32() != crc32c::crc32c(&bytes) {
        return None;
    }
    let count = usize::try_from(bytes.get_i32()).ok()?;
    if bytes.len() != count.checked_mul(ENTRY_BYTES)? {
        return None;
    }
    Some((0..count).map(move |_| SnapshotEntry::decode(&mut bytes)))
}

/// The offset of the last snapshot behind `end` that is whole, among the files of a directory, or else `end`. After a clean
/// stop the log went as far, since a start removes those that are behind its end.
pub(crate) fn last_whole(
    disk: &Disk,
    directory: &Path,
    names: &[String],
    end: i64,
) -> Result<i64, StorageError> {
    let offsets = offsets_of(names, SNAPSHOT).into_iter().rev();
    for offset in offsets.take_while(|offset| *offset > end) {
        let bytes = disk.read_derived(&directory.join(file_name(offset, SNAPSHOT)))?;
        if bytes.and_then(entries).is_some() {
            return Ok(offset);
        }
    }
    Ok(end)
}

/// The producers in a snapshot, as last used at `now`; `None` where it is not whole.
#[must_use]
pub(super) fn decode(bytes: Bytes, now: i64) -> Option<ProducerStates> {
    let mut states = ProducerStates::default();
    for entry in entries(bytes)? {
        let batch = KnownBatch {
            first_sequence: super::producer_state::advanced(
                entry.last_sequence,
                entry.offset_delta.saturating_neg(),
            ),
            last_sequence: entry.last_sequence,
            last_offset: entry.last_offset,
            offset_delta: entry.offset_delta,
            timestamp: entry.timestamp,
        };
        states.insert(entry.producer_id, entry.epoch, batch, now);
    }
    Some(states)
}
