//! `GET /topics/{topic}/partitions` and what is below it.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::Partition;
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::AcceptV2;
use crate::extract::media::V2;

/// A partition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartitionDto {
    /// Its number.
    partition: i32,
    /// The broker that leads it; -1 for none.
    leader: i32,
    /// The brokers that hold it, the preferred leader first.
    replicas: Vec<ReplicaDto>,
}

/// A copy of a partition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplicaDto {
    /// The broker that holds it.
    broker: i32,
    /// Whether that broker leads the partition.
    leader: bool,
    /// Whether it has everything the leader has.
    in_sync: bool,
}

/// The range of offsets of a partition.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OffsetsDto {
    /// Offset of the oldest record kept.
    beginning_offset: i64,
    /// Offset the next record gets.
    end_offset: i64,
}

impl From<&Partition> for PartitionDto {
    fn from(partition: &Partition) -> Self {
        let replicas = partition.replicas.iter().map(|broker| ReplicaDto {
            broker: *broker,
            leader: partition.leader == Some(*broker),
            in_sync: partition.in_sync.contains(broker),
        });
        Self {
            partition: partition.index,
            leader: partition.leader.unwrap_or(-1),
            replicas: replicas.collect(),
        }
    }
}

/// Lists the partitions of a topic.
#[utoipa::path(
    operation_id = "v2_partitions_list",
    tag = "v2 metadata",
    params(("topic" = String, Path, description = "Name of the topic.")),
    responses(
        (status = 200, description = "All partitions.", body = Vec<PartitionDto>, content_type = V2),
        (status = 404, description = "There is no such topic (40403).", body = ErrorBody),
    )
)]
#[get("/topics/{topic}/partitions")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    topic: web::Path<String>,
    _accept: AcceptV2,
) -> Result<HttpResponse, ApiError> {
    let topic = state.admin.topic(&topic).await?;
    let partitions: Vec<PartitionDto> = topic.partitions.iter().map(PartitionDto::from).collect();
    Ok(HttpResponse::Ok().content_type(V2).json(partitions))
}

/// Describes a partition.
#[utoipa::path(
    operation_id = "v2_partitions_get",
    tag = "v2 metadata",
    params(
        ("topic" = String, Path, description = "Name of the topic."),
        ("partition" = i32, Path, description = "Number of the partition."),
    ),
    responses(
        (status = 200, description = "The partition.", body = PartitionDto, content_type = V2),
        (status = 404, description = "There is no such topic (40403) or partition (40402).", body = ErrorBody),
    )
)]
#[get("/topics/{topic}/partitions/{partition}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    path: web::Path<(String, i32)>,
    _accept: AcceptV2,
) -> Result<HttpResponse, ApiError> {
    let (topic, partition) = path.into_inner();
    let partition = described(&state, &topic, partition).await?;
    Ok(HttpResponse::Ok().content_type(V2).json(partition))
}

/// Tells the range of offsets of a partition.
#[utoipa::path(
    operation_id = "v2_partitions_offsets",
    tag = "v2 metadata",
    params(
        ("topic" = String, Path, description = "Name of the topic."),
        ("partition" = i32, Path, description = "Number of the partition."),
    ),
    responses(
        (status = 200, description = "The first offset and the next one.", body = OffsetsDto, content_type = V2),
        (status = 404, description = "There is no such topic (40403) or partition (40402).", body = ErrorBody),
    )
)]
#[get("/topics/{topic}/partitions/{partition}/offsets")]
pub(crate) async fn offsets(
    state: web::Data<AppState>,
    path: web::Path<(String, i32)>,
    _accept: AcceptV2,
) -> Result<HttpResponse, ApiError> {
    let (topic, partition) = path.into_inner();
    described(&state, &topic, partition).await?;
    let range = state.admin.range(&topic, partition).await?;
    let range = OffsetsDto {
        beginning_offset: range.beginning,
        end_offset: range.end,
    };
    Ok(HttpResponse::Ok().content_type(V2).json(range))
}

async fn described(
    state: &AppState,
    topic: &str,
    partition: i32,
) -> Result<PartitionDto, ApiError> {
    let topic = state.admin.topic(topic).await?;
    let partition = topic.partition(partition).map(PartitionDto::from);
    partition.ok_or(ApiError::PartitionNotFound)
}
