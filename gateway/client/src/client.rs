//! The way in: one client per cluster and identity, cheap to clone.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::ClientError;
use crate::fetcher::Fetcher;
use crate::group::Groups;
use crate::link::Dial;
use crate::metadata::{ClusterInfo, Topic};
use crate::observer::Observer;
use crate::offsets::Offsets;
use crate::pool::Purpose;
use crate::producer::{Producer, ProducerSettings};
use crate::watcher::Watcher;

/// A client of one cluster. Clones share everything.
#[derive(Clone, Debug)]
pub struct Client {
    cluster: Arc<Cluster>,
    producers: Arc<Mutex<HashMap<ProducerSettings, Producer>>>,
    groups: Groups,
    watcher: Watcher,
    purpose: Purpose,
}

impl Client {
    /// A client that connects through `dial` when it is first asked for something. Connections and
    /// background work run on `runtime`; callers may run on any tokio runtime with time enabled.
    #[must_use]
    pub fn new(config: Config, dial: Arc<dyn Dial>, runtime: Handle) -> Self {
        let cluster = Cluster::new(config, dial, runtime);
        Self {
            groups: Groups::new(Arc::clone(&cluster)),
            watcher: Watcher::new(Arc::clone(&cluster)),
            cluster,
            producers: Arc::default(),
            purpose: Purpose::Administration,
        }
    }

    /// Tells `observer` of every request on connections opened from now on. The first observer stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.cluster.observe(observer);
    }

    /// The same client, whose [`Admin`] and [`Offsets`] work over links of their own: nothing that
    /// others ask for can delay it.
    #[must_use]
    pub fn for_monitoring(&self) -> Self {
        Self {
            purpose: Purpose::Monitoring,
            ..self.clone()
        }
    }

    /// Creating, describing, changing, deleting.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(Arc::clone(&self.cluster), self.purpose)
    }

    /// Offsets of logs and groups.
    #[must_use]
    pub fn offsets(&self) -> Offsets {
        Offsets::new(Arc::clone(&self.cluster), self.purpose)
    }

    /// Membership in groups.
    #[must_use]
    pub fn groups(&self) -> Groups {
        self.groups.clone()
    }

    /// Reading records.
    #[must_use]
    pub fn fetcher(&self) -> Fetcher {
        Fetcher::new(Arc::clone(&self.cluster))
    }

    /// Waiting for records.
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        self.watcher.clone()
    }

    /// The producer of the given settings, shared by all who ask for it.
    #[must_use]
    pub fn producer(&self, settings: ProducerSettings) -> Producer {
        let mut producers = self.producers.lock();
        let producer = producers.entry(settings);
        producer
            .or_insert_with(|| Producer::new(Arc::clone(&self.cluster), settings))
            .clone()
    }

    /// Waits until no producer has anything on its way. Records sent meanwhile are waited for too.
    pub async fn flush(&self) {
        let producers: Vec<Producer> = self.producers.lock().values().cloned().collect();
        for producer in producers {
            producer.flush().await;
        }
    }

    /// A topic from the cache, or from the cluster where the cache has none. Never creates it.
    ///
    /// # Errors
    /// [`ClientError`], `UnknownTopicOrPartition` where there is none.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>, ClientError> {
        self.cluster.topic(name).await
    }

    /// Brokers, controller and id of the cluster as last heard of; empty before the first request.
    #[must_use]
    pub fn cluster(&self) -> Arc<ClusterInfo> {
        self.cluster.metadata().cluster()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::ConfigQuery;
    use crate::group::GroupConfig;
    use crate::link::TcpDial;
    use crate::model::Isolation;

    fn sendable<T: Send>(future: T) {
        drop(future);
    }

    /// Servers spawn what they call; a future that may not move between threads cannot be.
    #[tokio::test]
    async fn every_operation_may_move_between_threads() {
        let config = Config::new(vec!["127.0.0.1:1".parse().unwrap()]);
        let client = Client::new(config, Arc::new(TcpDial), Handle::current());
        let admin = client.admin();
        sendable(admin.list_topics());
        sendable(admin.describe_topics(Vec::new()));
        sendable(admin.create_topics(Vec::new(), false));
        sendable(admin.create_partitions(Vec::new(), false));
        sendable(admin.delete_topics(Vec::new()));
        sendable(admin.describe_configs(Vec::new(), &ConfigQuery::default()));
        sendable(admin.alter_configs(Vec::new(), false));
        sendable(admin.list_groups());
        sendable(admin.describe_groups(Vec::new()));
        sendable(admin.delete_groups(Vec::new()));
        sendable(admin.delete_offsets("", Vec::new()));
        sendable(admin.delete_records(Vec::new()));
        sendable(admin.describe_cluster());
        sendable(admin.log_dirs(Vec::new()));
        let offsets = client.offsets();
        sendable(offsets.list(Vec::new(), Isolation::default()));
        sendable(offsets.committed(Vec::new()));
        sendable(
            client
                .fetcher()
                .fetch(Vec::new(), crate::fetcher::FetchOptions::default()),
        );
        sendable(
            client
                .watcher()
                .wait(&[], Isolation::default(), Duration::ZERO),
        );
        sendable(
            client
                .producer(ProducerSettings::default())
                .send("", Vec::new()),
        );
        sendable(client.flush());
        let member = client.groups().join(GroupConfig::new("", Vec::new()));
        sendable(member.assigned());
        sendable(member.commit(Vec::new()));
        sendable(member.lost(0));
        sendable(member.leave());
    }
}
