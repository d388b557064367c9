use sluice_client::offsets::{CommitRequest, Committer, GroupQuery, OffsetAndMetadata, OffsetSpec};
use sluice_client::{
    Client, Compression, ErrorCode, FetchOptions, FetchTarget, Header, Isolation, ProduceRecord,
    ProducerSettings, TopicPartition,
};

use crate::target::{client, topic, unique};

async fn produce(client: &Client, topic: &str, compression: Compression, values: &[&str]) {
    let settings = ProducerSettings {
        compression,
        ..ProducerSettings::default()
    };
    let records = values.iter().map(|value| ProduceRecord {
        partition: Some(0),
        timestamp: Some(1000),
        value: Some((*value).to_owned().into()),
        ..ProduceRecord::default()
    });
    let results = client
        .producer(settings)
        .send(topic, records.collect())
        .await;
    assert!(results.unwrap().iter().all(Result::is_ok));
}

fn target(topic: &str, offset: i64, bytes_max: i32) -> FetchTarget {
    FetchTarget {
        at: TopicPartition::new(topic, 0),
        offset,
        bytes_max,
    }
}

#[tokio::test]
async fn records_of_every_codec_are_read_back() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    let text = "text that compresses ".repeat(20);
    for compression in Compression::ALL {
        produce(&client, &topic, *compression, &[&text, &text, &text]).await;
    }
    let header = |value: Option<&'static str>| Header {
        key: "twice".into(),
        value: value.map(Into::into),
    };
    let record = ProduceRecord {
        timestamp: Some(77),
        key: Some("".into()),
        value: None,
        headers: vec![header(Some("1")), header(None)],
        ..ProduceRecord::default()
    };
    let producer = client.producer(ProducerSettings::default());
    producer.send(&topic, vec![record.clone()]).await.unwrap();

    let options = FetchOptions::default();
    let fetcher = client.fetcher();
    let mut fetched = fetcher
        .fetch(vec![target(&topic, 1, 1 << 20)], options)
        .await;
    let fetched = fetched.remove(0).1.unwrap();
    assert_eq!(fetched.high_watermark, 16);
    let mut records = fetched.records.iter();
    for offset in 1..15 {
        let record = records.next().unwrap().unwrap();
        assert_eq!(record.offset, offset);
        assert_eq!(record.value.as_deref(), Some(text.as_bytes()));
    }
    let last = records.next().unwrap().unwrap();
    assert_eq!(
        (last.timestamp, last.key, last.value),
        (77, record.key, None)
    );
    assert_eq!(last.headers.iter().collect::<Vec<_>>(), record.headers);
    assert!(records.next().is_none());
    assert_eq!(records.position(), 16);
}

#[tokio::test]
async fn a_read_returns_at_once_whatever_it_finds() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    produce(
        &client,
        &topic,
        Compression::None,
        &[&"x".repeat(5000), "y"],
    )
    .await;
    let fetch = async |target| {
        let fetcher = client.fetcher();
        let mut fetched = fetcher.fetch(vec![target], FetchOptions::default()).await;
        fetched.remove(0).1
    };
    // A batch larger than asked for comes all the same.
    let large = fetch(target(&topic, 0, 100)).await.unwrap();
    assert_eq!(large.records.iter().next().unwrap().unwrap().offset, 0);
    let end = fetch(target(&topic, 2, 100)).await.unwrap();
    assert!(end.records.is_empty());
    let beyond = fetch(target(&topic, 3, 100)).await.unwrap_err();
    assert_eq!(beyond.code(), Some(ErrorCode::OffsetOutOfRange));
    let missing = fetch(target(&unique("none"), 0, 100)).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::UnknownTopicOrPartition));
}

#[tokio::test]
async fn offsets_are_listed_by_place_and_time() {
    let client = client().await;
    let topic = topic(&client, 2).await;
    produce(&client, &topic, Compression::Gzip, &["a", "b", "c"]).await;
    let list = async |spec| {
        let partitions = (0..3).map(|at| (TopicPartition::new(topic.as_str(), at), spec));
        let isolation = Isolation::ReadCommitted;
        let listed = client.offsets().list(partitions.collect(), isolation).await;
        let listed = listed.into_iter();
        let offsets = listed.map(|(_, result)| match result {
            Ok(listed) => Ok(listed.offset),
            Err(error) => Err(error.code().unwrap()),
        });
        offsets.collect::<Vec<_>>()
    };
    let unknown = Err(ErrorCode::UnknownTopicOrPartition);
    assert_eq!(
        list(OffsetSpec::Latest).await,
        [Ok(Some(3)), Ok(Some(0)), unknown]
    );
    assert_eq!(
        list(OffsetSpec::Earliest).await,
        [Ok(Some(0)), Ok(Some(0)), unknown]
    );
    assert_eq!(
        list(OffsetSpec::At(1000)).await,
        [Ok(Some(0)), Ok(None), unknown]
    );
    assert_eq!(
        list(OffsetSpec::At(1001)).await,
        [Ok(None), Ok(None), unknown]
    );
    assert_eq!(
        list(OffsetSpec::MaxTimestamp).await,
        [Ok(Some(0)), Ok(None), unknown]
    );
}

#[tokio::test]
async fn offsets_of_many_groups_are_committed_and_fetched() {
    let client = client().await;
    let topic = topic(&client, 2).await;
    let at = |partition| TopicPartition::new(topic.as_str(), partition);
    let groups: Vec<String> = (0..20).map(|_| unique("group")).collect();
    for (offset, group) in (0..).zip(&groups) {
        let metadata = Some(format!("note {offset}"));
        let noted = OffsetAndMetadata {
            metadata,
            ..OffsetAndMetadata::new(offset)
        };
        let request = CommitRequest {
            group: group.clone(),
            committer: Committer::Outside,
            offsets: vec![(at(0), noted), (at(7), OffsetAndMetadata::new(1))],
        };
        let results = client.offsets().commit(request).await.unwrap();
        assert_eq!(results[0].1, Ok(()));
        let error = results[1].1.clone().unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UnknownTopicOrPartition));
    }
    let mut queries: Vec<_> = groups.iter().map(GroupQuery::all).collect();
    queries.push(GroupQuery::all(unique("none")));
    queries.push(GroupQuery {
        partitions: Some(vec![at(1), at(0)]),
        is_stable: true,
        ..GroupQuery::all(groups[3].clone())
    });
    let mut found = client.for_monitoring().offsets().committed(queries).await;
    let asked = found.pop().unwrap().1.unwrap();
    assert_eq!(asked[0].committed, Ok(None));
    assert_eq!(asked[1].committed.clone().unwrap().unwrap().offset, 3);
    assert_eq!(found.pop().unwrap().1, Ok(Vec::new()));
    for (offset, (_, partitions)) in (0..).zip(found) {
        let committed = partitions.unwrap()[0].committed.clone().unwrap().unwrap();
        assert_eq!(committed.offset, offset);
        assert_eq!(committed.metadata, format!("note {offset}"));
    }

    let admin = client.admin();
    let listed = admin.list_groups().await.unwrap();
    assert!(
        groups
            .iter()
            .all(|group| listed.groups.iter().any(|it| it.group == *group))
    );
    let described = admin.describe_groups(groups.clone()).await;
    assert!(
        described
            .iter()
            .all(|(_, group)| group.as_ref().unwrap().state == "Empty")
    );
    let deleted = admin.delete_offsets(&groups[0], vec![at(0)]).await.unwrap();
    assert_eq!(deleted[0].1, Ok(()));
    let deleted = admin.delete_groups(groups).await;
    assert!(deleted.iter().skip(1).all(|(_, result)| result.is_ok()));
}

#[tokio::test]
async fn deleted_records_are_gone() {
    let client = client().await;
    let topic = topic(&client, 1).await;
    produce(&client, &topic, Compression::None, &["a", "b", "c"]).await;
    let at = TopicPartition::new(topic.as_str(), 0);
    let deleted = client
        .admin()
        .delete_records(vec![(at.clone(), Some(2))])
        .await;
    assert_eq!(deleted[0].1, Ok(2));
    let options = FetchOptions::default();
    let fetched = client
        .fetcher()
        .fetch(vec![target(&topic, 1, 100)], options)
        .await;
    let error = fetched[0].1.as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
}
