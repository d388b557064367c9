//! A record to produce and what became of it, as the streamed and the batched resource share them.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::embedded::{EmbeddedFormat, decode_base64};
use crate::error::ApiError;
use crate::produce::{Header, ProduceRecord, RecordOutcome};

/// A record to produce.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDto<'a> {
    /// Names the record in the answer of a batch; without meaning elsewhere.
    #[serde(default, rename = "id")]
    #[schema(value_type = Option<String>)]
    _id: IgnoredAny,
    /// The partition; without it the key decides.
    partition_id: Option<i32>,
    /// Headers, in order.
    #[serde(borrow, default, deserialize_with = "crate::extract::object::objects")]
    #[schema(value_type = Vec<HeaderDto<'static>>)]
    headers: Vec<HeaderDto<'a>>,
    /// The key.
    #[serde(
        borrow,
        default,
        deserialize_with = "crate::extract::object::some_object"
    )]
    #[schema(value_type = Option<DataDto<'static>>)]
    key: Option<DataDto<'a>>,
    /// The value; without it the record marks a deletion in a compacted topic.
    #[serde(
        borrow,
        default,
        deserialize_with = "crate::extract::object::some_object"
    )]
    #[schema(value_type = Option<DataDto<'static>>)]
    value: Option<DataDto<'a>>,
    /// When it happened: ISO 8601, or seconds since the epoch; now, without.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>)]
    timestamp: Option<&'a RawValue>,
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

/// A key or a value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataDto<'a> {
    /// How the data is written down; `BINARY` without.
    #[serde(rename = "type", default)]
    data_type: DataType,
    /// The data: base64, any JSON, or a string.
    #[serde(borrow, default)]
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<&'a RawValue>,
    /// Names a schema, which needs a schema registry.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    subject: Option<IgnoredAny>,
    /// Names a schema, which needs a schema registry.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    subject_name_strategy: Option<IgnoredAny>,
    /// Names a schema, which needs a schema registry.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    schema_id: Option<IgnoredAny>,
    /// Names a schema, which needs a schema registry.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    schema_version: Option<IgnoredAny>,
    /// Is a schema, which needs a schema registry.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    schema: Option<IgnoredAny>,
}

/// How data is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum DataType {
    /// Base64.
    #[default]
    Binary,
    /// Any JSON.
    Json,
    /// A string, written as its UTF-8.
    String,
    /// With a schema; needs a schema registry.
    Avro,
    /// With a schema; needs a schema registry.
    JsonSchema,
    /// With a schema; needs a schema registry.
    Protobuf,
}

/// Type and size of a key or value that was written.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct DataInfo {
    /// As asked for.
    #[serde(rename = "type")]
    data_type: DataType,
    /// Bytes written.
    size: usize,
}

/// A record ready to be sent, and what its answer repeats.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The record.
    pub(crate) record: ProduceRecord,
    key: Option<DataInfo>,
    value: Option<DataInfo>,
}

/// A record that was written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Written {
    /// Always 200.
    error_code: u32,
    /// Kafka's id of the cluster.
    cluster_id: String,
    /// Name of the topic.
    topic_name: String,
    /// Number of the partition.
    partition_id: i32,
    /// Its offset; null where only a lost answer knew it.
    offset: Option<i64>,
    /// Its timestamp.
    timestamp: String,
    /// What was written as the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<DataInfo>,
    /// What was written as the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<DataInfo>,
}

/// A record that was not written.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Refused {
    /// Why: the code of the error.
    error_code: u32,
    /// The same for people.
    message: String,
}

impl RecordDto<'_> {
    /// The record to send.
    ///
    /// # Errors
    /// [`ApiError`] where its data is not what its type says.
    pub(crate) fn decode(self) -> Result<Decoded, ApiError> {
        let (key, key_info) = decode(self.key)?;
        let (value, value_info) = decode(self.value)?;
        let partition = match self.partition_id {
            Some(partition) if partition < 0 => return Err(ApiError::PartitionNotFound),
            partition => partition,
        };
        let record = ProduceRecord {
            partition,
            timestamp: self.timestamp.map(|raw| timestamp(raw.get())).transpose()?,
            key,
            value,
            headers: self
                .headers
                .into_iter()
                .map(HeaderDto::decode)
                .collect::<Result<_, _>>()?,
        };
        Ok(Decoded {
            record,
            key: key_info,
            value: value_info,
        })
    }
}

impl HeaderDto<'_> {
    fn decode(self) -> Result<Header, ApiError> {
        let value = self
            .value
            .map(|value| decode_base64(value.get()))
            .transpose()?;
        Ok(Header {
            key: self.name.into(),
            value,
        })
    }
}

fn decode(data: Option<DataDto<'_>>) -> Result<(Option<Bytes>, Option<DataInfo>), ApiError> {
    let Some(data) = data else {
        return Ok((None, None));
    };
    let bytes = data.decode()?;
    let size = bytes.as_ref().map(Bytes::len);
    let info = size.map(|size| DataInfo {
        data_type: data.data_type,
        size,
    });
    Ok((bytes, info))
}

impl DataDto<'_> {
    fn names_schema(&self) -> bool {
        self.subject.is_some()
            || self.subject_name_strategy.is_some()
            || self.schema_id.is_some()
            || self.schema_version.is_some()
            || self.schema.is_some()
    }

    fn decode(&self) -> Result<Option<Bytes>, ApiError> {
        let no_registry = || ApiError::InvalidPayload {
            message: "Schema Registry must be configured when using schemas.".to_owned(),
        };
        if self.names_schema() {
            return Err(no_registry());
        }
        match self.data_type {
            DataType::Binary => Ok(EmbeddedFormat::Binary.decode(self.data)?),
            DataType::Json => Ok(EmbeddedFormat::Json.decode(self.data)?),
            DataType::String => self.data.map(|json| string(json.get())).transpose(),
            DataType::Avro | DataType::JsonSchema | DataType::Protobuf => Err(no_registry()),
        }
    }
}

fn string(json: &str) -> Result<Bytes, ApiError> {
    let text: String = serde_json::from_str(json).map_err(|_not_string| {
        let shown: String = json.chars().take(100).collect();
        ApiError::BadRequest {
            detail: format!("data={shown} is not a string."),
        }
    })?;
    Ok(text.into())
}

/// Milliseconds since the epoch, of ISO 8601 text or a number of seconds.
fn timestamp(json: &str) -> Result<i64, ApiError> {
    let invalid = |cause: &dyn std::fmt::Display| ApiError::BadRequest {
        detail: format!("timestamp is neither ISO 8601 nor seconds since the epoch: {cause}"),
    };
    if let Ok(text) = serde_json::from_str::<String>(json) {
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        return parsed
            .map(jiff::Timestamp::as_millisecond)
            .map_err(|error| invalid(&error));
    }
    let (whole, fraction) = json.split_once('.').unwrap_or((json, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let seconds: i64 = whole.parse().map_err(|error| invalid(&error))?;
    let millis: i64 = digits.parse().map_err(|error| invalid(&error))?;
    let millis = if whole.starts_with('-') {
        -millis
    } else {
        millis
    };
    seconds
        .checked_mul(1_000)
        .and_then(|at| at.checked_add(millis))
        .ok_or_else(|| invalid(&"too large"))
}

impl Written {
    /// What to answer for a record that was sent.
    ///
    /// # Errors
    /// [`Refused`] where it was not written.
    pub(crate) fn new(
        cluster: &str,
        topic: &str,
        sent: (Option<DataInfo>, Option<DataInfo>),
        outcome: RecordOutcome,
    ) -> Result<Self, Refused> {
        let written = outcome.map_err(|error| Refused::from(&ApiError::from(error)))?;
        let timestamp = jiff::Timestamp::from_millisecond(written.timestamp);
        Ok(Self {
            error_code: 200,
            cluster_id: cluster.to_owned(),
            topic_name: topic.to_owned(),
            partition_id: written.partition,
            offset: written.offset,
            timestamp: timestamp.map(|at| format!("{at:.3}")).unwrap_or_default(),
            key: sent.0,
            value: sent.1,
        })
    }
}

impl Decoded {
    /// What the answer repeats of the key and the value.
    pub(crate) const fn infos(&self) -> (Option<DataInfo>, Option<DataInfo>) {
        (self.key, self.value)
    }
}

impl From<&ApiError> for Refused {
    /// In an answer of status 200 or 207, a broken rule is told as Confluent tells it: with 422 as
    /// its code, and the finer one in the text.
    fn from(error: &ApiError) -> Self {
        let ErrorParts { status, code, text } = ErrorParts::of(error);
        let text = text.lines().next().unwrap_or_default().to_owned();
        if status == 422 {
            return Self {
                error_code: 422,
                message: format!("Error: {code} : {text}"),
            };
        }
        Self {
            error_code: code,
            message: text,
        }
    }
}

struct ErrorParts {
    status: u16,
    code: u32,
    text: String,
}

impl ErrorParts {
    fn of(error: &ApiError) -> Self {
        let status = actix_web::ResponseError::status_code(error).as_u16();
        Self {
            status,
            code: error.error_code(),
            text: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(json: &str) -> Result<Decoded, String> {
        let record: RecordDto<'_> = serde_json::from_str(json).unwrap();
        record.decode().map_err(|error| error.to_string())
    }

    #[test]
    fn data_is_decoded_by_its_type() {
        let json = r#"{"key":{"data":"azE="},"value":{"type":"JSON","data":{"n": 1}},
            "headers":[{"name":"h","value":"aA=="},{"name":"h"}],"timestamp":"1970-01-01T00:00:01.5Z"}"#;
        let decoded = decoded(json).unwrap();
        let record = &decoded.record;
        assert_eq!(record.key.as_deref(), Some(&b"k1"[..]));
        assert_eq!(record.value.as_deref(), Some(&b"{\"n\":1}"[..]));
        assert_eq!((record.headers.len(), record.timestamp), (2, Some(1_500)));
        assert_eq!(record.headers[1].value, None);
        assert_eq!(decoded.infos().0.unwrap().size, 2);
    }

    #[test]
    fn an_empty_record_has_null_key_and_value() {
        let decoded = decoded("{}").unwrap();
        assert_eq!(
            (decoded.record.key.clone(), decoded.record.value.clone()),
            (None, None)
        );
        assert!(decoded.infos().0.is_none());
    }

    #[test]
    fn data_that_is_not_what_it_says_is_named() {
        for (json, message) in [
            (
                r#"{"value":{"data":1}}"#,
                "Bad Request: data=1 is not a base64 string.",
            ),
            (
                r#"{"value":{"type":"STRING","data":1}}"#,
                "Bad Request: data=1 is not a string.",
            ),
            (
                r#"{"value":{"schema_id":1,"data":{}}}"#,
                "Payload error. Schema Registry must be configured when using schemas.",
            ),
            (r#"{"partition_id":-1}"#, "Partition not found."),
        ] {
            assert_eq!(decoded(json).unwrap_err(), message, "{json}");
        }
        let error = decoded(r#"{"timestamp":"yesterday"}"#).unwrap_err();
        assert!(
            error.starts_with("Bad Request: timestamp is neither ISO 8601 nor"),
            "{error}"
        );
    }

    #[test]
    fn a_broken_rule_is_renumbered_as_confluent_does() {
        let message = "Schema Registry must be configured when using schemas.".to_owned();
        let refused = Refused::from(&ApiError::InvalidPayload { message });
        assert_eq!(refused.error_code, 422);
        assert!(
            refused
                .message
                .starts_with("Error: 42206 : Payload error. Schema"),
            "{refused:?}"
        );
        assert_eq!(
            Refused::from(&ApiError::PartitionNotFound).error_code,
            40_402
        );
    }

    #[test]
    fn timestamps_are_iso_text_or_seconds() {
        let read: Vec<_> = ["\"2026-11-21T00:00:00Z\"", "1.25", "-1.5", "0"]
            .map(|json| timestamp(json).unwrap())
            .into();
        assert_eq!(read, [1_795_219_200_000, 1_250, -1_500, 0]);
    }
}
