//! `/consumers/{group}/instances/{instance}/offsets`.

use actix_web::{HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InstancePath, Partitions, find, number, offset, partition};
use crate::app::AppState;
use crate::consume::{CommitOffset, CommittedAt};
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::V2;
use crate::extract::{AcceptV2Consumer, OptionalJsonV2};

/// What to commit.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commit {
    /// Offsets of the last records processed; the ones behind them are committed. Everything that was
    /// delivered without it.
    #[serde(
        default,
        alias = "partitions",
        deserialize_with = "crate::extract::object::some_objects"
    )]
    offsets: Option<Vec<Offset>>,
}

/// An offset of a partition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offset {
    /// Name of the topic.
    topic: String,
    /// Number of the partition.
    #[serde(deserialize_with = "number")]
    partition: i32,
    /// The offset.
    #[serde(deserialize_with = "number")]
    offset: i64,
    /// A note to keep with it.
    #[serde(default)]
    metadata: Option<String>,
}

/// Committed offsets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommittedOffsets {
    /// Those partitions that have one.
    offsets: Vec<CommittedOffset>,
}

/// A committed offset.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommittedOffset {
    /// Name of the topic.
    topic: String,
    /// Number of the partition.
    partition: i32,
    /// Offset of the next record to process.
    offset: i64,
    /// The note kept with it.
    metadata: String,
}

/// Commits what was delivered, or given offsets.
#[utoipa::path(
    operation_id = "v2_consumers_offsets_commit",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
        ("async" = Option<String>, Query, description = "Taken and without meaning: the answer comes when it is done."),
    ),
    request_body(content = Commit, content_type = V2),
    responses(
        (status = 200, description = "Committed.", body = Vec<String>, content_type = V2),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 500, description = "The group rebalances, or refuses (50002, 50003).", body = ErrorBody),
    )
)]
#[post("/consumers/{group}/instances/{instance}/offsets")]
pub(crate) async fn commit(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    accept: AcceptV2Consumer,
    body: OptionalJsonV2<Commit>,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(&state, &path)?;
    match body.0.unwrap_or_default().offsets {
        None => consumer.commit_all().await?,
        Some(offsets) => {
            let offsets = offsets.into_iter().map(Offset::into_commit);
            consumer.commit(offsets.collect::<Result<_, _>>()?).await?;
        }
    }
    state.monitor.note_commit();
    Ok(HttpResponse::Ok().content_type(accept.0).json([(); 0]))
}

/// Tells what the group of an instance has committed for partitions.
#[utoipa::path(
    operation_id = "v2_consumers_offsets_committed",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    request_body(content = Partitions, content_type = V2),
    responses(
        (status = 200, description = "Those partitions that have a committed offset.", body = CommittedOffsets, content_type = V2),
        (status = 404, description = "There is no such instance (40403), or no body (40402).", body = ErrorBody),
    )
)]
#[get("/consumers/{group}/instances/{instance}/offsets")]
pub(crate) async fn committed(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    accept: AcceptV2Consumer,
    body: OptionalJsonV2<Partitions>,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(&state, &path)?;
    let partitions = body.0.ok_or(ApiError::PartitionNotFound)?;
    let found = consumer.committed(partitions.into_partitions()?).await?;
    let offsets = found.into_iter().map(CommittedOffset::from).collect();
    Ok(HttpResponse::Ok()
        .content_type(accept.0)
        .json(CommittedOffsets { offsets }))
}

impl Offset {
    fn into_commit(self) -> Result<CommitOffset, ApiError> {
        Ok(CommitOffset {
            at: partition(self.topic, self.partition)?,
            offset: offset(self.offset)?,
            metadata: self.metadata,
        })
    }
}

impl From<CommittedAt> for CommittedOffset {
    fn from(found: CommittedAt) -> Self {
        Self {
            topic: found.at.topic.to_string(),
            partition: found.at.partition,
            offset: found.offset,
            metadata: found.metadata,
        }
    }
}
