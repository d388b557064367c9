//! Keeps small answers from being compressed: they would cost time and save nothing.

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;

/// The smallest body worth compressing, in bytes: less fits into one packet anyway.
const WORTH_BYTES: u64 = 1400;

/// Marks a small answer as `identity`, which compression respects and the gate takes away again.
///
/// # Errors
/// Those of the handler that have no answer of their own.
pub async fn spare<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let small =
        matches!(response.response().body().size(), BodySize::Sized(size) if size < WORTH_BYTES);
    if small && !response.headers().contains_key(header::CONTENT_ENCODING) {
        let identity = HeaderValue::from_static("identity");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, identity);
    }
    Ok(response)
}
