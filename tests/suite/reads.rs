//! Who reads what is not in memory waits for the disk, alone.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_client::admin::NewTopic;
use sluice_client::offsets::OffsetSpec;
use sluice_client::{
    Client, Compression, Config, FetchOptions, FetchTarget, Isolation, ProduceRecord,
    ProducerSettings, TcpDial, TopicPartition,
};
use sluice_e2e::disk::Faults;
use sluice_e2e::seed::Random;
use sluice_e2e::{World, wait};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Bytes of a record of the topic that is read from the disk.
const OLD_BYTES: usize = 100_000;
/// Records of it.
const OLD_RECORDS: usize = 100;
/// Readers of it: more than the broker has threads to serve connections.
const COLD_READERS: usize = 8;
/// Records produced and consumed while they wait, one after the other.
const NEW_RECORDS: usize = 400;
/// Bytes of a record of those.
const NEW_BYTES: usize = 2000;
/// How long each of those may take; a disk that stalls gives no answer at all.
const SLOW: Duration = Duration::from_secs(1);

/// While clients wait for a disk that does not answer reads, others append to the same partition and to another one, with
/// records that the broker must decompress too, and read what was appended, as if nothing was.
///
/// It fails where what waits for the disk does so on the threads that serve connections (`Call::blocking` returns
/// `Ok(work())`), and where a look-up by time takes the turns of what decompresses batches (`turns.unpacking` for
/// `turns.look_ups` in `list_offsets.rs`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_fuse_disk_that_stalls_wait_alone() {
    let world = World::on_disk(Random::announced(), &[]).await;
    let client = client(world.bootstrap());
    create(&client).await;
    for _ in 0..OLD_RECORDS {
        append(&client, "old", OLD_BYTES).await;
    }
    let segment = "broker/topics/old-0/00000000000000000000.log";
    world.disk().forget(Path::new(segment));
    world.disk().set_faults(Faults {
        reads_stall: true,
        ..Faults::default()
    });
    let cold: Vec<_> = (0..COLD_READERS)
        .map(|_| read_old(world.bootstrap().to_owned()))
        .collect();
    let seeking = [(); 4].map(|()| seek_old(world.bootstrap().to_owned()));
    wait::until_true("a read that waits", wait::PATIENCE, || {
        std::future::ready(world.disk().stalled_reads() > 0)
    })
    .await;
    for topic in ["new", "old"] {
        go_on(&client, topic).await;
    }
    assert!(world.disk().stalled_reads() > 0);
    assert!(cold.iter().all(|reader| !reader.is_finished()));
    assert!(seeking.iter().all(|seeker| !seeker.is_finished()));
    world.disk().set_faults(Faults::default());
    for reader in cold {
        assert!(reader.await.expect("a reader") >= OLD_RECORDS);
    }
    for found in seeking {
        assert_eq!(found.await.expect("a look-up"), 0);
    }
}

fn client(bootstrap: &str) -> Client {
    let address = bootstrap.parse().expect("host:port");
    let config = Config::new(vec![address]);
    Client::new(config, Arc::new(TcpDial), Handle::current())
}

/// Two topics of a partition each; batches of `new` are compressed again when they are appended.
async fn create(client: &Client) {
    let topics = [("old", "producer"), ("new", "gzip")].map(|(name, compression)| NewTopic {
        name: name.to_owned(),
        partitions: Some(1),
        configs: vec![("compression.type".to_owned(), Some(compression.to_owned()))],
        ..NewTopic::default()
    });
    let created = client.admin().create_topics(topics.into(), false).await;
    assert!(created.iter().all(|(_, done)| done.is_ok()), "{created:?}");
}

/// Appends a record, and gives its offset.
async fn append(client: &Client, topic: &str, size: usize) -> i64 {
    let record = ProduceRecord {
        partition: Some(0),
        value: Some(vec![b'.'; size].into()),
        ..ProduceRecord::default()
    };
    let settings = ProducerSettings {
        compression: Compression::Lz4,
        ..ProducerSettings::default()
    };
    let settings = match topic {
        "new" => settings,
        _ => ProducerSettings::default(),
    };
    let results = client.producer(settings).send(topic, vec![record]).await;
    let appended = results
        .expect("an answer")
        .remove(0)
        .expect("it is appended");
    appended.offset.expect("it has an offset")
}

/// Offsets of the records that are there from `offset` on.
async fn read(client: &Client, topic: &str, offset: i64) -> Option<Vec<i64>> {
    let target = FetchTarget {
        at: TopicPartition::new(topic, 0),
        offset,
        bytes_max: 1 << 20,
    };
    let fetcher = client.fetcher();
    let fetched = fetcher.fetch(vec![target], FetchOptions::default()).await;
    let fetched = fetched.into_iter().next()?.1.ok()?;
    let offset = |record: Result<sluice_client::Record, _>| record.expect("it is whole").offset;
    Some(fetched.records.iter().map(offset).collect())
}

/// Reads all old records, however long that takes, and gives how many there are.
fn read_old(bootstrap: String) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let client = client(&bootstrap);
        let mut next = 0;
        while next < OLD_RECORDS {
            let from = i64::try_from(next).expect("few");
            let read = read(&client, "old", from).await;
            next += read.map_or(0, |offsets| offsets.len());
        }
        next
    })
}

/// Looks the first old record up by its time, however long that takes.
fn seek_old(bootstrap: String) -> JoinHandle<i64> {
    tokio::spawn(async move {
        let client = client(&bootstrap);
        loop {
            let asked = (TopicPartition::new("old", 0), OffsetSpec::At(1));
            let listed = client.offsets();
            let listed = listed.list(vec![asked], Isolation::ReadUncommitted).await;
            if let Ok(found) = &listed[0].1 {
                return found.offset.expect("there are records");
            }
        }
    })
}

/// Appends records to a topic and reads each of them at its end, as fast as ever.
async fn go_on(client: &Client, topic: &str) {
    let mut took = Vec::new();
    let mut next = append(client, topic, NEW_BYTES).await + 1;
    // Who has read everything is who follows.
    assert_eq!(read(client, topic, next).await, Some(Vec::new()));
    for _ in 0..NEW_RECORDS {
        let began = Instant::now();
        assert_eq!(append(client, topic, NEW_BYTES).await, next);
        assert_eq!(read(client, topic, next).await, Some(vec![next]));
        took.push(began.elapsed());
        next += 1;
    }
    took.sort_unstable();
    let [median, slowest] = [NEW_RECORDS / 2, NEW_RECORDS - 1].map(|place| took[place]);
    println!("{topic}: appended and read in {median:?}, at most {slowest:?}");
    assert!(slowest < SLOW, "{slowest:?}");
}
