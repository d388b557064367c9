//! Compacted topics: of each key the last record stays, at its offset; deletion markers go in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_e2e::console::Tool;
use sluice_e2e::{Target, World, dump_log, repository, wait};

const PATIENCE: Duration = Duration::from_secs(50);

/// Segments end soon, and whatever is not compacted is due.
pub(crate) const EAGER: &str = "--config cleanup.policy=compact --config segment.ms=100 --config min.cleanable.dirty.ratio=0.01";

/// A world whose broker looks often for something to compact.
pub(crate) async fn world(target: Target) -> World {
    let config = repository::tests("sluice/compaction.toml");
    let config = config.to_string_lossy();
    match target {
        Target::Bundled => World::with(target, &["--config", &config]).await,
        Target::ApacheKafka => World::start(target).await,
    }
}

/// Mutations: `Sieve::keeps` that keeps what is not the last of its key; `Sieve::is_past` that is never true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_each_key_stays_on_sluice_kcat_console_tools() {
    the_last_of_each_key_stays(world(Target::Bundled).await).await;
}

/// The measure of the other one. Mutation: `EAGER` without `cleanup.policy=compact`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_of_each_key_stays_on_apache_kafka_kcat_console_tools() {
    the_last_of_each_key_stays(world(Target::ApacheKafka).await).await;
}

async fn create(world: &World, topic: &str, configs: &str) {
    let args = format!("--create --topic {topic} {EAGER} {configs}");
    world.console().run(Tool::Topics, &args, "").await.ok();
}

/// Offsets and values by key; a deletion marker has the value `-`.
async fn records(world: &World, topic: &str) -> BTreeMap<String, Vec<(i64, String)>> {
    let mut records: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    let read = world.kcat().read_all(topic, "%o %k %S:%s\n").await;
    for line in read.lines() {
        let (offset, rest) = line.split_once(' ').expect("an offset and more");
        let (key, value) = rest.split_once(' ').expect("a key and more");
        let value = match value.split_once(':').expect("a length and a value") {
            ("-1", _) => "-".to_owned(),
            (_, value) => value.to_owned(),
        };
        let offset = offset.parse().expect("an offset");
        let of_key = records.entry(key.to_owned()).or_default();
        of_key.push((offset, value));
    }
    records
}

/// Produces what ends the active segment, and reads until `is_done`.
pub(crate) async fn until_compacted(
    world: &World,
    topic: &str,
    is_done: impl Fn(&BTreeMap<String, Vec<(i64, String)>>) -> bool,
) -> BTreeMap<String, Vec<(i64, String)>> {
    wait::until("the topic is compacted", PATIENCE, || async {
        world.kcat().produce(topic, "-K:", "tick:tack\n").await;
        let records = records(world, topic).await;
        match is_done(&records) {
            true => Ok(records),
            false => Err(format!("{records:?}")),
        }
    })
    .await
}

async fn the_last_of_each_key_stays(world: World) {
    let topic = world.unique("prices");
    create(&world, &topic, "--config delete.retention.ms=100").await;
    let updates: String = (0..500).map(|n| format!("k{}:v{n}\n", n % 10)).collect();
    for codec in ["none", "zstd", "lz4"] {
        let args = format!("-K: -z {codec} -X enable.idempotence=true");
        world.kcat().produce(&topic, &args, &updates).await;
    }
    // An empty value is null with -Z: k3 and k7 are deleted, k7 comes again.
    world.kcat().produce(&topic, "-K: -Z", "k3:\nk7:\n").await;
    world.kcat().produce(&topic, "-K:", "k7:again\n").await;
    let compacted = until_compacted(&world, &topic, |records| {
        !records.contains_key("k3") && records.values().flatten().count() < 20
    })
    .await;
    for n in 0..10 {
        let expected = match n {
            3 => continue,
            7 => (1502, "again".to_owned()),
            n => (1490 + n, format!("v{}", 490 + n)),
        };
        assert_eq!(compacted[&format!("k{n}")], [expected]);
    }
}

/// Mutations: `Sieve::sift` that notes no delete horizon; `Sieve::without_records` that keeps no batch for its sequence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_reads_a_compacted_segment_kcat_console_tools() {
    let mut world = world(Target::Bundled).await;
    let topic = world.unique("prices");
    create(&world, &topic, "").await;
    let updates: String = (0..500).map(|n| format!("k{}:v{n}\n", n % 10)).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let args = format!("-K: -z {codec} -X enable.idempotence=true");
        world.kcat().produce(&topic, &args, &updates).await;
    }
    world.kcat().produce(&topic, "-K: -Z", "k3:\nk7:\n").await;
    let is_done =
        |records: &BTreeMap<String, Vec<(i64, String)>>| records.values().flatten().count() < 20;
    let compacted = until_compacted(&world, &topic, is_done).await;
    assert_eq!(compacted["k3"], [(2500, "-".to_owned())]);
    // Compaction goes on as long as the broker runs, and would take files from under the tool.
    world.sluice_mut().interrupt().await;
    let folder = format!("data/broker/topics/{topic}-0");
    let said = dump_log::directory(&world.folder().join(folder)).await;
    assert!(said.contains("deleteHorizonMs: OptionalLong["), "{said}");
    assert!(
        said.contains("count: 0"),
        "a batch for its sequence: {said}"
    );
}
