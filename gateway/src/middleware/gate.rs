//! Refuses what no handler should see, and labels what leaves.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse, ResponseError as _};

use super::origin;
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Terms, media};
use crate::metrics::Rejection;

/// Pages may load what this server serves and nothing else; the API description's viewer sets styles
/// and uses images in `data:`.
const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                           object-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
                           form-action 'self'";

/// Headers of pages, beside those of every answer.
const PAGE_HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Passes a request on, or answers it with why not.
///
/// # Errors
/// Those of the handler that have no answer of their own; none in practice.
pub async fn gate<B: MessageBody + 'static>(
    terms: Data<Terms>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let kafka_client = names_v2(request.headers());
    let mut response = match admit(&terms, &request) {
        Ok(()) => next.call(request).await?.map_into_left_body(),
        Err(error) => request
            .into_response(error.error_response())
            .map_into_right_body(),
    };
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error && !has_own_body(response.headers()) {
        response = response
            .into_response(plain_error(status))
            .map_into_right_body();
    }
    let headers = response.headers_mut();
    if is_error && kafka_client && is(headers, media::JSON) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::V2));
    }
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value == "identity")
    {
        headers.remove(header::CONTENT_ENCODING);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if is(headers, "text/html") {
        for (name, value) in PAGE_HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

fn admit(terms: &Terms, request: &ServiceRequest) -> Result<(), ApiError> {
    if terms.is_loopback {
        origin::check(request.head(), terms.advertised.as_ref())
            .inspect_err(|_error| terms.metrics.reject(Rejection::Origin))?;
    }
    // The exchange of this request is counted already. Probes and scrapes are answered always: they
    // are how an overload is seen.
    let max = terms.in_flight_max;
    if terms.metrics.in_flight() > max && !is_operational(request.path()) {
        terms.metrics.reject(Rejection::InFlight);
        let message = format!("More than {max} requests are being served. Try again.");
        return Err(ApiError::Overloaded { message });
    }
    Ok(())
}

/// Whether an error answer is one of ours, or a page; the rest are the framework's own.
fn has_own_body(headers: &HeaderMap) -> bool {
    [media::JSON, media::V2, "text/html"]
        .into_iter()
        .any(|essence| is(headers, essence))
}

fn plain_error(status: StatusCode) -> HttpResponse {
    let reason = status.canonical_reason().unwrap_or_default();
    HttpResponse::build(status).json(ErrorBody {
        error_code: u32::from(status.as_u16()),
        message: format!("HTTP {} {reason}", status.as_u16()),
    })
}

fn is_operational(path: &str) -> bool {
    path.starts_with("/health/") || path.starts_with("/metrics")
}

/// Whether the caller speaks v2, and so expects errors under its label.
fn names_v2(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/vnd.kafka."))
}

fn is(headers: &HeaderMap, essence: &str) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next() == Some(essence))
}
