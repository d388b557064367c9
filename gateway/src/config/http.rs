//! Settings of the HTTP side.

use std::num::NonZeroU32;
use std::time::Duration;

use super::setting::settings;
use super::value::{BaseUri, ByteCount, Listen};

settings! {
    /// The HTTP side: REST, metrics, pages.
    pub struct Http in "http" {
        /// Where HTTP is served: an IP address or `localhost`, and a port; port 0 picks a free one.
        listen: Listen = "127.0.0.1:8082",
        /// The address people and clients use, such as `https://kafka.example.org`, when it is not
        /// the one listened on: the start of every link and `base_uri` in answers. Without it: the
        /// Host of each request.
        advertised: Option<BaseUri> = "",
        /// Threads that serve HTTP. 0 takes one a processor. At most 256.
        workers: u16 = "0",
        /// The largest request body, decompressed. A larger one gets 413. From 1KiB to 1GiB.
        request_size_max: ByteCount = "64MiB",
        /// Bytes of request bodies in memory at once, all requests together. What would exceed it
        /// gets 503 and may come again. At least `http.request_size_max`, and 512 bytes for each of
        /// `rest.v2.produce_records_max`.
        request_memory_max: ByteCount = "256MiB",
        /// Requests served at once, long polls included. One more gets 503 and may come again. At least
        /// 1.
        requests_in_flight_max: NonZeroU32 = "16384",
        /// Connections open at once, over all workers. Further ones wait to be accepted. At least 1.
        /// Where the system does not allow so many open files, fewer; the log says so.
        connections_max: NonZeroU32 = "20000",
        /// How long a client may take to send the head of a request, and how long an idle connection
        /// is kept.
        idle_timeout: Duration = "30s",
    }
}
