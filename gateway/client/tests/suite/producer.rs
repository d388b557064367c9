use std::collections::BTreeSet;

use bytes::Bytes;
use sluice_client::admin::NewTopic;
use sluice_client::{
    Acks, Client, Compression, ErrorCode, ProduceError, ProduceRecord, ProducerSettings,
};

use crate::target::{bundled, client, topic, unique};

fn record(value: impl Into<Bytes>) -> ProduceRecord {
    ProduceRecord {
        value: Some(value.into()),
        ..ProduceRecord::default()
    }
}

fn keyed(key: &str, value: &str) -> ProduceRecord {
    ProduceRecord {
        key: Some(key.to_owned().into()),
        ..record(value.to_owned())
    }
}

async fn configured(client: &Client, config: (&str, &str)) -> String {
    let name = unique("topic");
    let topic = NewTopic {
        name: name.clone(),
        partitions: Some(1),
        configs: vec![(config.0.to_owned(), Some(config.1.to_owned()))],
        ..NewTopic::default()
    };
    let created = client.admin().create_topics(vec![topic], false).await;
    created[0].1.clone().unwrap();
    name
}

#[tokio::test]
async fn concurrent_callers_get_offsets_of_their_own() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    let producer = client.producer(ProducerSettings::default());
    let sends = (0..200).map(|n| {
        let (producer, topic) = (producer.clone(), topic.clone());
        tokio::spawn(async move {
            let records = vec![record(format!("{n}")), record(format!("{n}b"))];
            let results = producer.send(&topic, records).await.unwrap();
            let offsets = results.into_iter().map(|it| it.unwrap().offset.unwrap());
            offsets.collect::<Vec<_>>()
        })
    });
    let mut seen = BTreeSet::new();
    for send in sends.collect::<Vec<_>>() {
        let offsets = send.await.unwrap();
        assert_eq!(offsets[1], offsets[0] + 1);
        seen.extend(offsets);
    }
    assert_eq!(seen, (0..400).collect());
}

#[tokio::test]
async fn every_codec_and_every_acknowledgement_is_accepted() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    let mut next = 0;
    for compression in Compression::ALL {
        let settings = ProducerSettings {
            compression: *compression,
            ..ProducerSettings::default()
        };
        let records = vec![record("x".repeat(1000)); 10];
        let results = client.producer(settings).send(&topic, records).await;
        assert_eq!(results.unwrap()[0].clone().unwrap().offset, Some(next));
        next += 10;
    }
    for (acks, offset) in [(Acks::Leader, Some(next)), (Acks::None, None)] {
        let settings = ProducerSettings {
            acks,
            ..ProducerSettings::default()
        };
        let results = client
            .producer(settings)
            .send(&topic, vec![record("x")])
            .await;
        assert_eq!(results.unwrap()[0].clone().unwrap().offset, offset);
    }
}

#[tokio::test]
async fn keys_choose_partitions_and_a_wrong_one_fails_alone() {
    let client = client().await;
    let topic = topic(&client, 5).await;
    let producer = client.producer(ProducerSettings::default());
    let wrong = ProduceRecord {
        partition: Some(5),
        ..record("lost")
    };
    let right = ProduceRecord {
        partition: Some(4),
        ..record("kept")
    };
    let records = vec![keyed("foobar", "1"), wrong, right, keyed("foobar", "2")];
    let results = producer.send(&topic, records).await.unwrap();
    // murmur2("foobar") is -790332482.
    let expected = (-790_332_482_i32 & i32::MAX) % 5;
    assert_eq!(results[0].clone().unwrap().partition, expected);
    assert_eq!(results[3].clone().unwrap().partition, expected);
    assert_eq!(results[2].clone().unwrap().partition, 4);
    let error = results[1].clone().unwrap_err();
    assert!(matches!(
        error,
        ProduceError::UnknownPartition { count: 5, .. }
    ));
}

#[tokio::test]
async fn a_bad_record_fails_alone_though_it_shared_a_batch() {
    let client = client().await;
    let topic = configured(&client, ("cleanup.policy", "compact")).await;
    let producer = client.producer(ProducerSettings::default());
    let sends = (0..100).map(|n| {
        let (producer, topic) = (producer.clone(), topic.clone());
        tokio::spawn(async move {
            let records = match n % 10 {
                // A compacted topic refuses records without a key.
                3 => vec![record("no key")],
                _ => vec![keyed(&format!("{n}"), "good")],
            };
            producer.send(&topic, records).await.unwrap().remove(0)
        })
    });
    let mut offsets = BTreeSet::new();
    for (n, send) in sends.collect::<Vec<_>>().into_iter().enumerate() {
        let result = send.await.unwrap();
        if n % 10 == 3 {
            let error = result.unwrap_err();
            assert_eq!(error.code(), Some(ErrorCode::InvalidRecord), "{error}");
        } else {
            offsets.insert(result.unwrap().offset.unwrap());
        }
    }
    assert_eq!(offsets, (0..90).collect());
}

#[tokio::test]
async fn a_record_too_large_fails_alone_and_the_others_are_split() {
    let client = client().await;
    let topic = configured(&client, ("max.message.bytes", "10000")).await;
    let producer = client.producer(ProducerSettings::default());
    let mut records = vec![record("x".repeat(1000)); 50];
    records[20] = record("x".repeat(20_000));
    let results = producer.send(&topic, records).await.unwrap();
    let mut next = 0;
    for (n, result) in results.into_iter().enumerate() {
        if n == 20 {
            let error = result.unwrap_err();
            assert_eq!(error.code(), Some(ErrorCode::MessageTooLarge), "{error}");
        } else {
            assert_eq!(result.unwrap().offset, Some(next));
            next += 1;
        }
    }
}

#[tokio::test]
async fn a_missing_topic_is_created_where_the_cluster_creates_topics() {
    let client = client().await;
    let topic = unique("missing");
    let producer = client.producer(ProducerSettings::default());
    let results = producer.send(&topic, vec![record("first")]).await.unwrap();
    assert_eq!(results[0].clone().unwrap().offset, Some(0));
    let error = producer
        .send("no topic!", vec![record("x")])
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidTopicException));
}

#[tokio::test]
async fn who_produces_to_a_topic_that_cannot_be_created_hears_why() {
    let client = bundled(|settings| settings.topics.topics_max = 1).await;
    topic(&client, 1).await;
    let producer = client.producer(ProducerSettings::default());
    let refused = producer.send("one-more", vec![record("x")]).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PolicyViolation));
    assert!(error.to_string().contains("broker.topics_max"), "{error}");
}
