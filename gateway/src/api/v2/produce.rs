//! `POST /topics/{topic}` and `POST /topics/{topic}/partitions/{partition}`.

mod tally;

use actix_web::{HttpResponse, post, web};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::embedded::{self, EmbeddedFormat};
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::V2;
use crate::extract::{self, Body, ProduceFormat};
use crate::produce::{Header, ProduceRecord, RecordOutcome};

/// Records to produce.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProduceRequest<'a> {
    /// The records, at least one.
    #[serde(borrow, deserialize_with = "crate::extract::object::objects")]
    #[schema(value_type = Vec<RecordDto<'static>>)]
    records: Vec<RecordDto<'a>>,
    /// Taken and without meaning for binary and JSON data.
    #[schema(value_type = Option<String>)]
    #[serde(default, rename = "key_schema")]
    _key_schema: IgnoredAny,
    /// Taken and without meaning for binary and JSON data.
    #[schema(value_type = Option<i32>)]
    #[serde(default, rename = "key_schema_id")]
    _key_schema_id: IgnoredAny,
    /// Taken and without meaning for binary and JSON data.
    #[schema(value_type = Option<String>)]
    #[serde(default, rename = "value_schema")]
    _value_schema: IgnoredAny,
    /// Taken and without meaning for binary and JSON data.
    #[schema(value_type = Option<i32>)]
    #[serde(default, rename = "value_schema_id")]
    _value_schema_id: IgnoredAny,
}

/// One record to produce.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDto<'a> {
    /// The key in the format of the body, or null.
    #[serde(borrow, default)]
    #[schema(value_type = Option<serde_json::Value>)]
    key: Option<&'a RawValue>,
    /// The value in the format of the body; null marks a deletion in a compacted topic.
    #[serde(borrow, default)]
    #[schema(value_type = Option<serde_json::Value>)]
    value: Option<&'a RawValue>,
    /// The partition; without it the key decides.
    #[serde(default)]
    partition: Option<i32>,
    /// Headers, in order; an addition to Confluent's API.
    #[serde(borrow, default, deserialize_with = "crate::extract::object::objects")]
    #[schema(value_type = Vec<HeaderDto<'static>>)]
    headers: Vec<HeaderDto<'a>>,
    /// Milliseconds since the epoch; an addition to Confluent's API.
    #[serde(default)]
    timestamp: Option<i64>,
}

/// One header.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderDto<'a> {
    /// Its name.
    name: String,
    /// Its value in base64, or null.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    value: Option<&'a RawValue>,
}

/// Where the records were written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProduceResponse {
    /// One entry for each record, in order.
    offsets: Vec<OffsetDto>,
    /// Always null: binary and JSON data have no schema.
    key_schema_id: Option<i32>,
    /// Always null: binary and JSON data have no schema.
    value_schema_id: Option<i32>,
}

/// What became of one record.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct OffsetDto {
    /// The partition it was written to.
    partition: Option<i32>,
    /// Its offset.
    offset: Option<i64>,
    /// Why it was not written: 40101 or 40301 (not allowed), 50002 (will fail again) or 50003 (may not).
    error_code: Option<u32>,
    /// The same for people.
    error: Option<String>,
}

/// Produces records to a topic.
#[utoipa::path(
    operation_id = "v2_produce_to_topic",
    tag = "v2 produce",
    request_body(content(
        (ProduceRequest<'static> = "application/vnd.kafka.json.v2+json"),
        (ProduceRequest<'static> = "application/vnd.kafka.binary.v2+json"),
    )),
    params(("topic" = String, Path, description = "Name of the topic.")),
    responses(
        (status = 200, description = "An outcome for each record, in order.", body = ProduceResponse, content_type = V2),
        (status = 404, description = "The topic does not exist and is not created automatically.", body = ErrorBody),
        (status = 413, description = "The body is too large, or holds too many records.", body = ErrorBody),
        (status = 422, description = "There are no records.", body = ErrorBody),
    )
)]
#[post("/topics/{topic}")]
pub(crate) async fn to_topic(
    state: web::Data<AppState>,
    topic: web::Path<String>,
    format: ProduceFormat,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    respond(&state, &topic, None, format.0, &body).await
}

/// Produces records to a partition; a record's own `partition` wins.
#[utoipa::path(
    operation_id = "v2_produce_to_partition",
    tag = "v2 produce",
    request_body(content(
        (ProduceRequest<'static> = "application/vnd.kafka.json.v2+json"),
        (ProduceRequest<'static> = "application/vnd.kafka.binary.v2+json"),
    )),
    params(
        ("topic" = String, Path, description = "Name of the topic."),
        ("partition" = i32, Path, description = "Number of the partition."),
    ),
    responses(
        (status = 200, description = "An outcome for each record, in order.", body = ProduceResponse, content_type = V2),
        (status = 404, description = "The topic does not exist and is not created automatically.", body = ErrorBody),
        (status = 413, description = "The body is too large, or holds too many records.", body = ErrorBody),
        (status = 422, description = "There are no records.", body = ErrorBody),
    )
)]
#[post("/topics/{topic}/partitions/{partition}")]
pub(crate) async fn to_partition(
    state: web::Data<AppState>,
    path: web::Path<(String, i32)>,
    format: ProduceFormat,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let (topic, partition) = path.into_inner();
    respond(&state, &topic, Some(partition), format.0, &body).await
}

async fn respond(
    state: &AppState,
    topic: &str,
    partition: Option<i32>,
    format: EmbeddedFormat,
    body: &Body,
) -> Result<HttpResponse, ApiError> {
    tally::check(state, &body.0)?;
    let request: ProduceRequest<'_> = extract::parse(&body.0)?;
    let _room = tally::reserve(state, request.count(), body.0.len())?;
    let records = request.into_records(format, partition)?;
    let outcomes = state.produce.send(topic, records).await?;
    let response = ProduceResponse::new(outcomes);
    Ok(HttpResponse::build(response.status())
        .content_type(V2)
        .json(response))
}

impl ProduceRequest<'_> {
    /// Records and their headers.
    fn count(&self) -> usize {
        let headers = self.records.iter().map(|record| record.headers.len());
        self.records.len() + headers.sum::<usize>()
    }

    fn into_records(
        self,
        format: EmbeddedFormat,
        partition: Option<i32>,
    ) -> Result<Vec<ProduceRecord>, ApiError> {
        if self.records.is_empty() {
            let message = "records must not be empty (was [])".to_owned();
            return Err(ApiError::Constraint { message });
        }
        self.records
            .into_iter()
            .map(|record| record.decode(format, partition))
            .collect()
    }
}

impl RecordDto<'_> {
    fn decode(
        self,
        format: EmbeddedFormat,
        partition: Option<i32>,
    ) -> Result<ProduceRecord, ApiError> {
        Ok(ProduceRecord {
            partition: self.partition.or(partition),
            timestamp: self.timestamp,
            key: format.decode(self.key)?,
            value: format.decode(self.value)?,
            headers: self
                .headers
                .into_iter()
                .map(HeaderDto::decode)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl HeaderDto<'_> {
    fn decode(self) -> Result<Header, ApiError> {
        let value = self.value.map(|value| embedded::decode_base64(value.get()));
        Ok(Header {
            key: self.name.into(),
            value: value.transpose()?,
        })
    }
}

impl ProduceResponse {
    fn new(outcomes: Vec<RecordOutcome>) -> Self {
        Self {
            offsets: outcomes.into_iter().map(OffsetDto::from).collect(),
            key_schema_id: None,
            value_schema_id: None,
        }
    }

    /// 200, unless a record was refused for who asks.
    fn status(&self) -> actix_web::http::StatusCode {
        use actix_web::http::StatusCode;
        let mut codes = self.offsets.iter().filter_map(|record| record.error_code);
        let refusal = codes.find_map(|code| match code {
            40_101 => Some(StatusCode::UNAUTHORIZED),
            40_301 => Some(StatusCode::FORBIDDEN),
            _ => None,
        });
        refusal.unwrap_or(StatusCode::OK)
    }
}

impl From<RecordOutcome> for OffsetDto {
    fn from(outcome: RecordOutcome) -> Self {
        match outcome {
            Ok(record) => Self {
                partition: Some(record.partition),
                offset: record.offset,
                ..Self::default()
            },
            Err(error) => {
                let error = ApiError::from(error);
                Self {
                    error_code: Some(code(&error)),
                    error: Some(error.to_string()),
                    ..Self::default()
                }
            }
        }
    }
}

/// The code of a record: one of four, by which Confluent's clients decide whether to send it again. What
/// precisely happened is in the text.
fn code(error: &ApiError) -> u32 {
    use actix_web::ResponseError as _;
    match (error.error_code(), error.status_code().as_u16()) {
        (code @ (40_101 | 40_301 | 50_002 | 50_003), _) => code,
        (_, 429 | 503) => 50_003,
        _ => 50_002,
    }
}

#[cfg(test)]
mod tests {
    use sluice_client::{ErrorCode, ProduceError};

    use super::*;

    #[test]
    fn a_record_has_one_of_the_four_codes_that_clients_know() {
        let refused = |code| ProduceError::Refused {
            code,
            message: None,
        };
        for (error, expected) in [
            (refused(ErrorCode::MessageTooLarge), 50_002),
            (refused(ErrorCode::InvalidTopicException), 50_002),
            (refused(ErrorCode::TopicAuthorizationFailed), 40_301),
            (refused(ErrorCode::SaslAuthenticationFailed), 40_101),
            (refused(ErrorCode::NotEnoughReplicas), 50_003),
            (refused(ErrorCode::ThrottlingQuotaExceeded), 50_003),
            (refused(ErrorCode::BrokerNotAvailable), 50_003),
        ] {
            let told = OffsetDto::from(Err(error));
            assert_eq!(told.error_code, Some(expected), "{told:?}");
            assert!(told.error.is_some_and(|text| !text.is_empty()));
        }
    }
}
