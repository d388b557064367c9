//! How keys and values are embedded in the JSON of the v2 API.
//!
//! Binary data is base64 with the standard alphabet and padding. JSON data is kept as the text it came
//! as, without the blanks between its tokens: numbers keep every digit and never pass through a float.
//! A JSON `null` is Kafka's null, which is not an empty value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

/// How keys and values are embedded in v2 bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddedFormat {
    /// Bytes as base64.
    Binary,
    /// Any JSON value.
    Json,
}

/// Data that its format cannot carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddedError {
    /// Binary data is not a string.
    #[error("data={json} is not a base64 string.")]
    NotString {
        /// The JSON text it is.
        json: String,
    },
    /// Binary data is a string, but not base64.
    #[error("data={json} is not a valid base64 string.")]
    NotBase64 {
        /// The JSON text it is.
        json: String,
    },
    /// A record's bytes are not JSON.
    #[error("the data is not JSON: {cause}")]
    NotJson {
        /// What the parser says.
        cause: String,
    },
}

/// Characters of a caller's data that an error repeats, at most.
const SHOWN_MAX: usize = 100;

impl EmbeddedFormat {
    /// The bytes to write for an embedded value; `None` for a null.
    ///
    /// # Errors
    /// [`EmbeddedError`] where binary data is not base64.
    pub fn decode(self, data: Option<&RawValue>) -> Result<Option<Bytes>, EmbeddedError> {
        let Some(json) = data.map(RawValue::get).filter(|json| *json != "null") else {
            return Ok(None);
        };
        match self {
            Self::Binary => decode_base64(json).map(Some),
            Self::Json => Ok(Some(compact(json))),
        }
    }

    /// The JSON text that stands for a record's bytes.
    ///
    /// # Errors
    /// [`EmbeddedError::NotJson`] where JSON data is not.
    pub fn encode(self, data: Option<&Bytes>) -> Result<Box<RawValue>, EmbeddedError> {
        let text = match (self, data) {
            (_, None) => "null".to_owned(),
            (Self::Binary, Some(bytes)) => format!("\"{}\"", STANDARD.encode(bytes)),
            (Self::Json, Some(bytes)) => String::from_utf8(bytes.to_vec()).map_err(not_json)?,
        };
        RawValue::from_string(text).map_err(not_json)
    }
}

/// The bytes of a JSON string in base64.
///
/// # Errors
/// [`EmbeddedError`] where it is not one.
pub fn decode_base64(json: &str) -> Result<Bytes, EmbeddedError> {
    let shown = || json.chars().take(SHOWN_MAX).collect();
    let text: std::borrow::Cow<'_, str> = serde_json::from_str(json)
        .map_err(|_not_string| EmbeddedError::NotString { json: shown() })?;
    let bytes = STANDARD.decode(text.as_bytes());
    bytes
        .map(Bytes::from)
        .map_err(|_invalid| EmbeddedError::NotBase64 { json: shown() })
}

fn not_json(cause: impl std::fmt::Display) -> EmbeddedError {
    EmbeddedError::NotJson {
        cause: cause.to_string(),
    }
}

/// Valid JSON without the blanks between its tokens.
fn compact(json: &str) -> Bytes {
    let mut compacted = Vec::with_capacity(json.len());
    let mut is_string = false;
    let mut is_escaped = false;
    for byte in json.bytes() {
        let is_blank = byte.is_ascii_whitespace() && !is_string;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            _ => {}
        }
        if !is_blank {
            compacted.push(byte);
        }
    }
    compacted.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(format: EmbeddedFormat, json: &str) -> Result<Option<Bytes>, String> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        format.decode(Some(&raw)).map_err(|error| error.to_string())
    }

    #[test]
    fn json_keeps_its_digits_and_loses_only_blanks_between_tokens() {
        let json = "{ \"a b\" :\t[ 1.10, 12345678901234567890123 ],\n\"\\\" \\\\\": \" x \" }";
        let kept = "{\"a b\":[1.10,12345678901234567890123],\"\\\" \\\\\":\" x \"}";
        assert_eq!(decode(EmbeddedFormat::Json, json).unwrap().unwrap(), kept);
        for value in ["0", "false", "\"\"", "{}", "[]"] {
            assert_eq!(decode(EmbeddedFormat::Json, value).unwrap().unwrap(), value);
        }
    }

    #[test]
    fn null_is_not_empty() {
        assert_eq!(decode(EmbeddedFormat::Json, "null"), Ok(None));
        assert_eq!(decode(EmbeddedFormat::Binary, "null"), Ok(None));
        assert_eq!(EmbeddedFormat::Binary.decode(None), Ok(None));
        assert_eq!(
            decode(EmbeddedFormat::Binary, "\"\""),
            Ok(Some(Bytes::new()))
        );
        assert_eq!(EmbeddedFormat::Json.encode(None).unwrap().get(), "null");
    }

    #[test]
    fn what_is_not_base64_is_named_as_confluent_names_it() {
        let error = |json| decode(EmbeddedFormat::Binary, json).unwrap_err();
        assert_eq!(error("1"), "data=1 is not a base64 string.");
        assert_eq!(
            error("\"fooba\""),
            "data=\"fooba\" is not a valid base64 string."
        );
        assert_eq!(error("\"Zg\""), "data=\"Zg\" is not a valid base64 string.");
        assert_eq!(
            decode(EmbeddedFormat::Binary, "\"Zg==\"").unwrap().unwrap(),
            "f"
        );
    }

    #[test]
    fn a_record_that_is_not_json_is_an_error_and_not_shown_as_something_else() {
        let bytes = Bytes::from_static(b"{\"n\":");
        assert!(EmbeddedFormat::Json.encode(Some(&bytes)).is_err());
        assert!(
            EmbeddedFormat::Json
                .encode(Some(&Bytes::from_static(&[0xff])))
                .is_err()
        );
        let value = Bytes::from_static(b"{\"n\": 1.50}");
        assert_eq!(
            EmbeddedFormat::Json.encode(Some(&value)).unwrap().get(),
            "{\"n\": 1.50}"
        );
    }
}
