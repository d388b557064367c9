use std::time::{Duration, Instant};

use sluice_client::{Client, Isolation, ProduceRecord, ProducerSettings, TopicPartition};

use crate::target::{client, topic};

const LONG: Duration = Duration::from_secs(20);

async fn produce(client: &Client, topic: &str, partition: i32) {
    let record = ProduceRecord {
        partition: Some(partition),
        value: Some("x".into()),
        ..ProduceRecord::default()
    };
    let producer = client.producer(ProducerSettings::default());
    let results = producer.send(topic, vec![record]).await.unwrap();
    results[0].clone().unwrap();
}

/// A task that waits at an offset, and answers whether it was woken and when.
fn reader(
    client: &Client,
    topic: &str,
    partition: i32,
    offset: i64,
    timeout: Duration,
) -> tokio::task::JoinHandle<(bool, Instant)> {
    let watcher = client.watcher();
    let positions = [(TopicPartition::new(topic, partition), offset)];
    tokio::spawn(async move {
        let woken = watcher
            .wait(&positions, Isolation::ReadUncommitted, timeout)
            .await;
        (woken, Instant::now())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_woken_by_a_record_and_by_nothing_else() {
    let client = client().await;
    let topic = topic(&client, 3).await;
    produce(&client, &topic, 2).await;
    let quiet = reader(&client, &topic, 2, 1, Duration::from_millis(1500));
    for offset in 0..3 {
        let readers = [0, 1].map(|partition| reader(&client, &topic, partition, offset, LONG));
        produce(&client, &topic, 0).await;
        produce(&client, &topic, 1).await;
        let produced = Instant::now();
        for reader in readers {
            let (woken, at) = reader.await.unwrap();
            assert!(woken);
            assert!(at.saturating_duration_since(produced) < Duration::from_secs(1));
        }
    }
    assert!(!quiet.await.unwrap().0);
}

#[tokio::test]
async fn a_reader_behind_the_end_is_woken_at_once() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    produce(&client, &topic, 0).await;
    let started = Instant::now();
    assert!(reader(&client, &topic, 0, 0, LONG).await.unwrap().0);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_readers_are_woken_each_by_its_own_partition() {
    let client = client().await;
    let topic = topic(&client, 100).await;
    let readers: Vec<_> = (0..1000)
        .map(|n| reader(&client, &topic, n % 100, 0, LONG))
        .collect();
    for partition in 0..100 {
        produce(&client, &topic, partition).await;
    }
    for reader in readers {
        assert!(reader.await.unwrap().0);
    }
}

#[tokio::test]
async fn the_deletion_of_a_topic_wakes_its_readers() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    let reader = reader(&client, &topic, 0, 0, LONG);
    client.admin().delete_topics(vec![topic]).await;
    assert!(reader.await.unwrap().0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_either_isolation_do_not_wait_for_each_other() {
    let client = client().await;
    let topic = topic(&client, 2).await;
    let watcher = client.watcher();
    let quiet = [(TopicPartition::new(topic.as_str(), 1), 0)];
    let committed = tokio::spawn(async move {
        let isolation = Isolation::ReadCommitted;
        watcher
            .wait(&quiet, isolation, Duration::from_secs(3))
            .await
    });
    for offset in 0..5 {
        let reader = reader(&client, &topic, 0, offset, LONG);
        let produced = Instant::now();
        produce(&client, &topic, 0).await;
        assert!(reader.await.unwrap().0);
        assert!(produced.elapsed() < Duration::from_secs(2));
    }
    committed.await.unwrap();
}
