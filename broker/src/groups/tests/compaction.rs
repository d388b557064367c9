//! The offsets topic is compacted: it stays small, and nothing that holds is lost.

use sluice_protocol::record_batch::batches;

use super::shell::{Broker, group, offset_of};
use super::*;
use crate::clock::Clock;
use crate::groups::record::{self, RecordKey};
use crate::groups::request::OffsetsQuery;
use crate::model::Isolation;
use crate::topics::topic_config::Alteration;
use crate::topics::{Commit, Partition, ReadRequest, Topics};

const NAME: &str = "__consumer_offsets";
const ROUNDS: i64 = 60;

/// Every record is compacted as soon as another segment begins.
async fn make_eager(topics: &Topics) {
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1"),
        ("min.cleanable.dirty.ratio", "0"),
        ("delete.retention.ms", "0"),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let alteration = Alteration::Replace(settings.into());
    let name = topic(NAME);
    let altered = topics.alter_configs(&name, alteration, Commit::Yes);
    altered.await.unwrap();
}

/// Returns when the next record begins another segment.
fn next_millisecond() {
    let clock = Clock::system();
    let begun = clock.wall().0;
    while clock.wall().0 <= begun + 1 {
        std::thread::yield_now();
    }
}

fn compact(topics: &Topics) {
    let look = || topics.compact_dirtiest(1 << 20, &mut |_| true).unwrap();
    while let Some(run) = look().run {
        run.outcome.unwrap();
    }
}

fn size(topics: &Topics) -> u64 {
    let partitions = topics.topic(NAME).unwrap().partitions();
    partitions.iter().map(|partition| partition.size()).sum()
}

/// The groups that have a record in the log.
fn recorded_groups(topics: &Topics) -> Vec<GroupId> {
    let partitions = topics.topic(NAME).unwrap().partitions();
    let keys = partitions.iter().flat_map(|partition| keys(partition));
    let groups = keys.filter_map(|key| match record::decode_key(key).unwrap()? {
        RecordKey::Group(group) | RecordKey::Offset { group, .. } => Some(group),
    });
    groups.collect()
}

fn keys(partition: &Partition) -> Vec<Option<Bytes>> {
    let mut keys = Vec::new();
    let mut offset = partition.offsets().log_start;
    while offset < partition.offsets().high_watermark {
        let outcome = partition.read(ReadRequest {
            offset,
            max_bytes: 1 << 20,
            first_batch_max: Some(usize::MAX),
            isolation: Isolation::ReadUncommitted,
        });
        for batch in batches(outcome.unwrap().records.concat().into()) {
            let batch = batch.unwrap();
            offset = Offset(batch.header().last_offset() + 1);
            keys.extend(batch.keys(1 << 20).unwrap().map(Result::unwrap));
        }
    }
    keys
}

async fn commit(broker: &Broker, group: &GroupId, offset: i64) {
    let commit = standalone_commit(vec![offset_to_commit("orders", offset)]);
    let committed = broker.groups.commit_offsets(group, commit).await;
    assert_eq!(committed, Ok(vec![Ok(())]));
}

#[tokio::test]
async fn many_commits_take_little_room_and_every_offset_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    broker.create("orders").await;
    let groups: Vec<GroupId> = (0..6).map(|number| group(&format!("g{number}"))).collect();
    commit(&broker, &groups[0], 0).await;
    make_eager(&broker.topics).await;
    for round in 0..ROUNDS {
        for (number, group) in (0..).zip(&groups) {
            commit(&broker, group, round * 10 + number).await;
        }
    }
    broker.groups.delete_group(&groups[5]).await.unwrap();
    commit(&broker, &groups[0], ROUNDS * 10).await;
    let before = size(&broker.topics);
    compact(&broker.topics);
    // Markers go at the second compaction that sees them, once their segment is not active any more.
    for _ in 0..4 {
        next_millisecond();
        for group in &groups[..5] {
            let fetched = broker.groups.fetch_offsets(group, &OffsetsQuery::All);
            commit(&broker, group, offset_of(&fetched).unwrap()).await;
        }
        compact(&broker.topics);
    }
    let after = size(&broker.topics);
    assert!(after * 10 < before, "{after} of {before} bytes");
    assert!(!recorded_groups(&broker.topics).contains(&groups[5]));
    broker.stop();

    let broker = Broker::start(directory.path()).await;
    for (number, group) in (0..).zip(&groups) {
        let fetched = broker.groups.fetch_offsets(group, &OffsetsQuery::All);
        let expected = match number {
            0 => Some(ROUNDS * 10),
            5 => None,
            number => Some((ROUNDS - 1) * 10 + number),
        };
        assert_eq!(offset_of(&fetched), expected, "{group:?}");
    }
    assert_eq!(broker.groups.list().len(), 5);
    broker.stop();
}

/// Mutation: a loader that gives up at what is damaged lets no broker start.
#[tokio::test]
async fn a_commit_that_the_disk_lost_takes_no_other_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::start(directory.path()).await;
    broker.create("orders").await;
    let billing = group("billing");
    for offset in [1, 2, 3] {
        commit(&broker, &billing, offset).await;
    }
    let partitions = broker.topics.topic(NAME).unwrap().partitions();
    let mut partitions = partitions.iter();
    let number = partitions.position(|partition| partition.size() > 0);
    broker.stop();
    let name = format!("topics/{NAME}-{}/{:020}.log", number.unwrap(), 0);
    let path = directory.path().join(name);
    let bytes = std::fs::read(&path).unwrap();
    let third = bytes.len() / 3;
    for (harmed, left) in [(bytes.len() - 1, 2), (third - 1, 3)] {
        let mut bytes = bytes.clone();
        bytes[harmed] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let broker = Broker::start(directory.path()).await;
        let fetched = broker.groups.fetch_offsets(&billing, &OffsetsQuery::All);
        assert_eq!(offset_of(&fetched), Some(left));
        broker.stop();
        std::fs::remove_file(path.with_file_name("damaged-ranges")).unwrap();
    }
}
