//! The coordinator over real topics on a real disk, across restarts.

use std::path::Path;

use super::super::error::{LimitReached, NotMember, Unavailable};
use super::super::request::{FetchedTopic, OffsetsQuery};
use super::super::{CommitError, Coordinator};
use super::*;
use crate::log::{CommitLogConfig, SpaceConfig};
use crate::topics::{Commit, NewTopic, Topics, TopicsConfig};

/// Longer than anything here takes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Broker {
    pub(super) topics: Topics,
    pub(super) groups: Coordinator,
}

fn config() -> GroupConfig {
    GroupConfig {
        session_timeout_min: Duration::from_millis(1),
        offsets_topic_partitions: 3,
        ..GroupConfig::default()
    }
}

impl Broker {
    pub(super) async fn start(directory: &Path) -> Self {
        Self::start_with(directory, config()).await
    }

    async fn start_with(directory: &Path, config: GroupConfig) -> Self {
        let space = SpaceConfig {
            free_min: 16 << 10,
            reserve_bytes: 64 << 10,
        };
        Self::start_on(directory, config, space).await
    }

    async fn start_on(directory: &Path, config: GroupConfig, space: SpaceConfig) -> Self {
        let topics_config = TopicsConfig {
            directory: directory.to_owned(),
            node_id: 1,
            topics_max: 100,
            partitions_max: 1000,
            producers_max: 1000,
            sync_interval: Duration::from_secs(1),
            commit_log: CommitLogConfig::default(),
            space,
            defaults: BTreeMap::new(),
        };
        let topics = Topics::open(topics_config, Clock::system(), |_| ()).unwrap();
        let groups = Coordinator::load(config, topics.clone(), Clock::system())
            .await
            .unwrap();
        Self { topics, groups }
    }

    pub(super) async fn create(&self, name: &str) {
        let topic = NewTopic {
            name: topic(name),
            partitions: 1,
            configs: BTreeMap::new(),
        };
        self.topics.create(topic, Commit::Yes).await.unwrap();
    }

    pub(super) fn stop(self) {
        self.groups.stop();
        drop(self.groups);
        self.topics.close().unwrap();
    }

    /// A stable group of three, the first of which leads.
    async fn three_members(&self, group: &GroupId) -> Vec<Joined> {
        let first = self.groups.join(group, newcomer()).await.unwrap();
        let others = [newcomer(), static_newcomer("i1")].map(|request| {
            let (groups, group) = (self.groups.clone(), group.clone());
            tokio::spawn(async move { groups.join(&group, request).await })
        });
        wait_until(|| {
            self.groups
                .describe(group)
                .is_some_and(|group| group.members.len() == 3)
        })
        .await;
        let mut members = vec![
            self.groups
                .join(group, returning(&first.member))
                .await
                .unwrap(),
        ];
        for joining in others {
            members.push(joining.await.unwrap().unwrap());
        }
        let synced = members.iter().map(|joined| {
            let (groups, group, request) = (self.groups.clone(), group.clone(), sync(joined));
            tokio::spawn(async move { groups.sync(&group, request).await })
        });
        for (syncing, joined) in synced.collect::<Vec<_>>().into_iter().zip(&members) {
            let synced = syncing.await.unwrap().unwrap();
            assert_eq!(synced.assignment, format!("for {}", joined.member));
        }
        members
    }

    async fn heartbeat(&self, group: &GroupId, joined: &Joined) -> Result<(), HeartbeatError> {
        let request = HeartbeatRequest {
            caller: caller(&joined.member),
            generation: joined.generation,
        };
        self.groups.heartbeat(group, request).await
    }
}

pub(super) fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

fn sync(joined: &Joined) -> SyncRequest {
    SyncRequest {
        caller: caller(&joined.member),
        generation: joined.generation,
        protocol_type: None,
        protocol: None,
        assignments: range_to_everyone(joined),
    }
}

async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the condition never held");
}

pub(super) fn offset_of(fetched: &[FetchedTopic]) -> Option<i64> {
    let (_, committed) = fetched.first()?.partitions.first()?;
    committed.as_ref().map(|committed| committed.offset.0)
}

#[tokio::test]
async fn members_and_offsets_are_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let billing = group("billing");
    let broker = Broker::start(directory.path()).await;
    broker.create("orders").await;
    let members = broker.three_members(&billing).await;
    let commit = member_commit(&members[0], vec![offset_to_commit("orders", 42)]);
    assert_eq!(
        broker.groups.commit_offsets(&billing, commit).await,
        Ok(vec![Ok(())])
    );
    let before = broker.groups.describe(&billing).unwrap();
    assert_eq!(before.state, GroupState::Stable);
    broker.stop();

    let broker = Broker::start(directory.path()).await;
    assert_eq!(broker.groups.describe(&billing), Some(before));
    for joined in &members {
        assert_eq!(broker.heartbeat(&billing, joined).await, Ok(()));
    }
    let fetched = broker.groups.fetch_offsets(&billing, &OffsetsQuery::All);
    assert_eq!(offset_of(&fetched), Some(42));
    let waiting = broker.groups.join(&billing, returning(&members[0].member));
    let others = async {
        for joined in &members[1..] {
            let request = returning(&joined.member);
            let (groups, billing) = (broker.groups.clone(), billing.clone());
            tokio::spawn(async move { groups.join(&billing, request).await });
        }
    };
    let (joined, ()) = tokio::join!(waiting, others);
    assert_eq!(joined.unwrap().generation, members[0].generation.next());
    broker.stop();
}

#[tokio::test]
async fn deleted_groups_and_offsets_stay_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    for name in ["orders", "payments"] {
        broker.create(name).await;
    }
    let names = ["kept", "deleted"].map(group);
    for name in &names {
        let offsets = ["orders", "payments"].map(|topic| offset_to_commit(topic, 7));
        let commit = standalone_commit(offsets.to_vec());
        broker.groups.commit_offsets(name, commit).await.unwrap();
    }
    assert_eq!(broker.groups.delete_group(&names[1]).await, Ok(()));
    broker.topics.delete(&topic("orders")).await.unwrap();
    broker.groups.topics_deleted(&[topic("orders")]);
    let partition = (topic("payments"), PartitionId(0));
    assert_eq!(
        broker
            .groups
            .delete_offsets(&names[0], vec![partition])
            .await,
        Ok(vec![Ok(())])
    );
    // Nothing is left of the group but its commit.
    let commit = standalone_commit(vec![offset_to_commit("payments", 8)]);
    broker
        .groups
        .commit_offsets(&names[0], commit)
        .await
        .unwrap();
    broker.stop();

    let broker = Broker::start(directory.path()).await;
    let listed: Vec<_> = broker
        .groups
        .list()
        .into_iter()
        .map(|listing| listing.group)
        .collect();
    assert_eq!(listed, [group("kept")]);
    let fetched = broker.groups.fetch_offsets(&names[0], &OffsetsQuery::All);
    assert_eq!((fetched.len(), offset_of(&fetched)), (1, Some(8)));
    broker.stop();
}

#[tokio::test]
async fn start_removes_offsets_of_topics_that_a_crash_outlived() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    broker.create("orders").await;
    let commit = standalone_commit(vec![offset_to_commit("orders", 7)]);
    broker
        .groups
        .commit_offsets(&group("g"), commit)
        .await
        .unwrap();
    broker.topics.delete(&topic("orders")).await.unwrap();
    broker.stop();

    let broker = Broker::start(directory.path()).await;
    wait_until(|| broker.groups.list().is_empty()).await;
    broker.stop();
}

#[tokio::test]
async fn offsets_topic_comes_at_the_first_need_and_is_compacted() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    let unknown = group("unknown");
    assert_eq!(broker.groups.describe(&unknown), None);
    let left = broker.groups.leave(&unknown, vec![Leaver::Nobody]).await;
    assert_eq!(left, Ok(vec![Err(NotMember::Unknown)]));
    assert!(broker.topics.topic("__consumer_offsets").is_none());

    let commits = (0..10).map(|number| {
        let groups = broker.groups.clone();
        let commit = standalone_commit(vec![offset_to_commit("t", number)]);
        tokio::spawn(async move {
            groups
                .commit_offsets(&group(&format!("g{number}")), commit)
                .await
        })
    });
    for commit in commits.collect::<Vec<_>>() {
        assert_eq!(commit.await.unwrap(), Ok(vec![Ok(())]));
    }
    let topic = broker.topics.topic("__consumer_offsets").unwrap();
    assert_eq!(topic.partitions().len(), 3);
    assert!(topic.is_internal());
    assert!(topic.config().cleanup.compact);
    assert_eq!(broker.groups.stats().groups, 10);
    broker.stop();
}

#[tokio::test]
async fn silent_members_expire_by_the_clock() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    let silent = JoinRequest {
        session_timeout: Duration::from_millis(20),
        ..newcomer()
    };
    broker.groups.join(&group("g"), silent).await.unwrap();
    let is_empty = || {
        let described = broker.groups.describe(&group("g"));
        described.is_some_and(|group| group.state == GroupState::Empty)
    };
    wait_until(is_empty).await;
    assert_eq!(broker.groups.stats().members_expired, 1);
    broker.stop();
}

#[tokio::test]
async fn call_that_is_dropped_goes_on_without_its_caller() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    let g = group("g");
    let members = broker.three_members(&g).await;
    let groups = broker.groups.clone();
    let request = returning(&members[0].member);
    let task = tokio::spawn({
        let g = g.clone();
        async move { groups.join(&g, request).await }
    });
    wait_until(|| {
        let described = broker.groups.describe(&g);
        described.is_some_and(|group| group.state == GroupState::PreparingRebalance)
    })
    .await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let again = broker.groups.join(&g, returning(&members[0].member));
    let rest = async {
        let left = members[1..]
            .iter()
            .map(|joined| Leaver::Member(caller(&joined.member)));
        broker.groups.leave(&g, left.collect()).await
    };
    let (joined, _) = tokio::join!(again, rest);
    assert_eq!(joined.unwrap().members.len(), 1);
    broker.stop();
}

#[tokio::test]
async fn stopping_answers_who_waits_and_refuses_who_comes() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    let g = group("g");
    let members = broker.three_members(&g).await;
    let (groups, request) = (broker.groups.clone(), returning(&members[0].member));
    let task = tokio::spawn({
        let g = g.clone();
        async move { groups.join(&g, request).await }
    });
    wait_until(|| {
        let described = broker.groups.describe(&g);
        described.is_some_and(|group| group.state == GroupState::PreparingRebalance)
    })
    .await;
    broker.groups.stop();
    assert_eq!(task.await.unwrap(), Err(Unavailable::Stopping.into()));
    assert_eq!(
        broker.heartbeat(&g, &members[1]).await,
        Err(Unavailable::Stopping.into())
    );
    broker.stop();
}

#[tokio::test]
async fn limits_of_the_coordinator_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let config = GroupConfig {
        groups_max: 1,
        ..GroupConfig::default()
    };
    let broker = Broker::start_with(directory.path(), config).await;
    let commit = |number| standalone_commit(vec![offset_to_commit("t", number)]);
    broker
        .groups
        .commit_offsets(&group("a"), commit(1))
        .await
        .unwrap();
    broker
        .groups
        .commit_offsets(&group("a"), commit(2))
        .await
        .unwrap();
    let full = LimitReached::Groups { max: 1 };
    assert_eq!(
        broker.groups.commit_offsets(&group("b"), commit(1)).await,
        Err(CommitError::LimitReached(full))
    );
    assert_eq!(
        broker.groups.join(&group("b"), newcomer()).await,
        Err(full.into())
    );
    let hasty = JoinRequest {
        session_timeout: MOMENT,
        ..newcomer()
    };
    assert!(matches!(
        broker.groups.join(&group("a"), hasty).await,
        Err(JoinError::InvalidSessionTimeout { .. })
    ));
    assert_eq!(
        broker.groups.join(&group(""), newcomer()).await,
        Err(JoinError::InvalidGroupId)
    );
    broker.groups.delete_group(&group("a")).await.unwrap();
    assert_eq!(broker.groups.stats().memory_bytes, 0);
    broker
        .groups
        .commit_offsets(&group("b"), commit(1))
        .await
        .unwrap();
    broker.stop();
}

/// Mutation: `GroupWriteFailed` that warns whatever the reason.
#[tokio::test]
async fn commits_that_a_full_disk_refuses_are_no_warning_each() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(std::fs::File::create(&log).unwrap())
        .finish();
    // More than any disk has.
    let space = SpaceConfig {
        free_min: 16 << 10,
        reserve_bytes: 1 << 62,
    };
    let broker = Broker::start_on(&directory.path().join("data"), config(), space).await;
    let _heard = tracing::subscriber::set_default(subscriber);
    for _ in 0..3 {
        let commit = standalone_commit(vec![offset_to_commit("orders", 5)]);
        let committed = broker.groups.commit_offsets(&group("g"), commit).await;
        let refused = CommitError::Unavailable(Unavailable::Storage);
        assert_eq!(committed.unwrap_err(), refused);
    }
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(said.matches("change of a group not stored").count(), 3);
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
}
