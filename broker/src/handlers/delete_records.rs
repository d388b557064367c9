//! `DeleteRecords` 0-2: moves the start of partitions forward, durably (KIP-107).
//!
//! * Offset -1 means the high watermark; beyond it is an `OFFSET_OUT_OF_RANGE`. The start never moves
//!   back. The answer is where it is then.
//! * A topic that is compacted and nothing else is refused with `POLICY_VIOLATION`, as by Apache Kafka.
//! * Internal topics are refused with `INVALID_TOPIC_EXCEPTION`: their records are the broker's.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::call::Call;
use super::error::{Refusal, RequestError};
use crate::model::{Offset, PartitionId};

/// Stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

/// Deletes the oldest records.
pub(crate) async fn handle(call: &Call, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let deleted = delete(call, &topic.name, &asked).await;
            partitions.push(partition_result(call, &asked, deleted));
        }
        topics.push(DeleteRecordsTopicResult {
            name: topic.name,
            partitions,
        });
    }
    DeleteRecordsResponse {
        topics,
        ..DeleteRecordsResponse::default()
    }
}

async fn delete(
    call: &Call,
    topic: &str,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, Refusal> {
    let partition = call.partition(topic, PartitionId(asked.partition_index))?;
    if partition.topic().is_internal() {
        return Err(RequestError::InternalTopic.into());
    }
    if !partition.may_lose_records() {
        return Err(RequestError::NotDeleted.into());
    }
    let to = match asked.offset {
        HIGH_WATERMARK => None,
        offset if offset < 0 => return Err(RequestError::NegativeOffset { offset }.into()),
        offset => Some(Offset(offset)),
    };
    Ok(partition.delete_records(to).await?)
}

fn partition_result(
    call: &Call,
    asked: &DeleteRecordsPartition,
    deleted: Result<Offset, Refusal>,
) -> DeleteRecordsPartitionResult {
    let partition_index = asked.partition_index;
    match deleted {
        Ok(low_watermark) => DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: low_watermark.0,
            error_code: ErrorCode::None,
        },
        Err(error) => DeleteRecordsPartitionResult {
            partition_index,
            low_watermark: -1,
            error_code: call.refuse(error),
        },
    }
}
