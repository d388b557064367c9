//! What goes on beside the topics that are judged: a topic whose oldest records go, and topics that come and go.

use std::path::Path;
use std::sync::Arc;

use sluice_client::offsets::OffsetSpec;
use sluice_client::{
    Client, ErrorCode, Isolation, ProduceRecord, Producer, ProducerSettings, TopicPartition,
};
use sluice_e2e::{World, wait};
use tokio::task::JoinHandle;

use super::load::{Shift, client, new_topic};
use super::until_it_compacts;

/// Flags with which compaction and retention are at work all the time.
pub(super) const FLAGS: [&str; 4] = [
    "--broker-compaction-interval",
    "100ms",
    "--broker-retention-check-interval",
    "200ms",
];

/// The topic that keeps little.
const PASSING: &str = "passing";
const PASSING_BYTES: &str = "2097152";
/// Records of one call to it, and bytes of each.
const RECORDS: usize = 32;
const RECORD_BYTES: usize = 8 << 10;
/// Partitions of a topic that is deleted soon.
const DOOMED_PARTITIONS: i32 = 3;

/// Somebody who makes topics and deletes them, and fills one that forgets.
#[derive(Debug)]
pub(super) struct Churn {
    shift: Arc<Shift>,
    work: JoinHandle<usize>,
    /// Bytes that compaction looked through, and in how many lives of the broker it did.
    compacted: u64,
    lives: usize,
}

impl Churn {
    pub(super) async fn start(bootstrap: &str) -> Self {
        let client = client(bootstrap);
        let configs = [
            ("retention.bytes", PASSING_BYTES),
            ("segment.bytes", "1048576"),
            ("file.delete.delay.ms", "100"),
        ];
        create(&client, PASSING, 1, &configs).await;
        let shift = Arc::new(Shift::default());
        let work = tokio::spawn(work(client, Arc::clone(&shift)));
        Self {
            shift,
            work,
            compacted: 0,
            lives: 0,
        }
    }

    /// Waits until this life of the broker has compacted something, and takes note of how much.
    pub(super) async fn compacts(&mut self, world: &World) {
        self.compacted += until_it_compacts(world).await;
        self.lives += 1;
    }

    /// Ends it. What was deleted is gone, old records are, and no directory is without a topic.
    pub(super) async fn finish(self, world: &World) {
        self.shift.end();
        let deleted = self.work.await.expect("the churn has not given up");
        let client = client(world.bootstrap());
        let topics = client.admin().list_topics().await.expect("the topics");
        let doomed = topics.iter().find(|topic| is_doomed(&topic.name));
        assert!(doomed.is_none(), "{doomed:?} was deleted");
        let start = listed(&client, OffsetSpec::Earliest).await;
        let end = listed(&client, OffsetSpec::Latest).await;
        assert!(start > 0, "nothing of {end} records is gone");
        let data = world.folder().join("data/broker");
        assert_eq!(names(&data.join("quarantine")), Vec::<String>::new());
        let left = names(&data.join("topics"));
        let left = left.iter().find(|name| is_doomed(name));
        assert_eq!(left, None, "a deleted topic leaves nothing");
        println!(
            "beside it: {} bytes compacted in {} lives, {deleted} topics deleted, {start} of {end} records gone",
            self.compacted, self.lives
        );
        assert!(self.lives > 0 && deleted > 0);
    }
}

/// Until the shift is over, and gives how many topics were deleted.
async fn work(client: Client, shift: Arc<Shift>) -> usize {
    let producer = client.producer(ProducerSettings::default());
    let mut deleted = 0;
    while !shift.is_over() {
        let name = format!("doomed-{deleted}");
        create(&client, &name, DOOMED_PARTITIONS, &[]).await;
        fill(&producer, &name, DOOMED_PARTITIONS).await;
        fill(&producer, PASSING, 1).await;
        delete(&client, &name).await;
        deleted += 1;
    }
    deleted
}

/// Creates a topic, however often the broker goes away meanwhile.
async fn create(client: &Client, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let topic = new_topic(name, partitions, configs);
    wait::until(&format!("{name} to be created"), wait::PATIENCE, || async {
        let created = client
            .admin()
            .create_topics(vec![topic.clone()], false)
            .await;
        match &created[0].1 {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
}

async fn delete(client: &Client, name: &str) {
    wait::until(&format!("{name} to be deleted"), wait::PATIENCE, || async {
        let deleted = client.admin().delete_topics(vec![name.to_owned()]).await;
        match &deleted[0].1 {
            Ok(()) => Ok(()),
            Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
}

/// Writes some records; whether they are kept is not what counts here.
async fn fill(producer: &Producer, topic: &str, partitions: i32) {
    let record = |number: usize| ProduceRecord {
        partition: Some(i32::try_from(number).expect("few") % partitions),
        value: Some(vec![b'.'; RECORD_BYTES].into()),
        ..ProduceRecord::default()
    };
    drop(
        producer
            .send(topic, (0..RECORDS).map(record).collect())
            .await,
    );
}

async fn listed(client: &Client, spec: OffsetSpec) -> i64 {
    let at = TopicPartition::new(PASSING, 0);
    let listed = client
        .offsets()
        .list(vec![(at, spec)], Isolation::ReadUncommitted)
        .await;
    let listed = listed[0].1.as_ref().expect("an offset");
    listed.offset.expect("an offset")
}

fn is_doomed(name: &str) -> bool {
    name.starts_with("doomed-")
}

/// The names in a folder, which need not exist.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}
