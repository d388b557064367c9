//! The cluster as one identity sees it: which broker to ask, over which link, and when to ask again.
//!
//! Everything above asks through here: [`Cluster::call`] one broker, [`Cluster::call_any`] any,
//! [`Cluster::retry`] until it works or the time is over. What an answer means is known above.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sluice_protocol::ErrorCode;
use sluice_protocol::messages::Request;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::coordinator::Coordinators;
use crate::error::ClientError;
use crate::identity::Identity;
use crate::link::{Address, Dial, Link};
use crate::metadata::{Metadata, Refreshed, Refresher, Scope, Topic};
use crate::model::TopicPartition;
use crate::observer::Observer;
use crate::pool::{Lease, Node, Pool, Purpose};
use crate::producer::target::AutoCreation;
use crate::retry;

/// The cluster as one identity sees it.
#[derive(Debug)]
pub(crate) struct Cluster {
    identity: Identity,
    config: Config,
    runtime: Handle,
    pool: Arc<Pool>,
    metadata: Metadata,
    refresher: Refresher,
    coordinators: Coordinators,
    auto_creation: AutoCreation,
    /// Where the search for any broker starts, so that load spreads.
    turn: AtomicUsize,
}

impl Cluster {
    pub(crate) fn new(config: Config, dial: Arc<dyn Dial>, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            identity: Identity::default(),
            pool: Arc::new(Pool::new(&config, dial, runtime.clone())),
            config,
            runtime,
            metadata: Metadata::default(),
            refresher: Refresher::default(),
            coordinators: Coordinators::default(),
            auto_creation: AutoCreation::default(),
            turn: AtomicUsize::new(0),
        })
    }

    /// Tells `observer` of every request on links opened from now on.
    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        self.pool.observe(observer);
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) const fn refresher(&self) -> &Refresher {
        &self.refresher
    }

    pub(crate) const fn coordinators(&self) -> &Coordinators {
        &self.coordinators
    }

    pub(crate) const fn auto_creation(&self) -> &AutoCreation {
        &self.auto_creation
    }

    /// Asks the cluster for metadata.
    pub(crate) async fn refresh(self: &Arc<Self>, scope: Scope) -> Refreshed {
        self.refresher.refresh(self, scope).await
    }

    /// Asks the cluster for metadata without waiting for the answer.
    pub(crate) fn refresh_later(self: &Arc<Self>, scope: Scope) {
        let cluster = Arc::clone(self);
        self.runtime.spawn(async move {
            if let Err(error) = cluster.refresh(scope).await {
                tracing::debug!(%error, "a background refresh of metadata failed");
            }
        });
    }

    /// A topic from the cache, or from the cluster where the cache has none. Never creates it.
    pub(crate) async fn topic(self: &Arc<Self>, name: &str) -> Result<Arc<Topic>, ClientError> {
        if let Some(topic) = self.cached_topic(name) {
            return Ok(topic);
        }
        let name: Arc<str> = name.into();
        let answers = self.refresh(Scope::Topic(Arc::clone(&name))).await?;
        let answer = answers.get(&name).cloned();
        let answer = answer.unwrap_or(Err(ErrorCode::UnknownTopicOrPartition));
        answer.map_err(ClientError::kafka)
    }

    /// A topic from the cache. One that is old is refreshed meanwhile.
    pub(crate) fn cached_topic(self: &Arc<Self>, name: &str) -> Option<Arc<Topic>> {
        let topic = self.metadata.topic(name)?;
        if topic.fetched_at.elapsed() > self.config.metadata_age_max {
            self.refresh_later(Scope::Topic(Arc::clone(&topic.name)));
        }
        Some(topic)
    }

    /// The leaders of partitions, each with its own result. From the second round on the cluster is
    /// asked anew, for a leader has moved.
    pub(crate) async fn leaders(
        self: &Arc<Self>,
        partitions: Vec<TopicPartition>,
        round: usize,
    ) -> Vec<Result<i32, ClientError>> {
        let stale = partitions
            .iter()
            .filter(|at| round > 0 || self.cached_leader(&at.topic, at.partition).is_err());
        let mut names: Vec<Arc<str>> = stale.map(|at| Arc::clone(&at.topic)).collect();
        names.sort_unstable();
        names.dedup();
        if !names.is_empty()
            && let Err(error) = self.refresh(Scope::Topics(names)).await
        {
            return partitions.iter().map(|_| Err(error.clone())).collect();
        }
        let leaders = partitions.iter();
        leaders
            .map(|at| self.cached_leader(&at.topic, at.partition))
            .collect()
    }

    /// The leader of a partition as last heard of.
    pub(crate) fn cached_leader(&self, topic: &str, partition: i32) -> Result<i32, ClientError> {
        let topic = self.metadata.topic(topic);
        let partition = topic.as_ref().and_then(|topic| topic.partition(partition));
        let unknown = ClientError::kafka(ErrorCode::UnknownTopicOrPartition);
        let leader = partition.ok_or(unknown)?.leader;
        leader.ok_or(ClientError::kafka(ErrorCode::LeaderNotAvailable))
    }

    /// The broker that takes administrative requests.
    pub(crate) async fn controller(self: &Arc<Self>) -> Result<i32, ClientError> {
        if let Some(controller) = self.metadata.cluster().controller {
            return Ok(controller);
        }
        self.refresh(Scope::Cluster).await?;
        let controller = self.metadata.cluster().controller;
        controller.ok_or(ClientError::kafka(ErrorCode::NotController))
    }

    /// Ids of the brokers, asked for if none is known yet.
    pub(crate) async fn brokers(self: &Arc<Self>) -> Result<Vec<i32>, ClientError> {
        if self.metadata.cluster().brokers.is_empty() {
            self.refresh(Scope::Cluster).await?;
        }
        let cluster = self.metadata.cluster();
        Ok(cluster.brokers.iter().map(|broker| broker.id).collect())
    }

    /// The link to a broker.
    pub(crate) async fn link(
        self: &Arc<Self>,
        broker: i32,
        purpose: Purpose,
    ) -> Result<Link, ClientError> {
        let address = self.address(broker).await?;
        self.pool
            .link(&self.identity, Node::Broker(broker), &address, purpose)
            .await
    }

    /// A link to a broker for one caller alone.
    pub(crate) async fn lease(self: &Arc<Self>, broker: i32) -> Result<Lease, ClientError> {
        let address = self.address(broker).await?;
        self.pool.lease(&self.identity, broker, &address).await
    }

    async fn address(self: &Arc<Self>, broker: i32) -> Result<Address, ClientError> {
        let known = |cluster: &Self| {
            let brokers = cluster.metadata.cluster();
            brokers.broker(broker).map(|broker| broker.address.clone())
        };
        if let Some(address) = known(self) {
            return Ok(address);
        }
        self.refresh(Scope::Cluster).await?;
        known(self).ok_or(ClientError::UnknownBroker { id: broker })
    }

    /// Asks one broker, once.
    pub(crate) async fn call<R: Request>(
        self: &Arc<Self>,
        broker: i32,
        purpose: Purpose,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        let link = self.link(broker, purpose).await?;
        link.call(request, self.config.request_timeout).await
    }

    /// Asks one broker, once, in one of the versions `wanted`.
    pub(crate) async fn call_in<R: Request>(
        self: &Arc<Self>,
        broker: i32,
        purpose: Purpose,
        request: &R,
        wanted: RangeInclusive<i16>,
    ) -> Result<R::Response, ClientError> {
        let link = self.link(broker, purpose).await?;
        let version = link.version::<R>(wanted)?;
        let timeout = self.config.request_timeout;
        link.submit(request, version, timeout).await?.await
    }

    /// Asks any broker that can be reached: those known, then the bootstrap addresses.
    pub(crate) async fn call_any<R: Request>(
        &self,
        purpose: Purpose,
        request: &R,
    ) -> Result<R::Response, ClientError> {
        self.call_any_in(purpose, request, R::VERSIONS).await
    }

    /// As [`Cluster::call_any`], in one of the versions `wanted`.
    pub(crate) async fn call_any_in<R: Request>(
        &self,
        purpose: Purpose,
        request: &R,
        wanted: RangeInclusive<i16>,
    ) -> Result<R::Response, ClientError> {
        let mut last = None;
        for (node, address) in self.candidates(purpose) {
            let called = async {
                let link = self.pool.link(&self.identity, node, &address, purpose);
                let link = link.await?;
                let version = link.version::<R>(wanted.clone())?;
                let timeout = self.config.request_timeout;
                link.submit(request, version, timeout).await?.await
            };
            match called.await {
                Err(
                    error @ (ClientError::Unreachable { .. }
                    | ClientError::Disconnected { .. }
                    | ClientError::TimedOut { .. }),
                ) => last = Some(error),
                result => return result,
            }
        }
        Err(last.unwrap_or(ClientError::kafka(ErrorCode::BrokerNotAvailable)))
    }

    /// Every way into the cluster, those with a link that stands first.
    fn candidates(&self, purpose: Purpose) -> Vec<(Node, Address)> {
        let cluster = self.metadata.cluster();
        let known = cluster.brokers.iter();
        let mut nodes: Vec<(Node, Address)> = known
            .map(|broker| (Node::Broker(broker.id), broker.address.clone()))
            .collect();
        if !nodes.is_empty() {
            let start = self.turn.fetch_add(1, Ordering::Relaxed) % nodes.len();
            nodes.rotate_left(start);
            nodes.sort_by_cached_key(|(node, _)| {
                !self.pool.is_linked(&self.identity, node.clone(), purpose)
            });
        }
        let bootstrap = self.config.bootstrap.iter().cloned();
        nodes.extend(bootstrap.map(|address| (Node::Bootstrap(address.clone()), address)));
        nodes
    }

    /// Runs `attempt` until it succeeds, fails for good or the operation's time is over. After an
    /// error that tells of moved leaders or controllers the cluster is asked where they are now.
    pub(crate) async fn retry<T, F>(
        self: &Arc<Self>,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let deadline = self.deadline();
        let cluster = self;
        retry::until(deadline, || {
            let attempted = attempt();
            async move {
                let result = attempted.await;
                if let Err(error) = &result
                    && tells_of_a_move(error)
                {
                    // A failed refresh shows in the next attempt.
                    drop(cluster.refresh(Scope::Cluster).await);
                }
                result
            }
        })
        .await
    }

    /// When an operation that begins now is over, with all its retries.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.operation_timeout
    }
}

/// Whether the brokers or the controller are not what the cache says.
const fn tells_of_a_move(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Kafka {
            code: ErrorCode::NotController,
            ..
        } | ClientError::Unreachable { .. }
            | ClientError::Disconnected { .. }
            | ClientError::UnknownBroker { .. }
    )
}

/// Whether the leaders of a partition are not what the cache says.
pub(crate) const fn tells_of_a_new_leader(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::KafkaStorageError
            | ErrorCode::ListenerNotFound
    )
}
