//! `POST /consumers/{group}` and `DELETE /consumers/{group}/instances/{instance}`.

use std::time::Duration;

use actix_web::{HttpResponse, delete, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{InstancePath, no_content};
use crate::app::AppState;
use crate::consume::{ErrorCode, Options, Reset};
use crate::embedded::EmbeddedFormat;
use crate::error::{ApiError, ErrorBody};
use crate::extract::media::V2;
use crate::extract::{AcceptV2Consumer, BaseUrl, OptionalJsonV2, segment};

/// Characters of a group or an instance name, at most.
const NAME_MAX: usize = 255;
/// What Confluent's proxy takes for `fetch.min.bytes`.
const BYTES_MIN: std::ops::RangeInclusive<i64> = -1..=10_000_000;

/// Options of an instance. Values may be strings too.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateInstance {
    /// The old word for `name`, which it overrides.
    id: Option<String>,
    /// Its name within the group; chosen by the server without one.
    name: Option<String>,
    /// How keys and values are shown: `binary` (the default) or `json`.
    format: Option<String>,
    /// Where to start without a committed offset: `latest` (the default), `earliest` or `none`.
    #[serde(rename = "auto.offset.reset")]
    reset: Option<String>,
    /// Whether to commit what was delivered every five seconds and at the end; true by default.
    #[serde(rename = "auto.commit.enable")]
    #[schema(value_type = Option<bool>)]
    auto_commit: Option<Scalar>,
    /// Bytes a read waits for while it has time, from -1 to 10,000,000; else it returns with the
    /// first record.
    #[serde(rename = "fetch.min.bytes", alias = "responseMinBytes")]
    #[schema(value_type = Option<i64>)]
    bytes_min: Option<Scalar>,
    /// Milliseconds a read waits, at most, and when it does not say.
    #[serde(rename = "consumer.request.timeout.ms", alias = "requestWaitMs")]
    #[schema(value_type = Option<i64>)]
    timeout: Option<Scalar>,
}

/// A value that is written with quotes or without.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "invalid type: expected a boolean, a whole number or a string"
)]
enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
}

/// The instance that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedInstance {
    /// Its name within the group.
    instance_id: String,
    /// Where its resources are.
    base_uri: String,
}

/// Makes a consumer instance.
#[utoipa::path(
    operation_id = "v2_consumers_instances_create",
    tag = "v2 consumers",
    params(("group" = String, Path, description = "Name of the consumer group.")),
    request_body(content = CreateInstance, content_type = V2),
    responses(
        (status = 200, description = "Its name and where it is.", body = CreatedInstance, content_type = V2),
        (status = 400, description = "An option is unknown or malformed.", body = ErrorBody),
        (status = 409, description = "The group has an instance of this name (40902).", body = ErrorBody),
        (status = 422, description = "An option has an impossible value (42204).", body = ErrorBody),
        (status = 503, description = "There are as many instances as allowed.", body = ErrorBody),
    )
)]
#[post("/consumers/{group}")]
pub(crate) async fn create(
    state: web::Data<AppState>,
    group: web::Path<String>,
    base: BaseUrl,
    accept: AcceptV2Consumer,
    body: OptionalJsonV2<CreateInstance>,
) -> Result<HttpResponse, ApiError> {
    if group.chars().count() > NAME_MAX {
        return Err(ApiError::kafka(ErrorCode::InvalidGroupId, None));
    }
    let request = body.0.unwrap_or_default();
    let name = request.name()?;
    state.consumers.create(&group, &name, request.options()?)?;
    let base_uri = base.link(&format!(
        "/consumers/{}/instances/{}",
        segment(&group),
        segment(&name)
    ));
    let created = CreatedInstance {
        instance_id: name,
        base_uri,
    };
    Ok(HttpResponse::Ok().content_type(accept.0).json(created))
}

/// Ends a consumer instance.
#[utoipa::path(
    operation_id = "v2_consumers_instances_remove",
    tag = "v2 consumers",
    params(
        ("group" = String, Path, description = "Name of the consumer group."),
        ("instance" = String, Path, description = "Name of the instance."),
    ),
    responses(
        (status = 204, description = "It is gone, and has left its group."),
        (status = 404, description = "There is no such instance (40403).", body = ErrorBody),
    )
)]
#[delete("/consumers/{group}/instances/{instance}")]
pub(crate) async fn remove(
    state: web::Data<AppState>,
    path: web::Path<InstancePath>,
    _accept: AcceptV2Consumer,
) -> Result<HttpResponse, ApiError> {
    state.consumers.delete(&path.0, &path.1).await?;
    Ok(no_content())
}

impl CreateInstance {
    fn name(&self) -> Result<String, ApiError> {
        let given = self.id.as_ref().or(self.name.as_ref());
        let Some(name) = given else {
            return Ok(format!("rest-consumer-{}", Uuid::new_v4()));
        };
        if name.is_empty() || name.chars().count() > NAME_MAX {
            let message = format!("the name of an instance has 1 to {NAME_MAX} characters");
            return Err(ApiError::InvalidConsumerConfig { message });
        }
        Ok(name.clone())
    }

    fn options(&self) -> Result<Options, ApiError> {
        let defaults = Options::default();
        Ok(Options {
            format: self.format.as_deref().map_or(Ok(defaults.format), format)?,
            reset: self.reset.as_deref().map_or(Ok(defaults.reset), reset)?,
            auto_commit: self
                .auto_commit
                .as_ref()
                .map_or(Ok(defaults.auto_commit), flag)?,
            bytes_min: self
                .bytes_min
                .as_ref()
                .map_or(Ok(defaults.bytes_min), bytes_min)?,
            timeout: self.timeout.as_ref().map(timeout).transpose()?.flatten(),
        })
    }
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    fn number(&self, option: &str) -> Result<i64, ApiError> {
        let text = self.text();
        text.parse().map_err(|_invalid| ApiError::InvalidJson {
            detail: format!("Invalid value {text} for {option}: not a whole number."),
        })
    }
}

fn format(text: &str) -> Result<EmbeddedFormat, ApiError> {
    match text.to_ascii_lowercase().as_str() {
        "binary" => Ok(EmbeddedFormat::Binary),
        "json" => Ok(EmbeddedFormat::Json),
        _ => Err(ApiError::InvalidJson {
            detail: "Invalid format type. It must be binary or json.".to_owned(),
        }),
    }
}

fn reset(text: &str) -> Result<Reset, ApiError> {
    match text.to_ascii_lowercase().as_str() {
        "earliest" => Ok(Reset::Earliest),
        "latest" => Ok(Reset::Latest),
        "none" => Ok(Reset::None),
        _ => Err(ApiError::InvalidConsumerConfig {
            message: format!(
                "Invalid value {text} for configuration auto.offset.reset: it must be earliest, \
                 latest or none."
            ),
        }),
    }
}

fn flag(value: &Scalar) -> Result<bool, ApiError> {
    let text = value.text();
    text.to_ascii_lowercase()
        .parse()
        .map_err(|_invalid| ApiError::InvalidConsumerConfig {
            message: format!(
                "Invalid value {text} for configuration auto.commit.enable: Expected value to be \
             either true or false"
            ),
        })
}

fn bytes_min(value: &Scalar) -> Result<usize, ApiError> {
    let bytes = value.number("fetch.min.bytes")?;
    if !BYTES_MIN.contains(&bytes) {
        return Err(ApiError::InvalidJson {
            detail: format!(
                "Invalid consumer configuration. It does not abide by the constraints: \
                 fetch.min.bytes must be from {} to {} (was {bytes})",
                BYTES_MIN.start(),
                BYTES_MIN.end()
            ),
        });
    }
    Ok(usize::try_from(bytes).unwrap_or(1))
}

/// `None` for the server's.
fn timeout(value: &Scalar) -> Result<Option<Duration>, ApiError> {
    let millis = value.number("consumer.request.timeout.ms")?;
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0);
    Ok(millis.map(Duration::from_millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> Result<Options, (u32, String)> {
        let request: CreateInstance = crate::extract::parse(json.as_bytes())
            .map_err(|error| (error.error_code(), error.to_string()))?;
        request
            .options()
            .map_err(|error| (error.error_code(), error.to_string()))
    }

    #[test]
    fn options_are_written_with_quotes_or_without() {
        let bare = r#"{"format": "json", "auto.offset.reset": "earliest", "auto.commit.enable": false,
            "fetch.min.bytes": 100, "consumer.request.timeout.ms": 250}"#;
        let quoted = r#"{"format": "JSON", "auto.offset.reset": "earliest", "auto.commit.enable": "false",
            "responseMinBytes": "100", "requestWaitMs": "250"}"#;
        let expected = Options {
            format: EmbeddedFormat::Json,
            reset: Reset::Earliest,
            auto_commit: false,
            bytes_min: 100,
            timeout: Some(Duration::from_millis(250)),
        };
        assert_eq!(options(bare), Ok(expected.clone()));
        assert_eq!(options(quoted), Ok(expected));
        assert_eq!(options("{}"), Ok(Options::default()));
        let unlimited = r#"{"fetch.min.bytes": -1, "consumer.request.timeout.ms": "-1"}"#;
        assert_eq!(options(unlimited), Ok(Options::default()));
    }

    #[test]
    fn impossible_options_have_confluents_codes() {
        for (json, code) in [
            (r#"{"colour": "red"}"#, 400),
            (r#"{"enable.auto.commit": true}"#, 400),
            (r#"{"format": "avro"}"#, 400),
            (r#"{"format": 1}"#, 400),
            (r#"{"auto.offset.reset": "yesterday"}"#, 42_204),
            (r#"{"auto.commit.enable": "maybe"}"#, 42_204),
            (r#"{"fetch.min.bytes": -2}"#, 400),
            (r#"{"fetch.min.bytes": 10000001}"#, 400),
            (r#"{"fetch.min.bytes": "many"}"#, 400),
            (r#"{"fetch.min.bytes": [1]}"#, 400),
            (r#"{"consumer.request.timeout.ms": "soon"}"#, 400),
            ("[]", 400),
            ("{", 400),
        ] {
            assert_eq!(options(json).map_err(|(code, _)| code), Err(code), "{json}");
        }
    }

    #[test]
    fn names_are_chosen_where_none_is_given() {
        let name = |json: &str| {
            crate::extract::parse::<CreateInstance>(json.as_bytes())
                .unwrap()
                .name()
        };
        assert_eq!(name(r#"{"id": "a", "name": "b"}"#).unwrap(), "a");
        assert_eq!(name(r#"{"name": "b"}"#).unwrap(), "b");
        let chosen = name("{}").unwrap();
        assert!(
            chosen.starts_with("rest-consumer-") && chosen.len() == 50,
            "{chosen}"
        );
        assert_eq!(name(r#"{"name": ""}"#).unwrap_err().error_code(), 42_204);
    }

    #[test]
    fn a_name_is_one_segment_of_the_link() {
        assert_eq!(segment("a-b_1.c~"), "a-b_1.c~");
        assert_eq!(segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
    }
}
