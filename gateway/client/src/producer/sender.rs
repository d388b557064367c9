//! The task behind a producer: it gives every broker the batches of the partitions it leads.
//!
//! One task owns all queues of a producer, so that none of them needs a lock. It never waits for one
//! thing alone: submissions, answers, connections and timers are events that change a queue, and
//! whatever the queues have to send then leaves, for up to five requests per broker.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use sluice_protocol::messages::init_producer_id::InitProducerIdRequest;
use sluice_protocol::messages::produce::ProduceResponse;
use sluice_protocol::{ApiKey, ErrorCode};
use tokio::sync::mpsc;

use super::batch::ProducerId;
use super::call::Parcel;
use super::partitions::{Listing, Partitions, Slot};
use super::queue::{News, Next, Queue};
use super::request::RequestBuilder;
use super::verdict::Verdict;
use super::{Acks, ProduceError, ProducerSettings};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::link::Link;
use crate::metadata::Scope;
use crate::model::TopicPartition;
use crate::pool::Purpose;

/// Requests of one producer on their way to one broker, at most.
const REQUESTS_MAX: usize = 5;
/// Submissions taken in before the queues are looked at.
const SUBMISSIONS_PER_ROUND: usize = 1024;
/// Pause before a partition without a reachable leader is looked at again.
const LEADER_PAUSE: Duration = Duration::from_millis(50);

/// Records for one partition.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) at: TopicPartition,
    pub(super) parcels: Vec<Parcel>,
}

#[derive(Debug, Default)]
struct Broker {
    ready: VecDeque<Slot>,
    in_flight: usize,
    link: Option<Link>,
    is_connecting: bool,
}

/// A batch in a request.
type Sent = (Slot, u64);

enum Event {
    Connected(i32, Result<Link, ClientError>),
    Answered(i32, Vec<Sent>, Result<ProduceResponse, ClientError>),
    Identified(Result<ProducerId, ClientError>),
    Woken(Vec<Slot>),
}

type Happening = Pin<Box<dyn Future<Output = Event> + Send>>;

/// The task behind a producer.
pub(super) struct Sender {
    cluster: Arc<Cluster>,
    settings: ProducerSettings,
    partitions: Partitions,
    brokers: HashMap<i32, Broker>,
    producer: Option<ProducerId>,
    awaiting_id: Option<Vec<Slot>>,
    events: FuturesUnordered<Happening>,
}

impl Sender {
    pub(super) fn new(cluster: Arc<Cluster>, settings: ProducerSettings) -> Self {
        Self {
            cluster,
            settings,
            partitions: Partitions::default(),
            brokers: HashMap::new(),
            producer: None,
            awaiting_id: None,
            events: FuturesUnordered::new(),
        }
    }

    /// Runs until every handle of the producer is gone and everything is answered.
    pub(super) async fn run(mut self, mut submissions: mpsc::UnboundedReceiver<Submission>) {
        let mut taken = Vec::new();
        let mut is_open = true;
        while is_open || !self.events.is_empty() {
            tokio::select! {
                count = submissions.recv_many(&mut taken, SUBMISSIONS_PER_ROUND), if is_open => {
                    is_open = count > 0;
                    for submission in taken.drain(..) {
                        self.accept(submission);
                    }
                }
                Some(event) = self.events.next(), if !self.events.is_empty() => {
                    self.happened(event);
                }
            }
            self.send_ready();
        }
    }

    fn accept(&mut self, submission: Submission) {
        let slot = match self.partitions.slot(&submission.at) {
            Some(slot) => slot,
            None => self.add_partition(submission.at),
        };
        if let Some(partition) = self.partitions.get_mut(slot) {
            for parcel in submission.parcels {
                partition.queue.push(parcel);
            }
        }
        self.list(slot);
    }

    fn add_partition(&mut self, at: TopicPartition) -> Slot {
        let is_idempotent = self.settings.acks == Acks::All;
        let config = self.cluster.config();
        let queue = Queue::new(at.partition, is_idempotent, config.batch_bytes_max);
        let metadata = self.cluster.metadata();
        if self.partitions.make_room(|at| metadata.has(at)) {
            // A partition that comes back counts from zero: under the old id the broker would take its
            // batches for those it has.
            self.producer = None;
        }
        self.partitions.add(at, queue)
    }

    /// Has the leader of a partition look at it.
    fn list(&mut self, slot: Slot) {
        let Some(partition) = self.partitions.get_mut(slot) else {
            return;
        };
        if partition.listing != Listing::Unlisted {
            return;
        }
        let at = &partition.at;
        match self.cluster.cached_leader(&at.topic, at.partition) {
            Ok(leader) => {
                partition.listing = Listing::Ready;
                self.brokers
                    .entry(leader)
                    .or_default()
                    .ready
                    .push_back(slot);
            }
            Err(_unknown) => self.wait_for_leaders(vec![slot]),
        }
    }

    /// Looks at partitions again after the cluster said who leads them.
    fn wait_for_leaders(&mut self, slots: Vec<Slot>) {
        let now = Instant::now();
        let mut topics = Vec::with_capacity(slots.len());
        for slot in &slots {
            if let Some(partition) = self.partitions.get_mut(*slot) {
                partition.listing = Listing::Waiting;
                partition.queue.expire(now);
                topics.push(Arc::clone(&partition.at.topic));
            }
        }
        topics.dedup();
        let cluster = Arc::clone(&self.cluster);
        self.events.push(Box::pin(async move {
            tokio::time::sleep(LEADER_PAUSE).await;
            if let Err(error) = cluster.refresh(Scope::Topics(topics)).await {
                tracing::debug!(%error, "the leaders of partitions are not known");
            }
            Event::Woken(slots)
        }));
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Connected(broker, link) => self.connected(broker, link),
            Event::Answered(broker, sent, response) => {
                if let Some(broker) = self.brokers.get_mut(&broker) {
                    broker.in_flight -= 1;
                }
                self.answered(sent, response);
            }
            Event::Identified(producer) => self.identified(producer),
            Event::Woken(slots) => {
                for slot in slots {
                    self.woken(slot);
                }
            }
        }
    }

    fn connected(&mut self, broker: i32, link: Result<Link, ClientError>) {
        let Some(state) = self.brokers.get_mut(&broker) else {
            return;
        };
        state.is_connecting = false;
        match link {
            Ok(link) => state.link = Some(link),
            Err(error) => {
                tracing::debug!(broker, %error, "a producer cannot reach a broker");
                let slots = std::mem::take(&mut state.ready).into();
                self.wait_for_leaders(slots);
            }
        }
    }

    fn answered(&mut self, sent: Vec<Sent>, response: Result<ProduceResponse, ClientError>) {
        let mut verdicts: HashMap<TopicPartition, Verdict> = HashMap::new();
        let missing = match response {
            Ok(response) => {
                for topic in response.responses {
                    let name: Arc<str> = topic.name.into();
                    for answer in topic.partition_responses {
                        let at = TopicPartition::new(Arc::clone(&name), answer.index);
                        verdicts.insert(at, Verdict::of(answer));
                    }
                }
                Verdict::of_failure(&ClientError::Incomplete {
                    api: ApiKey::Produce,
                    item: "a partition".to_owned(),
                })
            }
            Err(error) => Verdict::of_failure(&error),
        };
        let mut moved = Vec::new();
        for (slot, number) in sent {
            let Some(partition) = self.partitions.get_mut(slot) else {
                continue;
            };
            let verdict = verdicts.remove(&partition.at);
            let verdict = verdict.unwrap_or_else(|| missing.clone());
            self.judged(slot, number, verdict, &mut moved);
        }
        if !moved.is_empty() {
            self.wait_for_leaders(moved);
        }
    }

    fn judged(&mut self, slot: Slot, number: u64, verdict: Verdict, moved: &mut Vec<Slot>) {
        let Some(partition) = self.partitions.get_mut(slot) else {
            return;
        };
        let news = partition.queue.answered(number, verdict, Instant::now());
        match news {
            News::None => self.list(slot),
            News::Moved if partition.listing == Listing::Unlisted => moved.push(slot),
            News::Moved => {}
            News::IdIsOver => {
                self.producer = None;
                self.list(slot);
            }
        }
    }

    fn woken(&mut self, slot: Slot) {
        let Some(partition) = self.partitions.get_mut(slot) else {
            return;
        };
        partition.listing = Listing::Unlisted;
        let at = &partition.at;
        let leader = self.cluster.cached_leader(&at.topic, at.partition);
        if let Err(error) = &leader
            && error.code() == Some(ErrorCode::UnknownTopicOrPartition)
        {
            // It was there when its records were accepted, and is deleted now.
            let topic = at.topic.to_string();
            partition.queue.fail(&ProduceError::UnknownTopic { topic });
            return;
        }
        self.list(slot);
    }

    fn identified(&mut self, producer: Result<ProducerId, ClientError>) {
        let awaiting = self.awaiting_id.take().unwrap_or_default();
        let failure = match producer {
            Ok(producer) => {
                self.producer = Some(producer);
                None
            }
            Err(error) => Some(ProduceError::Client(error)),
        };
        for slot in awaiting {
            let Some(partition) = self.partitions.get_mut(slot) else {
                continue;
            };
            partition.listing = Listing::Unlisted;
            match &failure {
                Some(error) => partition.queue.fail(error),
                None => self.list(slot),
            }
        }
    }

    /// Sends what there is to send, to every broker that takes more.
    fn send_ready(&mut self) {
        let brokers = self.brokers.iter();
        let busy: Vec<i32> = brokers
            .filter(|(_, broker)| !broker.ready.is_empty() && broker.in_flight < REQUESTS_MAX)
            .map(|(id, _)| *id)
            .collect();
        for broker in busy {
            while self.send_one(broker) {}
        }
    }

    /// Sends one request to a broker. Answers whether there may be another.
    fn send_one(&mut self, id: i32) -> bool {
        let Some(broker) = self.brokers.get_mut(&id) else {
            return false;
        };
        if broker.ready.is_empty() || broker.in_flight >= REQUESTS_MAX || broker.is_connecting {
            return false;
        }
        let Some(link) = broker.link.clone().filter(Link::is_open) else {
            broker.is_connecting = true;
            let cluster = Arc::clone(&self.cluster);
            self.events.push(Box::pin(async move {
                Event::Connected(id, cluster.link(id, Purpose::Produce).await)
            }));
            return false;
        };
        let (request, sent) = self.gather(id);
        if sent.is_empty() {
            return false;
        }
        if self.settings.acks == Acks::None {
            let unsent = request.send_unanswered(&link).err();
            self.unanswered(sent, unsent.as_ref());
            return true;
        }
        match request.submit(&link, self.cluster.config().request_timeout) {
            Ok(pending) => {
                if let Some(broker) = self.brokers.get_mut(&id) {
                    broker.in_flight += 1;
                }
                self.events.push(Box::pin(
                    async move { Event::Answered(id, sent, pending.await) },
                ));
            }
            Err(error) => self.answered(sent, Err(error)),
        }
        true
    }

    /// Puts the next batch of every ready partition into a request.
    fn gather(&mut self, id: i32) -> (RequestBuilder, Vec<Sent>) {
        let now = Instant::now();
        let mut request = RequestBuilder::new(self.settings);
        let mut sent = Vec::new();
        let ready = self
            .brokers
            .get_mut(&id)
            .map(|broker| std::mem::take(&mut broker.ready));
        let mut ready = ready.unwrap_or_default();
        let mut again = VecDeque::new();
        while !request.is_full() {
            let Some(slot) = ready.pop_front() else { break };
            let Some(partition) = self.partitions.get_mut(slot) else {
                continue;
            };
            partition.listing = Listing::Unlisted;
            match partition.queue.next(self.producer, now) {
                Next::Idle => {}
                Next::Send(number) => match request.add(&partition.at, &partition.queue, number) {
                    Ok(()) => {
                        sent.push((slot, number));
                        partition.listing = Listing::Ready;
                        again.push_back(slot);
                    }
                    Err(error) => {
                        let refused = Verdict::Refused(error);
                        partition.queue.answered(number, refused, now);
                        partition.listing = Listing::Ready;
                        again.push_back(slot);
                    }
                },
                Next::Pause(until) => {
                    partition.listing = Listing::Waiting;
                    self.events.push(Box::pin(async move {
                        tokio::time::sleep_until(until.into()).await;
                        Event::Woken(vec![slot])
                    }));
                }
                Next::NeedsId => {
                    partition.listing = Listing::Waiting;
                    self.await_id(slot);
                }
            }
        }
        ready.append(&mut again);
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.ready.append(&mut ready);
        }
        (request, sent)
    }

    /// Has a partition wait for a producer id, asking for one if nobody did yet.
    fn await_id(&mut self, slot: Slot) {
        if let Some(awaiting) = &mut self.awaiting_id {
            return awaiting.push(slot);
        }
        self.awaiting_id = Some(vec![slot]);
        let cluster = Arc::clone(&self.cluster);
        self.events.push(Box::pin(async move {
            Event::Identified(new_id(&cluster).await)
        }));
    }

    /// Ends batches that no broker answers.
    fn unanswered(&mut self, sent: Vec<Sent>, error: Option<&ClientError>) {
        let verdict = error.map_or(
            Verdict::Written {
                base_offset: None,
                log_append_time: None,
            },
            Verdict::of_failure,
        );
        let mut moved = Vec::new();
        for (slot, number) in sent {
            self.judged(slot, number, verdict.clone(), &mut moved);
        }
        if !moved.is_empty() {
            self.wait_for_leaders(moved);
        }
    }
}

async fn new_id(cluster: &Arc<Cluster>) -> Result<ProducerId, ClientError> {
    let request = InitProducerIdRequest {
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    let attempt = || async {
        let response = cluster.call_any(Purpose::Discovery, &request).await?;
        ClientError::check(response.error_code, None)?;
        Ok(ProducerId {
            id: response.producer_id,
            epoch: response.producer_epoch,
        })
    };
    cluster.retry(attempt).await
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;
    use crate::config::Config;
    use crate::link::TcpDial;

    /// A broker that still has the last batch numbered 0 would answer the next one with its offset.
    #[tokio::test]
    async fn who_was_forgotten_comes_back_under_another_producer_id() {
        let config = Config::new(vec!["127.0.0.1:1".parse().unwrap()]);
        let cluster = Cluster::new(config, Arc::new(TcpDial), Handle::current());
        let mut sender = Sender::new(cluster, ProducerSettings::default());
        let known = ProducerId { id: 7, epoch: 0 };
        sender.producer = Some(known);
        let mut added = 0;
        while sender.producer == Some(known) {
            sender.add_partition(TopicPartition::new(format!("gone-{added}"), 0));
            added += 1;
            assert!(added < 10_000, "nothing is ever forgotten");
        }
        assert!(
            sender
                .partitions
                .slot(&TopicPartition::new("gone-0", 0))
                .is_none()
        );
    }
}
