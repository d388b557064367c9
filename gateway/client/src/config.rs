//! The settings of a client, with Kafka's defaults where Kafka has one.

use std::time::Duration;

use crate::link::Address;

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to ask for the cluster first; at least one.
    pub bootstrap: Vec<Address>,
    /// The name brokers know this client by.
    pub client_id: String,
    /// For connecting to one address and agreeing on versions.
    pub connect_timeout: Duration,
    /// For one answer; a request that waits at the broker on purpose gets its wait on top.
    pub request_timeout: Duration,
    /// For an operation with all its retries; for records from `send` to the acknowledgement.
    pub operation_timeout: Duration,
    /// How long a produce to a missing topic waits for its automatic creation, where topics are
    /// created automatically or that cannot be known.
    pub creation_timeout: Duration,
    /// Age at which cached metadata is refreshed in the background.
    pub metadata_age_max: Duration,
    /// Bytes of records one producer holds, at most; more are refused.
    pub producer_bytes_max: usize,
    /// Bytes of one record batch before compression, at most, unless a single record is larger.
    pub batch_bytes_max: usize,
    /// Links for reading from one broker.
    pub fetch_links: usize,
    /// Links for waiting for records of one broker.
    pub watch_links: usize,
    /// Links that members of groups lease while they rebalance, over all brokers, at most.
    pub leased_links_max: usize,
    /// Bytes of one answer, at most.
    pub frame_bytes_max: usize,
    /// Bytes a record batch may have once decompressed, at most.
    pub batch_content_bytes_max: usize,
}

impl Config {
    /// The defaults for a cluster reached through `bootstrap`.
    #[must_use]
    pub fn new(bootstrap: Vec<Address>) -> Self {
        Self {
            bootstrap,
            client_id: "sluice".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(30),
            creation_timeout: Duration::from_secs(1),
            metadata_age_max: Duration::from_secs(60),
            producer_bytes_max: 64 * 1024 * 1024,
            // Kafka's `message.max.bytes` is 1,048,588.
            batch_bytes_max: 1_000_000,
            fetch_links: 4,
            watch_links: 8,
            leased_links_max: 16_384,
            frame_bytes_max: 256 * 1024 * 1024,
            batch_content_bytes_max: 256 * 1024 * 1024,
        }
    }
}
