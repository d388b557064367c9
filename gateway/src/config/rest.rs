//! Settings of the REST dialects.

use std::num::NonZeroU32;
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
        /// Records and headers, counted together, that one request may produce; more get 413. Each takes
        /// at least 512 bytes of `http.request_memory_max`, however short it is. At least 1.
        produce_records_max: NonZeroU32 = "100000",
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

impl RestV2 {
    /// What a record takes in memory, without its key and value, while it is produced: as parsed, as
    /// sent, and as answered.
    pub const RECORD_MEMORY: usize = 512;

    /// Records and headers that one request may produce.
    #[must_use]
    pub fn records_max(&self) -> usize {
        usize::try_from(self.produce_records_max.get()).unwrap_or(usize::MAX)
    }
}
