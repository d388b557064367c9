//! `Metadata` 0-13: the broker, and topics with their partitions.
//!
//! * Null asks for all topics and an empty list for none; in version 0 an empty list asks for all.
//! * A missing topic is created where the client (4 and later) and the broker allow it; the answer has
//!   its partitions at once. Internal topics are not created this way.
//! * 2 has the cluster id; 7 leader epochs; 8 the operations allowed, on request; 10 topic ids, by
//!   which 12 can ask.
//! * The endpoint is the one advertised for the listener that the request came in by.

use std::collections::HashSet;
use std::sync::Arc;

use sluice_protocol::Uuid;
use sluice_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};

use super::authorized;
use super::call::Call;
use super::create_topics::create_automatically;
use super::error::{Refusal, RequestError};
use crate::topics::{Partition, Topic};

/// The first version in which topics can be asked for by id.
const IDS_FROM: i16 = 12;

/// Describes the broker and the topics asked for.
pub(crate) async fn handle(call: &Call, request: MetadataRequest) -> MetadataResponse {
    let operations = authorized::if_asked(
        request.include_topic_authorized_operations,
        authorized::TOPIC,
    );
    let asked = match request.topics {
        Some(topics) if call.version > 0 || !topics.is_empty() => Some(topics),
        Some(_) | None => None,
    };
    let topics = match asked {
        None => {
            let all = call.services.topics.list();
            all.iter().map(|topic| describe(call, topic)).collect()
        }
        Some(asked) => named(call, asked, request.allow_auto_topic_creation).await,
    };
    let with_operations = |topic| MetadataResponseTopic {
        topic_authorized_operations: operations,
        ..topic
    };
    MetadataResponse {
        brokers: vec![this_broker(call)],
        cluster_id: Some(call.services.topics.cluster_id().to_owned()),
        controller_id: call.services.config.node_id,
        topics: topics.into_iter().map(with_operations).collect(),
        cluster_authorized_operations: authorized::if_asked(
            request.include_cluster_authorized_operations,
            authorized::CLUSTER,
        ),
        ..MetadataResponse::default()
    }
}

fn this_broker(call: &Call) -> MetadataResponseBroker {
    MetadataResponseBroker {
        node_id: call.services.config.node_id,
        host: call.peer.endpoint.host.clone(),
        port: call.peer.endpoint.port.into(),
        rack: None,
    }
}

async fn named(
    call: &Call,
    asked: Vec<MetadataRequestTopic>,
    may_create: bool,
) -> Vec<MetadataResponseTopic> {
    let mut seen = HashSet::new();
    let mut topics = Vec::with_capacity(asked.len());
    for asked in asked {
        if !seen.insert((asked.topic_id, asked.name.clone())) {
            continue;
        }
        let found = find(call, &asked, may_create).await;
        topics.push(found.unwrap_or_else(|error| MetadataResponseTopic {
            error_code: call.refuse(error),
            name: asked.name,
            topic_id: asked.topic_id,
            ..MetadataResponseTopic::default()
        }));
    }
    topics
}

async fn find(
    call: &Call,
    asked: &MetadataRequestTopic,
    may_create: bool,
) -> Result<MetadataResponseTopic, Refusal> {
    let topics = &call.services.topics;
    let topic = match &asked.name {
        Some(name) => match topics.topic(name) {
            Some(topic) => topic,
            None => create_automatically(call, name, may_create).await?,
        },
        None if asked.topic_id == Uuid::default() || call.version < IDS_FROM => {
            let reason = "a topic is asked for by neither name nor id";
            return Err(RequestError::invalid(reason).into());
        }
        None => topics
            .topic_by_id(asked.topic_id)
            .ok_or(RequestError::UnknownTopicId)?,
    };
    Ok(describe(call, &topic))
}

fn describe(call: &Call, topic: &Arc<Topic>) -> MetadataResponseTopic {
    let node_id = call.services.config.node_id;
    let of_partition = |partition: &Arc<Partition>| MetadataResponsePartition {
        partition_index: partition.id().0,
        leader_id: node_id,
        leader_epoch: partition.leader_epoch().0,
        replica_nodes: vec![node_id],
        isr_nodes: vec![node_id],
        ..MetadataResponsePartition::default()
    };
    MetadataResponseTopic {
        name: Some(topic.name().to_string()),
        topic_id: topic.id(),
        is_internal: topic.is_internal(),
        partitions: topic.partitions().iter().map(of_partition).collect(),
        ..MetadataResponseTopic::default()
    }
}
