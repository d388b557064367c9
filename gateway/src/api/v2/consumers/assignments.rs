//! `/consumers/{group}/instances/{instance}/assignments`.

use actix_web::{HttpResponse, get, post, web};

use super::{InstancePath, Partitions, find, no_content};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::V2;
use crate::extract::{AcceptV2Consumer, JsonV2};

/// Assigns partitions to an instance, instead of those before.
#[utoipa::path(
    operation_id = "v2_consumers_assignments_assign",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    request_body(content = Partitions, content_type = V2),
    responses(
        (status = 204, description = "Assigned."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 409, description = "It is subscribed to topics (40903).", body = ErrorBody),
    )
)]
#[post("/consumers/{group}/instances/{instance}/assignments")]
pub(crate) async fn assign(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
    body: JsonV2<Partitions>,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(&state, &path)?;
    consumer.assign(body.0.into_partitions()?).await?;
    Ok(no_content())
}

/// Tells the partitions of an instance, assigned by hand or by its group.
#[utoipa::path(
    operation_id = "v2_consumers_assignments_assignments",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    responses(
        (status = 200, description = "The partitions; none while the group rebalances.", body = Partitions, content_type = V2),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
    )
)]
#[get("/consumers/{group}/instances/{instance}/assignments")]
pub(crate) async fn assignments(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    accept: AcceptV2Consumer,
) -> Result<HttpResponse, ApiError> {
    let partitions = find(&state, &path)?.assignment().await?;
    let partitions = Partitions {
        partitions: partitions.into_iter().map(Into::into).collect(),
    };
    Ok(HttpResponse::Ok().content_type(accept.0).json(partitions))
}
