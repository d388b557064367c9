//! Settings of the REST dialects.

use std::time::Duration;

use super::setting::settings;
use super::value::ByteCount;

settings! {
    /// The Confluent-compatible v2 API.
    pub struct RestV2 in "rest.v2" {
        /// Answers media types exactly as Confluent's proxy does. Without it, requests that
        /// Confluent refuses for their media type alone are served: `application/json` is taken as
        /// JSON records and accepted for answers.
        strict: bool = "false",
        /// Shows timestamp and headers of each record that a consumer instance reads, which Confluent's
        /// proxy does not; `?extended=` decides for one read.
        extended_records: bool = "false",
        /// Consumer instances that may exist at once; more are answered with 503.
        consumer_instances_max: u32 = "20000",
        /// Time without a call after which a consumer instance ends: it commits if it commits by
        /// itself, and leaves its group.
        consumer_idle_timeout: Duration = "5m",
        /// The longest a read of records waits; one that asks for more gets this.
        read_timeout_max: Duration = "30s",
        /// Keys and values that one read returns, in bytes; a first record that is larger comes
        /// alone.
        read_size_max: ByteCount = "8MiB",
    }
}
