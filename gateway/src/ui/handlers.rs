//! Serves the pages and what they are made of.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, get, web};
use askama::Template;
use serde::Deserialize;

use super::group::GroupPage;
use super::missing::MissingPage;
use super::overview::OverviewPage;
use super::page::Frame;
use super::sparkline::Recent;
use super::{SCRIPT, STYLESHEET};
use crate::app::AppState;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{AcceptV2, BaseUrl, Query};
use crate::monitor::sample::Millis;
use crate::monitor::{Picture, now};

/// What a page may load and who may frame it: itself, nobody.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The search of the overview.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Search {
    /// Part of the names of groups and topics to show.
    #[serde(default)]
    q: String,
}

/// The overview for people; for programs that ask for JSON, the `{}` that says a v2 API is here.
#[utoipa::path(
    tag = "pages",
    params(("q" = Option<String>, Query, description = "Part of the names of groups and topics to show.")),
    responses(
        (status = 200, description = "The overview.", body = String, content_type = "text/html"),
        (status = 406, description = "Neither HTML nor JSON is acceptable.", body = ErrorBody),
    )
)]
#[get("/")]
pub(crate) async fn overview(
    state: web::Data<AppState>,
    search: Query<Search>,
    request: HttpRequest,
    base: BaseUrl,
    accept: Result<AcceptV2, ApiError>,
) -> Result<HttpResponse, ApiError> {
    if !wants_html(&request) {
        let AcceptV2 = accept?;
        let json = crate::extract::media::V2;
        return Ok(HttpResponse::Ok().content_type(json).body("{}"));
    }
    let picture = state.monitor.latest();
    let frame = frame(&state, &picture, base.0);
    let page = state.monitor.with_history(|history| {
        let recent = Recent {
            history,
            since: chart_start(&state),
            sparklines: &state.sparklines,
        };
        OverviewPage::new(frame, &picture.snapshot, recent, &search.0.q)
    });
    html(StatusCode::OK, &page)
}

/// Where a group stands, and how it came there.
#[utoipa::path(
    tag = "pages",
    params(("group" = String, Path, description = "Name of the group.")),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "The cluster has no such group; a page for who takes one.",
            content((String = "text/html"), (ErrorBody = "application/json"))),
    )
)]
#[get("/groups/{group}")]
pub(crate) async fn group(
    state: web::Data<AppState>,
    name: web::Path<String>,
    request: HttpRequest,
    base: BaseUrl,
) -> Result<HttpResponse, ApiError> {
    let picture = state.monitor.latest();
    let frame = frame(&state, &picture, base.0);
    let page = state.monitor.with_history(|history| {
        let since = chart_start(&state);
        GroupPage::new(frame.clone(), &picture.snapshot, history, &name, since)
    });
    match page {
        Some(page) => html(StatusCode::OK, &page),
        None if wants_html(&request) => {
            let group = &name;
            html(StatusCode::NOT_FOUND, &MissingPage { frame, group })
        }
        None => Err(ApiError::NotFound {
            message: format!("Consumer group {name} does not exist, or was not seen yet."),
        }),
    }
}

/// The stylesheet.
#[utoipa::path(
    tag = "pages",
    responses((status = 200, description = "The stylesheet.", body = String, content_type = "text/css"))
)]
#[get("/assets/style.css")]
pub(crate) async fn stylesheet() -> HttpResponse {
    asset("text/css; charset=utf-8", STYLESHEET)
}

/// The script.
#[utoipa::path(
    tag = "pages",
    responses((status = 200, description = "The script.", body = String, content_type = "text/javascript"))
)]
#[get("/assets/page.js")]
pub(crate) async fn script() -> HttpResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

/// Assets change with the binary alone, but keep their names: a browser asks again each time.
fn asset(content_type: &'static str, body: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(body)
}

fn html(status: StatusCode, page: &impl Template) -> Result<HttpResponse, ApiError> {
    let text = page.render().map_err(ApiError::internal)?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(printable(&text)))
}

/// A page without control characters, which names may hold and HTML may not.
fn printable(text: &str) -> String {
    let is_stray = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.replace(is_stray, "\u{fffd}")
}

/// Whether the caller is a browser, or says nothing of JSON.
fn wants_html(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    let accept = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.contains("text/html") || !accept.contains("json")
}

fn frame(state: &AppState, picture: &Picture, base_url: String) -> Frame {
    Frame::new(&picture.snapshot, now(), &state.config.monitor, base_url)
}

fn chart_start(state: &AppState) -> Millis {
    let reach = state.config.monitor.history.as_millis();
    now().saturating_sub(Millis::try_from(reach).unwrap_or(Millis::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_in_a_name_is_shown_as_a_replacement() {
        assert_eq!(
            printable("a\0b\u{1b}\r\n\tc"),
            "a\u{fffd}b\u{fffd}\u{fffd}\n\tc"
        );
    }
}
