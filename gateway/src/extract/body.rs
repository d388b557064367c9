//! Request bodies within limits: one alone, and all together.
//!
//! A body is decompressed while it is read and counted as it arrives, so neither a compressed bomb nor
//! a large announced length costs more than what was really sent. One announced above the limit is not
//! read at all. What a body holds of the common
//! [`Budget`] is given back when its request ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::{Decompress, Payload};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use futures_util::stream::StreamExt as _;

use super::negotiated::text;
use super::terms::Terms;
use crate::error::ApiError;
use crate::metrics::Rejection;

/// Bytes that all request bodies together may hold.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

impl Budget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }

    /// Bytes nobody holds.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

/// A part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    held: usize,
}

impl Permit {
    /// Holds nothing yet.
    #[must_use]
    pub const fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: 0 }
    }

    /// Takes `bytes` more; `false` when the budget has less left.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.budget.take(bytes);
        if taken {
            self.held += bytes;
        }
        taken
    }

    /// Gives back what it holds beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.held.saturating_sub(bytes);
        self.held -= excess;
        self.budget.left.fetch_add(excess, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// A whole request body, decompressed; empty when there is none.
#[derive(Clone, Debug)]
pub struct Body(pub Bytes);

impl FromRequest for Body {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let terms = Terms::of(&request)?;
            check_encoding(&request)?;
            check_announced(&request, terms)?;
            let mut permit = Permit::new(Arc::clone(&terms.budget));
            let chunks = Decompress::from_headers(payload, request.headers());
            let bytes = read(Box::pin(chunks), terms, &mut permit).await?;
            request.extensions_mut().insert(permit);
            Ok(Self(bytes))
        })
    }
}

async fn read(
    mut chunks: Pin<Box<Decompress<Payload>>>,
    terms: &Terms,
    permit: &mut Permit,
) -> Result<Bytes, ApiError> {
    let mut body = Bytes::new();
    let mut grown = BytesMut::new();
    loop {
        let Ok(next) = tokio::time::timeout(terms.body_pause_max, chunks.next()).await else {
            return Err(terms.refuse(Rejection::Timeout, ApiError::BodyTimeout));
        };
        let Some(chunk) = next.transpose().map_err(|error| broken(&error))? else {
            break;
        };
        terms
            .metrics
            .request_bytes
            .inc_by(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if body.len() + grown.len() + chunk.len() > terms.body_size_max {
            return Err(too_large(terms));
        }
        if !permit.grow(chunk.len()) {
            return Err(terms.no_memory());
        }
        // Most bodies are one chunk, which is then not copied.
        if body.is_empty() && grown.is_empty() {
            body = chunk;
        } else {
            if grown.is_empty() {
                grown.extend_from_slice(&std::mem::take(&mut body));
            }
            grown.extend_from_slice(&chunk);
        }
    }
    Ok(if grown.is_empty() {
        body
    } else {
        grown.freeze()
    })
}

/// Refuses a body that says itself, before it is read, that it is too large.
fn check_announced(request: &HttpRequest, terms: &Terms) -> Result<(), ApiError> {
    let length = text(request, header::CONTENT_LENGTH).map(str::parse::<usize>);
    // The framework has refused what is no number; one that does not fit is larger than any limit.
    let length = length.map_or(0, |length| length.unwrap_or(usize::MAX));
    if length > terms.body_size_max {
        return Err(too_large(terms));
    }
    Ok(())
}

fn too_large(terms: &Terms) -> ApiError {
    let limit = terms.body_size_max;
    terms.refuse(Rejection::Size, ApiError::BodyTooLarge { limit })
}

/// Refuses encodings that would otherwise be taken for plain text.
fn check_encoding(request: &HttpRequest) -> Result<(), ApiError> {
    let encoding = text(request, header::CONTENT_ENCODING).map(str::to_ascii_lowercase);
    match encoding.as_deref() {
        None | Some("identity" | "gzip" | "deflate") => Ok(()),
        Some(_) => Err(ApiError::UnsupportedMediaType),
    }
}

fn broken(error: &PayloadError) -> ApiError {
    ApiError::BadRequest {
        detail: format!("the body cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_and_given_back() {
        let budget = Budget::new(10);
        let mut first = Permit::new(Arc::clone(&budget));
        let mut second = Permit::new(Arc::clone(&budget));
        assert!(first.grow(4) && first.grow(4));
        assert!(!second.grow(3), "only two are left");
        assert!(second.grow(2));
        first.shrink_to(5);
        assert!(second.grow(3) && !second.grow(1), "only the excess is back");
        drop(first);
        assert!(second.grow(5));
        drop(second);
        assert_eq!(budget.left(), 10);
    }
}
