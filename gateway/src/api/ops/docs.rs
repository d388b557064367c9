//! The description of the API, for programs and for people, without any outside request.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};

use crate::app::AppState;
use crate::error::ApiError;

/// The `OpenAPI` description of everything this server offers.
#[utoipa::path(
    tag = "operations",
    responses((status = 200, description = "The description, OpenAPI 3.1.", body = serde_json::Value))
)]
#[get("/openapi.json")]
pub(crate) async fn description(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(state.description.json.clone())
}

/// The readable description.
#[utoipa::path(
    tag = "operations",
    responses((status = 308, description = "The page is at `/docs/index.html`."))
)]
#[get("/docs")]
pub(crate) async fn index() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/index.html"))
        .finish()
}

/// A file of the readable description.
#[utoipa::path(
    tag = "operations",
    params(("file" = String, Path, description = "Such as `index.html`.")),
    responses(
        (status = 200, description = "The file.", content_type = "text/html", body = String),
        (status = 404, description = "There is no such file.", body = crate::error::ErrorBody),
    )
)]
#[get("/docs/{file}")]
pub(crate) async fn file(path: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let viewer = Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
    let found = utoipa_swagger_ui::serve(&path, viewer).map_err(ApiError::internal)?;
    let file = found.ok_or(ApiError::RouteNotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}
