//! `GET /brokers`.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::AcceptV2;
use crate::extract::media::V2;

/// The brokers of the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Brokers {
    /// Their ids, ascending.
    brokers: Vec<i32>,
}

/// Lists the brokers.
#[utoipa::path(
    operation_id = "v2_brokers_list",
    tag = "v2 metadata",
    responses(
        (status = 200, description = "The ids of all brokers.", body = Brokers, content_type = V2),
        (status = 503, description = "No broker can be reached.", body = ErrorBody),
    )
)]
#[get("/brokers")]
pub(crate) async fn list(
    state: web::Data<AppState>,
    _accept: AcceptV2,
) -> Result<HttpResponse, ApiError> {
    let cluster = state.admin.cluster().await?;
    let brokers = cluster.brokers.iter().map(|broker| broker.id).collect();
    Ok(HttpResponse::Ok()
        .content_type(V2)
        .json(Brokers { brokers }))
}
