//! Reading records.
//!
//! A read returns when there is something, and waits for nothing else. What it collects moves the
//! positions of the instance in the moment it returns: a caller that went away, or partitions that
//! went to others meanwhile, cost nothing but to read the same again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use sluice_client::{
    ClientError, ErrorCode, FetchOptions, FetchTarget, Fetched, Headers, Isolation, Record,
    TopicPartition,
};
use tokio::time::{sleep, timeout_at};

use super::consumer::{Consumer, Row};
use super::error::ConsumeError;
use super::interest::{Interest, Owned, PATTERN_AGE_MAX};
use super::progress::Position;
use crate::embedded::EmbeddedFormat;

/// What a read waits when neither it nor its instance says.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
/// Time between the commits of an instance that commits by itself; Kafka's default.
const AUTO_COMMIT_INTERVAL: Duration = Duration::from_secs(5);
/// How long such a commit may hold a read up.
const AUTO_COMMIT_MAX: Duration = Duration::from_millis(500);
/// How long a fetch looks for leaders that moved, once a first one has failed.
const RETRIES_MAX: Duration = Duration::from_millis(500);
/// Pause after a fetch that failed and is worth another one.
const PAUSE: Duration = Duration::from_millis(100);

/// What a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The longest it waits; the instance's or the server's where it does not say.
    pub timeout: Option<Duration>,
    /// Bytes of keys and values, at most, but for a first record that is larger.
    pub bytes_max: Option<usize>,
    /// The format the caller understands.
    pub format: EmbeddedFormat,
}

/// A record as it is delivered.
#[derive(Clone, Debug)]
pub struct ConsumedRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
    /// The key, as JSON.
    pub key: Box<RawValue>,
    /// The value, as JSON.
    pub value: Box<RawValue>,
    /// The headers, in order.
    pub headers: Headers,
}

/// What a read has collected, and where it would leave the instance.
#[derive(Debug, Default)]
struct Collected {
    records: Vec<ConsumedRecord>,
    bytes: usize,
    is_full: bool,
    positions: HashMap<TopicPartition, i64>,
    /// An error that the records before it hide until they are delivered.
    error: Option<ConsumeError>,
    /// A partition could not be read for now.
    has_failed: bool,
    /// Partitions whose position is not in their log.
    out_of_range: Vec<TopicPartition>,
}

/// The limits of one read.
#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Instant,
    bytes_max: usize,
    bytes_min: usize,
    format: EmbeddedFormat,
}

impl Consumer {
    /// Records from the positions on, which move behind them. None when none came in time.
    ///
    /// # Errors
    /// [`ConsumeError`]; what could not be read or shown is at the position, which stays there.
    pub async fn read(&self, request: ReadRequest) -> Result<Vec<ConsumedRecord>, ConsumeError> {
        if request.format != self.options().format {
            return Err(ConsumeError::FormatMismatch);
        }
        let mut row = self.row().await?;
        let limits = self.limits(request);
        tokio::select! {
            biased;
            () = self.ended() => Err(ConsumeError::NoInstance),
            records = Box::pin(self.read_row(&mut row, limits)) => records,
        }
    }

    fn limits(&self, request: ReadRequest) -> Limits {
        let most = self.settings().read_timeout_max;
        let most = self.options().timeout.map_or(most, |own| own.min(most));
        let default = self.options().timeout.unwrap_or(TIMEOUT_DEFAULT);
        let timeout = request.timeout.unwrap_or(default).min(most);
        let bytes_max = self.settings().read_size_max.as_usize();
        Limits {
            deadline: Instant::now() + timeout,
            bytes_max: request.bytes_max.unwrap_or(bytes_max).min(bytes_max),
            bytes_min: self.options().bytes_min,
            format: request.format,
        }
    }

    async fn read_row(
        &self,
        row: &mut Row,
        limits: Limits,
    ) -> Result<Vec<ConsumedRecord>, ConsumeError> {
        self.commit_in_time(row).await;
        row.turn = row.turn.wrapping_add(1);
        let mut generation = None;
        let mut collected = Collected::default();
        loop {
            self.match_again(&mut row.interest).await?;
            let Some(owned) = self.owned(&mut row.interest, limits.deadline).await? else {
                return Ok(Vec::new());
            };
            if generation.replace(owned.generation) != Some(owned.generation) {
                collected = Collected::default();
            }
            self.locate(&owned, limits.deadline).await?;
            let targets = self.targets(&owned, &collected, row.turn, limits);
            self.fetch(targets, &mut collected, limits).await;
            let out_of_range = std::mem::take(&mut collected.out_of_range);
            let is_moved = !out_of_range.is_empty();
            self.reset(owned.generation, out_of_range, limits.deadline)
                .await?;
            if collected.is_enough(limits) {
                if self.deliver(owned.generation, &collected) {
                    return collected.into_records();
                }
                generation = None;
            } else if !is_moved {
                self.wait(&row.interest, &owned, &collected, limits.deadline)
                    .await;
            }
        }
    }

    /// Commits what earlier reads delivered, where that is due.
    async fn commit_in_time(&self, row: &mut Row) {
        if self.options().auto_commit && row.committed.elapsed() >= AUTO_COMMIT_INTERVAL {
            row.committed = Instant::now();
            self.commit_delivered(&row.interest, AUTO_COMMIT_MAX).await;
        }
    }

    /// Finds positions for partitions that have none: what the group has committed, or else where the
    /// instance is told to start. Those of which nothing is learnt in time stay without.
    async fn locate(&self, owned: &Owned, deadline: Instant) -> Result<(), ConsumeError> {
        let positions = self.progress().positions(&owned.partitions);
        let missing = owned.partitions.iter().zip(positions);
        let missing = missing.filter(|(_, position)| position.is_none());
        let mut missing: Vec<TopicPartition> = missing.map(|(at, _)| at.clone()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let committed = self.committed_of(missing.clone());
        let Ok(committed) = timeout_at(deadline.into(), committed).await else {
            return Ok(());
        };
        let committed: HashMap<_, _> = committed?
            .into_iter()
            .map(|committed| (committed.at, committed.offset))
            .collect();
        missing.retain(|at| !committed.contains_key(at));
        let found = committed.into_iter().map(|(at, next)| {
            (
                at,
                Position {
                    next,
                    committed: Some(next),
                },
            )
        });
        self.progress().place(owned.generation, found);
        self.reset(owned.generation, missing, deadline).await
    }

    /// Moves partitions to where the instance is told to start.
    async fn reset(
        &self,
        generation: i32,
        partitions: Vec<TopicPartition>,
        deadline: Instant,
    ) -> Result<(), ConsumeError> {
        let Some(first) = partitions.first() else {
            return Ok(());
        };
        let Some(spec) = self.options().reset.spec() else {
            return Err(ConsumeError::NoOffset { at: first.clone() });
        };
        let wanted = partitions.into_iter().map(|at| (at, spec)).collect();
        let offsets = self.client().offsets();
        let listed = offsets.list(wanted, Isolation::ReadUncommitted);
        let Ok(listed) = timeout_at(deadline.into(), listed).await else {
            return Ok(());
        };
        let mut found = Vec::with_capacity(listed.len());
        for (at, listed) in listed {
            match listed {
                Ok(listed) => {
                    let next = listed.offset.unwrap_or(0);
                    found.push((
                        at,
                        Position {
                            next,
                            committed: None,
                        },
                    ));
                }
                Err(error) if may_pass(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.progress().place(generation, found);
        Ok(())
    }

    /// What to fetch next, beginning with another partition each time.
    fn targets(
        &self,
        owned: &Owned,
        collected: &Collected,
        turn: usize,
        limits: Limits,
    ) -> Vec<FetchTarget> {
        let left = limits.bytes_max.saturating_sub(collected.bytes);
        let bytes_max = i32::try_from(left).unwrap_or(i32::MAX);
        let mut targets: Vec<FetchTarget> = self
            .current(owned, collected)
            .into_iter()
            .map(|(at, offset)| FetchTarget {
                at,
                offset,
                bytes_max,
            })
            .collect();
        let count = targets.len().max(1);
        targets.rotate_left(turn % count);
        targets
    }

    /// Where the read is in each partition that has a position.
    fn current(&self, owned: &Owned, collected: &Collected) -> Vec<(TopicPartition, i64)> {
        let positions = self.progress().positions(&owned.partitions);
        let positions = owned.partitions.iter().zip(positions);
        let positions = positions.filter_map(|(at, position)| {
            let position = collected.positions.get(at).copied().or(position)?;
            Some((at.clone(), position))
        });
        positions.collect()
    }

    async fn fetch(&self, targets: Vec<FetchTarget>, collected: &mut Collected, limits: Limits) {
        let retries = if collected.has_failed {
            RETRIES_MAX
        } else {
            Duration::ZERO
        };
        let left = limits.deadline.saturating_duration_since(Instant::now());
        let bytes_max = targets.first().map_or(0, |target| target.bytes_max);
        collected.has_failed = false;
        let isolation = Isolation::ReadUncommitted;
        let offsets: HashMap<_, _> = targets
            .iter()
            .map(|target| (target.at.clone(), target.offset))
            .collect();
        let options = FetchOptions {
            isolation,
            bytes_max,
            timeout: retries.min(left),
        };
        for (at, fetched) in self.client().fetcher().fetch(targets, options).await {
            match fetched {
                Ok(fetched) => collected.take(at, &fetched, limits),
                Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                    collected.positions.remove(&at);
                    collected.out_of_range.push(at);
                }
                // It is no matter of time, whatever Kafka's producers make of it.
                Err(error) if error.code() == Some(ErrorCode::CorruptMessage) => {
                    let offset = offsets.get(&at).copied().unwrap_or_default();
                    let damaged = ConsumeError::Damaged { at, offset };
                    collected.error.get_or_insert(damaged);
                }
                Err(error) if may_pass(&error) => collected.has_failed = true,
                Err(error) => drop(collected.error.get_or_insert_with(|| error.into())),
            }
        }
    }

    /// Moves the positions behind what is delivered. Answers whether the partitions are still the
    /// instance's.
    fn deliver(&self, generation: i32, collected: &Collected) -> bool {
        let positions = collected
            .positions
            .iter()
            .map(|(at, next)| (at.clone(), *next));
        let is_delivered = self.progress().advance(generation, positions);
        if is_delivered {
            let topics = collected
                .records
                .chunk_by(|left, right| left.topic == right.topic);
            for records in topics {
                if let Some(first) = records.first() {
                    self.metrics().consumed(&first.topic, records.len());
                }
            }
        }
        is_delivered
    }

    /// Waits for records behind the positions, for other partitions, or until a pattern is to be
    /// looked at again.
    async fn wait(
        &self,
        interest: &Interest,
        owned: &Owned,
        collected: &Collected,
        deadline: Instant,
    ) {
        let mut left = deadline.saturating_duration_since(Instant::now());
        if matches!(interest, Interest::Pattern { .. }) {
            left = left.min(PATTERN_AGE_MAX);
        }
        if collected.has_failed {
            sleep(PAUSE.min(left)).await;
            return;
        }
        let positions = self.current(owned, collected);
        if positions.len() < owned.partitions.len() {
            // Some have no position yet; their leaders could not be asked.
            left = left.min(PAUSE);
        }
        let watcher = self.client().watcher();
        let lost = async {
            match interest.member() {
                Some(member) => member.lost(owned.generation).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = watcher.wait(&positions, Isolation::ReadUncommitted, left) => {}
            () = lost => {}
        }
    }
}

impl Collected {
    /// Takes records of one partition, as far as there is room.
    fn take(&mut self, at: TopicPartition, fetched: &Fetched, limits: Limits) {
        if self.is_full || self.error.is_some() {
            return;
        }
        let mut records = fetched.records.iter();
        let mut position = None;
        while let Some(record) = records.next() {
            let result = match record {
                Ok(record) if self.has_room(&record, limits) => {
                    let offset = record.offset;
                    self.push(&at, record, limits.format)
                        .map_err(|error| (offset, error))
                }
                Ok(record) => {
                    self.is_full = true;
                    position = Some(record.offset);
                    break;
                }
                Err(source) => {
                    let error = ConsumeError::Unreadable {
                        at: at.clone(),
                        source,
                    };
                    Err((records.position(), error))
                }
            };
            if let Err((offset, error)) = result {
                self.error = Some(error);
                position = Some(offset);
                break;
            }
        }
        self.positions
            .insert(at, position.unwrap_or_else(|| records.position()));
    }

    fn has_room(&self, record: &Record, limits: Limits) -> bool {
        self.records.is_empty() || self.bytes.saturating_add(size(record)) <= limits.bytes_max
    }

    fn push(
        &mut self,
        at: &TopicPartition,
        record: Record,
        format: EmbeddedFormat,
    ) -> Result<(), ConsumeError> {
        let offset = record.offset;
        let undecodable = |source| ConsumeError::Undecodable {
            at: at.clone(),
            offset,
            source,
        };
        let consumed = ConsumedRecord {
            topic: Arc::clone(&at.topic),
            partition: at.partition,
            offset,
            timestamp: record.timestamp,
            key: format.encode(record.key.as_ref()).map_err(undecodable)?,
            value: format.encode(record.value.as_ref()).map_err(undecodable)?,
            headers: record.headers.clone(),
        };
        self.bytes = self.bytes.saturating_add(size(&record));
        self.records.push(consumed);
        Ok(())
    }

    /// Whether the read ends with this.
    fn is_enough(&self, limits: Limits) -> bool {
        let has_enough = !self.records.is_empty() && self.bytes >= limits.bytes_min;
        has_enough || self.is_full || self.error.is_some() || Instant::now() >= limits.deadline
    }

    fn into_records(self) -> Result<Vec<ConsumedRecord>, ConsumeError> {
        match self.error {
            Some(error) if self.records.is_empty() => Err(error),
            Some(_) | None => Ok(self.records),
        }
    }
}

/// Bytes of key, value and headers.
fn size(record: &Record) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let both = length(&record.key).saturating_add(length(&record.value));
    // Of a record without any only the count is there.
    both.saturating_add(record.headers.size().saturating_sub(1))
}

/// Whether a read waits for the error to pass; so does a topic that does not exist yet.
fn may_pass(error: &ClientError) -> bool {
    error.is_retriable()
}
