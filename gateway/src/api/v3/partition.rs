//! `/v3/clusters/{cluster_id}/topics/{topic_name}/partitions`, with offsets.

use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use super::topic;
use crate::admin;
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Query;

/// A partition.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Partition {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the topic.
    topic_name: String,
    /// Number of the partition.
    partition_id: i32,
    /// The replica that leads, or null.
    leader: Option<Relation>,
    /// Its replicas.
    replicas: Relation,
    /// Replicas being moved; not served yet.
    reassignment: Relation,
}

impl Content for Partition {
    const KIND: &'static str = "KafkaPartition";
    const LIST_KIND: &'static str = "KafkaPartitionList";
}

/// A partition and where it begins and ends.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PartitionWithOffsets {
    /// The partition.
    #[serde(flatten)]
    partition: Partition,
    /// Offset of the first record kept.
    earliest_offset: i64,
    /// Offset after the last record that can be read.
    latest_offset: i64,
}

impl Content for PartitionWithOffsets {
    const KIND: &'static str = "KafkaPartitionWithOffsets";
    const LIST_KIND: &'static str = "KafkaPartitionWithOffsetsList";
}

/// Which offsets to tell.
#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    /// Only `earliest_and_latest`.
    offset_type: Option<String>,
}

/// Lists the partitions of a topic.
#[utoipa::path(
    operation_id = "v3_partition_list",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    responses(
        (status = 200, description = "All partitions.", body = List<Partition>),
        (status = 404, description = "There is no such topic.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics/{topic_name}/partitions")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let topic = state.admin.topic(&path.1).await?;
    let partitions = topic.partitions.iter().map(|partition| {
        links.resource(
            &place(&path.1, partition.index),
            content(&links, &path.1, partition),
        )
    });
    Ok(ok(&links.list(
        &topic::place(&path.1),
        "partitions",
        partitions.collect(),
    )))
}

/// Describes a partition.
#[utoipa::path(
    operation_id = "v3_partition_get",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
        ("partition_id" = i32, Path, description = "Number of the partition."),
    ),
    responses(
        (status = 200, description = "The partition.", body = Resource<Partition>),
        (status = 404, description = "There is no such topic or partition.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, i32)>,
) -> Result<HttpResponse, ApiError> {
    let (_, topic, number) = path.into_inner();
    let partition = known(&state, &links, &topic, number).await?;
    // Confluent names what is missing here, and does not beside offsets.
    let partition = partition.ok_or_else(|| ApiError::UnknownPartition {
        topic: topic.clone(),
        partition: number,
    })?;
    Ok(ok(&links.resource(&place(&topic, number), partition)))
}

/// Tells where a partition begins and ends.
#[utoipa::path(
    operation_id = "v3_partition_offsets",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
        ("partition_id" = i32, Path, description = "Number of the partition."),
        ("offset_type" = Option<String>, Query, description = "Only `earliest_and_latest`."),
    ),
    responses(
        (status = 200, description = "The partition and its offsets.", body = Resource<PartitionWithOffsets>),
        (status = 400, description = "The offset type is unknown.", body = ErrorBody),
        (status = 404, description = "There is no such topic or partition.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics/{topic_name}/partitions/{partition_id}/offset")]
pub(crate) async fn offsets(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, i32)>,
    which: Query<Which>,
) -> Result<HttpResponse, ApiError> {
    let (_, topic, number) = path.into_inner();
    if let Some(other) = which
        .0
        .offset_type
        .as_deref()
        .filter(|it| *it != "earliest_and_latest")
    {
        return Err(ApiError::BadRequest {
            detail: format!("offset_type:{other} is invalid"),
        });
    }
    let partition = known(&state, &links, &topic, number).await?;
    let partition = partition.ok_or(ApiError::PartitionNotFound)?;
    let range = state.admin.range(&topic, number).await?;
    let content = PartitionWithOffsets {
        partition,
        earliest_offset: range.beginning,
        latest_offset: range.end,
    };
    Ok(ok(&links.resource(
        &place(&topic, number).part("offset", "offset"),
        content,
    )))
}

async fn known(
    state: &AppState,
    links: &Links,
    name: &str,
    number: i32,
) -> Result<Option<Partition>, ApiError> {
    let topic = state.admin.topic(name).await?;
    let partition = topic.partition(number);
    Ok(partition.map(|partition| content(links, name, partition)))
}

/// Where a partition is.
pub(super) fn place(topic: &str, number: i32) -> Place {
    topic::place(topic).item("partitions", "partition", number)
}

fn content(links: &Links, topic: &str, partition: &admin::Partition) -> Partition {
    let place = place(topic, partition.index);
    let leader = partition
        .leader
        .map(|id| place.clone().item("replicas", "replica", id));
    Partition {
        cluster_id: links.cluster_id().to_owned(),
        topic_name: topic.to_owned(),
        partition_id: partition.index,
        leader: leader.map(|replica| links.to(&replica)),
        replicas: links.below(&place, "replicas"),
        reassignment: links.below(&place, "reassignment"),
    }
}
