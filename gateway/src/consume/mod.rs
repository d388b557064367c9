//! What consuming over REST means, without HTTP.
//!
//! A consumer instance is a row: what it wants, how far it has come, and its place in a group. It has no
//! task and no connection of its own; a read fetches what is there and else waits on the watcher that all
//! share. Calls of one instance follow one another; a call that waits ends when the instance does.
//!
//! * [`Consumers`]: all instances, their limit and their end after a time without calls;
//! * [`Consumer`]: one of them in use; what it can do is in `interest` (what to read), `read` and
//!   `offsets`; `progress` keeps its positions.

mod consumer;
mod error;
mod interest;
mod offsets;
mod options;
mod progress;
mod read;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use sluice_client::Client;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

pub use consumer::Consumer;
pub use error::ConsumeError;
pub use offsets::{CommitOffset, CommittedAt, SeekTo};
pub use options::{Options, Reset};
pub use read::{ConsumedRecord, ReadRequest};
pub use sluice_client::{ErrorCode, Header, TopicPartition};

use crate::config::RestV2;
use crate::metrics::rest::RestMetrics;
use consumer::Instance;

/// Instances that are closed at a time.
const CLOSING_MAX: usize = 64;
/// How often instances are looked at for their idle time, at most.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// All consumer instances. Clones share them.
#[derive(Clone, Debug)]
pub struct Consumers(Arc<Shared>);

/// What instances share.
#[derive(Debug)]
pub(super) struct Shared {
    client: Client,
    settings: RestV2,
    metrics: RestMetrics,
    instances: Mutex<HashMap<Key, Arc<Instance>>>,
}

/// Group and name of an instance.
type Key = (Arc<str>, Arc<str>);

impl Consumers {
    /// No instances yet; they will read through `client`.
    #[must_use]
    pub fn new(client: Client, settings: RestV2, metrics: RestMetrics) -> Self {
        let instances = Mutex::default();
        Self(Arc::new(Shared {
            client,
            settings,
            metrics,
            instances,
        }))
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// [`ConsumeError::InstanceExists`] where the group has one of this name;
    /// [`ConsumeError::TooManyInstances`].
    pub fn create(&self, group: &str, name: &str, options: Options) -> Result<(), ConsumeError> {
        let limit = usize::try_from(self.0.settings.consumer_instances_max).unwrap_or(usize::MAX);
        let key = key(group, name);
        let mut instances = self.0.instances.lock();
        if instances.contains_key(&key) {
            return Err(ConsumeError::InstanceExists);
        }
        if instances.len() >= limit {
            return Err(ConsumeError::TooManyInstances { limit });
        }
        let instance = Instance::new(Arc::clone(&key.0), options);
        instances.insert(key, Arc::new(instance));
        self.0.count(instances.len());
        Ok(())
    }

    /// An instance, which does not end for want of use while the caller holds it.
    ///
    /// # Errors
    /// [`ConsumeError::NoInstance`].
    pub fn find(&self, group: &str, name: &str) -> Result<Consumer, ConsumeError> {
        let instances = self.0.instances.lock();
        let instance = instances.get(&key(group, name));
        let instance = instance.ok_or(ConsumeError::NoInstance)?;
        // Under the lock, so that nobody removes it for want of use between here and there.
        Ok(Consumer::new(Arc::clone(&self.0), Arc::clone(instance)))
    }

    /// Ends an instance: its calls fail, it commits if it commits by itself, and leaves its group.
    ///
    /// # Errors
    /// [`ConsumeError::NoInstance`].
    pub async fn delete(&self, group: &str, name: &str) -> Result<(), ConsumeError> {
        let instance = {
            let mut instances = self.0.instances.lock();
            let instance = instances
                .remove(&key(group, name))
                .ok_or(ConsumeError::NoInstance)?;
            self.0.count(instances.len());
            instance
        };
        self.close(instance).await;
        Ok(())
    }

    /// Ends all instances, as [`Consumers::delete`] does each.
    pub async fn close_all(&self) {
        let instances = {
            let mut instances = self.0.instances.lock();
            self.0.count(0);
            std::mem::take(&mut *instances)
        };
        let closed = stream::iter(instances.into_values());
        closed
            .for_each_concurrent(CLOSING_MAX, |instance| self.close(instance))
            .await;
    }

    /// Ends instances that nobody used for `rest.v2.consumer_idle_timeout`, as long as somebody holds
    /// these consumers.
    pub fn expire(&self, runtime: &Handle) {
        let idle = self.0.settings.consumer_idle_timeout;
        let period = (idle / 4).clamp(Duration::from_millis(10), LOOK_INTERVAL);
        let shared = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                let consumers = Self(shared);
                let expired = stream::iter(consumers.take_expired(idle));
                let closed = |instance| consumers.close(instance);
                expired.for_each_concurrent(CLOSING_MAX, closed).await;
            }
        });
    }

    fn take_expired(&self, idle: Duration) -> Vec<Arc<Instance>> {
        let mut instances = self.0.instances.lock();
        let expired = instances.extract_if(|_, instance| instance.is_idle(idle));
        let expired: Vec<_> = expired.map(|(_, instance)| instance).collect();
        if !expired.is_empty() {
            self.0.count(instances.len());
            let count = u64::try_from(expired.len()).unwrap_or(u64::MAX);
            self.0.metrics.instances_expired.inc_by(count);
        }
        expired
    }

    async fn close(&self, instance: Arc<Instance>) {
        Consumer::new(Arc::clone(&self.0), instance).close().await;
    }
}

impl Shared {
    fn count(&self, instances: usize) {
        let count = i64::try_from(instances).unwrap_or(i64::MAX);
        self.metrics.consumer_instances.set(count);
    }
}

fn key(group: &str, name: &str) -> Key {
    (group.into(), name.into())
}
