//! JSON bodies, of the right media type, with errors that say where.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::complaint::complaint;
use super::media;
use super::negotiated::{is_strict, text};
use super::object::Object;
use crate::error::ApiError;

/// The JSON body of a v2 request without records.
#[derive(Clone, Copy, Debug)]
pub struct JsonV2<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonV2<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = is_strict(request)
            .and_then(|strict| media::check_v2_body(text(request, header::CONTENT_TYPE), strict));
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            checked?;
            parse(&body.await?.0).map(Self)
        })
    }
}

/// The JSON body of a v2 request that may have none.
#[derive(Clone, Copy, Debug)]
pub struct OptionalJsonV2<T>(pub Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJsonV2<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = is_strict(request)
            .and_then(|strict| media::check_v2_body(text(request, header::CONTENT_TYPE), strict));
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            let body = body.await?.0;
            if body.iter().all(u8::is_ascii_whitespace) {
                return Ok(Self(None));
            }
            checked?;
            parse(&body).map(|json| Self(Some(json)))
        })
    }
}

/// The JSON body of a v3 request.
#[derive(Clone, Copy, Debug)]
pub struct JsonV3<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonV3<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = media::check_v3_body(text(request, header::CONTENT_TYPE));
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            checked?;
            parse(&body.await?.0).map(Self)
        })
    }
}

/// Reads one JSON object.
///
/// # Errors
/// 400 with the field, what is wrong and its line and column; 422 when there is no body at all.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let message = "Request body is empty. Data is required.".to_owned();
        return Err(ApiError::InvalidPayload { message });
    }
    match serde_json::from_slice::<Object<T>>(bytes) {
        Ok(object) => Ok(object.0),
        Err(error) => Err(ApiError::InvalidJson {
            detail: if error.is_data() {
                complaint(&path::<T>(bytes), &error.to_string())
            } else {
                format!("Malformed JSON: {error}")
            },
        }),
    }
}

/// Where the value is that cannot be read: looked for when it is known that there is one, since keeping
/// track costs time.
fn path<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> String {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read: Result<Object<T>, _> = serde_path_to_error::deserialize(&mut json);
    read.map_or_else(|error| error.path().to_string(), |_| ".".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its type matters here")]
        count: u8,
    }

    #[test]
    fn bad_json_is_told_what_is_wrong_and_where() {
        for (body, message) in [
            (
                "{\"count\": 1",
                "Malformed JSON: EOF while parsing an object at line 1 column 11",
            ),
            (
                "{\"count\" 1}",
                "Malformed JSON: expected `:` at line 1 column 10",
            ),
            (
                "{\"count\": 1} x",
                "Malformed JSON: trailing characters at line 1 column 14",
            ),
            (
                "{\"colour\": 1}",
                "colour: unknown field `colour`, expected `count` at line 1 column 9",
            ),
            (
                "{\"count\": \"a\"}",
                "count: invalid type: string \"a\", expected a whole number from 0 to 255 at line 1 \
                 column 13",
            ),
            (
                "{\"count\": 300}",
                "count: invalid value: integer `300`, expected a whole number from 0 to 255 at line 1 \
                 column 13",
            ),
            (
                "[1]",
                "Invalid type: sequence, expected an object at line 1 column 0",
            ),
            ("{}", "Missing field `count` at line 1 column 2"),
        ] {
            let error = parse::<Sample>(body.as_bytes()).unwrap_err();
            assert_eq!(
                (error.error_code(), error.to_string().as_str()),
                (400, message),
                "{body}"
            );
        }
    }

    #[test]
    fn an_empty_body_is_its_own_error() {
        let error = parse::<Sample>(b" \n").unwrap_err();
        assert_eq!(error.error_code(), 42_206);
        assert_eq!(
            error.to_string(),
            "Payload error. Request body is empty. Data is required."
        );
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let error = parse::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }
}
