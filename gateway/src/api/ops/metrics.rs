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

/// Groups, topics and brokers under the names of `kafka_exporter`.
#[utoipa::path(
    tag = "operations",
    responses((
        status = 200,
        description = "The same picture as on `/metrics`, under another exporter's names.",
        body = String,
        content_type = "text/plain",
    ))
)]
#[get("/metrics/compat/kafka-exporter")]
pub(crate) async fn kafka_exporter(state: web::Data<AppState>) -> HttpResponse {
    let picture = state.monitor.latest();
    let text = crate::metrics::kafka_exporter::render(&picture.snapshot);
    HttpResponse::Ok().content_type(TEXT_FORMAT).body(text)
}
