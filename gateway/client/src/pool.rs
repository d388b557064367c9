//! The links of a client: one per identity, broker and purpose, made when first needed and again when
//! lost.
//!
//! Purposes have links of their own, because a broker works on one request of a connection at a time:
//! what may take long must not delay what may not. Requests that the broker parks on purpose
//! (`JoinGroup`, `SyncGroup`) lease a link each. Invariants:
//! * many callers that need the same link make one connection;
//! * after a failed attempt nobody tries again before its pause is over: callers get the last error.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::error::ClientError;
use crate::identity::Identity;
use crate::link::{Address, Dial, Link, LinkConfig};
use crate::model::Isolation;
use crate::observer::{Observed, Observer};
use crate::retry::Backoff;

/// Leased links kept for the next lease, per broker.
const SPARE_LEASES: usize = 8;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// Metadata, coordinators, producer ids: short questions that others wait for.
    Discovery,
    /// Records to partitions.
    Produce,
    /// Heartbeats, commits, leaves.
    Coordination,
    /// The lag monitor.
    Monitoring,
    /// Creating, deleting, describing.
    Administration,
    /// Reads that do not wait.
    Fetch(usize),
    /// Reads that the broker parks until there are records; those of one isolation must not wait
    /// behind those of the other.
    Watch(Isolation, usize),
}

/// A broker, or an address that leads to one whose id is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// A bootstrap address.
    Bootstrap(Address),
    /// Id of a broker.
    Broker(i32),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    identity: Identity,
    node: Node,
    purpose: Purpose,
}

/// The links of a client.
#[derive(Debug)]
pub(crate) struct Pool {
    runtime: Handle,
    dial: Arc<dyn Dial>,
    config: LinkConfig,
    observer: OnceLock<Arc<dyn Observer>>,
    slots: RwLock<HashMap<Key, Arc<Slot>>>,
    spares: Mutex<HashMap<(Identity, i32), Vec<Link>>>,
    leases: Arc<AtomicUsize>,
    leases_max: usize,
}

#[derive(Debug, Default)]
struct Slot {
    link: Mutex<Option<Link>>,
    attempts: tokio::sync::Mutex<Attempts>,
}

#[derive(Debug, Default)]
struct Attempts {
    backoff: Backoff,
    /// The last failure, and when the next attempt may be.
    failed: Option<(Instant, ClientError)>,
}

impl Slot {
    fn open_link(&self, address: &Address) -> Option<Link> {
        let link = self.link.lock();
        let link = link.as_ref()?;
        (link.is_open() && link.address() == address).then(|| link.clone())
    }
}

impl Pool {
    pub(crate) fn new(config: &Config, dial: Arc<dyn Dial>, runtime: Handle) -> Self {
        Self {
            runtime,
            dial,
            config: LinkConfig {
                client_id: config.client_id.as_str().into(),
                connect_timeout: config.connect_timeout,
                frame_bytes_max: config.frame_bytes_max,
                observed: None,
            },
            observer: OnceLock::new(),
            slots: RwLock::default(),
            spares: Mutex::default(),
            leases: Arc::default(),
            leases_max: config.leased_links_max,
        }
    }

    /// Tells `observer` of the requests on links opened from now on. The first one stays.
    pub(crate) fn observe(&self, observer: Arc<dyn Observer>) {
        self.observer.get_or_init(|| observer);
    }

    /// The link to `node` for `purpose`, connecting to `address` if there is none.
    pub(crate) async fn link(
        &self,
        identity: &Identity,
        node: Node,
        address: &Address,
        purpose: Purpose,
    ) -> Result<Link, ClientError> {
        let broker = match &node {
            Node::Bootstrap(_) => None,
            Node::Broker(id) => Some(*id),
        };
        let slot = self.slot(Key {
            identity: identity.clone(),
            node,
            purpose,
        });
        if let Some(link) = slot.open_link(address) {
            return Ok(link);
        }
        let mut attempts = slot.attempts.lock().await;
        if let Some(link) = slot.open_link(address) {
            return Ok(link);
        }
        if let Some((not_before, error)) = &attempts.failed
            && *not_before > Instant::now()
        {
            return Err(error.clone());
        }
        match self.open(broker, address).await {
            Ok(link) => {
                *attempts = Attempts::default();
                *slot.link.lock() = Some(link.clone());
                Ok(link)
            }
            Err(error) => {
                let pause = attempts.backoff.pause();
                attempts.failed = Some((Instant::now() + pause, error.clone()));
                Err(error)
            }
        }
    }

    /// Whether there is a link to `node` for `purpose` that stands.
    pub(crate) fn is_linked(&self, identity: &Identity, node: Node, purpose: Purpose) -> bool {
        let key = Key {
            identity: identity.clone(),
            node,
            purpose,
        };
        let slots = self.slots.read();
        let link = slots.get(&key).and_then(|slot| slot.link.lock().clone());
        link.is_some_and(|link| link.is_open())
    }

    /// A link for one caller alone.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        identity: &Identity,
        broker: i32,
        address: &Address,
    ) -> Result<Lease, ClientError> {
        let permit = LeasePermit::take(&self.leases, self.leases_max)?;
        let key = (identity.clone(), broker);
        let link = match self.spare(&key, address) {
            Some(link) => link,
            None => self.open(Some(broker), address).await?,
        };
        Ok(Lease {
            link,
            key,
            pool: Arc::clone(self),
            _permit: permit,
        })
    }

    fn spare(&self, key: &(Identity, i32), address: &Address) -> Option<Link> {
        let mut spares = self.spares.lock();
        let spares = spares.get_mut(key)?;
        spares.retain(|link| link.is_open() && link.address() == address);
        spares.pop()
    }

    async fn open(&self, broker: Option<i32>, address: &Address) -> Result<Link, ClientError> {
        let dial = Arc::clone(&self.dial);
        let observer = self.observer.get().map(Arc::clone);
        let config = LinkConfig {
            observed: observer.map(|observer| Observed { observer, broker }),
            ..self.config.clone()
        };
        let address = address.clone();
        // On the client's own runtime, whichever one the caller runs on.
        let opening = self
            .runtime
            .spawn(async move { Link::open(dial.as_ref(), &address, &config).await });
        opening.await.unwrap_or(Err(ClientError::Closed))
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        if let Some(slot) = self.slots.read().get(&key) {
            return Arc::clone(slot);
        }
        Arc::clone(self.slots.write().entry(key).or_default())
    }
}

/// Counts the leases.
#[derive(Debug)]
struct LeasePermit(Arc<AtomicUsize>);

impl LeasePermit {
    fn take(leases: &Arc<AtomicUsize>, limit: usize) -> Result<Self, ClientError> {
        let permit = Self(Arc::clone(leases));
        if leases.fetch_add(1, Ordering::Relaxed) >= limit {
            return Err(ClientError::Overloaded {
                what: "leased links",
                limit,
            });
        }
        Ok(permit)
    }
}

impl Drop for LeasePermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A link for one caller alone. Closes when dropped, since a request may still be parked on it,
/// unless it is given back.
#[derive(Debug)]
pub(crate) struct Lease {
    link: Link,
    key: (Identity, i32),
    pool: Arc<Pool>,
    _permit: LeasePermit,
}

impl Lease {
    /// The link.
    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// Keeps the link for the next lease.
    pub(crate) fn give_back(self) {
        if self.link.in_flight() > 0 || !self.link.is_open() {
            return;
        }
        let mut spares = self.pool.spares.lock();
        let spares = spares.entry(self.key).or_default();
        if spares.len() < SPARE_LEASES {
            spares.push(self.link);
        }
    }
}
