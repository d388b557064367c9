//! What a produce request takes in memory, known before it is taken.
//!
//! Three bytes of JSON are a record that takes hundreds on its way, so the records of a request are
//! limited in number, and each counts towards `http.request_memory_max`, however short its text.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::app::AppState;
use crate::config::RestV2;
use crate::error::ApiError;
use crate::extract::{self, Permit};
use crate::metrics::Rejection;

/// Bytes of the shortest record in a request: `{},`.
const TEXT_MIN: usize = 3;

/// A request read for the number of its records and headers alone, which holds none of them.
#[derive(Deserialize)]
struct Request {
    #[serde(default, deserialize_with = "tally::<_, Record>")]
    records: usize,
}

/// One record, its fields in the order of the real one.
#[derive(Deserialize)]
#[serde(expecting = "a record")]
struct Record {
    #[serde(default, rename = "key")]
    _key: IgnoredAny,
    #[serde(default, rename = "value")]
    _value: IgnoredAny,
    #[serde(default, rename = "partition")]
    _partition: IgnoredAny,
    #[serde(default, deserialize_with = "tally::<_, IgnoredAny>")]
    headers: usize,
}

/// Refuses a request with more records and headers than allowed.
///
/// # Errors
/// 413 for too many; 400 where the body is not JSON.
pub(super) fn check(state: &AppState, body: &[u8]) -> Result<(), ApiError> {
    let limit = state.config.rest_v2.records_max();
    // A short body cannot hold too many, and is not read twice.
    if body.len() / TEXT_MIN > limit {
        let request: Request = extract::parse(body)?;
        if request.records > limit {
            let error = ApiError::TooManyRecords { limit };
            return Err(state.terms.refuse(Rejection::Size, error));
        }
    }
    Ok(())
}

/// Room for as many records and headers beside that of their text; it is given back when dropped.
///
/// # Errors
/// 503 when other requests hold too much.
pub(super) fn reserve(state: &AppState, records: usize, text: usize) -> Result<Permit, ApiError> {
    let mut permit = Permit::new(Arc::clone(&state.terms.budget));
    let bytes = records.saturating_mul(RestV2::RECORD_MEMORY);
    if permit.grow(bytes.saturating_sub(text)) {
        Ok(permit)
    } else {
        Err(state.terms.no_memory())
    }
}

/// What counts as one, with what is in it.
trait Counted {
    fn count(&self) -> usize;
}

impl Counted for Record {
    fn count(&self) -> usize {
        1 + self.headers
    }
}

impl Counted for IgnoredAny {
    fn count(&self) -> usize {
        1
    }
}

fn tally<'de, D, T>(deserializer: D) -> Result<usize, D::Error>
where
    D: Deserializer<'de>,
    T: Counted + Deserialize<'de>,
{
    struct Tally<T>(PhantomData<T>);

    impl<'de, T: Counted + Deserialize<'de>> Visitor<'de> for Tally<T> {
        type Value = usize;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<usize, A::Error> {
            let mut count = 0;
            while let Some(element) = elements.next_element::<T>()? {
                count += element.count();
            }
            Ok(count)
        }
    }

    deserializer.deserialize_seq(Tally::<T>(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(body: &str) -> Result<usize, String> {
        let request: Result<Request, ApiError> = extract::parse(body.as_bytes());
        request
            .map(|request| request.records)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn records_and_their_headers_are_counted_whatever_else_there_is() {
        for (body, count) in [
            (r#"{"records":[]}"#, 0),
            (r#"{"x":[1,2],"records":[{},{"value":[{},{}]}]}"#, 2),
            (r#"{"records":[{"headers":[{},{}],"y":1},{}]}"#, 4),
            (r#"{"records":[[1,2,3,[{}]]]}"#, 2),
        ] {
            assert_eq!(records(body), Ok(count), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_counted_says_where() {
        let error = records(r#"{"records":[{},{"#).unwrap_err();
        assert!(error.contains("line 1 column 16"), "{error}");
        assert!(records(r#"{"records":[{},1]}"#).is_err());
    }
}
