//! The query of a request, with errors that name the parameter.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::complaint::complaint;
use crate::error::ApiError;

/// The query of a request. A handler that takes one lists its parameters in the description.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let values = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(values).map_err(|error| ApiError::BadRequest {
        detail: complaint(&error.path().to_string(), &error.inner().to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Sample {
        timeout: Option<i64>,
    }

    #[test]
    fn a_bad_parameter_is_named() {
        assert_eq!(parse::<Sample>("timeout=5").unwrap().timeout, Some(5));
        assert_eq!(parse::<Sample>("").unwrap().timeout, None);
        let error = parse::<Sample>("timeout=x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Bad Request: timeout: invalid digit found in string"
        );
    }
}
