//! `/v3/clusters/{cluster_id}/topics/{topic_name}/configs`.

use actix_web::{HttpResponse, delete, get, post, put, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::link::{Content, Links, List, Resource, ok};
use super::topic;
use crate::admin::{Config, ConfigChange, ConfigOperation, ConfigResource};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::JsonV3;

/// A config of a topic.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TopicConfig {
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the topic.
    topic_name: String,
    /// Its name.
    name: String,
    /// The value in force; null for a secret.
    value: Option<String>,
    /// Whether nobody changed it.
    is_default: bool,
    /// Whether it cannot be changed.
    is_read_only: bool,
    /// Whether the value is a secret.
    is_sensitive: bool,
    /// Where the value comes from.
    source: &'static str,
    /// Where it could come from, the one in force first.
    synonyms: Vec<Synonym>,
}

impl Content for TopicConfig {
    const KIND: &'static str = "KafkaTopicConfig";
    const LIST_KIND: &'static str = "KafkaTopicConfigList";
}

/// A place a value could come from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Synonym {
    /// Name of the config there.
    name: String,
    /// The value there.
    value: Option<String>,
    /// The place.
    source: &'static str,
}

/// A new value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateConfig {
    /// The value.
    value: Option<String>,
}

/// Several changes at once, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlterConfigs {
    /// The changes.
    #[serde(default, deserialize_with = "crate::extract::object::some_objects")]
    #[schema(value_type = Vec<Alteration>)]
    data: Option<Vec<Alteration>>,
    /// Only checks whether the changes could be made.
    #[serde(default)]
    validate_only: bool,
}

/// One change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alteration {
    /// Name of the config.
    name: String,
    /// The new value.
    value: Option<String>,
    /// What to do.
    #[serde(default)]
    operation: Operation,
}

/// What to do with a config.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Operation {
    /// Set the value.
    #[default]
    Set,
    /// Return to the default.
    Delete,
}

/// Lists the configs of a topic.
#[utoipa::path(
    operation_id = "v3_topic_config_list",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    responses(
        (status = 200, description = "All configs.", body = List<TopicConfig>),
        (status = 404, description = "There is no such topic.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics/{topic_name}/configs")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let configs = state
        .admin
        .configs(ConfigResource::Topic(path.1.clone()))
        .await?;
    let configs = configs
        .into_iter()
        .map(|config| resource(&links, &path.1, config))
        .collect();
    Ok(ok(&links.list(&topic::place(&path.1), "configs", configs)))
}

/// Describes a config of a topic.
#[utoipa::path(
    operation_id = "v3_topic_config_get",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
        ("name" = String, Path, description = "Name of the config."),
    ),
    responses(
        (status = 200, description = "The config.", body = Resource<TopicConfig>),
        (status = 404, description = "There is no such topic or config.", body = ErrorBody),
    )
)]
#[get("/v3/clusters/{cluster_id}/topics/{topic_name}/configs/{name}")]
pub(crate) async fn get(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (_, topic, name) = path.into_inner();
    let config = known(&state, &links, &topic, &name).await?;
    Ok(ok(&resource(&links, &topic, config)))
}

/// Sets a config of a topic.
#[utoipa::path(
    operation_id = "v3_topic_config_set",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
        ("name" = String, Path, description = "Name of the config."),
    ),
    request_body = UpdateConfig,
    responses(
        (status = 204, description = "It is set."),
        (status = 400, description = "Kafka refuses the value.", body = ErrorBody),
        (status = 404, description = "There is no such topic or config.", body = ErrorBody),
    )
)]
#[put("/v3/clusters/{cluster_id}/topics/{topic_name}/configs/{name}")]
pub(crate) async fn set(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, String)>,
    body: JsonV3<UpdateConfig>,
) -> Result<HttpResponse, ApiError> {
    let (_, topic, name) = path.into_inner();
    change(
        &state,
        &links,
        topic,
        name,
        ConfigOperation::Set(body.0.value),
    )
    .await
}

/// Returns a config of a topic to its default.
#[utoipa::path(
    operation_id = "v3_topic_config_reset",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
        ("name" = String, Path, description = "Name of the config."),
    ),
    responses(
        (status = 204, description = "It has its default."),
        (status = 404, description = "There is no such topic or config.", body = ErrorBody),
    )
)]
#[delete("/v3/clusters/{cluster_id}/topics/{topic_name}/configs/{name}")]
pub(crate) async fn reset(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (_, topic, name) = path.into_inner();
    change(&state, &links, topic, name, ConfigOperation::Delete).await
}

/// Changes configs of a topic, all or none.
#[utoipa::path(
    operation_id = "v3_topic_config_alter",
    tag = "v3 topics",
    params(
        ("cluster_id" = String, Path, description = "Id of the cluster."),
        ("topic_name" = String, Path, description = "Name of the topic."),
    ),
    request_body = AlterConfigs,
    responses(
        (status = 204, description = "They are changed, or could be (`validate_only`)."),
        (status = 400, description = "Kafka refuses a value.", body = ErrorBody),
        (status = 404, description = "There is no such topic or config.", body = ErrorBody),
        (status = 422, description = "No changes are given.", body = ErrorBody),
    )
)]
#[post("/v3/clusters/{cluster_id}/topics/{topic_name}/configs:alter")]
pub(crate) async fn alter(
    state: web::Data<AppState>,
    links: Links,
    path: web::Path<(String, String)>,
    body: Result<JsonV3<AlterConfigs>, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let (_, topic) = path.into_inner();
    let (data, validate_only) = given(body)?;
    for alteration in &data {
        known(&state, &links, &topic, &alteration.name).await?;
    }
    let changes = data.into_iter().map(|alteration| ConfigChange {
        name: alteration.name,
        operation: match alteration.operation {
            Operation::Set => ConfigOperation::Set(alteration.value),
            Operation::Delete => ConfigOperation::Delete,
        },
    });
    let resource = ConfigResource::Topic(topic);
    state
        .admin
        .alter_configs(resource, changes.collect(), validate_only)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The changes, and whether to check them only. Confluent has words of its own for none at all.
fn given(
    body: Result<JsonV3<AlterConfigs>, ApiError>,
) -> Result<(Vec<Alteration>, bool), ApiError> {
    let nothing = || ApiError::InvalidPayload {
        message: "Null input provided. Data is required.".to_owned(),
    };
    match body {
        Ok(JsonV3(body)) => Ok((body.data.ok_or_else(nothing)?, body.validate_only)),
        Err(ApiError::InvalidPayload { .. }) => Err(nothing()),
        Err(other) => Err(other),
    }
}

async fn change(
    state: &AppState,
    links: &Links,
    topic: String,
    name: String,
    operation: ConfigOperation,
) -> Result<HttpResponse, ApiError> {
    known(state, links, &topic, &name).await?;
    let change = ConfigChange { name, operation };
    state
        .admin
        .alter_configs(ConfigResource::Topic(topic), vec![change], false)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A config by name, which must exist.
async fn known(
    state: &AppState,
    links: &Links,
    topic: &str,
    name: &str,
) -> Result<Config, ApiError> {
    let configs = state
        .admin
        .configs(ConfigResource::Topic(topic.to_owned()))
        .await?;
    let found = configs.into_iter().find(|config| config.name == name);
    found.ok_or_else(|| ApiError::NotFound {
        message: format!(
            "Config {name} cannot be found for TOPIC {topic} in cluster {}.",
            links.cluster_id()
        ),
    })
}

fn resource(links: &Links, topic: &str, config: Config) -> Resource<TopicConfig> {
    let place = topic::place(topic).item("configs", "config", &config.name);
    let content = TopicConfig {
        cluster_id: links.cluster_id().to_owned(),
        topic_name: topic.to_owned(),
        is_default: config.is_default(),
        is_read_only: config.is_read_only,
        is_sensitive: config.is_sensitive,
        source: config.source.name(),
        synonyms: config
            .synonyms
            .into_iter()
            .map(|synonym| Synonym {
                name: synonym.name,
                value: synonym.value,
                source: synonym.source.name(),
            })
            .collect(),
        name: config.name,
        value: config.value,
    };
    links.resource(&place, content)
}
