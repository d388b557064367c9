//! The cluster the gateway works with: the bundled broker, or Apache Kafka.

use std::sync::Arc;

use sluice_client::Client;

/// One cluster, reached through one client. Clones share the client.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The way to it.
    pub client: Client,
    /// Its id, which Kafka gave it.
    pub id: Arc<str>,
    /// Its name, the value of the label `cluster`.
    pub name: Arc<str>,
}
