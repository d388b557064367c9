//! `Produce` 3-11 (0-11 advertised): appends record batches.
//!
//! * One batch per partition, the last where there are more; each partition succeeds or fails by itself, and answers in the order of
//!   the request.
//! * `acks` 1 and -1 are answered when the batch is as durable as the topic's `sluice.durability` says: on the
//!   disk with `group`, in the hands of the operating system with `os` and `interval`.
//! * `acks` 0 has no response: a failure ends the connection, which is how such a producer learns.
//! * 0-2 are refused (KIP-896), though advertised; see the table. 7 allows zstd; 8 names the record at
//!   fault. From 10 on a new leader could be named, which one node never has.
//!
//! All partitions are appended to before the first wait for the disk, so requests of one connection
//! keep their order without waiting for each other's flush. Where a batch has to be unpacked first, away
//! from the threads that serve connections, the requests behind it wait for that. Where it is small its records are
//! looked at on such a thread, which others have in between ([`Glance`]).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use sluice_protocol::record_batch::{Compression, Origin, ValidatedBatch};
use tokio::sync::MutexGuard;

use super::call::Call;
use super::dispatch::Answer;
use super::error::{Refusal, RequestError};
use crate::limits::LIGHT_CONTENT_BYTES_MAX;
use crate::model::{Acks, PartitionId, TopicName};
use crate::topics::{Appended, Appending};

/// What a flush may take even where the client would not wait, in milliseconds: the disk is not a
/// replica that could be left behind.
const TIMEOUT_MIN_MS: i32 = 1_000;

/// Appends, and waits for the flush.
pub(crate) async fn handle(call: &Call, request: ProduceRequest) -> Answer<ProduceResponse> {
    let acks = acks(request.acks);
    let timeout_ms = request.timeout_ms.max(TIMEOUT_MIN_MS);
    let mut topics = Vec::with_capacity(request.topic_data.len());
    let turn = append_turn(call).await;
    let mut glance = Glance::default();
    for topic in last_of_each(request.topic_data) {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in topic.partition_data {
            let index = data.index;
            let appending = append(call, &topic.name, data, &acks, &mut glance).await;
            partitions.push((index, appending));
        }
        topics.push((topic.name, partitions));
    }
    drop(turn);
    let mut responses = Vec::with_capacity(topics.len());
    for (name, partitions) in topics {
        let mut partition_responses = Vec::with_capacity(partitions.len());
        for (index, appending) in partitions {
            let outcome = durable(appending, timeout_ms).await;
            partition_responses.push(partition_response(call, index, outcome));
        }
        responses.push(TopicProduceResponse {
            name,
            partition_responses,
            ..TopicProduceResponse::default()
        });
    }
    if !matches!(acks, Ok(Acks::None)) {
        return Answer::Reply(ProduceResponse {
            responses,
            ..ProduceResponse::default()
        });
    }
    let mut partitions = responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    match partitions.any(|partition| partition.error_code != ErrorCode::None) {
        true => Answer::Close("records sent with acks 0 were refused"),
        false => Answer::Silent,
    }
}

/// The turn of this request among those of its connection. Where it had to wait others have the thread first: all that
/// wait would else follow each other without a pause.
async fn append_turn(call: &Call) -> MutexGuard<'_, ()> {
    let turn = &call.peer.append_turn;
    if let Ok(turn) = turn.try_lock() {
        return turn;
    }
    let turn = turn.lock().await;
    tokio::task::yield_now().await;
    turn
}

/// Of a partition that is named more than once the last batch counts, and is answered once, as by
/// Apache Kafka.
fn last_of_each(mut topics: Vec<TopicProduceData>) -> Vec<TopicProduceData> {
    // A name is looked at once, not for each partition: both may be as large as a request.
    let mut numbers = HashMap::new();
    let mut named = HashSet::new();
    for topic in topics.iter_mut().rev() {
        let number = numbers.len();
        let number = *numbers.entry(topic.name.as_str()).or_insert(number);
        let partitions = &mut topic.partition_data;
        partitions.reverse();
        partitions.retain(|data| named.insert((number, data.index)));
        partitions.reverse();
    }
    topics.retain(|topic| !topic.partition_data.is_empty());
    topics
}

fn acks(acks: i16) -> Result<Acks, RequestError> {
    match acks {
        -1 => Ok(Acks::All),
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        acks => Err(RequestError::InvalidAcks { acks }),
    }
}

async fn append(
    call: &Call,
    topic: &str,
    data: PartitionProduceData,
    acks: &Result<Acks, RequestError>,
    glance: &mut Glance,
) -> Result<Appending, Refusal> {
    let acks = acks.clone()?;
    if TopicName::parse(topic).is_ok_and(|name| name.is_internal()) {
        return Err(RequestError::InternalTopic.into());
    }
    let partition = call.partition(topic, PartitionId(data.index))?;
    let origin = Origin::Client {
        produce_version: call.version,
    };
    let records = data.records.unwrap_or_default();
    let batch = ValidatedBatch::parse(records, origin)?;
    glance.at(&batch).await;
    if let Some(appending) = partition.append_light(batch.clone(), acks)? {
        return Ok(appending);
    }
    let turn = &call.services.turns.unpacking;
    let appending = call.blocking_in_turn(turn, move || partition.append(batch, acks));
    Ok(appending.await??)
}

/// Bytes of records that a request looked at since it last let others have the thread.
#[derive(Default)]
struct Glance(usize);

impl Glance {
    /// Lets others have the thread where this batch is one too many. What is compressed may take as much as a
    /// look takes at all.
    async fn at(&mut self, batch: &ValidatedBatch) {
        let bytes = match batch.header().attributes.compression() {
            Some(Compression::None) => batch.size(),
            _ => LIGHT_CONTENT_BYTES_MAX,
        };
        if self.0 > 0 && self.0.saturating_add(bytes) > LIGHT_CONTENT_BYTES_MAX {
            tokio::task::yield_now().await;
            self.0 = 0;
        }
        self.0 = self.0.saturating_add(bytes);
    }
}

async fn durable(
    appending: Result<Appending, Refusal>,
    timeout_ms: i32,
) -> Result<Appended, Refusal> {
    let patience = Duration::from_millis(timeout_ms.try_into().unwrap_or(0));
    match tokio::time::timeout(patience, appending?.durable()).await {
        Ok(appended) => Ok(appended?),
        Err(_elapsed) => Err(RequestError::TimedOut { timeout_ms }.into()),
    }
}

fn partition_response(
    call: &Call,
    index: i32,
    outcome: Result<Appended, Refusal>,
) -> PartitionProduceResponse {
    match outcome {
        Ok(appended) => PartitionProduceResponse {
            index,
            base_offset: appended.base_offset.0,
            log_append_time_ms: appended.log_append_time.map_or(-1, |time| time.0),
            log_start_offset: appended.log_start_offset.0,
            ..PartitionProduceResponse::default()
        },
        Err(error) => {
            let record_errors = record_errors(&error);
            let (error_code, error_message) = call.explain(error);
            PartitionProduceResponse {
                index,
                error_code,
                base_offset: -1,
                record_errors,
                error_message,
                ..PartitionProduceResponse::default()
            }
        }
    }
}

/// The record at fault, where it is one (KIP-467).
fn record_errors(refusal: &Refusal) -> Vec<BatchIndexAndErrorMessage> {
    let index = refusal.record_index.map(i32::try_from);
    let of_index = |batch_index| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(refusal.reason.clone()),
    };
    index
        .and_then(Result::ok)
        .map(of_index)
        .into_iter()
        .collect()
}
