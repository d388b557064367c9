//! Counts every exchange, by route template, to the last byte of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};

use crate::extract::Terms;
use crate::metrics::Exchange;

/// The route of requests that no route matched, so that scanners cannot grow the metrics.
const UNMATCHED: &str = "unmatched";

pin_project_lite::pin_project! {
    /// A body that reports what it sends, and its end, to its [`Exchange`].
    #[derive(Debug)]
    pub struct MeasuredBody<B> {
        #[pin]
        body: B,
        exchange: Exchange,
    }
}

impl<B: MessageBody> MessageBody for MeasuredBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        let next = this.body.poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &next {
            this.exchange.sent(bytes.len());
        }
        next
    }
}

/// Measures one exchange. HEAD is served as GET, without the body, which the connection leaves out.
///
/// # Errors
/// Those of the handler that have no answer of their own; none in practice.
pub async fn measure(
    terms: Data<Terms>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<MeasuredBody<impl MessageBody>>, Error> {
    let mut exchange = Exchange::start(Arc::clone(&terms.metrics), label(request.method()));
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let response = next.call(request).await?;
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| UNMATCHED.to_owned());
    exchange.answered(route, response.status().as_u16());
    Ok(response.map_body(|_head, body| MeasuredBody { body, exchange }))
}

/// The method as a label; invented ones are one value.
const fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
