//! Which media types the dialects take and give: pure decisions over header texts.
//!
//! v2 has one family of types, `application/vnd.kafka[.<format>].v2+json`; v3 has `application/json`.
//! In the strict dialect the answers to odd types are Confluent's (415 and 406). In the lenient one,
//! the default, `application/json` is taken as JSON records and accepted for answers; the label of an
//! answer stays the strict one.

use crate::embedded::EmbeddedFormat;
use crate::error::ApiError;

#[cfg(test)]
mod tests;

/// The type of v2 answers that hold no records.
pub const V2: &str = "application/vnd.kafka.v2+json";
/// The type of v3 requests and answers.
pub const JSON: &str = "application/json";

impl EmbeddedFormat {
    /// The media type of bodies in this format.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Binary => "application/vnd.kafka.binary.v2+json",
            Self::Json => "application/vnd.kafka.json.v2+json",
        }
    }

    const ALL: [Self; 2] = [Self::Binary, Self::Json];
}

/// The format of the records in a v2 produce request.
///
/// # Errors
/// 415 for every type that names no format we have; without `strict`, `application/json`, the plain v2
/// type and no type at all mean JSON records.
pub fn produce_format(
    content_type: Option<&str>,
    strict: bool,
) -> Result<EmbeddedFormat, ApiError> {
    let essence = content_type.map(essence);
    let named = |format: &EmbeddedFormat| essence.as_deref() == Some(format.media_type());
    if let Some(format) = EmbeddedFormat::ALL.into_iter().find(named) {
        return Ok(format);
    }
    match essence.as_deref() {
        None | Some(JSON | V2) if !strict => Ok(EmbeddedFormat::Json),
        _ => Err(ApiError::UnsupportedMediaType),
    }
}

/// Whether a v2 body without records (consumers, offsets) may have this type: any of v2's, or none;
/// without `strict` also `application/json`.
///
/// # Errors
/// 415 otherwise.
pub fn check_v2_body(content_type: Option<&str>, strict: bool) -> Result<(), ApiError> {
    let Some(essence) = content_type.map(essence) else {
        return Ok(());
    };
    let v2 = essence == V2
        || EmbeddedFormat::ALL
            .iter()
            .any(|it| it.media_type() == essence);
    if v2 || (essence == JSON && !strict) {
        Ok(())
    } else {
        Err(ApiError::UnsupportedMediaType)
    }
}

/// Whether a v3 body may have this type: `application/json`, or none, in UTF-8 or its subset that
/// ISO-8859-1 shares.
///
/// # Errors
/// 415 for another type, 400 for another charset.
pub fn check_v3_body(content_type: Option<&str>) -> Result<(), ApiError> {
    let Some(content_type) = content_type else {
        return Ok(());
    };
    if essence(content_type) != JSON {
        return Err(ApiError::UnsupportedMediaType);
    }
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    });
    match charset {
        Some(name)
            if !name.eq_ignore_ascii_case("utf-8") && !name.eq_ignore_ascii_case("iso-8859-1") =>
        {
            let detail = "Unsupported charset in Content-Type header. \
                          Supports \"UTF-8\" and \"ISO-8859-1\".";
            Err(ApiError::InvalidJson {
                detail: detail.to_owned(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a v2 answer without records may be given; without `strict` also for `application/json`.
///
/// # Errors
/// 406 otherwise.
pub fn check_v2_answer(accept: Option<&str>, strict: bool) -> Result<(), ApiError> {
    let offered: &[&str] = if strict { &[V2] } else { &[V2, JSON] };
    best(accept, offered)
        .map(|_| ())
        .ok_or(ApiError::NotAcceptable)
}

/// The label of an answer of the v2 consumer resources: they answer in any type of the family.
///
/// # Errors
/// 406 for types outside of the family; without `strict`, `application/json` gets the plain v2 type.
pub fn v2_consumer_answer(accept: Option<&str>, strict: bool) -> Result<&'static str, ApiError> {
    let [binary, json] = EmbeddedFormat::ALL.map(EmbeddedFormat::media_type);
    let offered = [V2, binary, json, JSON];
    let offered = if strict {
        offered.split_last().map_or(&[][..], |(_, rest)| rest)
    } else {
        &offered
    };
    match best(accept, offered).ok_or(ApiError::NotAcceptable)? {
        named if named == binary => Ok(EmbeddedFormat::Binary.media_type()),
        named if named == json => Ok(EmbeddedFormat::Json.media_type()),
        _ => Ok(V2),
    }
}

/// Whether a v3 answer may be given.
///
/// # Errors
/// 406 when `accept` excludes `application/json`.
pub fn check_v3_answer(accept: Option<&str>) -> Result<(), ApiError> {
    best(accept, &[JSON])
        .map(|_| ())
        .ok_or(ApiError::NotAcceptable)
}

/// What a v2 read of records asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsRequested {
    /// A format by name.
    Named(EmbeddedFormat),
    /// Anything, or the plain v2 type: binary in Confluent's proxy.
    Any,
}

/// The format a v2 read of records asks for; without `strict`, `application/json` asks for JSON.
///
/// # Errors
/// 406 for types outside of the family.
pub fn records_requested(accept: Option<&str>, strict: bool) -> Result<RecordsRequested, ApiError> {
    let [binary, json] = EmbeddedFormat::ALL.map(EmbeddedFormat::media_type);
    let offered = [V2, binary, json, JSON];
    let offered = if strict {
        offered.split_last().map_or(&[][..], |(_, rest)| rest)
    } else {
        &offered
    };
    let chosen = best(accept, offered).ok_or(ApiError::NotAcceptable)?;
    Ok(match chosen {
        JSON => RecordsRequested::Named(EmbeddedFormat::Json),
        named if named == binary => RecordsRequested::Named(EmbeddedFormat::Binary),
        named if named == json => RecordsRequested::Named(EmbeddedFormat::Json),
        _ => RecordsRequested::Any,
    })
}

/// The type and subtype in lower case, without parameters.
fn essence(content_type: &str) -> String {
    let (essence, _parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    essence.trim().to_ascii_lowercase()
}

/// The best of `offered` (the preferred first) for an `Accept` header (RFC 9110, 12.5.1): the highest
/// quality, then the more specific range, then the order of the offer. No header accepts everything.
fn best<'a>(accept: Option<&str>, offered: &[&'a str]) -> Option<&'a str> {
    let Some(accept) = accept.filter(|text| !text.trim().is_empty()) else {
        return offered.first().copied();
    };
    let ranges: Vec<Range> = accept.split(',').map(Range::parse).collect();
    let mut chosen: Option<(&str, (u16, u8))> = None;
    for &offer in offered {
        let Some(range) = ranges
            .iter()
            .filter(|range| range.includes(offer))
            .max_by_key(|range| range.specificity())
        else {
            continue;
        };
        let rank = (range.quality, range.specificity());
        if range.quality > 0 && chosen.is_none_or(|(_, best)| rank > best) {
            chosen = Some((offer, rank));
        }
    }
    chosen.map(|(offer, _)| offer)
}

/// One element of an `Accept` header.
#[derive(Debug)]
struct Range {
    kind: String,
    /// Thousandths, from 0 to 1000.
    quality: u16,
}

impl Range {
    fn parse(text: &str) -> Self {
        let mut parts = text.split(';');
        let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let quality = parts
            .find_map(|part| part.trim().strip_prefix("q="))
            .map_or(1000, |text| quality_thousandths(text.trim()));
        Self { kind, quality }
    }

    fn includes(&self, offer: &str) -> bool {
        match self.kind.strip_suffix('*') {
            Some("*/") => true,
            Some(prefix) => offer.starts_with(prefix),
            None => offer == self.kind,
        }
    }

    fn specificity(&self) -> u8 {
        match self.kind.as_str() {
            "*/*" => 0,
            kind if kind.ends_with('*') => 1,
            _ => 2,
        }
    }
}

/// `0.85` as 850; what is not a quality counts as 1, as lenient servers do.
fn quality_thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u16>()) {
        ("0", Ok(thousandths)) => thousandths,
        _ => 1000,
    }
}
