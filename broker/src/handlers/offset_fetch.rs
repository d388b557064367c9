//! `OffsetFetch` 1-9: how far groups have consumed.
//!
//! * Null topics (2 and later) ask for all partitions with an offset. A partition without one is
//!   offset -1 without an error, whether it exists or not.
//! * Until 7 one group is asked for, from 8 on many, each answered by itself (KIP-709), and once.
//! * 5 has leader epochs. 7 can ask for stable offsets only, which all are without transactions; 9
//!   names a member of the new group protocol, which is not here. 10 (topic ids) is not advertised.

use sluice_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};

use super::call::{Call, is_first};
use super::member::group_id;
use crate::groups::{CommittedOffset, FetchedTopic, OffsetsQuery};
use crate::model::PartitionId;

/// The first version that asks for many groups.
const MANY_FROM: i16 = 8;

/// Looks offsets up.
pub(crate) fn handle(call: &Call, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if call.version >= MANY_FROM {
        let is_first = is_first(&request.groups, |group| group.group_id.as_str());
        let groups = request.groups.into_iter().zip(is_first);
        let groups = groups.filter(|(_, is_first)| *is_first);
        let fetched = groups.map(|(group, _)| fetch(call, group.group_id, group.topics));
        return OffsetFetchResponse {
            groups: fetched.collect(),
            ..OffsetFetchResponse::default()
        };
    }
    let fetched = fetch(call, request.group_id, request.topics);
    OffsetFetchResponse {
        topics: fetched.topics,
        error_code: fetched.error_code,
        ..OffsetFetchResponse::default()
    }
}

fn fetch(
    call: &Call,
    group: String,
    topics: Option<Vec<OffsetFetchRequestTopic>>,
) -> OffsetFetchResponseGroup {
    let query = topics.map_or(OffsetsQuery::All, query);
    let mut response = OffsetFetchResponseGroup::default();
    match group_id(&group) {
        Ok(id) => {
            let fetched = call.services.groups.fetch_offsets(&id, &query);
            match call.take_room(fetched.iter().map(size).sum()) {
                Ok(()) => response.topics = fetched.into_iter().map(topic).collect(),
                Err(error) => response.error_code = call.refuse(error),
            }
        }
        Err(error) => response.error_code = call.refuse(error),
    }
    response.group_id = group;
    response
}

fn query(topics: Vec<OffsetFetchRequestTopic>) -> OffsetsQuery {
    let of_topic = |topic: OffsetFetchRequestTopic| {
        let partitions = topic.partition_indexes.into_iter().map(PartitionId);
        (topic.name.into(), partitions.collect())
    };
    OffsetsQuery::Of(topics.into_iter().map(of_topic).collect())
}

/// Bytes that a topic takes of an answer, about.
fn size(fetched: &FetchedTopic) -> usize {
    let metadata = fetched
        .partitions
        .iter()
        .flat_map(|(_, committed)| committed);
    let metadata = metadata.map(|committed| committed.metadata.len());
    let partition = size_of::<OffsetFetchResponsePartition>();
    fetched.topic.len()
        + size_of::<OffsetFetchResponseTopic>()
        + partition * fetched.partitions.len()
        + metadata.sum::<usize>()
}

fn topic(fetched: FetchedTopic) -> OffsetFetchResponseTopic {
    let partitions = fetched.partitions.into_iter();
    OffsetFetchResponseTopic {
        name: fetched.topic.to_string(),
        partitions: partitions.map(partition).collect(),
        ..OffsetFetchResponseTopic::default()
    }
}

fn partition(
    (partition, committed): (PartitionId, Option<CommittedOffset>),
) -> OffsetFetchResponsePartition {
    let nothing = OffsetFetchResponsePartition {
        partition_index: partition.0,
        committed_offset: -1,
        metadata: Some(String::new()),
        ..OffsetFetchResponsePartition::default()
    };
    match committed {
        None => nothing,
        Some(committed) => OffsetFetchResponsePartition {
            committed_offset: committed.offset.0,
            committed_leader_epoch: committed.leader_epoch.map_or(-1, |epoch| epoch.0),
            metadata: Some(committed.metadata.into()),
            ..nothing
        },
    }
}
