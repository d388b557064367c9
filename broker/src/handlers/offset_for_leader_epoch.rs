//! `OffsetForLeaderEpoch` 2-4: where the records of a leader epoch end (KIP-101, KIP-320).
//!
//! * The largest epoch up to the one asked for, and one past its last offset; -1 and -1 where there
//!   is none.
//! * librdkafka speaks version 2 only, Java 3 and later; they differ in a field for replicas.

use sluice_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use super::call::Call;
use crate::model::{LeaderEpoch, PartitionId};

/// Looks epochs up.
pub(crate) fn handle(
    call: &Call,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let of_partition = |asked| epoch_end(call, &topic.topic, asked);
        OffsetForLeaderTopicResult {
            partitions: topic.partitions.iter().map(of_partition).collect(),
            topic: topic.topic,
        }
    });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..OffsetForLeaderEpochResponse::default()
    }
}

fn epoch_end(call: &Call, topic: &str, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let nothing = EpochEndOffset {
        partition: asked.partition,
        ..EpochEndOffset::default()
    };
    let id = PartitionId(asked.partition);
    let partition = match call.partition_led_at(topic, id, asked.current_leader_epoch) {
        Ok(partition) => partition,
        Err(error) => {
            return EpochEndOffset {
                error_code: call.refuse(error),
                ..nothing
            };
        }
    };
    match partition.epoch_end_offset(LeaderEpoch(asked.leader_epoch)) {
        Some(end) => EpochEndOffset {
            leader_epoch: end.leader_epoch.0,
            end_offset: end.end_offset.0,
            ..nothing
        },
        None => nothing,
    }
}
