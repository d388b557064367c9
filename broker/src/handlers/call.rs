//! What a handler knows about its request, and where it reaches the domain.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_protocol::{ApiKey, ErrorCode};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::error::{Refusal, RequestError};
use super::turns::{Turn, Turns};
use crate::budget::{Budget, Reservation};
use crate::clock::Clock;
use crate::config::{Config, HostPort};
use crate::groups::Coordinator;
use crate::model::{LeaderEpoch, PartitionId};
use crate::phase::PhaseWatch;
use crate::telemetry::{RequestRefused, Telemetry};
use crate::topics::{Partition, Topic, Topics};
use crate::transactions::ProducerIds;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Address, for logs and for the members of groups.
    pub(crate) host: String,
    /// The endpoint clients of this listener are told.
    pub(crate) endpoint: HostPort,
    /// Memory that its requests and responses may hold, with those of its kind.
    pub(crate) budget: Budget,
    /// Held while a request waits for memory, so that a smaller one behind it does not overtake it.
    pub(crate) memory_turn: Semaphore,
    /// Held while the batches of a request are appended, in the order of the requests.
    pub(crate) append_turn: AsyncMutex<()>,
}

/// What handlers call.
#[derive(Debug)]
pub(crate) struct Services {
    /// What is created and described where the client does not say.
    pub(crate) config: Config,
    /// Topics and their records.
    pub(crate) topics: Topics,
    /// Groups and their offsets.
    pub(crate) groups: Coordinator,
    /// Ids of producers.
    pub(crate) producer_ids: ProducerIds,
    /// Time.
    pub(crate) clock: Clock,
    /// Who may do now what few do at a time.
    pub(crate) turns: Turns,
    /// Whether the broker is stopping.
    pub(crate) phase: PhaseWatch,
    /// Where events go.
    pub(crate) telemetry: Arc<Telemetry>,
}

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Call {
    /// What handlers call.
    pub(crate) services: Arc<Services>,
    /// Who asks.
    pub(crate) peer: Arc<Peer>,
    /// The API asked for.
    pub(crate) api: ApiKey,
    /// Version of the request; that of the response unless a handler sets another.
    pub(crate) version: i16,
    /// Number the response repeats.
    pub(crate) correlation_id: i32,
    /// Name the client gives itself, or nothing.
    pub(crate) client_id: String,
    /// Memory the request holds, given back when it is answered.
    pub(crate) request_memory: Reservation,
    /// Memory the response holds, given back when it is sent.
    pub(crate) response_memory: Mutex<Reservation>,
}

impl Call {
    /// The code of an error, which is counted.
    pub(crate) fn refuse(&self, error: impl Into<Refusal>) -> ErrorCode {
        let refusal = error.into();
        RequestRefused {
            api: self.api,
            code: refusal.code,
            reason: &refusal.reason,
            is_failure: refusal.is_failure,
        }
        .emit(&self.services.telemetry);
        refusal.code
    }

    /// The code and the message of an error, which is counted. What the disk or the broker itself did
    /// wrong is not told in detail.
    pub(crate) fn explain(&self, error: impl Into<Refusal>) -> (ErrorCode, Option<String>) {
        let refusal = error.into();
        let message = match refusal.is_private {
            true => refusal.code.description().to_owned(),
            false => refusal.reason.clone(),
        };
        (self.refuse(refusal), Some(message))
    }

    /// Where the client is, as the members of a group are shown it: `/` and its address.
    pub(crate) fn client_host(&self) -> String {
        format!("/{}", self.peer.host)
    }

    /// A topic that exists.
    pub(crate) fn topic(&self, name: &str) -> Result<Arc<Topic>, RequestError> {
        let found = self.services.topics.topic(name);
        found.ok_or(RequestError::UnknownTopic)
    }

    /// A partition that exists.
    pub(crate) fn partition(
        &self,
        topic: &str,
        partition: PartitionId,
    ) -> Result<Arc<Partition>, RequestError> {
        let found = self.services.topics.partition(topic, partition);
        found.ok_or(RequestError::UnknownPartition { partition })
    }

    /// A partition that exists and is led as the client believes (KIP-320); -1 believes nothing.
    pub(crate) fn partition_led_at(
        &self,
        topic: &str,
        partition: PartitionId,
        leader_epoch: i32,
    ) -> Result<Arc<Partition>, RequestError> {
        let partition = self.partition(topic, partition)?;
        let (asked, current) = (LeaderEpoch(leader_epoch), partition.leader_epoch());
        match asked.cmp(&current) {
            _ if leader_epoch < 0 => Ok(partition),
            Ordering::Less => Err(RequestError::FencedLeaderEpoch { asked, current }),
            Ordering::Equal => Ok(partition),
            Ordering::Greater => Err(RequestError::UnknownLeaderEpoch { asked, current }),
        }
    }

    /// Does what may wait for the disk, away from the threads that serve connections.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_panicked| RequestError::Lost)
    }

    /// As [`Call::blocking`], in its turn: few do it at a time, however many ask.
    pub(crate) async fn blocking_in_turn<T: Send + 'static>(
        &self,
        turn: &Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        turn.run(work).await.ok_or(RequestError::Lost)
    }

    /// Counts `bytes` as the response's, until it is sent: for what is told of state, which a small
    /// request can ask for much of.
    pub(crate) fn take_room(&self, bytes: usize) -> Result<(), RequestError> {
        let memory = self.peer.budget.try_reserve_work(bytes);
        self.hold_for_response(memory.ok_or(RequestError::NoRoom)?);
        Ok(())
    }

    /// Counts memory as the response's, until it is sent.
    pub(crate) fn hold_for_response(&self, memory: Reservation) {
        self.response_memory.lock().merge(memory);
    }
}

/// Of each that is asked for, whether it is named for the first time: that one answers for all.
pub(crate) fn is_first<'a, T, N: Hash + Eq>(
    asked: &'a [T],
    name: impl Fn(&'a T) -> N,
) -> Vec<bool> {
    let mut seen = HashSet::with_capacity(asked.len());
    asked.iter().map(|asked| seen.insert(name(asked))).collect()
}

impl Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}
