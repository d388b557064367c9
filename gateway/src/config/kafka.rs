//! Settings of the gateway's own Kafka client.

use std::time::Duration;

use super::setting::settings;
use super::value::ByteCount;

settings! {
    /// The gateway's own way to Kafka, be it the bundled broker or a cluster.
    pub struct Kafka in "kafka" {
        /// How long a start waits for the cluster of `bootstrap_servers` to answer for the first time.
        start_timeout: Duration = "30s",
        /// How long connecting to one broker may take. At least 100ms.
        connect_timeout: Duration = "10s",
        /// How long one answer may take, besides the time a request waits on purpose. At least 100ms.
        request_timeout: Duration = "30s",
        /// How long an operation may take with all its retries; for records, until they are
        /// acknowledged. At least `kafka.connect_timeout`.
        operation_timeout: Duration = "30s",
        /// Bytes of records on their way to Kafka at once. More get 503 and may come again. At least
        /// 1MiB.
        producer_memory_max: ByteCount = "64MiB",
    }
}
