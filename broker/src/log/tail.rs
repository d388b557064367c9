//! The newest batches of logs that somebody follows, in memory.
//!
//! A reader that is at the end of a log wants what comes next, so it is kept as it becomes durable,
//! by copy: a batch received is a slice of a frame that may be much larger. Nothing is copied for logs
//! that nobody follows. All logs share one bound; the oldest batches go first.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_protocol::record_batch::StampedBatch;

use super::partition_log::PartitionLog;
use super::read::LogRead;

/// Flushes of a log that are kept after somebody was last seen at its end.
const FLUSHES_KEPT: u32 = 64;

/// What keeping a batch takes besides its bytes, about: the entries here and there, and the allocation.
const KEEPING_BYTES: usize = 128;

/// A batch as it lies in the segment.
#[derive(Clone, Debug)]
pub(super) struct CachedBatch {
    base_offset: i64,
    last_offset: i64,
    bytes: Bytes,
}

/// The newest batches of one log: consecutive, and the last one is the log's last.
#[derive(Debug, Default)]
pub(super) struct Tail {
    batches: VecDeque<CachedBatch>,
    flushes_left: u32,
}

/// All tails of a data directory.
#[derive(Debug)]
pub(crate) struct Tails {
    bytes_max: usize,
    ages: Mutex<Ages>,
}

/// Every cached batch, oldest first.
#[derive(Debug, Default)]
struct Ages {
    batches: VecDeque<(Weak<PartitionLog>, i64, usize)>,
    bytes: usize,
}

impl CachedBatch {
    pub(super) fn copy_of(batch: &StampedBatch) -> Self {
        let mut bytes = Vec::with_capacity(batch.size());
        batch.write_to(&mut bytes);
        Self {
            base_offset: batch.header().base_offset,
            last_offset: batch.header().last_offset(),
            bytes: bytes.into(),
        }
    }
}

impl Tail {
    /// Somebody has read everything, and wants what comes.
    pub(super) const fn follow(&mut self) {
        self.flushes_left = FLUSHES_KEPT;
    }

    pub(super) const fn is_followed(&self) -> bool {
        self.flushes_left > 0
    }

    /// Takes the batches of a flush; none where nobody follows, and then what there is goes.
    pub(super) fn extend(&mut self, batches: &[CachedBatch]) {
        if batches.is_empty() {
            return self.batches.clear();
        }
        self.flushes_left = self.flushes_left.saturating_sub(1);
        self.batches.extend(batches.iter().cloned());
    }

    /// What a read returns; `None` where it begins before what is here, or has no room for the first
    /// batch. Who gets the last one wants what comes, and need not come back in vain to say so.
    pub(super) fn read(&mut self, read: LogRead) -> Option<Vec<Bytes>> {
        let first = self.batches.front()?;
        if read.from < first.base_offset {
            return None;
        }
        let start = self
            .batches
            .partition_point(|batch| batch.last_offset < read.from);
        let mut chunks = Vec::new();
        let mut size = 0_usize;
        for batch in self.batches.range(start..) {
            size = size.saturating_add(batch.bytes.len());
            if batch.base_offset >= read.end {
                break;
            }
            if size > read.max_bytes {
                match read.first_batch_max.filter(|_| chunks.is_empty()) {
                    None => break,
                    Some(room) if size > room => return None,
                    Some(_) => {}
                }
            }
            chunks.push(batch.bytes.clone());
        }
        let got = start.saturating_add(chunks.len());
        if !chunks.is_empty() && got == self.batches.len() {
            self.follow();
        }
        Some(chunks)
    }

    /// Forgets the batches up to the one that begins at `base_offset`.
    fn forget(&mut self, base_offset: i64) {
        let is_old = |batch: &CachedBatch| batch.base_offset <= base_offset;
        while self.batches.front().is_some_and(is_old) {
            self.batches.pop_front();
        }
    }
}

impl Tails {
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            ages: Mutex::new(Ages {
                batches: VecDeque::new(),
                bytes: 0,
            }),
        }
    }

    /// Takes note of cached batches, and lets the oldest of all go where they are too many.
    pub(super) fn admit(&self, log: &Arc<PartitionLog>, batches: &[CachedBatch]) {
        let mut ages = self.ages.lock();
        for batch in batches {
            let size = batch.bytes.len().saturating_add(KEEPING_BYTES);
            ages.bytes = ages.bytes.saturating_add(size);
            let age = (Arc::downgrade(log), batch.base_offset, size);
            ages.batches.push_back(age);
        }
        while ages.bytes > self.bytes_max {
            let Some((log, base_offset, size)) = ages.batches.pop_front() else {
                break;
            };
            ages.bytes = ages.bytes.saturating_sub(size);
            if let Some(log) = log.upgrade() {
                log.view.lock().tail.forget(base_offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of two offsets and ten bytes.
    fn batches(numbers: std::ops::Range<i64>) -> Vec<CachedBatch> {
        numbers
            .map(|number| CachedBatch {
                base_offset: number * 2,
                last_offset: number * 2 + 1,
                bytes: Bytes::from(vec![u8::try_from(number).unwrap(); 10]),
            })
            .collect()
    }

    fn read(
        tail: &mut Tail,
        from: i64,
        max_bytes: usize,
        first_batch_max: Option<usize>,
    ) -> Option<Vec<u8>> {
        let read = LogRead {
            from,
            end: 18,
            max_bytes,
            first_batch_max,
        };
        let chunks = tail.read(read)?;
        Some(chunks.iter().map(|chunk| chunk[0]).collect())
    }

    #[test]
    fn a_read_gets_whole_batches_within_its_limits_or_is_sent_to_the_disk() {
        let mut tail = Tail::default();
        let any = Some(usize::MAX);
        assert_eq!(read(&mut tail, 0, 100, any), None);
        tail.follow();
        tail.extend(&batches(4..10));
        assert_eq!(read(&mut tail, 7, 100, any), None);
        assert_eq!(read(&mut tail, 8, 100, any), Some(vec![4, 5, 6, 7, 8]));
        assert_eq!(read(&mut tail, 11, 25, any), Some(vec![5, 6]));
        assert_eq!(read(&mut tail, 11, 5, any), Some(vec![5]));
        assert_eq!(read(&mut tail, 11, 5, Some(10)), Some(vec![5]));
        assert_eq!(read(&mut tail, 11, 5, Some(9)), None);
        assert_eq!(read(&mut tail, 11, 5, None), Some(vec![]));
        tail.forget(10);
        assert_eq!(read(&mut tail, 11, 100, any), None);
        assert_eq!(read(&mut tail, 12, 10, any), Some(vec![6]));
    }

    #[test]
    fn what_nobody_follows_is_not_kept() {
        let mut tail = Tail::default();
        tail.follow();
        for number in 0..i64::from(FLUSHES_KEPT) {
            assert!(tail.is_followed());
            tail.extend(&batches(number..number + 1));
        }
        assert!(!tail.is_followed());
        tail.extend(&[]);
        assert_eq!(read(&mut tail, 2, 100, Some(100)), None);
    }

    /// Fails where `Tail::read` does not follow.
    #[test]
    fn who_reads_whatever_comes_goes_on_following() {
        let mut tail = Tail::default();
        tail.follow();
        for number in 0..=i64::from(FLUSHES_KEPT) {
            assert!(tail.is_followed(), "{number}");
            tail.extend(&batches(number..number + 1));
            let read = LogRead {
                from: number * 2,
                end: i64::MAX,
                max_bytes: 100,
                first_batch_max: None,
            };
            assert_eq!(tail.read(read).unwrap().len(), 1);
        }
    }
}
