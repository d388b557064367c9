//! `/v3/clusters/{cluster_id}/topics`.

use actix_web::http::header;
use actix_web::{HttpResponse, delete, get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::link::{Content, Links, List, Place, Relation, Resource, ok};
use crate::admin::{self, NewTopic};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::JsonV3;

/// A topic.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Topic {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Its name.
    topic_name: String,
    /// Whether it belongs to Kafka itself.
    is_internal: bool,
    /// Replicas of each partition.
    replication_factor: usize,
    /// Count of partitions.
    partitions_count: i32,
    /// Its partitions.
    partitions: Relation,
    /// Its configs.
    configs: Relation,
    /// Replicas being moved; not served yet.
    partition_reassignments: Relation,
    /// What the caller may do: empty, since nobody is told apart.
    authorized_operations: Vec<String>,
}

impl Content for Topic {
    const KIND: &'static str = "KafkaTopic";
    const LIST_KIND: &'static str = "KafkaTopicList";
}

/// A topic to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTopic {
    /// Its name.
    #[serde(default)]
    topic_name: String,
    /// Count of partitions; the cluster's default without.
    partitions_count: Option<i32>,
    /// Replicas of each partition; the cluster's default without.
    replication_factor: Option<i16>,
    /// Brokers of each partition, by its number from 0 on without gaps; overrides both counts.
    #[schema(value_type = Option<std::collections::BTreeMap<String, Vec<i32>>>)]
    replicas_assignments: Option<std::collections::BTreeMap<i32, Vec<i32>>>,
    /// Configs that differ from the defaults.
    #[serde(default, deserialize_with = "crate::extract::object::objects")]
    configs: Vec<NewConfig>,
    /// Only checks whether the topic could be created.
    #[serde(default)]
    validate_only: bool,
}

/// A config of a new topic.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConfig {
    /// Its name.
    name: String,
    /// Its value.
    value: Option<String>,
}

/// A change to a topic.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTopic {
    /// Count of partitions to grow to.
    partitions_count: Option<i32>,
}

/// Lists the topics, by name, without Kafka's own.
#[utoipa::path(
    operation_id = "v3_topic_list",
    tag = "v3 topics",
    params(("cluster_id" = String, Path, description = "Id of the cluster.")),
    responses(
        (status = 200, description = "All topics.", body = List<Topic>),
        (status = 404, description = "There is no such cluster.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
) -> Result<HttpResponse, ApiError> {
    let topics = state.admin.topics().await?;
    let topics = topics.iter().map(|topic| resource(&links, topic)).collect();
    Ok(ok(&links.list(&Place::default(), "topics", topics)))
}

/// Creates a topic.
#[utoipa::path(
    operation_id = "v3_topic_create",
    tag = "v3 topics",
    params(("cluster_id" = String, Path, description = "Id of the cluster.")),
    request_body = CreateTopic,
    responses(
        (status = 201, description = "It was created.", body = Resource<Topic>),
        (status = 200, description = "It could be created (`validate_only`).", body = Resource<Topic>),
        (status = 400, description = "Kafka refuses it.", body = ErrorBody),
        (status = 422, description = "It has no name.", body = ErrorBody),
    )
)]
#[post("/v3/clusters/{cluster_id}/topics")]
pub(crate) async fn create(
    state: web::Data<AppState>,
    links: Links,
    body: JsonV3<CreateTopic>,
) -> Result<HttpResponse, ApiError> {
    let wanted = body.0.into_new_topic()?;
    let (name, validate_only) = (wanted.topic.name.clone(), wanted.validate_only);
    let counts = (wanted.topic.partitions, wanted.topic.replication_factor);
    let created = state
        .admin
        .create_topic(wanted.topic, validate_only)
        .await?;
    let partitions = created.partitions.or(counts.0).unwrap_or(1);
    let replicas = created.replication_factor.or(counts.1).unwrap_or(1);
    let topic = content(
        &links,
        &name,
        partitions,
        usize::try_from(replicas).unwrap_or(1),
        false,
    );
    let topic = links.resource(&place(&name), topic);
    if validate_only {
        return Ok(ok(&topic));
    }
    let location = links.to(&place(&name)).into_address();
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .json(topic))
}

/// Describes a topic.
#[utoipa::path(
    operation_id = "v3_topic_get",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    responses(
        (status = 200, description = "The topic.", body = Resource<Topic>),
        (status = 404, description = "There is no such topic.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics/{topic_name}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let topic = state.admin.topic(&path.1).await?;
    Ok(ok(&resource(&links, &topic)))
}

/// Adds partitions to a topic.
#[utoipa::path(
    operation_id = "v3_topic_update",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    request_body = UpdateTopic,
    responses(
        (status = 200, description = "The topic as it is now.", body = Resource<Topic>),
        (status = 400, description = "Kafka refuses it.", body = ErrorBody),
        (status = 404, description = "There is no such topic.", body = ErrorBody),
        (status = 422, description = "No count is given.", body = ErrorBody),
    )
)]
#[patch("/v3/clusters/{cluster_id}/topics/{topic_name}")]
pub(crate) async fn update(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
    body: JsonV3<UpdateTopic>,
) -> Result<HttpResponse, ApiError> {
    let message = || "Request body is empty. Partitions_count is required.".to_owned();
    let count = body.0.partitions_count;
    let count = count.ok_or_else(|| ApiError::InvalidPayload { message: message() })?;
    state.admin.add_partitions(&path.1, count).await?;
    let topic = state.admin.topic(&path.1).await?;
    Ok(ok(&resource(&links, &topic)))
}

/// Deletes a topic.
#[utoipa::path(
    operation_id = "v3_topic_remove",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 404, description = "There is no such topic.", body = ErrorBody),
    )
)]
#[delete("/v3/clusters/{cluster_id}/topics/{topic_name}")]
pub(crate) async fn remove(
    state: web::Data<AppState>,
    _links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    state.admin.delete_topic(&path.1).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A topic as it is to be created.
struct Wanted {
    topic: NewTopic,
    validate_only: bool,
}

impl CreateTopic {
    fn into_new_topic(self) -> Result<Wanted, ApiError> {
        if self.topic_name.is_empty() {
            let message = "Invalid topic name.".to_owned();
            return Err(ApiError::InvalidPayload { message });
        }
        let assignments = self.replicas_assignments.unwrap_or_default();
        let is_dense = assignments
            .keys()
            .zip(0..)
            .all(|(number, index)| *number == index);
        if !is_dense {
            let detail = "replicas_assignments must name partitions from 0 on without gaps";
            return Err(ApiError::BadRequest {
                detail: detail.to_owned(),
            });
        }
        let has_assignments = !assignments.is_empty();
        let topic = NewTopic {
            name: self.topic_name,
            partitions: self.partitions_count.filter(|_| !has_assignments),
            replication_factor: self.replication_factor.filter(|_| !has_assignments),
            assignments: assignments.into_values().collect(),
            configs: self
                .configs
                .into_iter()
                .map(|config| (config.name, config.value))
                .collect(),
        };
        Ok(Wanted {
            topic,
            validate_only: self.validate_only,
        })
    }
}

/// Where a topic is.
pub(super) fn place(name: &str) -> Place {
    Place::default().item("topics", "topic", name)
}

fn resource(links: &Links, topic: &admin::Topic) -> Resource<Topic> {
    let replicas = topic
        .partitions
        .first()
        .map_or(0, |partition| partition.replicas.len());
    let count = topic.partition_count();
    let content = content(links, &topic.name, count, replicas, topic.is_internal);
    links.resource(&place(&topic.name), content)
}

fn content(
    links: &Links,
    name: &str,
    partitions: i32,
    replicas: usize,
    is_internal: bool,
) -> Topic {
    let place = place(name);
    Topic {
        cluster_id: links.cluster_id().to_owned(),
        topic_name: name.to_owned(),
        is_internal,
        replication_factor: replicas,
        partitions_count: partitions,
        partitions: links.below(&place, "partitions"),
        configs: links.below(&place, "configs"),
        partition_reassignments: links.below(&place, "partitions/-/reassignment"),
        authorized_operations: Vec::new(),
    }
}
