//! Settings of the program as a whole.

use std::path::PathBuf;

use super::setting::settings;
use super::value::{ClusterName, Servers};

settings! {
    /// The program as a whole. These keys stand at the top of the file, outside of any table.
    pub struct General in "" {
        /// Where everything on disk lives: `broker/` and `gateway/` are made inside it. One running
        /// program a directory.
        data_dir: PathBuf = "./sluice-data",
        /// Kafka brokers to work in front of, as `host:port` with commas between them. When given,
        /// the bundled broker stays off.
        bootstrap_servers: Option<Servers> = "",
        /// The value of the label `cluster` in metrics. Without it: `local` for the bundled broker,
        /// else the id of the cluster.
        cluster_name: Option<ClusterName> = "",
        /// Allows listening beyond this machine although nothing asks who calls: no TLS, no
        /// passwords. Only for networks in which everybody may read and write everything.
        insecure: bool = "false",
        /// How long a stop may take in all, from the signal to the end: finishing requests, leaving
        /// groups, flushing, the broker's clean marker. What is left then is cut off; nothing
        /// acknowledged is lost. At least 1s.
        shutdown_timeout: std::time::Duration = "30s",
    }
}
