//! One line of output: what it is about, and named values in an order that stays.
//!
//! As text it is `kind name=value name=value`, for people and `grep`; as JSON one object a line, for
//! programs. Whatever bytes a value has, a line stays one line, and nothing in it moves a terminal's
//! cursor.

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sluice_protocol::record::{Header, Headers};

/// Bytes of a key or a value that are shown; its size is told beside.
const SHOWN_BYTES_MAX: usize = 1024;
/// Headers of a record that are shown.
const HEADERS_SHOWN_MAX: usize = 100;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `kind name=value name=value`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
}

/// A value of a line.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(i128),
    Checksum(u32),
    Flag(bool),
    /// A word of ours, which needs no quotes.
    Word(String),
    /// Text of anybody.
    Text(String),
    /// Bytes of anybody, or null.
    Content(Option<Bytes>),
    Headers(Headers),
}

impl Line {
    pub(super) const fn new(kind: &'static str) -> Self {
        Self {
            kind,
            fields: Vec::new(),
        }
    }

    pub(super) fn number(self, name: &'static str, number: impl Into<i128>) -> Self {
        self.with(name, Value::Number(number.into()))
    }

    pub(super) fn checksum(self, name: &'static str, checksum: u32) -> Self {
        self.with(name, Value::Checksum(checksum))
    }

    pub(super) fn flag(self, name: &'static str, flag: bool) -> Self {
        self.with(name, Value::Flag(flag))
    }

    pub(super) fn word(self, name: &'static str, word: impl Into<String>) -> Self {
        self.with(name, Value::Word(word.into()))
    }

    pub(super) fn text(self, name: &'static str, text: impl Into<String>) -> Self {
        self.with(name, Value::Text(text.into()))
    }

    /// Bytes with their size as `size_name`, -1 for null.
    pub(super) fn content(
        self,
        name: &'static str,
        size_name: &'static str,
        content: Option<Bytes>,
    ) -> Self {
        let size = content
            .as_ref()
            .and_then(|content| i128::try_from(content.len()).ok());
        self.number(size_name, size.unwrap_or(-1))
            .with(name, Value::Content(content))
    }

    /// Headers; with their number where not all are shown.
    pub(super) fn headers(self, headers: Headers) -> Self {
        let line = match i128::try_from(headers.len()) {
            Ok(0) => return self,
            Ok(count) if headers.len() > HEADERS_SHOWN_MAX => self.number("header_count", count),
            Ok(_) | Err(_) => self,
        };
        line.with("headers", Value::Headers(headers))
    }

    /// Writes the line.
    pub(super) fn write(&self, form: Form, out: &mut dyn Write) -> io::Result<()> {
        let mut line = match form {
            Form::Text => self.to_text(),
            Form::Json => self.to_json(),
        };
        line.push('\n');
        out.write_all(line.as_bytes())
    }

    fn with(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }

    fn to_text(&self) -> String {
        let mut text = self.kind.to_owned();
        for (name, value) in &self.fields {
            // Writing to a string cannot fail.
            write!(text, " {name}={}", value.to_text()).unwrap_or_default();
        }
        text
    }

    fn to_json(&self) -> String {
        let mut json = format!("{{\"kind\":{}", quoted(self.kind));
        for (name, value) in &self.fields {
            write!(json, ",{}:{}", quoted(name), value.to_json()).unwrap_or_default();
        }
        json.push('}');
        json
    }
}

impl Value {
    fn to_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Checksum(checksum) => format!("{checksum:08x}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Word(word) => word.clone(),
            Self::Text(text) => shown(text.as_bytes()),
            Self::Content(None) => "null".to_owned(),
            Self::Content(Some(content)) => shown(content),
            Self::Headers(headers) => {
                let headers = headers.iter().take(HEADERS_SHOWN_MAX);
                let shown = headers.map(|Header { key, value }| {
                    let value = value.map_or_else(|| "null".to_owned(), |it| shown(&it));
                    format!("{}:{value}", shown(&key))
                });
                format!("[{}]", shown.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn to_json(&self) -> String {
        match self {
            Self::Number(_) | Self::Flag(_) => self.to_text(),
            Self::Checksum(_) | Self::Word(_) => quoted(&self.to_text()),
            Self::Text(text) => quoted(text),
            Self::Content(content) => content_json(content.as_ref()),
            Self::Headers(headers) => {
                let headers = headers.iter().take(HEADERS_SHOWN_MAX);
                let objects = headers.map(|Header { key, value }| {
                    let (key, value) = (content_json(Some(&key)), content_json(value.as_ref()));
                    format!("{{\"key\":{key},\"value\":{value}}}")
                });
                format!("[{}]", objects.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// The bytes between quotes: what can be printed as it is, the rest as `\x..` or `\u{..}`.
fn shown(bytes: &[u8]) -> String {
    let (bytes, is_cut) = cut(bytes);
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' => text.push('\''),
                character => text.extend(character.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    text.push_str(if is_cut { "\"..." } else { "\"" });
    text
}

/// Text as a string, anything else as `{"base64": "..."}`, null as null.
fn content_json(content: Option<&Bytes>) -> String {
    let Some(content) = content else {
        return "null".to_owned();
    };
    let (bytes, is_cut) = cut(content);
    match std::str::from_utf8(bytes) {
        Ok(text) if !is_cut => quoted(text),
        Ok(_) | Err(_) => format!("{{\"base64\":\"{}\"}}", STANDARD.encode(bytes)),
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    // Text is always a string of JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// What is shown of bytes, and whether that is less than all.
fn cut(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(shown) => (shown, bytes.len() > shown.len()),
        None => (bytes, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &Line, form: Form) -> String {
        let mut out = Vec::new();
        line.write(form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn header() -> Header {
        Header {
            key: Bytes::from_static(b"h"),
            value: None,
        }
    }

    #[test]
    fn a_line_is_one_line_in_both_forms_whatever_its_bytes_are() {
        let content = Bytes::from_static(b"a\"b\\\n\x1b[2J\xff \xc3\xa9 it's");
        let line = Line::new("record")
            .number("offset", 7)
            .checksum("crc", 0xab)
            .flag("sound", true)
            .content("key", "key_size", None)
            .content("value", "value_size", Some(content.clone()))
            .headers(std::iter::once(header()).collect());
        assert_eq!(
            written(&line, Form::Text),
            "record offset=7 crc=000000ab sound=true key_size=-1 key=null value_size=18 \
             value=\"a\\\"b\\\\\\n\\u{1b}[2J\\xff \u{e9} it's\" headers=[\"h\":null]\n"
        );
        let json: serde_json::Value = serde_json::from_str(&written(&line, Form::Json)).unwrap();
        assert_eq!(json["value"]["base64"], STANDARD.encode(&content));
        assert_eq!(
            (&json["key"], &json["offset"]),
            (&serde_json::Value::Null, &7.into())
        );
        assert_eq!(json["headers"][0]["key"], "h");
    }

    #[test]
    fn large_content_is_shown_in_part() {
        let line = Line::new("record").content("value", "size", Some(vec![b'x'; 5000].into()));
        let text = written(&line, Form::Text);
        assert!(text.len() < 1100 && text.ends_with("x\"...\n"), "{text}");
    }

    /// Mutation: a line that shows every header.
    #[test]
    fn of_many_headers_the_first_are_shown_and_all_are_counted() {
        let headers = std::iter::repeat_n(header(), 1_000_000).collect();
        let line = Line::new("record").headers(headers);
        let text = written(&line, Form::Text);
        assert!(text.starts_with("record header_count=1000000 headers=[\"h\":null,"));
        assert_eq!(text.matches("null").count(), HEADERS_SHOWN_MAX);
        let json: serde_json::Value = serde_json::from_str(&written(&line, Form::Json)).unwrap();
        assert_eq!(json["headers"].as_array().unwrap().len(), HEADERS_SHOWN_MAX);
    }
}
