//! `/consumers/{group}/instances/{instance}/positions` and its ends.

use actix_web::{HttpResponse, post, web};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::ToSchema;

use super::{InstancePath, Partitions, find, no_content, number, offset, partition};
use crate::app::AppState;
use crate::consume::{SeekTo, TopicPartition};
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::V2;
use crate::extract::{AcceptV2Consumer, JsonV2};

/// Where to read on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seek {
    /// Partitions and the offset of the next record of each.
    #[serde(default, deserialize_with = "crate::extract::object::objects")]
    offsets: Vec<SeekOffset>,
    /// Partitions and the time of the next record of each.
    #[serde(default, deserialize_with = "crate::extract::object::objects")]
    timestamps: Vec<SeekTime>,
}

/// A partition and the offset of its next record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeekOffset {
    /// Name of the topic.
    topic: String,
    /// Number of the partition.
    #[serde(deserialize_with = "number")]
    partition: i32,
    /// The offset.
    #[serde(deserialize_with = "number")]
    offset: i64,
    /// Taken and without meaning.
    #[serde(default, rename = "metadata")]
    #[schema(value_type = Option<String>)]
    _metadata: IgnoredAny,
}

/// A partition and the time of its next record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeekTime {
    /// Name of the topic.
    topic: String,
    /// Number of the partition.
    #[serde(deserialize_with = "number")]
    partition: i32,
    /// The time, such as `2026-01-31T12:00:00Z`.
    timestamp: String,
    /// Taken and without meaning.
    #[serde(default, rename = "metadata")]
    #[schema(value_type = Option<String>)]
    _metadata: IgnoredAny,
}

/// Moves an instance to offsets or times.
#[utoipa::path(
    operation_id = "v2_consumers_positions_seek",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    request_body(content = Seek, content_type = V2),
    responses(
        (status = 204, description = "The next read begins there."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 409, description = "A partition is not the instance's (40903).", body = ErrorBody),
    )
)]
#[post("/consumers/{group}/instances/{instance}/positions")]
pub(crate) async fn seek(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
    body: JsonV2<Seek>,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(&state, &path)?;
    consumer.seek(body.0.into_targets()?).await?;
    Ok(no_content())
}

/// Moves an instance to the oldest records of partitions.
#[utoipa::path(
    operation_id = "v2_consumers_positions_beginning",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    request_body(content = Partitions, content_type = V2),
    responses(
        (status = 204, description = "The next read begins there."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 409, description = "A partition is not the instance's (40903).", body = ErrorBody),
    )
)]
#[post("/consumers/{group}/instances/{instance}/positions/beginning")]
pub(crate) async fn beginning(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
    body: JsonV2<Partitions>,
) -> Result<HttpResponse, ApiError> {
    seek_all(&state, &path, body.0, SeekTo::Beginning).await
}

/// Moves an instance behind the last records of partitions.
#[utoipa::path(
    operation_id = "v2_consumers_positions_end",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    request_body(content = Partitions, content_type = V2),
    responses(
        (status = 204, description = "The next read begins there."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 409, description = "A partition is not the instance's (40903).", body = ErrorBody),
    )
)]
#[post("/consumers/{group}/instances/{instance}/positions/end")]
pub(crate) async fn end(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
    body: JsonV2<Partitions>,
) -> Result<HttpResponse, ApiError> {
    seek_all(&state, &path, body.0, SeekTo::End).await
}

async fn seek_all(
    state: &AppState,
    path: &InstancePath,
    partitions: Partitions,
    to: SeekTo,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(state, path)?;
    let targets = partitions.into_partitions()?.into_iter().map(|at| (at, to));
    consumer.seek(targets.collect()).await?;
    Ok(no_content())
}

impl Seek {
    fn into_targets(self) -> Result<Vec<(TopicPartition, SeekTo)>, ApiError> {
        let mut targets = Vec::with_capacity(self.offsets.len() + self.timestamps.len());
        for target in self.offsets {
            let at = partition(target.topic, target.partition)?;
            targets.push((at, SeekTo::Offset(offset(target.offset)?)));
        }
        for target in self.timestamps {
            let at = partition(target.topic, target.partition)?;
            let time = target.timestamp.parse::<Timestamp>();
            let time = time.map_err(|error| ApiError::InvalidJson {
                detail: format!("Invalid timestamp: {error}"),
            })?;
            targets.push((at, SeekTo::Time(time.as_millisecond())));
        }
        Ok(targets)
    }
}
