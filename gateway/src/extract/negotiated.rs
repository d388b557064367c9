//! Extractors that decide about media types before a handler runs.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest};

use super::media::{self, RecordsRequested};
use super::terms::Terms;
use crate::embedded::EmbeddedFormat;
use crate::error::ApiError;

/// A v2 answer without records may be given.
#[derive(Clone, Copy, Debug)]
pub struct AcceptV2;

impl FromRequest for AcceptV2 {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let accept = text(request, header::ACCEPT);
        ready(
            is_strict(request)
                .and_then(|strict| media::check_v2_answer(accept, strict).map(|()| Self)),
        )
    }
}

/// The label of an answer of the v2 consumer resources that holds no records.
#[derive(Clone, Copy, Debug)]
pub struct AcceptV2Consumer(pub &'static str);

impl FromRequest for AcceptV2Consumer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let accept = text(request, header::ACCEPT);
        ready(
            is_strict(request)
                .and_then(|strict| media::v2_consumer_answer(accept, strict).map(Self)),
        )
    }
}

/// A v3 answer may be given.
#[derive(Clone, Copy, Debug)]
pub struct AcceptV3;

impl FromRequest for AcceptV3 {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(media::check_v3_answer(text(request, header::ACCEPT)).map(|()| Self))
    }
}

/// A v3 body may have the media type it has.
#[derive(Clone, Copy, Debug)]
pub struct TypeV3;

impl FromRequest for TypeV3 {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(media::check_v3_body(text(request, header::CONTENT_TYPE)).map(|()| Self))
    }
}

/// The format of the records in a v2 produce request; its answer may be given.
#[derive(Clone, Copy, Debug)]
pub struct ProduceFormat(pub EmbeddedFormat);

impl FromRequest for ProduceFormat {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let accept = text(request, header::ACCEPT);
        let content_type = text(request, header::CONTENT_TYPE);
        ready(is_strict(request).and_then(|strict| {
            let format = media::produce_format(content_type, strict)?;
            media::check_v2_answer(accept, strict).map(|()| Self(format))
        }))
    }
}

/// The format a v2 read of records asks for.
#[derive(Clone, Copy, Debug)]
pub struct RecordsFormat(pub RecordsRequested);

impl FromRequest for RecordsFormat {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let accept = text(request, header::ACCEPT);
        ready(
            is_strict(request)
                .and_then(|strict| media::records_requested(accept, strict).map(Self)),
        )
    }
}

/// A header as text. One that is not ASCII is taken as empty, which no media type equals.
pub(super) fn text(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap_or_default())
}

pub(super) fn is_strict(request: &HttpRequest) -> Result<bool, ApiError> {
    Terms::of(request).map(|terms| terms.strict_v2)
}
