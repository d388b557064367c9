//! Settings of the REST dialects.

use super::setting::settings;

settings! {
    /// The Confluent-compatible v2 API.
    pub struct RestV2 in "rest.v2" {
        /// Answers media types exactly as Confluent's proxy does. Without it, requests that
        /// Confluent refuses for their media type alone are served: `application/json` is taken as
        /// JSON records and accepted for answers.
        strict: bool = "false",
    }
}
