//! What Prometheus scrapes.

use actix_web::{HttpResponse, get, web};

use crate::app::AppState;
use crate::error::ApiError;

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics, in Prometheus' text format.
#[utoipa::path(
    tag = "operations",
    responses((
        status = 200,
        description = "All metrics; `docs/metrics.md` explains them.",
        body = String,
        content_type = "text/plain",
    ))
)]
#[get("/metrics")]
pub(crate) async fn scrape(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    let text = state.scrape.render().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}
