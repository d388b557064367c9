//! `GET /consumers/{group}/instances/{instance}/records`.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{InstancePath, find};
use crate::app::AppState;
use crate::consume::{ConsumedRecord, Header, ReadRequest};
use crate::embedded::EmbeddedFormat;
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::RecordsRequested;
use crate::extract::{Query, RecordsFormat};

/// How to read.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct ReadQuery {
    /// Milliseconds to wait while there are no records; the instance's where it is not above 0.
    timeout: Option<i64>,
    /// Bytes of keys and values, at most; a first record that is larger comes alone.
    max_bytes: Option<i64>,
    /// Whether to show timestamps and headers, which Confluent's proxy does not; else the setting
    /// `rest.v2.extended_records` decides.
    extended: Option<bool>,
}

/// A record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadRecord {
    /// Name of the topic.
    topic: String,
    /// The key in the format of the instance, or null.
    #[schema(value_type = Option<serde_json::Value>)]
    key: Box<RawValue>,
    /// The value in the format of the instance, or null.
    #[schema(value_type = Option<serde_json::Value>)]
    value: Box<RawValue>,
    /// Number of the partition.
    partition: i32,
    /// The offset.
    offset: i64,
    /// Timestamp and headers, where asked for.
    #[serde(flatten)]
    extension: Option<Extension>,
}

/// What Confluent's proxy does not show.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Extension {
    /// Milliseconds since the epoch.
    timestamp: i64,
    /// The headers, in order.
    headers: Vec<ReadHeader>,
}

/// A header.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadHeader {
    /// Its name.
    name: String,
    /// Its value in base64, or null.
    value: Option<String>,
}

/// Reads records, and waits for them while there are none.
#[utoipa::path(
    operation_id = "v2_consumers_records_read",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
        ("timeout" = Option<i64>, Query, description = "Milliseconds to wait while there are no records; the \
            instance's where it is not above 0."),
        ("max_bytes" = Option<i64>, Query, description = "Bytes of keys and values, at most; a first record \
            that is larger comes alone."),
        ("extended" = Option<bool>, Query, description = "Whether to show timestamps and headers, which \
            Confluent's proxy does not; else the setting `rest.v2.extended_records` decides."),
    ),
    responses(
        (status = 200, description = "The records; none when none came in time.",
            content((Vec<ReadRecord> = "application/vnd.kafka.json.v2+json"), (Vec<ReadRecord> = "application/vnd.kafka.binary.v2+json"))),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
        (status = 406, description = "The instance was made for another format (40601).", body = ErrorBody),
        (status = 408, description = "The next record is not JSON (40801); seek past it.", body = ErrorBody),
        (status = 409, description = "It is neither subscribed nor assigned anything (40903).", body = ErrorBody),
    )
)]
#[get("/consumers/{group}/instances/{instance}/records")]
pub(crate) async fn read(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    query: Query<ReadQuery>,
    format: RecordsFormat,
) -> Result<HttpResponse, ApiError> {
    let consumer = find(&state, &path)?;
    let query = query.0;
    let format = match format.0 {
        RecordsRequested::Named(format) => format,
        RecordsRequested::Any => EmbeddedFormat::Binary,
    };
    let extended = query.extended;
    let extended = extended.unwrap_or(state.config.rest_v2.extended_records);
    let records = consumer.read(query.request(format)).await?;
    let records = records
        .into_iter()
        .map(|record| ReadRecord::new(record, extended));
    let records: Vec<ReadRecord> = records.collect();
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .json(records))
}

impl ReadQuery {
    fn request(&self, format: EmbeddedFormat) -> ReadRequest {
        let timeout = self.timeout.and_then(|millis| u64::try_from(millis).ok());
        ReadRequest {
            timeout: timeout
                .filter(|millis| *millis > 0)
                .map(Duration::from_millis),
            bytes_max: self.max_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
            format,
        }
    }
}

impl ReadRecord {
    fn new(record: ConsumedRecord, extended: bool) -> Self {
        let extension = extended.then(|| Extension {
            timestamp: record.timestamp,
            headers: record.headers.iter().map(ReadHeader::from).collect(),
        });
        Self {
            topic: record.topic.to_string(),
            key: record.key,
            value: record.value,
            partition: record.partition,
            offset: record.offset,
            extension,
        }
    }
}

impl From<Header> for ReadHeader {
    fn from(header: Header) -> Self {
        Self {
            name: String::from_utf8_lossy(&header.key).into_owned(),
            value: header.value.as_ref().map(|value| STANDARD.encode(value)),
        }
    }
}
