//! `SaslAuthenticate` (36): carries the tokens of a SASL mechanism (KIP-152).
//!
//! * 1 bounds the session (KIP-368).

use bytes::Bytes;

use crate::ErrorCode;

api!(SaslAuthenticate, versions: 0..=2, flexible: 2,
    request: SaslAuthenticateRequest, response: SaslAuthenticateResponse);

wire! {
    /// Carries a token of the client.
    pub struct SaslAuthenticateRequest {
        /// A token of the SASL mechanism.
        auth_bytes: Bytes,
    }

    /// Carries a token of the broker.
    pub struct SaslAuthenticateResponse {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// The error in words, or null.
        error_message: Option<String>,
        /// A token of the SASL mechanism.
        auth_bytes: Bytes,
        /// Milliseconds after which the client must authenticate again; 0 for never (KIP-368).
        session_lifetime_ms: i64 [1..],
    }
}
