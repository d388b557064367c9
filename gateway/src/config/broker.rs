//! Settings of the bundled broker.

use super::setting::settings;
use super::value::{Advertised, Listen};

settings! {
    /// The bundled broker. Without meaning when `bootstrap_servers` is given.
    pub struct Broker in "broker" {
        /// Where Kafka clients connect: an IP address or `localhost`, and a port; port 0 picks a
        /// free one. `localhost` is served on 127.0.0.1 and, where the machine has it, on `::1`.
        listen: Listen = "127.0.0.1:9092",
        /// The `host:port` that clients are told to connect to, as they can reach it. The port may
        /// be left out: then it is the one listened on. Without it: the address of
        /// `broker.listen`.
        advertised: Option<Advertised> = "",
    }
}
