//! The address that links in an answer start with.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use super::negotiated::text;
use super::terms::Terms;
use crate::error::ApiError;

/// Scheme, host and perhaps port and path, without a slash at the end: `http.advertised`, else the
/// Host of the request, else the address it arrived at. Headers of proxies are not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(pub String);

impl BaseUrl {
    /// The link to `path`, which starts with a slash.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromRequest for BaseUrl {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Terms::of(request).map(|terms| match &terms.advertised {
            Some(advertised) => Self(advertised.as_text()),
            None => {
                let host = text(request, header::HOST).or_else(|| {
                    request
                        .uri()
                        .authority()
                        .map(actix_web::http::uri::Authority::as_str)
                });
                let local = || request.app_config().local_addr().to_string();
                Self(format!("http://{}", host.map_or_else(local, str::to_owned)))
            }
        }))
    }
}
