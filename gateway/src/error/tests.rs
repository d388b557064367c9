//! The table of every failure, and what of it leaves the process.

use actix_web::body::MessageBody as _;

use super::*;

/// One of each variant. The match makes the compiler ask for new ones.
fn every_variant() -> Vec<ApiError> {
    let text = || "why".to_owned();
    let all = vec![
        ApiError::InvalidJson { detail: text() },
        ApiError::BadRequest { detail: text() },
        ApiError::KafkaRefused { message: text() },
        ApiError::Unauthenticated { message: text() },
        ApiError::Forbidden { message: text() },
        ApiError::ForeignOrigin { message: text() },
        ApiError::RouteNotFound,
        ApiError::NotFound { message: text() },
        ApiError::TopicNotFound,
        ApiError::PartitionNotFound,
        ApiError::ConsumerInstanceNotFound,
        ApiError::UnknownTopicOrPartition,
        ApiError::UnknownPartition {
            topic: "t".to_owned(),
            partition: 7,
        },
        ApiError::MethodNotAllowed {
            allow: "GET".to_owned(),
        },
        ApiError::NotAcceptable,
        ApiError::FormatMismatch,
        ApiError::BodyTimeout,
        ApiError::UndecodableRecord { message: text() },
        ApiError::ConsumerInstanceExists,
        ApiError::IllegalState { message: text() },
        ApiError::BodyTooLarge { limit: 1024 },
        ApiError::RecordTooLarge { message: text() },
        ApiError::UnsupportedMediaType,
        ApiError::Constraint { message: text() },
        ApiError::InvalidConsumerConfig { message: text() },
        ApiError::InvalidPayload { message: text() },
        ApiError::InvalidBatch { message: text() },
        ApiError::RateLimited,
        ApiError::Throttled { message: text() },
        ApiError::Internal { cause: text() },
        ApiError::KafkaFatal { message: text() },
        ApiError::KafkaRetriable { message: text() },
        ApiError::BrokerUnavailable { message: text() },
        ApiError::Unknown { message: text() },
        ApiError::Overloaded { message: text() },
    ];
    let mut kinds: Vec<_> = all.iter().map(std::mem::discriminant).collect();
    kinds.dedup();
    assert_eq!(kinds.len(), all.len());
    all
}

#[test]
fn every_failure_has_confluents_status_code_and_message() {
    let table: Vec<String> = every_variant()
        .iter()
        .map(|error| {
            format!(
                "{} {} {}",
                error.status_code().as_u16(),
                error.error_code(),
                error
            )
        })
        .collect();
    let expected = "\
400 400 why
400 400 Bad Request: why
400 40002 why
401 40101 why
403 40301 why
403 403 why
404 404 HTTP 404 Not Found
404 404 why
404 40401 Topic not found.
404 40402 Partition not found.
404 40403 Consumer instance not found.
404 40403 This server does not host this topic-partition.
404 40403 This server does not host topic-partition 7 for topic t
405 405 HTTP 405 Method Not Allowed
406 406 HTTP 406 Not Acceptable
406 40601 The requested embedded data format does not match the deserializer for this consumer instance
408 408 The request body did not arrive in time.
408 40801 why
409 40902 Consumer with specified consumer ID already exists in the specified consumer group.
409 40903 Illegal state: why
413 413 The request body is larger than 1024 bytes, the value of http.request_size_max.
413 413 why
415 415 HTTP 415 Unsupported Media Type
422 422 why
422 42204 Invalid consumer configuration: why
422 42206 Payload error. why
422 42208 why
429 429 Request rate limit exceeded: The rate limit of requests per second has been exceeded.
429 42901 why
500 500 Internal Server Error
500 50002 why
500 50003 why
503 50302 why
503 50302 why
503 503 why";
    assert_eq!(table.join("\n"), expected);
}

#[test]
fn an_internal_cause_is_never_sent() {
    let response = ApiError::internal("/secret/path").error_response();
    let body = response.into_body().try_into_bytes().unwrap();
    assert_eq!(
        body,
        r#"{"error_code":500,"message":"Internal Server Error"}"#
    );
}

#[test]
fn refusals_that_pass_say_when_to_come_again() {
    for error in every_variant() {
        let response = error.error_response();
        let passes = matches!(response.status().as_u16(), 429 | 503);
        assert_eq!(
            response.headers().contains_key(header::RETRY_AFTER),
            passes,
            "{error:?}"
        );
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let response = ApiError::MethodNotAllowed {
        allow: "GET, POST".to_owned(),
    }
    .error_response();
    assert_eq!(response.headers().get(header::ALLOW).unwrap(), "GET, POST");
}
