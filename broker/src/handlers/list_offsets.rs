//! `ListOffsets` 1-11: the ends of a log, and the first record at or after a time.
//!
//! * -1 is the end that the isolation level may read, -2 the log start; look-ups by time are precise
//!   to the record, and tell its timestamp; nothing late enough is offset -1.
//! * 2 has isolation; 4 tells the epoch of the offset and checks the client's; 7 knows -3 (largest
//!   timestamp). Nothing is tiered, so -4 (8) is -2, and -5 (9) and -6 (11) are no offset.
//! * A special time that a version does not know is an `UNSUPPORTED_VERSION`; a partition named twice
//!   an `INVALID_REQUEST`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sluice_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use super::call::Call;
use super::error::{Refusal, RequestError};
use crate::model::{Isolation, OffsetSpec, PartitionId, TimestampMs};
use crate::topics::FoundOffset;

/// The special times, and the first version that knows each.
const SPECIAL_TIMES: &[(i64, i16, Option<OffsetSpec>)] = &[
    (-1, 1, Some(OffsetSpec::Latest)),
    (-2, 1, Some(OffsetSpec::Earliest)),
    (-3, 7, Some(OffsetSpec::MaxTimestamp)),
    (-4, 8, Some(OffsetSpec::Earliest)),
    (-5, 9, None),
    (-6, 11, None),
];

/// Looks offsets up.
pub(crate) async fn handle(call: &Call, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = match request.isolation_level {
        1 => Isolation::ReadCommitted,
        _ => Isolation::ReadUncommitted,
    };
    let mut seen = HashMap::<_, HashSet<_>>::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let seen = seen.entry(topic.name.as_str()).or_default();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let found = match seen.insert(asked.partition_index) {
                true => find(call, &topic.name, asked, isolation).await,
                false => Err(named_twice(asked.partition_index).into()),
            };
            partitions.push(partition_response(call, asked, found));
        }
        topics.push(ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions,
        });
    }
    ListOffsetsResponse {
        topics,
        ..ListOffsetsResponse::default()
    }
}

async fn find(
    call: &Call,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<Option<FoundOffset>, Refusal> {
    let id = PartitionId(asked.partition_index);
    let partition = call.partition_led_at(topic, id, asked.current_leader_epoch)?;
    let Some(spec) = spec(asked.timestamp, call.version)? else {
        return Ok(None);
    };
    match spec {
        // Both ends are in memory.
        OffsetSpec::Earliest | OffsetSpec::Latest => Ok(partition.offset_for(spec, isolation)?),
        OffsetSpec::MaxTimestamp | OffsetSpec::At(_) => {
            let partition = Arc::clone(&partition);
            let turn = &call.services.turns.look_ups;
            let found = call.blocking_in_turn(turn, move || partition.offset_for(spec, isolation));
            Ok(found.await??)
        }
    }
}

/// What a timestamp asks for; `None` for what never is on a broker without tiered storage.
fn spec(timestamp: i64, version: i16) -> Result<Option<OffsetSpec>, RequestError> {
    if timestamp >= 0 {
        return Ok(Some(OffsetSpec::At(TimestampMs(timestamp))));
    }
    let known = SPECIAL_TIMES
        .iter()
        .find(|(special, since, _)| *special == timestamp && version >= *since);
    known
        .map(|(_, _, spec)| *spec)
        .ok_or(RequestError::Timestamp { timestamp })
}

fn named_twice(partition: i32) -> RequestError {
    RequestError::invalid(format!("partition {partition} is named more than once"))
}

fn partition_response(
    call: &Call,
    asked: &ListOffsetsPartition,
    found: Result<Option<FoundOffset>, Refusal>,
) -> ListOffsetsPartitionResponse {
    let nothing = ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        ..ListOffsetsPartitionResponse::default()
    };
    match found {
        Ok(Some(found)) => ListOffsetsPartitionResponse {
            timestamp: found.timestamp.map_or(-1, |timestamp| timestamp.0),
            offset: found.offset.0,
            leader_epoch: found.leader_epoch.0,
            ..nothing
        },
        Ok(None) => nothing,
        Err(error) => ListOffsetsPartitionResponse {
            error_code: call.refuse(error),
            ..nothing
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_times_are_known_from_their_version_on() {
        for (timestamp, since, expected) in SPECIAL_TIMES {
            assert_eq!(spec(*timestamp, *since).unwrap(), *expected, "{timestamp}");
            assert!(spec(*timestamp, since - 1).is_err(), "{timestamp}");
        }
        assert!(spec(-7, 11).is_err());
        let at = OffsetSpec::At(TimestampMs(0));
        assert_eq!(spec(0, 1).unwrap(), Some(at));
    }
}
