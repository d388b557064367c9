//! The records of one caller on their way, and their results on the way back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use sluice_protocol::record_batch::NewRecord;
use tokio::sync::{Notify, oneshot};

use super::{ProduceError, RecordMetadata};

/// The result of one record.
pub(super) type RecordResult = Result<RecordMetadata, ProduceError>;

/// Bytes of records that are held, and how many may be.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    limit: usize,
    empty: Notify,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
            empty: Notify::new(),
        }
    }

    /// Returns when nothing is held.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.empty.notified();
            if self.used.load(Ordering::Acquire) == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Room for `bytes`, given back when the reservation is dropped.
    pub(super) fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, ProduceError> {
        let reservation = Reservation {
            budget: Arc::clone(self),
            bytes,
        };
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        if used.saturating_add(bytes) > self.limit {
            return Err(ProduceError::BufferFull {
                bytes,
                limit: self.limit,
            });
        }
        Ok(reservation)
    }
}

/// Room in a budget.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let used = self.budget.used.fetch_sub(self.bytes, Ordering::Release);
        if used == self.bytes {
            self.budget.empty.notify_waiters();
        }
    }
}

/// One call of `send`: gathers the results of its records and answers when it has all.
#[derive(Debug)]
pub(super) struct Call {
    /// When its records are given up.
    pub(super) deadline: Instant,
    results: Mutex<Results>,
    _reservation: Reservation,
}

#[derive(Debug)]
struct Results {
    results: Vec<Option<RecordResult>>,
    open: usize,
    reply: Option<oneshot::Sender<Vec<RecordResult>>>,
}

impl Call {
    /// A call of `count` records.
    pub(super) fn new(
        count: usize,
        deadline: Instant,
        reservation: Reservation,
    ) -> (Arc<Self>, oneshot::Receiver<Vec<RecordResult>>) {
        let (reply, receiver) = oneshot::channel();
        let results = Results {
            results: vec![None; count],
            open: count,
            reply: Some(reply),
        };
        let call = Self {
            deadline,
            results: Mutex::new(results),
            _reservation: reservation,
        };
        (Arc::new(call), receiver)
    }

    /// Notes the result of the record at `index`.
    pub(super) fn resolve(&self, index: usize, result: RecordResult) {
        let mut results = self.results.lock();
        let Some(slot) = results.results.get_mut(index) else {
            return;
        };
        if slot.replace(result).is_none() {
            results.open -= 1;
        }
        if results.open == 0
            && let Some(reply) = results.reply.take()
        {
            let all = std::mem::take(&mut results.results);
            // The caller may have gone; then nobody wants the results.
            drop(reply.send(all.into_iter().flatten().collect()));
        }
    }
}

/// A record and its place in its call.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) index: usize,
    pub(super) record: NewRecord,
}

/// Records of one call for one partition.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) call: Arc<Call>,
    pub(super) entries: Vec<Entry>,
    /// What they take in a batch, at most.
    pub(super) bytes: usize,
}

impl Parcel {
    /// A parcel of some records of a call.
    pub(super) fn new(call: &Arc<Call>, entries: Vec<Entry>) -> Self {
        let bytes = entries
            .iter()
            .map(|entry| record_bytes(&entry.record))
            .sum();
        Self {
            call: Arc::clone(call),
            entries,
            bytes,
        }
    }

    /// Fails every record of the parcel.
    pub(super) fn fail(self, error: &ProduceError) {
        for entry in self.entries {
            self.call.resolve(entry.index, Err(error.clone()));
        }
    }

    /// Cuts the parcel behind `count` records; the second part may be empty.
    pub(super) fn split(mut self, count: usize) -> (Self, Self) {
        let behind = self.entries.split_off(count.min(self.entries.len()));
        let behind = Self::new(&self.call, behind);
        self.bytes = self.bytes.saturating_sub(behind.bytes);
        (self, behind)
    }
}

/// What a record takes in a batch, at most: its fields and the longest form of their lengths.
pub(super) fn record_bytes(record: &NewRecord) -> usize {
    const FIXED: usize = 31;
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    FIXED + length(&record.key) + length(&record.value) + record.headers.size()
}
