//! `/consumers/{group}/instances/{instance}/subscription`.

use actix_web::{HttpResponse, delete, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InstancePath, find, no_content};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::V2;
use crate::extract::{AcceptV2Consumer, JsonV2};

/// Topics of a subscription, at most.
const TOPICS_MAX: usize = 10_000;
/// Characters of a topic's name, at most; Kafka's limit.
const NAME_MAX: usize = 249;

/// What to subscribe to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    /// Names of topics.
    topics: Option<Vec<String>>,
    /// A regular expression that matches whole names; without meaning beside `topics`.
    topic_pattern: Option<String>,
}

/// The topics subscribed to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscription {
    /// Their names; those a pattern matched last.
    topics: Vec<String>,
}

/// Subscribes an instance to topics, instead of those before.
#[utoipa::path(
    operation_id = "v2_consumers_subscription_subscribe",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    request_body(content = Subscribe, content_type = V2),
    responses(
        (status = 204, description = "Subscribed; it joins its group in the background."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 409, description = "It has assigned partitions, or the other kind of subscription (40903).", body = ErrorBody),
        (status = 422, description = "The body is empty (42206), or the pattern no regular expression.", body = ErrorBody),
    )
)]
#[post("/consumers/{group}/instances/{instance}/subscription")]
pub(crate) async fn subscribe(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
    body: JsonV2<Subscribe>,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(&state, &path)?;
    match body.0 {
        Subscribe {
            topics: Some(topics),
            ..
        } => consumer.subscribe(checked(topics)?).await?,
        Subscribe {
            topic_pattern: Some(pattern),
            ..
        } => consumer.subscribe_pattern(pattern).await?,
        // Confluent's proxy does nothing then, and says so.
        Subscribe {
            topics: None,
            topic_pattern: None,
        } => {}
    }
    Ok(no_content())
}

/// Tells the topics an instance is subscribed to.
#[utoipa::path(
    operation_id = "v2_consumers_subscription_subscription",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    responses(
        (status = 200, description = "The topics.", body = Subscription, content_type = V2),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
    )
)]
#[get("/consumers/{group}/instances/{instance}/subscription")]
pub(crate) async fn subscription(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    accept: AcceptV2Consumer,
) -> Result<HttpResponse, ApiError> {
    let topics = find(&state, &path)?.subscription().await?;
    Ok(HttpResponse::Ok()
        .content_type(accept.0)
        .json(Subscription { topics }))
}

/// Ends the subscription of an instance, or its assignment.
#[utoipa::path(
    operation_id = "v2_consumers_subscription_unsubscribe",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    responses(
        (status = 204, description = "It has left its group."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
    )
)]
#[delete("/consumers/{group}/instances/{instance}/subscription")]
pub(crate) async fn unsubscribe(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
) -> Result<HttpResponse, ApiError> {
    find(&state, &path)?.unsubscribe().await?;
    Ok(no_content())
}

fn checked(topics: Vec<String>) -> Result<Vec<String>, ApiError> {
    if topics.len() > TOPICS_MAX {
        let message = format!("topics must have at most {TOPICS_MAX} entries");
        return Err(ApiError::Constraint { message });
    }
    if let Some(name) = topics
        .iter()
        .find(|name| name.is_empty() || name.len() > NAME_MAX)
    {
        let shown: String = name.chars().take(NAME_MAX).collect();
        let message = format!("the name of a topic has 1 to {NAME_MAX} characters (was {shown:?})");
        return Err(ApiError::Constraint { message });
    }
    Ok(topics)
}
