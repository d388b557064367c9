//! Clients of ours at work on one topic while the broker is taken away under them, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sluice_client::admin::NewTopic;
use sluice_client::offsets::OffsetSpec;
use sluice_client::{Client, Config, Isolation, TcpDial, TopicPartition};
use sluice_e2e::history::{History, Kept, Summary};
use sluice_e2e::seed::Random;
use sluice_e2e::{World, wait};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::damage;
use super::member::Member;
use super::reader::Reader;
use super::writer::Writer;

const PRODUCERS: i64 = 4;
const MEMBERS: usize = 2;

/// Keys of each producer, where records have keys.
const KEYS: i64 = 50;

/// How long somebody waits for records before looking again.
pub(super) const WAIT: Duration = Duration::from_millis(200);

/// A client with links, caches and producer ids of its own.
pub(super) fn client(bootstrap: &str) -> Client {
    let address = bootstrap.parse().expect("host:port");
    Client::new(
        Config::new(vec![address]),
        Arc::new(TcpDial),
        Handle::current(),
    )
}

/// What is asked for where a topic is to be made.
pub(super) fn new_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs.iter();
    NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        configs: configs
            .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())))
            .collect(),
        ..NewTopic::default()
    }
}

/// A topic, where it is, and what was seen of it.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) bootstrap: String,
    pub(super) name: &'static str,
    pub(super) partitions: i32,
    pub(super) kept: Kept,
    pub(super) history: History,
}

impl Topic {
    /// Creates one that keeps all its records.
    pub(super) async fn create(bootstrap: &str, name: &'static str, partitions: i32) -> Self {
        Self::with(bootstrap, name, partitions, Kept::Everything, &[]).await
    }

    /// Creates one that keeps the latest record of each key, and is compacted whenever there is something to compact.
    pub(super) async fn compacted(bootstrap: &str, name: &'static str, partitions: i32) -> Self {
        let configs = [
            ("cleanup.policy", "compact"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("segment.bytes", "1048576"),
            ("segment.ms", "500"),
        ];
        let kept = Kept::LatestOf(KEYS);
        Self::with(bootstrap, name, partitions, kept, &configs).await
    }

    async fn with(
        bootstrap: &str,
        name: &'static str,
        partitions: i32,
        kept: Kept,
        configs: &[(&str, &str)],
    ) -> Self {
        let topic = new_topic(name, partitions, configs);
        let created = client(bootstrap)
            .admin()
            .create_topics(vec![topic], false)
            .await;
        assert!(created[0].1.is_ok(), "{created:?}");
        Self {
            bootstrap: bootstrap.to_owned(),
            name,
            partitions,
            kept,
            history: History::default(),
        }
    }
}

/// Shared by all who are at work.
#[derive(Debug, Default)]
pub(super) struct Shift {
    is_over: AtomicBool,
    acknowledged: AtomicUsize,
}

impl Shift {
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn acknowledged(&self, more: usize) {
        self.acknowledged.fetch_add(more, Ordering::Relaxed);
    }
}

/// Clients at work on a topic, until told to stop.
#[derive(Debug)]
pub(super) struct Load {
    topic: Topic,
    shift: Arc<Shift>,
    clients: Vec<JoinHandle<()>>,
    /// Where those who look again after a restart begin.
    looked: Vec<i64>,
    lookers: usize,
}

impl Load {
    /// Starts idempotent producers, a reader of everything and the members of a group that commits.
    pub(super) fn start(topic: Topic, random: &mut Random) -> Self {
        let shift = Arc::new(Shift::default());
        let mut clients = Vec::new();
        let mut number = 0;
        let mut next = || {
            number += 1;
            number
        };
        for producer in 1..=PRODUCERS {
            let writer = Writer::new(next(), producer, topic.clone(), random.split());
            clients.push(tokio::spawn(writer.run(Arc::clone(&shift))));
        }
        let reader = Reader::new(next(), &topic);
        clients.push(tokio::spawn(reader.follow(Arc::clone(&shift))));
        for _ in 0..MEMBERS {
            let member = Member::join(next(), &topic);
            clients.push(tokio::spawn(member.run(Arc::clone(&shift))));
        }
        Self {
            looked: vec![0; usize::try_from(topic.partitions).expect("some")],
            lookers: number,
            topic,
            shift,
            clients,
        }
    }

    /// Waits for so many more acknowledgements.
    ///
    /// # Panics
    /// If a client has given up, or they do not come.
    pub(super) async fn reach(&self, more: usize) {
        let count = || self.shift.acknowledged.load(Ordering::Relaxed);
        let goal = count() + more;
        let what = format!("{goal} acknowledgements of {}", self.topic.name);
        wait::until_true(&what, wait::PATIENCE, || {
            let ended = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!ended, "a client has given up, see above");
            std::future::ready(count() >= goal)
        })
        .await;
    }

    /// What was seen so far.
    pub(super) const fn history(&self) -> &History {
        &self.topic.history
    }

    /// What the topic keeps.
    pub(super) const fn kept(&self) -> Kept {
        self.topic.kept
    }

    /// Reads what is new since the last time, as somebody who has not been there before, and what the group has committed.
    pub(super) async fn look(&mut self) {
        self.lookers += 1;
        let mut reader = Reader::new(self.lookers, &self.topic);
        self.looked = reader.read(&self.looked).await;
        reader.committed().await;
    }

    /// Has each client finish what it does, reads everything and judges what all of them saw.
    ///
    /// # Panics
    /// If a client has given up, or somebody cannot read to the end, or the broker misses something itself.
    pub(super) async fn finish(mut self, world: &World) -> Summary {
        self.shift.end();
        for client in self.clients.drain(..) {
            client.await.expect("the client has not given up");
        }
        self.looked.fill(0);
        self.look().await;
        assert_eq!(self.looked, self.ends().await, "read to the end");
        assert_eq!(damage(world).await, 0, "damage on a disk that is sound");
        self.topic.history.judge(self.topic.kept)
    }

    /// Where the partitions end.
    async fn ends(&self) -> Vec<i64> {
        let partitions = (0..self.topic.partitions)
            .map(|partition| TopicPartition::new(self.topic.name, partition));
        let asked = partitions.map(|at| (at, OffsetSpec::Latest)).collect();
        let offsets = client(&self.topic.bootstrap).offsets();
        let listed = offsets.list(asked, Isolation::ReadUncommitted).await;
        let listed = listed.into_iter().map(|(_, listed)| listed);
        listed
            .map(|listed| listed.expect("an answer").offset.expect("an offset"))
            .collect()
    }
}
