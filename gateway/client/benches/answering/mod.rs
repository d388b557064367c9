//! A broker in the process that answers at once and keeps nothing: what is left to measure is the
//! client. Every member is alone in its group and gets what it assigns itself; a fetch parks until its
//! time is over.

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use sluice_client::{Address, Connection, Dial, Dialing};
use sluice_protocol::header::{RequestHeader, response_frame};
use sluice_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use sluice_protocol::messages::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use sluice_protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use sluice_protocol::messages::heartbeat::HeartbeatResponse;
use sluice_protocol::messages::init_producer_id::InitProducerIdResponse;
use sluice_protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
};
use sluice_protocol::messages::leave_group::LeaveGroupResponse;
use sluice_protocol::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use sluice_protocol::messages::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use sluice_protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use sluice_protocol::messages::{ApiKey, Message};
use sluice_protocol::wire::Reader;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const PARTITIONS: i32 = 4;

/// What can go wrong in a benchmark.
pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// The runtime clients run on in the gateway.
pub(crate) fn runtime() -> Result<Runtime, Fault> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

/// Prints a line.
pub(crate) fn report(line: &str) -> Result<(), Fault> {
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

/// Reaches the broker.
#[derive(Debug)]
pub(crate) struct Answering;

impl Dial for Answering {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        Box::pin(async {
            let (requests, taken) = mpsc::channel(16);
            let (answers, responses) = mpsc::channel(16);
            tokio::spawn(serve(taken, answers));
            Ok(Connection::Frames {
                requests,
                responses,
            })
        })
    }
}

async fn serve(mut taken: mpsc::Receiver<Vec<Bytes>>, answers: mpsc::Sender<Vec<Bytes>>) {
    while let Some(request) = taken.recv().await {
        let Ok(answer) = answer(request).await else {
            return;
        };
        if answers.send(answer).await.is_err() {
            return;
        }
    }
}

async fn answer(request: Vec<Bytes>) -> Result<Vec<Bytes>, Fault> {
    let mut reader = Reader::from_chunks(request);
    let header = RequestHeader::decode(&mut reader)?;
    let (version, id) = (header.api_version, header.correlation_id);
    let api = ApiKey::try_from(header.api_key)?;
    let frame = if api == ApiKey::ApiVersions {
        response_frame(&versions(), version, id)?
    } else if api == ApiKey::InitProducerId {
        response_frame(&InitProducerIdResponse::default(), version, id)?
    } else if api == ApiKey::Metadata {
        let request = MetadataRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&metadata(request), version, id)?
    } else if api == ApiKey::Produce {
        let request = ProduceRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&produced(request), version, id)?
    } else if api == ApiKey::FindCoordinator {
        let request = FindCoordinatorRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&coordinators(request), version, id)?
    } else if api == ApiKey::JoinGroup {
        let request = JoinGroupRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&joined(request), version, id)?
    } else if api == ApiKey::SyncGroup {
        let request = SyncGroupRequest::from_bytes(reader.rest()?, version)?;
        response_frame(&synchronized(request), version, id)?
    } else if api == ApiKey::Heartbeat {
        response_frame(&HeartbeatResponse::default(), version, id)?
    } else if api == ApiKey::LeaveGroup {
        response_frame(&LeaveGroupResponse::default(), version, id)?
    } else if api == ApiKey::Fetch {
        let request = FetchRequest::from_bytes(reader.rest()?, version)?;
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms)?);
        tokio::time::sleep(wait).await;
        response_frame(&fetched(request), version, id)?
    } else {
        return Err(format!("{api:?} is not expected").into());
    };
    Ok(frame)
}

fn versions() -> ApiVersionsResponse {
    let rows = ApiKey::ALL.iter().map(|api| ApiVersion {
        api_key: api.key(),
        min_version: *api.versions().start(),
        max_version: *api.versions().end(),
    });
    ApiVersionsResponse {
        api_keys: rows.collect(),
        ..ApiVersionsResponse::default()
    }
}

fn metadata(request: MetadataRequest) -> MetadataResponse {
    let partitions = (0..PARTITIONS).map(|partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        ..MetadataResponsePartition::default()
    });
    let partitions: Vec<_> = partitions.collect();
    let topics = request.topics.unwrap_or_default().into_iter();
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: 1,
            host: "null".to_owned(),
            port: 1,
            rack: None,
        }],
        controller_id: 1,
        topics: topics
            .map(|topic| MetadataResponseTopic {
                name: topic.name,
                partitions: partitions.clone(),
                ..MetadataResponseTopic::default()
            })
            .collect(),
        ..MetadataResponse::default()
    }
}

fn produced(request: ProduceRequest) -> ProduceResponse {
    let topics = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.into_iter();
        TopicProduceResponse {
            name: topic.name,
            partition_responses: partitions
                .map(|partition| PartitionProduceResponse {
                    index: partition.index,
                    ..PartitionProduceResponse::default()
                })
                .collect(),
            ..TopicProduceResponse::default()
        }
    });
    ProduceResponse {
        responses: topics.collect(),
        ..ProduceResponse::default()
    }
}

fn coordinators(request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let keys = request.coordinator_keys.into_iter();
    FindCoordinatorResponse {
        coordinators: keys
            .map(|key| Coordinator {
                key,
                node_id: 1,
                ..Coordinator::default()
            })
            .collect(),
        ..FindCoordinatorResponse::default()
    }
}

fn joined(request: JoinGroupRequest) -> JoinGroupResponse {
    let member_id = format!("sluice-{}-00000000-0000-0000-0000", request.group_id);
    let protocol = request.protocols.into_iter().next().unwrap_or_default();
    JoinGroupResponse {
        generation_id: 1,
        protocol_type: Some(request.protocol_type),
        protocol_name: Some(protocol.name),
        leader: member_id.clone(),
        member_id: member_id.clone(),
        members: vec![JoinGroupResponseMember {
            member_id,
            group_instance_id: None,
            metadata: protocol.metadata,
        }],
        ..JoinGroupResponse::default()
    }
}

fn synchronized(request: SyncGroupRequest) -> SyncGroupResponse {
    let own = request.assignments.into_iter().next().unwrap_or_default();
    SyncGroupResponse {
        assignment: own.assignment,
        ..SyncGroupResponse::default()
    }
}

fn fetched(request: FetchRequest) -> FetchResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter();
        FetchableTopicResponse {
            topic: topic.topic,
            partitions: partitions
                .map(|partition| PartitionData {
                    partition_index: partition.partition,
                    ..PartitionData::default()
                })
                .collect(),
            ..FetchableTopicResponse::default()
        }
    });
    FetchResponse {
        responses: topics.collect(),
        ..FetchResponse::default()
    }
}
