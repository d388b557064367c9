//! `GET /topics` and `GET /topics/{topic}`.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::partitions::PartitionDto;
use crate::admin::ConfigResource;
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::AcceptV2;
use crate::extract::media::V2;

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopicDto {
    /// Its name.
    name: String,
    /// Its configs by name, defaults included; null for a secret.
    configs: BTreeMap<String, Option<String>>,
    /// Its partitions, in the order of their numbers.
    partitions: Vec<PartitionDto>,
}

/// Lists the topics, without those in which brokers keep their own state.
#[utoipa::path(
    operation_id = "v2_topics_list",
    tag = "v2 metadata",
    responses(
        (status = 200, description = "The names of all topics.", body = Vec<String>, content_type = V2),
        (status = 503, description = "No broker can be reached.", body = ErrorBody),
    )
)]
#[get("/topics")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _accept: AcceptV2,
) -> Result<HttpResponse, ApiError> {
    let topics = state.admin.topics().await?;
    let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
    Ok(HttpResponse::Ok().content_type(V2).json(names))
}

/// Describes a topic.
#[utoipa::path(
    operation_id = "v2_topics_get",
    tag = "v2 metadata",
    params(("topic" = String, Path, description = "Name of the topic.")),
    responses(
        (status = 200, description = "Configs and partitions.", body = TopicDto, content_type = V2),
        (status = 404, description = "There is no such topic (40403).", body = ErrorBody),
    )
)]
#[get("/topics/{topic}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    name: web::Path<String>,
    _accept: AcceptV2,
) -> Result<HttpResponse, ApiError> {
    let resource = ConfigResource::Topic(name.clone());
    let (topic, configs) =
        futures_util::join!(state.admin.topic(&name), state.admin.configs(resource));
    let topic = topic?;
    let described = TopicDto {
        name: topic.name.to_string(),
        configs: configs?.into_iter().map(|it| (it.name, it.value)).collect(),
        partitions: topic.partitions.iter().map(PartitionDto::from).collect(),
    };
    Ok(HttpResponse::Ok().content_type(V2).json(described))
}
