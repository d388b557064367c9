//! `ApiVersions` 0-4: what is served (KIP-35, KIP-511, KIP-584).
//!
//! * A version that is not served is answered in version 0 with `UNSUPPORTED_VERSION` and the whole
//!   list, so that the client can ask again at once.
//! * From 3 on the client names itself; a name or version that is none is an `INVALID_REQUEST`.
//! * Features: none is finalized, and none that a client acts upon exists yet, so the tagged fields
//!   are left at their defaults and thereby out. An epoch of -1 is never written: librdkafka below 2.2
//!   misreads it.

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse,
};

use super::call::Call;
use super::error::RequestError;
use super::table::TABLE;

/// The first version in which clients name themselves.
const NAMED_FROM: i16 = 3;

/// Answers the table.
pub(crate) fn handle(call: &Call, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let names = [
        &request.client_software_name,
        &request.client_software_version,
    ];
    if call.version >= NAMED_FROM && !names.iter().all(|name| is_software_name(name)) {
        let reason = "the name or version of the client is not one";
        let error_code = call.refuse(RequestError::invalid(reason));
        return ApiVersionsResponse {
            error_code,
            ..ApiVersionsResponse::default()
        };
    }
    ApiVersionsResponse {
        api_keys: served(),
        ..ApiVersionsResponse::default()
    }
}

/// The answer to a version that is not served.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion,
        api_keys: served(),
        ..ApiVersionsResponse::default()
    }
}

fn served() -> Vec<ApiVersion> {
    TABLE
        .iter()
        .map(|entry| ApiVersion {
            api_key: entry.api.key(),
            min_version: *entry.versions.start(),
            max_version: *entry.versions.end(),
        })
        .collect()
}

/// KIP-511: letters, digits, `-` and `.`, with a letter or digit at either end.
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_end(bytes.first())
        && is_end(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients_follow_the_rule_of_kip_511() {
        for name in ["librdkafka", "apache-kafka-java", "4.3.1", "a"] {
            assert!(is_software_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "a_b", ".", "é"] {
            assert!(!is_software_name(name), "{name}");
        }
    }
}
