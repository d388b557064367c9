//! The cluster the gateway works with: the bundled broker, or Apache Kafka.

use std::sync::Arc;

use sluice_client::Client;
use tokio::runtime::Handle;

/// One cluster, reached through one client. Clones share the client.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The way to it.
    pub client: Client,
    /// The lag monitor's own way to it, with links of its own and less patience: a broker that does not
    /// answer must not hold up what is known of the others.
    pub monitoring: Client,
    /// Where what works in the background runs.
    pub runtime: Handle,
    /// Its id, which Kafka gave it.
    pub id: Arc<str>,
    /// Its name, the value of the label `cluster`.
    pub name: Arc<str>,
}
