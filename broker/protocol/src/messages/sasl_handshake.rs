//! `SaslHandshake` (17): chooses how to authenticate.
//!
//! * After 0 raw tokens follow; after 1 they follow as `SaslAuthenticate` (KIP-152).
//!
//! Never flexible.

use crate::ErrorCode;

api!(SaslHandshake, versions: 0..=1, flexible: i16::MAX,
    request: SaslHandshakeRequest, response: SaslHandshakeResponse);

wire! {
    /// Chooses a SASL mechanism.
    pub struct SaslHandshakeRequest {
        /// Mechanism the client chose.
        mechanism: String,
    }

    /// Whether the mechanism is offered.
    pub struct SaslHandshakeResponse {
        /// What went wrong, if anything.
        error_code: ErrorCode,
        /// Mechanisms the broker offers.
        mechanisms: Vec<String>,
    }
}
