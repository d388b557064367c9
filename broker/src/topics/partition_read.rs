//! Reading from a partition. All of it may block on the disk, but for what is said to be cached.

use super::read::{FoundOffset, ReadError, ReadOutcome, ReadRequest};
use super::{Partition, PartitionOffsets};
use crate::log::{LogRead, LogReadError, TimedOffset};
use crate::model::{Isolation, LeaderEpoch, Offset, OffsetSpec, TimestampMs};

/// How often a look-up goes on behind the end that it began with. Each time takes another compaction
/// that comes in between, so that more than twice is hardly ever needed; without a bound, a log that is always
/// written to could keep it for ever.
const LOOKS_MAX: usize = 8;

impl Partition {
    /// Reads whole batches. May block on the disk.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, request: ReadRequest) -> Result<ReadOutcome, ReadError> {
        if let Some(cached) = self.read_cached(request) {
            return cached;
        }
        let offsets = self.offsets();
        let records = self
            .log
            .read(log_read(request, offsets))
            .map_err(|error| self.read_error(request.offset, error))?;
        Ok(ReadOutcome { records, offsets })
    }

    /// As [`Partition::read`] where nothing has to wait for the disk: the records are in memory, ours or
    /// the system's. `None` where it may have to.
    #[must_use]
    pub fn read_resident(&self, request: ReadRequest) -> Option<Result<ReadOutcome, ReadError>> {
        if let Some(cached) = self.read_cached(request) {
            return Some(cached);
        }
        let offsets = self.offsets();
        let read = self.log.read_resident(log_read(request, offsets))?;
        let read = read.map_err(|error| self.read_error(request.offset, error));
        Some(read.map(|records| ReadOutcome { records, offsets }))
    }

    /// As [`Partition::read`] where that needs no disk and takes no memory, since what is cached is
    /// shared; `None` where it does.
    #[must_use]
    pub fn read_cached(&self, request: ReadRequest) -> Option<Result<ReadOutcome, ReadError>> {
        let offsets = self.offsets();
        if let Err(error) = self.check_range(request.offset, offsets) {
            return Some(Err(error));
        }
        let records = match request.offset >= offsets.readable_end(request.isolation) {
            true => {
                self.log.follow();
                Vec::new()
            }
            false => self.log.read_tail(log_read(request, offsets))?,
        };
        Some(Ok(ReadOutcome { records, offsets }))
    }

    /// Looks a position up, precise to the record; `None` where no record is late enough. May block
    /// on the disk.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn offset_for(
        &self,
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> Result<Option<FoundOffset>, ReadError> {
        if self.is_deleted() {
            return Err(ReadError::Deleted);
        }
        match spec {
            OffsetSpec::Earliest => Ok(Some(self.found_at(self.offsets().log_start))),
            OffsetSpec::Latest => Ok(Some(FoundOffset {
                offset: self.offsets().readable_end(isolation),
                timestamp: None,
                leader_epoch: self.leader_epoch(),
            })),
            OffsetSpec::MaxTimestamp => self.find_timed(isolation, |from, end| {
                self.log.first_with_largest_timestamp(from, end)
            }),
            OffsetSpec::At(TimestampMs(timestamp)) => self.find_timed(isolation, |from, end| {
                self.log.first_at_or_after(timestamp, from, end)
            }),
        }
    }

    /// What `look` finds in all that can be read. Where that is nothing, a compaction may have removed what
    /// was there, for records that came behind the end meanwhile: then it looks at these too.
    pub(super) fn find_timed(
        &self,
        isolation: Isolation,
        mut look: impl FnMut(i64, i64) -> Result<Option<TimedOffset>, LogReadError>,
    ) -> Result<Option<FoundOffset>, ReadError> {
        let start = self.offsets().log_start;
        let mut from = start;
        for _ in 0..LOOKS_MAX {
            let end = self.offsets().readable_end(isolation);
            if end <= from {
                break;
            }
            let found = look(from.0, end.0).map_err(|error| self.read_error(start, error))?;
            if let Some(found) = found {
                return Ok(Some(FoundOffset {
                    timestamp: Some(TimestampMs(found.timestamp)),
                    ..self.found_at(Offset(found.offset))
                }));
            }
            from = end;
        }
        Ok(None)
    }

    fn found_at(&self, offset: Offset) -> FoundOffset {
        let epoch = self.log.epoch_of(offset.0).map(LeaderEpoch);
        FoundOffset {
            offset,
            timestamp: None,
            leader_epoch: epoch.unwrap_or_else(|| self.leader_epoch()),
        }
    }

    fn check_range(&self, asked: Offset, offsets: PartitionOffsets) -> Result<(), ReadError> {
        if self.is_deleted() {
            return Err(ReadError::Deleted);
        }
        if asked >= offsets.log_start && asked <= offsets.log_end {
            return Ok(());
        }
        Err(ReadError::OffsetOutOfRange {
            asked,
            log_start: offsets.log_start,
            log_end: offsets.log_end,
        })
    }

    /// What a failure means. Records that were dropped while they were being read are out of range.
    fn read_error(&self, asked: Offset, error: LogReadError) -> ReadError {
        if let Err(gone) = self.check_range(asked, self.offsets()) {
            return gone;
        }
        match error {
            LogReadError::Storage(error) => ReadError::Storage(error),
            LogReadError::NoRoom { bytes } => ReadError::NoRoom { bytes },
            LogReadError::Damaged { range } => ReadError::Damaged {
                asked,
                begin: Offset(range.begin),
                end: Offset(range.end),
            },
        }
    }
}

const fn log_read(request: ReadRequest, offsets: PartitionOffsets) -> LogRead {
    LogRead {
        from: request.offset.0,
        end: offsets.readable_end(request.isolation).0,
        max_bytes: request.max_bytes,
        first_batch_max: request.first_batch_max,
    }
}
