//! The one way in which a failure becomes an HTTP answer.
//!
//! Every error body is `{"error_code", "message"}` with the codes and texts of Confluent's REST proxy,
//! because clients branch on both. The message is public; what must not leave the process, such as an
//! unexpected cause, is a field that is logged here, once, and never sent.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

mod client;
mod consume;
mod embedded;
mod kafka;
mod produce;
#[cfg(test)]
mod tests;

/// Seconds after which a refused client should come again.
const RETRY_AFTER_SECONDS: &str = "1";

/// A failed request: its status, its `error_code` and its public message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON, or not the JSON this resource takes.
    #[error("{detail}")]
    InvalidJson {
        /// What is wrong, and where.
        detail: String,
    },
    /// A parameter or a piece of data is invalid.
    #[error("Bad Request: {detail}")]
    BadRequest {
        /// What is wrong.
        detail: String,
    },
    /// Kafka understood the request and refused it.
    #[error("{message}")]
    KafkaRefused {
        /// Kafka's reason.
        message: String,
    },
    /// Nobody known is asking.
    #[error("{message}")]
    Unauthenticated {
        /// Kafka's reason.
        message: String,
    },
    /// Who asks may not do this.
    #[error("{message}")]
    Forbidden {
        /// Kafka's reason.
        message: String,
    },
    /// A page of another site is asking, or a name that is not ours (DNS rebinding).
    #[error("{message}")]
    ForeignOrigin {
        /// Which header, and what to do when it is legitimate.
        message: String,
    },
    /// No route has this path.
    #[error("HTTP 404 Not Found")]
    RouteNotFound,
    /// What the path names does not exist.
    #[error("{message}")]
    NotFound {
        /// What is missing.
        message: String,
    },
    /// A topic to write to does not exist.
    #[error("Topic not found.")]
    TopicNotFound,
    /// A partition does not exist.
    #[error("Partition not found.")]
    PartitionNotFound,
    /// A v2 consumer instance does not exist, or is gone after its idle time.
    #[error("Consumer instance not found.")]
    ConsumerInstanceNotFound,
    /// A topic to read about does not exist.
    #[error("This server does not host this topic-partition.")]
    UnknownTopicOrPartition,
    /// A partition to read about does not exist, in a topic that does.
    #[error("This server does not host topic-partition {partition} for topic {topic}")]
    UnknownPartition {
        /// Name of the topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
    },
    /// The path exists, with other methods.
    #[error("HTTP 405 Method Not Allowed")]
    MethodNotAllowed {
        /// The methods it has, for the header `Allow`.
        allow: String,
    },
    /// Nothing that `Accept` asks for can be answered.
    #[error("HTTP 406 Not Acceptable")]
    NotAcceptable,
    /// `Accept` asks for another format than the consumer instance was made for.
    #[error(
        "The requested embedded data format does not match the deserializer for this consumer instance"
    )]
    FormatMismatch,
    /// The body stopped arriving.
    #[error("The request body did not arrive in time.")]
    BodyTimeout,
    /// A record cannot be shown in the format asked for.
    #[error("{message}")]
    UndecodableRecord {
        /// Which record, and why.
        message: String,
    },
    /// The name is taken within the group.
    #[error("Consumer with specified consumer ID already exists in the specified consumer group.")]
    ConsumerInstanceExists,
    /// The consumer instance is not in the state this needs.
    #[error("Illegal state: {message}")]
    IllegalState {
        /// What is in the way.
        message: String,
    },
    /// The body exceeds `http.request_size_max`.
    #[error("The request body is larger than {limit} bytes, the value of http.request_size_max.")]
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A request to produce exceeds `rest.v2.produce_records_max`.
    #[error(
        "The request holds more than {limit} records and headers, the value of \
         rest.v2.produce_records_max."
    )]
    TooManyRecords {
        /// The limit.
        limit: usize,
    },
    /// A record exceeds what Kafka takes.
    #[error("{message}")]
    RecordTooLarge {
        /// How large it is and what is allowed.
        message: String,
    },
    /// The body's media type is not one this resource takes.
    #[error("HTTP 415 Unsupported Media Type")]
    UnsupportedMediaType,
    /// The body is well formed and breaks a rule.
    #[error("{message}")]
    Constraint {
        /// Which field, and what it must be.
        message: String,
    },
    /// A consumer option has an impossible value.
    #[error("Invalid consumer configuration: {message}")]
    InvalidConsumerConfig {
        /// Which option, and what it takes.
        message: String,
    },
    /// The payload lacks what is required.
    #[error("Payload error. {message}")]
    InvalidPayload {
        /// What is missing.
        message: String,
    },
    /// A `records:batch` is invalid as a whole.
    #[error("{message}")]
    InvalidBatch {
        /// What is wrong.
        message: String,
    },
    /// The caller asks too often.
    #[error(
        "Request rate limit exceeded: The rate limit of requests per second has been exceeded."
    )]
    RateLimited,
    /// Kafka's quota for the caller is used up.
    #[error("{message}")]
    Throttled {
        /// Kafka's reason.
        message: String,
    },
    /// A failure that is not the caller's, and not Kafka's.
    #[error("Internal Server Error")]
    Internal {
        /// What happened; logged, never sent.
        cause: String,
    },
    /// Kafka failed, and will again.
    #[error("{message}")]
    KafkaFatal {
        /// Kafka's reason.
        message: String,
    },
    /// Kafka failed, and may not the next time.
    #[error("{message}")]
    KafkaRetriable {
        /// Kafka's reason.
        message: String,
    },
    /// No broker can be reached.
    #[error("{message}")]
    BrokerUnavailable {
        /// What was tried.
        message: String,
    },
    /// What is asked for cannot be told, because Kafka did not tell.
    #[error("{message}")]
    Unknown {
        /// What it is, and why not.
        message: String,
    },
    /// More is under way than is allowed at once.
    #[error("{message}")]
    Overloaded {
        /// Which limit.
        message: String,
    },
}

impl ApiError {
    /// An unexpected failure. What it was goes to the log alone.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal {
            cause: cause.to_string(),
        }
    }

    /// The HTTP status and Confluent's `error_code`.
    fn codes(&self) -> (StatusCode, u32) {
        match self {
            Self::InvalidJson { .. } | Self::BadRequest { .. } => (StatusCode::BAD_REQUEST, 400),
            Self::KafkaRefused { .. } => (StatusCode::BAD_REQUEST, 40_002),
            Self::Unauthenticated { .. } => (StatusCode::UNAUTHORIZED, 40_101),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, 40_301),
            Self::ForeignOrigin { .. } => (StatusCode::FORBIDDEN, 403),
            Self::RouteNotFound | Self::NotFound { .. } => (StatusCode::NOT_FOUND, 404),
            Self::TopicNotFound => (StatusCode::NOT_FOUND, 40_401),
            Self::PartitionNotFound => (StatusCode::NOT_FOUND, 40_402),
            Self::ConsumerInstanceNotFound
            | Self::UnknownTopicOrPartition
            | Self::UnknownPartition { .. } => (StatusCode::NOT_FOUND, 40_403),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, 405),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, 406),
            Self::FormatMismatch => (StatusCode::NOT_ACCEPTABLE, 40_601),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, 408),
            Self::UndecodableRecord { .. } => (StatusCode::REQUEST_TIMEOUT, 40_801),
            Self::ConsumerInstanceExists => (StatusCode::CONFLICT, 40_902),
            Self::IllegalState { .. } => (StatusCode::CONFLICT, 40_903),
            Self::BodyTooLarge { .. }
            | Self::TooManyRecords { .. }
            | Self::RecordTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, 413),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 415),
            Self::Constraint { .. } => (StatusCode::UNPROCESSABLE_ENTITY, 422),
            Self::InvalidConsumerConfig { .. } => (StatusCode::UNPROCESSABLE_ENTITY, 42_204),
            Self::InvalidPayload { .. } => (StatusCode::UNPROCESSABLE_ENTITY, 42_206),
            Self::InvalidBatch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, 42_208),
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, 429),
            Self::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, 42_901),
            Self::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, 500),
            Self::KafkaFatal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, 50_002),
            Self::KafkaRetriable { .. } => (StatusCode::INTERNAL_SERVER_ERROR, 50_003),
            Self::BrokerUnavailable { .. } | Self::Unknown { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, 50_302)
            }
            Self::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, 503),
        }
    }

    /// Confluent's `error_code`, also used for single records inside an answer of status 200 or 207.
    #[must_use]
    pub fn error_code(&self) -> u32 {
        self.codes().1
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error_code: self.error_code(),
            message: self.to_string(),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.codes().0
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Internal { cause } = self {
            tracing::error!(%cause, "request failed");
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Self::MethodNotAllowed { allow } = self {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if matches!(
            self.status_code(),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        response.json(self.body())
    }
}

/// The body of every failed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The HTTP status, or a code of five digits that is more precise.
    #[schema(example = 40_403)]
    pub error_code: u32,
    /// What is wrong, for people.
    #[schema(example = "This server does not host this topic-partition.")]
    pub message: String,
}
