//! What every request must meet, and where its bytes are counted.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::body::Budget;
use crate::config::{BaseUri, Config};
use crate::error::ApiError;
use crate::metrics::{HttpMetrics, Rejection};

/// The part of the configuration that extractors and middleware obey, and what they count into.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Media types are answered exactly as Confluent's proxy does.
    pub strict_v2: bool,
    /// The address links start with, when it is not the Host of the request.
    pub advertised: Option<BaseUri>,
    /// Only this machine can connect.
    pub is_loopback: bool,
    /// The largest body, in bytes.
    pub body_size_max: usize,
    /// The longest pause within a body.
    pub body_pause_max: Duration,
    /// Bytes of bodies that may be in memory at once.
    pub budget: Arc<Budget>,
    /// Requests that may be served at once.
    pub in_flight_max: i64,
    /// The metrics of the HTTP side.
    pub metrics: Arc<HttpMetrics>,
}

impl Terms {
    /// The terms that `config` sets.
    #[must_use]
    pub fn new(config: &Config, metrics: HttpMetrics) -> Self {
        let http = &config.http;
        Self {
            strict_v2: config.rest_v2.strict,
            advertised: http.advertised.clone(),
            is_loopback: http.listen.is_loopback(),
            body_size_max: http.request_size_max.as_usize(),
            body_pause_max: http.idle_timeout,
            budget: Budget::new(http.request_memory_max.as_usize()),
            in_flight_max: i64::from(http.requests_in_flight_max.get()),
            metrics: Arc::new(metrics),
        }
    }

    /// Counts a refusal and passes on what to answer.
    #[must_use]
    pub fn refuse(&self, reason: Rejection, answer: ApiError) -> ApiError {
        self.metrics.reject(reason);
        answer
    }

    /// Refuses what the budget has no room for.
    #[must_use]
    pub fn no_memory(&self) -> ApiError {
        let message = "Too many request bodies are in memory at once. Try again.".to_owned();
        self.refuse(Rejection::Memory, ApiError::Overloaded { message })
    }

    /// The terms of the application that serves `request`.
    ///
    /// # Errors
    /// 500 when the application was built without them.
    pub fn of(request: &HttpRequest) -> Result<&Data<Self>, ApiError> {
        request
            .app_data::<Data<Self>>()
            .ok_or_else(|| ApiError::internal("no terms"))
    }
}
