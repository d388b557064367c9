//! Offsets: those a log has, and those groups have committed.

mod commit;
mod committed;
mod listed;

use std::sync::Arc;

pub use commit::{CommitRequest, Committer, OffsetAndMetadata};
pub use committed::{CommittedOffset, CommittedPartition, GroupQuery};
pub use listed::{ListedOffset, OffsetSpec};

use crate::cluster::Cluster;
use crate::pool::Purpose;

/// Reads and writes offsets.
#[derive(Clone, Debug)]
pub struct Offsets {
    cluster: Arc<Cluster>,
    purpose: Purpose,
}

impl Offsets {
    pub(crate) const fn new(cluster: Arc<Cluster>, purpose: Purpose) -> Self {
        Self { cluster, purpose }
    }
}
