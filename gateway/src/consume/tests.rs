//! Consumer instances on a bundled broker: what they deliver, commit and refuse.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::Registry;
use sluice_broker::Broker;
use sluice_client::admin::NewTopic;
use sluice_client::{ProduceRecord, ProducerSettings, TcpDial, TopicPartition};
use tokio::runtime::Handle;

use super::*;
use crate::config::{ByteCount, Config};
use crate::embedded::EmbeddedFormat;

struct World {
    client: Client,
    consumers: Consumers,
    metrics: RestMetrics,
    broker: Broker,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        Self::with(|_settings| ()).await
    }

    async fn with(change: impl FnOnce(&mut RestV2)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::new();
        let config = sluice_broker::Config::for_testing(folder.path());
        let broker = Broker::start(config, &registry).await.unwrap();
        let address = broker.addresses()[0].to_string().parse().unwrap();
        let settings = sluice_client::Config::new(vec![address]);
        let client = Client::new(settings, Arc::new(TcpDial), Handle::current());
        let mut settings = Config::for_testing(folder.path()).unwrap().rest_v2;
        change(&mut settings);
        let metrics = RestMetrics::new("local", &registry).unwrap();
        let consumers = Consumers::new(client.clone(), settings, metrics.clone());
        consumers.expire(&Handle::current());
        Self {
            client,
            consumers,
            metrics,
            broker,
            _folder: folder,
        }
    }

    async fn topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: Some(partitions),
            ..NewTopic::default()
        };
        let created = self.client.admin().create_topics(vec![topic], false).await;
        assert!(created.iter().all(|(_, created)| created.is_ok()));
    }

    async fn produce(&self, topic: &str, partition: i32, values: &[&str]) {
        let records = values.iter().map(|value| ProduceRecord {
            partition: Some(partition),
            value: Some((*value).to_owned().into()),
            ..ProduceRecord::default()
        });
        let producer = self.client.producer(ProducerSettings::default());
        let sent = producer.send(topic, records.collect()).await.unwrap();
        assert!(sent.iter().all(Result::is_ok));
    }

    fn consumer(&self, group: &str, name: &str, options: Options) -> Consumer {
        self.consumers.create(group, name, options).unwrap();
        self.consumers.find(group, name).unwrap()
    }

    async fn stop(self) {
        self.consumers.close_all().await;
        self.broker.shutdown(Duration::from_secs(5)).await;
    }
}

fn from_start() -> Options {
    Options {
        format: EmbeddedFormat::Json,
        reset: Reset::Earliest,
        ..Options::default()
    }
}

fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn within(timeout: Duration) -> ReadRequest {
    ReadRequest {
        timeout: Some(timeout),
        bytes_max: None,
        format: EmbeddedFormat::Json,
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

async fn values(consumer: &Consumer) -> Vec<String> {
    let records = consumer.read(within(PATIENCE)).await.unwrap();
    records
        .iter()
        .map(|record| record.value.get().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_goes_on_where_the_first_one_committed() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    world.produce("orders", 0, &["1", "2", "3"]).await;
    let manual = Options {
        auto_commit: false,
        ..from_start()
    };
    let first = world.consumer("billing", "a", manual.clone());
    first.subscribe(vec!["orders".to_owned()]).await.unwrap();
    assert_eq!(values(&first).await, ["1", "2", "3"]);
    let commit = CommitOffset {
        at: at("orders", 0),
        offset: 1,
        metadata: Some("half".to_owned()),
    };
    first.commit(vec![commit]).await.unwrap();
    let committed = first
        .committed(vec![at("orders", 0), at("orders", 7)])
        .await
        .unwrap();
    let expected = CommittedAt {
        at: at("orders", 0),
        offset: 2,
        metadata: "half".to_owned(),
    };
    assert_eq!(committed, [expected]);
    drop(first);
    world.consumers.delete("billing", "a").await.unwrap();
    let second = world.consumer("billing", "b", manual);
    second.subscribe(vec!["orders".to_owned()]).await.unwrap();
    assert_eq!(values(&second).await, ["3"]);
    second.commit_all().await.unwrap();
    let committed = second.committed(vec![at("orders", 0)]).await.unwrap();
    assert_eq!(committed[0].offset, 3);
    drop(second);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_commits_by_itself_does_so_when_it_ends() {
    let world = World::start().await;
    world.topic("orders", 2).await;
    world.produce("orders", 0, &["1"]).await;
    let first = world.consumer("billing", "a", from_start());
    first.subscribe(vec!["orders".to_owned()]).await.unwrap();
    assert_eq!(values(&first).await, ["1"]);
    drop(first);
    world.consumers.delete("billing", "a").await.unwrap();
    world.produce("orders", 1, &["2"]).await;
    let second = world.consumer("billing", "b", from_start());
    second.subscribe(vec!["orders".to_owned()]).await.unwrap();
    assert_eq!(values(&second).await, ["2"]);
    drop(second);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_read_answers_as_soon_as_a_record_is_there() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    let consumer = world.consumer("billing", "a", from_start());
    consumer.assign(vec![at("orders", 0)]).await.unwrap();
    let none = consumer
        .read(within(Duration::from_millis(20)))
        .await
        .unwrap();
    assert!(none.is_empty());
    let (read, produced) = tokio::join!(
        async {
            let values = values(&consumer).await;
            (values, Instant::now())
        },
        async {
            until_reading(&consumer).await;
            world.produce("orders", 0, &["1"]).await;
            Instant::now()
        }
    );
    assert_eq!(read.0, ["1"]);
    let late = read.1.saturating_duration_since(produced);
    assert!(late < Duration::from_millis(500), "{late:?}");
    drop(consumer);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_cut_at_max_bytes_and_a_larger_record_comes_alone() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    let large = format!("\"{}\"", "x".repeat(500));
    world
        .produce("orders", 0, &["1", "2", "3", &large, "4"])
        .await;
    let consumer = world.consumer("billing", "a", from_start());
    consumer.assign(vec![at("orders", 0)]).await.unwrap();
    let mut reads = Vec::new();
    while reads.len() < 4 {
        let request = ReadRequest {
            bytes_max: Some(2),
            ..within(PATIENCE)
        };
        let records = consumer.read(request).await.unwrap();
        let read: Vec<i64> = records.iter().map(|record| record.offset).collect();
        reads.push(read);
    }
    assert_eq!(reads, [vec![0, 1], vec![2], vec![3], vec![4]]);
    drop(consumer);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_json_is_named_and_can_be_passed_by() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    world.produce("orders", 0, &["1", "{", "2"]).await;
    let consumer = world.consumer("billing", "a", from_start());
    consumer.assign(vec![at("orders", 0)]).await.unwrap();
    assert_eq!(values(&consumer).await, ["1"]);
    for _ in 0..2 {
        let error = consumer.read(within(PATIENCE)).await.unwrap_err();
        let ConsumeError::Undecodable {
            at: place, offset, ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((place, offset), (at("orders", 0), 1));
    }
    consumer
        .seek(vec![(at("orders", 0), SeekTo::Offset(2))])
        .await
        .unwrap();
    assert_eq!(values(&consumer).await, ["2"]);
    consumer
        .seek(vec![(at("orders", 0), SeekTo::Beginning)])
        .await
        .unwrap();
    assert_eq!(values(&consumer).await, ["1"]);
    consumer
        .seek(vec![(at("orders", 0), SeekTo::End)])
        .await
        .unwrap();
    let none = consumer
        .read(within(Duration::from_millis(50)))
        .await
        .unwrap();
    assert!(none.is_empty());
    let elsewhere = consumer.seek(vec![(at("orders", 1), SeekTo::End)]).await;
    assert_eq!(
        elsewhere,
        Err(ConsumeError::NotAssigned {
            at: at("orders", 1)
        })
    );
    drop(consumer);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_outside_of_the_log_is_reset() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    world.produce("orders", 0, &["1"]).await;
    let consumer = world.consumer("billing", "a", from_start());
    consumer.assign(vec![at("orders", 0)]).await.unwrap();
    consumer
        .seek(vec![(at("orders", 0), SeekTo::Offset(99))])
        .await
        .unwrap();
    assert_eq!(values(&consumer).await, ["1"]);
    let nowhere = world.consumer(
        "billing",
        "b",
        Options {
            reset: Reset::None,
            ..from_start()
        },
    );
    nowhere.assign(vec![at("orders", 0)]).await.unwrap();
    let error = nowhere.read(within(PATIENCE)).await.unwrap_err();
    assert_eq!(
        error,
        ConsumeError::NoOffset {
            at: at("orders", 0)
        }
    );
    drop((consumer, nowhere));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_pattern_and_partitions_exclude_each_other() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    let consumer = world.consumer("billing", "a", from_start());
    let nothing = consumer.read(within(PATIENCE)).await.unwrap_err();
    assert_eq!(nothing, ConsumeError::NothingToRead);
    let exclusive = Err(ConsumeError::MutuallyExclusive);
    let topics = || vec!["orders".to_owned()];
    consumer.subscribe(topics()).await.unwrap();
    assert_eq!(consumer.assign(vec![at("orders", 0)]).await, exclusive);
    assert_eq!(
        consumer.subscribe_pattern("o.*".to_owned()).await,
        exclusive
    );
    consumer.unsubscribe().await.unwrap();
    consumer.subscribe_pattern("o.*".to_owned()).await.unwrap();
    assert_eq!(consumer.subscription().await.unwrap(), topics());
    assert_eq!(consumer.subscribe(topics()).await, exclusive);
    consumer.subscribe(Vec::new()).await.unwrap();
    consumer.assign(vec![at("orders", 0)]).await.unwrap();
    assert_eq!(consumer.subscribe(topics()).await, exclusive);
    assert_eq!(consumer.assignment().await.unwrap(), [at("orders", 0)]);
    drop(consumer);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_finds_topics_that_come_later() {
    let world = World::start().await;
    world.topic("orders-1", 1).await;
    let consumer = world.consumer("billing", "a", from_start());
    consumer
        .subscribe_pattern("orders-.*".to_owned())
        .await
        .unwrap();
    world.topic("orders-2", 1).await;
    world.produce("orders-2", 0, &["2"]).await;
    assert_eq!(values(&consumer).await, ["2"]);
    assert_eq!(
        consumer.subscription().await.unwrap(),
        ["orders-1", "orders-2"]
    );
    drop(consumer);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_ends_ends_the_read_that_waits() {
    let world = World::start().await;
    world.topic("orders", 1).await;
    let consumer = world.consumer("billing", "a", from_start());
    consumer.subscribe(vec!["orders".to_owned()]).await.unwrap();
    let started = Instant::now();
    let (read, deleted) = tokio::join!(consumer.read(within(PATIENCE)), async {
        until_reading(&consumer).await;
        world.consumers.delete("billing", "a").await
    });
    assert_eq!(read.unwrap_err(), ConsumeError::NoInstance);
    deleted.unwrap();
    assert!(started.elapsed() < PATIENCE / 2);
    drop(consumer);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_nobody_uses_end_and_those_in_use_stay() {
    let world = World::with(|settings| {
        settings.consumer_idle_timeout = Duration::from_millis(100);
        settings.consumer_instances_max = 2;
        settings.read_size_max = ByteCount(1024);
    })
    .await;
    let held = world.consumer("billing", "held", from_start());
    world
        .consumers
        .create("billing", "idle", from_start())
        .unwrap();
    let again = world.consumers.create("billing", "idle", from_start());
    assert_eq!(again, Err(ConsumeError::InstanceExists));
    let third = world.consumers.create("billing", "third", from_start());
    assert_eq!(third, Err(ConsumeError::TooManyInstances { limit: 2 }));
    let deadline = Instant::now() + PATIENCE;
    while world.metrics.instances_expired.get() == 0 && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.metrics.instances_expired.get(), 1);
    assert_eq!(world.metrics.consumer_instances.get(), 1);
    assert_eq!(
        world.consumers.find("billing", "idle").err(),
        Some(ConsumeError::NoInstance)
    );
    assert_eq!(held.subscription().await, Ok(Vec::new()));
    drop(held);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_of_a_group_share_its_partitions_and_groups_do_not_share() {
    let world = World::start().await;
    world.topic("orders", 4).await;
    for partition in 0..4 {
        world
            .produce("orders", partition, &[&partition.to_string()])
            .await;
    }
    let names = [("billing", "a"), ("billing", "b"), ("audit", "c")];
    let consumers = names.map(|(group, name)| world.consumer(group, name, from_start()));
    for consumer in &consumers {
        consumer.subscribe(vec!["orders".to_owned()]).await.unwrap();
    }
    let [first, second, other] = &consumers;
    let (both, alone) = ([first, second], [other]);
    let (billing, audit) = tokio::join!(all_of_four(&both), all_of_four(&alone));
    assert_eq!(audit, [0, 1, 2, 3]);
    let mut distinct = billing;
    distinct.dedup();
    assert_eq!(distinct, [0, 1, 2, 3]);
    drop(consumers);
    world.stop().await;
}

/// The partitions of the records that the consumers deliver together, at least four of them.
async fn all_of_four(consumers: &[&Consumer]) -> Vec<i32> {
    let mut partitions = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    let turns = consumers.iter().cycle();
    for consumer in turns.take_while(|_| Instant::now() < deadline) {
        let records = consumer.read(within(Duration::from_millis(100))).await;
        partitions.extend(records.unwrap().iter().map(|it| it.partition));
        if partitions.len() >= 4 {
            break;
        }
    }
    partitions.sort_unstable();
    partitions
}

async fn until_reading(consumer: &Consumer) {
    while !consumer.is_busy() {
        tokio::task::yield_now().await;
    }
}
