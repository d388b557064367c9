//! `OffsetDelete` 0: deletes committed offsets of a group, durably (KIP-496).
//!
//! * A partition that does not exist is an `UNKNOWN_TOPIC_OR_PARTITION`; one of a topic that a member
//!   is subscribed to a `GROUP_SUBSCRIBED_TO_TOPIC`. The others are deleted all the same.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};

use super::call::Call;
use super::error::Refusal;
use super::member::group_id;
use crate::groups::DeletedOffsets;
use crate::model::{PartitionId, TopicName};

/// Deletes offsets.
pub(crate) async fn handle(call: &Call, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let id = PartitionId(asked.partition_index);
            let error_code = match call.partition(&topic.name, id) {
                Ok(partition) => {
                    offsets.push((partition.topic().clone(), id));
                    ErrorCode::None
                }
                Err(error) => call.refuse(error),
            };
            partitions.push(OffsetDeleteResponsePartition {
                partition_index: asked.partition_index,
                error_code,
            });
        }
        topics.push(OffsetDeleteResponseTopic {
            name: topic.name,
            partitions,
        });
    }
    let deleted = match delete(call, &request.group_id, offsets).await {
        Ok(deleted) => deleted,
        Err(error) => {
            return OffsetDeleteResponse {
                error_code: call.refuse(error),
                ..OffsetDeleteResponse::default()
            };
        }
    };
    // Those without an error so far were asked for, in order.
    let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let asked = partitions.filter(|partition| partition.error_code == ErrorCode::None);
    for (partition, deleted) in asked.zip(deleted) {
        if let Err(error) = deleted {
            partition.error_code = call.refuse(error);
        }
    }
    OffsetDeleteResponse {
        topics,
        ..OffsetDeleteResponse::default()
    }
}

async fn delete(
    call: &Call,
    group: &str,
    offsets: Vec<(TopicName, PartitionId)>,
) -> Result<DeletedOffsets, Refusal> {
    let group = group_id(group)?;
    Ok(call.services.groups.delete_offsets(&group, offsets).await?)
}
