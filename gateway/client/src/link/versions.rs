//! Which version of an API to speak on a link (KIP-35, KIP-511).
//!
//! The highest that both sides know, up to a ceiling where this client deliberately stops.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use sluice_protocol::messages::Message;
use sluice_protocol::messages::api_versions::ApiVersionsResponse;
use sluice_protocol::wire::Reader;
use sluice_protocol::{ApiKey, DecodeError, ErrorCode, header};

/// The version of `ApiVersions` every broker since 2.4 answers.
pub(super) const FIRST_ASKED: i16 = 3;

/// The versions a broker serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions(HashMap<i16, RangeInclusive<i16>>);

impl Versions {
    /// The table of an answer to `ApiVersions`.
    pub(super) fn of(response: &ApiVersionsResponse) -> Self {
        let rows = response.api_keys.iter();
        Self(
            rows.map(|row| (row.api_key, row.min_version..=row.max_version))
                .collect(),
        )
    }

    /// The highest version of `wanted` that both sides know; `None` where there is none.
    pub(crate) fn choose(&self, api: ApiKey, wanted: RangeInclusive<i16>) -> Option<i16> {
        let served = self.0.get(&api.key())?;
        let highest = (*wanted.end()).min(*served.end()).min(own_ceiling(api));
        (highest >= *wanted.start() && highest >= *served.start()).then_some(highest)
    }
}

/// Where this client stops: later versions name topics by id, and it tracks positions by name.
const fn own_ceiling(api: ApiKey) -> i16 {
    match api.key() {
        0 => 11,
        1 => 12,
        8 | 9 => 9,
        _ => i16::MAX,
    }
}

/// What an answer to `ApiVersions` means for the next step.
#[derive(Debug)]
pub(super) enum Negotiation {
    /// The versions are known.
    Settled(Versions),
    /// The broker does not know the version asked; ask again with this one.
    AskAgain(i16),
}

/// Reads an answer to `ApiVersions` asked in version `asked`. A broker that does not know that
/// version answers in version 0 with error 35, and names the versions it knows if it is 2.4 or later.
pub(super) fn negotiate(chunks: &[Bytes], asked: i16) -> Result<Negotiation, DecodeError> {
    let mut peek = body(chunks)?;
    let code = ErrorCode::from_code(peek.i16()?);
    if asked == 0 || code.code() != UNSUPPORTED_VERSION {
        let bytes = body(chunks)?.rest()?;
        let response = ApiVersionsResponse::from_bytes(bytes, asked)?;
        return Ok(Negotiation::Settled(Versions::of(&response)));
    }
    let response = ApiVersionsResponse::from_bytes(body(chunks)?.rest()?, 0)?;
    let again = Versions::of(&response).choose(ApiKey::ApiVersions, 0..=asked - 1);
    Ok(Negotiation::AskAgain(again.unwrap_or(0)))
}

const UNSUPPORTED_VERSION: i16 = 35;

fn body(chunks: &[Bytes]) -> Result<Reader, DecodeError> {
    let mut reader = Reader::from_chunks(chunks.to_vec());
    header::decode_response_header(&mut reader, ApiKey::ApiVersions, 0)?;
    Ok(reader)
}

#[cfg(test)]
mod tests {
    use sluice_protocol::messages::api_versions::ApiVersion;

    use super::*;

    fn table(rows: &[(i16, i16, i16)]) -> ApiVersionsResponse {
        let rows = rows
            .iter()
            .map(|&(api_key, min_version, max_version)| ApiVersion {
                api_key,
                min_version,
                max_version,
            });
        ApiVersionsResponse {
            api_keys: rows.collect(),
            ..ApiVersionsResponse::default()
        }
    }

    #[test]
    fn the_highest_common_version_is_spoken() {
        let versions = Versions::of(&table(&[(18, 2, 9)]));
        let choose = |wanted| versions.choose(ApiKey::ApiVersions, wanted);
        assert_eq!(choose(0..=4), Some(4));
        assert_eq!(choose(0..=12), Some(9));
        assert_eq!(choose(0..=1), None);
        assert_eq!(choose(10..=12), None);
        let none = Versions::default();
        assert_eq!(none.choose(ApiKey::ApiVersions, 0..=4), None);
    }

    #[test]
    fn an_old_broker_is_asked_again_in_a_version_it_knows() {
        let refused = |rows: &[(i16, i16, i16)]| {
            let response = ApiVersionsResponse {
                error_code: ErrorCode::from_code(UNSUPPORTED_VERSION),
                ..table(rows)
            };
            let chunks = header::response_frame(&response, 0, 1).unwrap();
            negotiate(&chunks, FIRST_ASKED).unwrap()
        };
        assert!(matches!(refused(&[(18, 0, 2)]), Negotiation::AskAgain(2)));
        assert!(matches!(refused(&[]), Negotiation::AskAgain(0)));
    }

    #[test]
    fn an_answer_in_the_asked_version_settles_it() {
        let chunks = header::response_frame(&table(&[(0, 0, 11)]), 3, 1).unwrap();
        let Negotiation::Settled(versions) = negotiate(&chunks, 3).unwrap() else {
            panic!("not settled");
        };
        assert_eq!(versions.0.get(&0), Some(&(0..=11)));
    }
}
