//! `Fetch` 4-12: reads record batches, and waits for them.
//!
//! * Sessionless: session id 0 is answered to whoever asks for a session (legal by KIP-227), and a
//!   session that is continued does not exist. 13 and later (topic ids) are not advertised yet.
//! * Answered at once when a partition has an error, when `min_bytes` are there, when `max_wait_ms` is
//!   0 or when the broker stops; else parked until one of these, or until the time is over.
//! * The first batch of the first partition with data is returned even above the limits (KIP-74).
//! * 9 checks the leader epoch (KIP-320); 10 allows zstd; 12 tells where logs diverge (KIP-595).
//!
//! Records pass through undecoded, and from memory uncopied. What an answer takes of memory is reserved
//! before it is read, or held on to where it is cached, until the client has taken it; a first batch
//! larger than what was reserved is read once there is room for it. Nothing is held while the request is parked.
//! Where the records come from, and who waits for the disk, is in `reading`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::Call;
use super::error::{Refusal, RequestError};
use crate::model::{Isolation, LeaderEpoch, Offset, PartitionId};
use crate::phase::Phase;
use crate::topics::{EpochEnd, FetchWaiter, Partition, ReadError, ReadOutcome};
use sluice_protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, PartitionData,
};
use sluice_protocol::wire::Chunks;

mod reading;

/// Bytes of records in one response, at most (Kafka's `fetch.max.bytes` of a broker).
const RESPONSE_BYTES_MAX: usize = 55 * 1024 * 1024;

/// Reads, or waits until there is something to read.
pub(crate) async fn handle(call: &Call, request: FetchRequest) -> FetchResponse {
    if request.session_id != 0 {
        return FetchResponse {
            error_code: call.refuse(RequestError::FetchSession),
            ..FetchResponse::default()
        };
    }
    let wish = Wish::of(call, &request);
    let read = match wish.read(call, wish.patience(call)).await {
        Some(read) => read,
        None => wish.wait(call).await,
    };
    FetchResponse {
        responses: by_topic(call, wish.isolation, request.topics, read),
        ..FetchResponse::default()
    }
}

/// What a fetch asks for.
#[derive(Debug)]
struct Wish {
    isolation: Isolation,
    min_bytes: usize,
    max_bytes: usize,
    deadline: Instant,
    /// In the order of the request.
    partitions: Arc<[Asked]>,
}

/// One partition that is asked for.
#[derive(Debug)]
struct Asked {
    partition: Result<Arc<Partition>, RequestError>,
    offset: Offset,
    last_fetched_epoch: Option<LeaderEpoch>,
    max_bytes: usize,
}

/// Where the records of one partition are.
enum Target<'a> {
    Records(&'a Partition),
    /// Nowhere: the client's log holds what ours does not, from here on.
    Diverging(EpochEnd),
}

/// What one partition has to say.
#[derive(Debug)]
enum Read {
    Records(ReadOutcome),
    /// The client's log holds what ours does not, from here on.
    Diverging(EpochEnd),
}

/// Whether a read must be answered whatever it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Left,
    Over,
}

impl Wish {
    fn of(call: &Call, request: &FetchRequest) -> Self {
        let max_wait = Duration::from_millis(request.max_wait_ms.try_into().unwrap_or(0));
        let partitions = request.topics.iter().flat_map(|topic| {
            let asked = |partition| Asked::of(call, &topic.topic, partition);
            topic.partitions.iter().map(asked)
        });
        Self {
            isolation: match request.isolation_level {
                1 => Isolation::ReadCommitted,
                _ => Isolation::ReadUncommitted,
            },
            min_bytes: request.min_bytes.try_into().unwrap_or(0),
            max_bytes: RESPONSE_BYTES_MAX.min(request.max_bytes.try_into().unwrap_or(0)),
            deadline: call.services.clock.now() + max_wait,
            partitions: partitions.collect(),
        }
    }

    fn patience(&self, call: &Call) -> Patience {
        let is_over = self.min_bytes == 0
            || self.partitions.is_empty()
            || !call.services.phase.is_running()
            || call.services.clock.now() >= self.deadline;
        if is_over {
            Patience::Over
        } else {
            Patience::Left
        }
    }

    /// Waits until a read satisfies the wish, or patience is over.
    async fn wait(&self, call: &Call) -> Vec<Result<Read, Refusal>> {
        let mut waiter = FetchWaiter::new();
        for partition in self.partitions.iter().flat_map(|asked| &asked.partition) {
            partition.watch(&mut waiter);
        }
        let mut patience = Patience::Left;
        loop {
            // Read after the registration, so that what changed in between is not missed.
            if let Some(read) = self.read(call, patience).await {
                return read;
            }
            tokio::select! {
                () = waiter.woken() => {}
                () = tokio::time::sleep_until(self.deadline.into()) => patience = Patience::Over,
                () = call.services.phase.reached(Phase::Draining) => patience = Patience::Over,
            }
        }
    }
}

impl Asked {
    fn of(call: &Call, topic: &str, asked: &FetchPartition) -> Self {
        let id = PartitionId(asked.partition);
        Self {
            partition: call.partition_led_at(topic, id, asked.current_leader_epoch),
            offset: Offset(asked.fetch_offset),
            last_fetched_epoch: (asked.last_fetched_epoch >= 0)
                .then_some(LeaderEpoch(asked.last_fetched_epoch)),
            max_bytes: asked.partition_max_bytes.try_into().unwrap_or(0),
        }
    }

    /// Where to read, if anywhere.
    fn target(&self) -> Result<Target<'_>, Refusal> {
        let partition = self.partition.as_ref().map_err(Clone::clone)?;
        Ok(match self.divergence(partition)? {
            Some(end) => Target::Diverging(end),
            None => Target::Records(partition),
        })
    }

    /// Where our log ends what the client fetched last, if that is before the offset it asks for.
    fn divergence(&self, partition: &Partition) -> Result<Option<EpochEnd>, ReadError> {
        let Some(epoch) = self.last_fetched_epoch else {
            return Ok(None);
        };
        match partition.epoch_end_offset(epoch) {
            Some(end) if end.leader_epoch < epoch || end.end_offset < self.offset => Ok(Some(end)),
            Some(_) => Ok(None),
            None => {
                let offsets = partition.offsets();
                Err(ReadError::OffsetOutOfRange {
                    asked: self.offset,
                    log_start: offsets.log_start,
                    log_end: offsets.log_end,
                })
            }
        }
    }
}

impl Read {
    fn size(&self) -> usize {
        match self {
            Self::Records(outcome) => outcome.size(),
            Self::Diverging(_) => 0,
        }
    }
}

fn by_topic(
    call: &Call,
    isolation: Isolation,
    topics: Vec<FetchTopic>,
    read: Vec<Result<Read, Refusal>>,
) -> Vec<FetchableTopicResponse> {
    let mut read = read.into_iter();
    let of_topic = |topic: FetchTopic| FetchableTopicResponse {
        partitions: topic
            .partitions
            .iter()
            .zip(&mut read)
            .map(|(asked, read)| partition_data(call, isolation, asked.partition, read))
            .collect(),
        topic: topic.topic,
        ..FetchableTopicResponse::default()
    };
    topics.into_iter().map(of_topic).collect()
}

fn partition_data(
    call: &Call,
    isolation: Isolation,
    partition_index: i32,
    read: Result<Read, Refusal>,
) -> PartitionData {
    let nothing = PartitionData {
        partition_index,
        high_watermark: -1,
        ..PartitionData::default()
    };
    match read {
        Ok(Read::Records(outcome)) => PartitionData {
            high_watermark: outcome.offsets.high_watermark.0,
            last_stable_offset: outcome.offsets.last_stable.0,
            log_start_offset: outcome.offsets.log_start.0,
            aborted_transactions: (isolation == Isolation::ReadCommitted).then(Vec::new),
            // Without records empty, not null, which librdkafka takes for a malformed set.
            records: Some(Chunks(outcome.records)),
            ..nothing
        },
        Ok(Read::Diverging(end)) => PartitionData {
            diverging_epoch: EpochEndOffset {
                epoch: end.leader_epoch.0,
                end_offset: end.end_offset.0,
            },
            ..nothing
        },
        Err(error) => PartitionData {
            error_code: call.refuse(error),
            ..nothing
        },
    }
}
