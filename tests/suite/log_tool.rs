//! `sluice log`: what Apache Kafka's own tool and ours say of the same files, and what becomes of damage.
//!
//! Both tools read both logs: ours, written by the Java producer, and that of Apache Kafka, with its
//! transactions and compacted segments. They must agree on every batch, entry and record.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sluice_e2e::console::{Jvm, Tool};
use sluice_e2e::tool::{self, Output};
use sluice_e2e::{Target, World, apache_kafka, dump_log, repository, sluice};
use tokio::process::Command;

use crate::compaction::{self, EAGER, until_compacted};

/// Runs `sluice log` in the story's folder.
async fn log(world: &World, args: &[&str]) -> Output {
    let mut command = sluice::command(world.folder());
    command.arg("log").args(args);
    tool::run(Command::from(command), "").await
}

/// The lines that `sluice log dump` prints of a file, as JSON.
async fn dumped(world: &World, file: &Path) -> Vec<Value> {
    let file = file.to_string_lossy();
    let said = log(world, &["dump", "--records", "--json", &file])
        .await
        .ok();
    let lines = said.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a JSON object"))
        .collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

/// The `name: value` pairs of a line of Kafka's tool.
fn pairs(line: &str) -> BTreeMap<&str, &str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let named = words.iter().zip(words.iter().skip(1));
    named
        .filter_map(|(name, value)| Some((name.strip_suffix(':')?, *value)))
        .collect()
}

/// Fails where our dump names another field, or decodes it otherwise.
fn assert_batches_agree(ours: &[Value], theirs: &str) -> usize {
    let theirs: Vec<_> = theirs
        .lines()
        .filter(|line| line.starts_with("baseOffset: "))
        .map(pairs)
        .collect();
    let ours = of_kind(ours, "batch");
    assert_eq!(ours.len(), theirs.len(), "{ours:?}\n{theirs:?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for (name, kafkas) in [
            ("base_offset", "baseOffset"),
            ("last_offset", "lastOffset"),
            ("count", "count"),
            ("base_sequence", "baseSequence"),
            ("last_sequence", "lastSequence"),
            ("producer_id", "producerId"),
            ("producer_epoch", "producerEpoch"),
            ("leader_epoch", "partitionLeaderEpoch"),
            ("transactional", "isTransactional"),
            ("control", "isControl"),
            ("position", "position"),
            ("max_timestamp", "CreateTime"),
            ("size", "size"),
        ] {
            assert_eq!(ours[name].to_string(), theirs[kafkas], "{name} of {ours}");
        }
        assert_eq!(ours["codec"], theirs["compresscodec"], "{ours}");
        let crc: u32 = theirs["crc"].parse().expect("a number");
        assert_eq!(ours["crc"], format!("{crc:08x}"), "{ours}");
        let horizon = theirs["deleteHorizonMs"];
        match ours["delete_horizon"].as_i64() {
            Some(-1) => assert_eq!(horizon, "OptionalLong.empty"),
            found => assert_eq!(
                horizon,
                format!("OptionalLong[{}]", found.expect("a number"))
            ),
        }
    }
    ours.len()
}

/// Lets the Java producer write, and gives what it was told: offset, timestamp, key, value, header.
async fn written(world: &World, topic: &str, more: &[&str]) -> Vec<Vec<String>> {
    let mut command = Jvm::Hurried.command("256M");
    let program = repository::tests("apache-kafka/oracle/LogWriter.java");
    command
        .arg(program)
        .arg(world.bootstrap())
        .arg(topic)
        .args(more);
    let said = tool::run(Command::from(command), "").await.ok();
    let mut records: Vec<Vec<String>> = said
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    records.sort_by_key(|record| record[0].parse::<i64>().expect("an offset"));
    records
}

/// What our dump says of each record that is no marker, in the same form.
fn records(lines: &[Value]) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        value => value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    };
    let fields = |line: &&Value| {
        vec![
            text(&line["offset"]),
            text(&line["timestamp"]),
            text(&line["key"]),
            text(&line["value"]),
            text(&line["headers"][0]["value"]),
        ]
    };
    of_kind(lines, "record").iter().map(fields).collect()
}

/// Mutation: `marker_line` that takes the version in a marker's key for its type: each transaction is aborted then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_apache_kafka_is_read_as_it_was_written_java_kcat_console_tools() {
    let world = World::start(Target::ApacheKafka).await;
    let topic = world.unique("dumped");
    let args = format!("--create --topic {topic} --config segment.bytes=1048576");
    world.console().run(Tool::Topics, &args, "").await.ok();
    let expected = written(&world, &topic, &["transactions"]).await;
    assert_eq!(expected.len(), 1003);
    let data = apache_kafka::shared().await.data();
    let directory = data.join(format!("{topic}-0"));
    let segments = dump_log::of_kinds(&directory, &["log"]);
    let ours = dumped(&world, &segments[0]).await;
    assert_eq!(records(&ours), expected);
    let markers: Vec<_> = of_kind(&ours, "marker")
        .iter()
        .map(|marker| marker["type"].clone())
        .collect();
    assert_eq!(markers, ["commit", "abort", "commit"]);
    let theirs = dump_log::files(&segments, &["--deep-iteration", "--print-data-log"]).await;
    assert!(assert_batches_agree(&ours, &theirs) >= 5 + 6);

    let aborted = dumped(&world, &dump_log::of_kinds(&directory, &["txnindex"])[0]).await;
    let aborted = of_kind(&aborted, "aborted");
    let theirs = dump_log::files(&dump_log::of_kinds(&directory, &["txnindex"]), &[]).await;
    assert_eq!(aborted.len(), 1);
    let (first, last) = (&aborted[0]["first_offset"], &aborted[0]["last_offset"]);
    for expected in [
        format!("firstOffset: {first}"),
        format!("lastOffset: {last}"),
    ] {
        assert!(theirs.contains(&expected), "{expected} in {theirs}");
    }
    // All of it, the indexes with their room for more included.
    log(&world, &["dump", &directory.to_string_lossy()])
        .await
        .ok();

    let compacted = world.unique("dumped");
    let args = format!("--create --topic {compacted} {EAGER}");
    world.console().run(Tool::Topics, &args, "").await.ok();
    let updates: String = (0..500).map(|n| format!("k{}:v{n}\n", n % 10)).collect();
    for codec in ["none", "zstd", "gzip"] {
        let args = format!("-K: -z {codec} -X enable.idempotence=true");
        world.kcat().produce(&compacted, &args, &updates).await;
    }
    world.kcat().produce(&compacted, "-K: -Z", "k3:\n").await;
    until_compacted(&world, &compacted, |records| {
        records.values().flatten().count() < 30
    })
    .await;
    let segments = dump_log::of_kinds(&data.join(format!("{compacted}-0")), &["log"]);
    // It goes on being compacted: both tools read a copy.
    let copy = world.folder().join("00000000000000000000.log");
    std::fs::copy(&segments[0], &copy).expect("copy the segment");
    let ours = dumped(&world, &copy).await;
    let theirs = dump_log::sparse_files(&[copy], &["--deep-iteration"]).await;
    assert!(assert_batches_agree(&ours, &theirs) > 0);
}

/// Mutations: `SegmentIndex::push` by the first offset of a batch; a snapshot whose checksum leaves out the count, or whose
/// coordinators have the epoch 0 (`producer_snapshot::encode`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apache_kafka_reads_our_segments_indexes_and_snapshots_java_console_tools() {
    let mut world = World::start(Target::Bundled).await;
    let topic = world.unique("dumped");
    let args = format!(
        "--create --topic {topic} --config segment.ms=500 --config index.interval.bytes=512"
    );
    world.console().run(Tool::Topics, &args, "").await.ok();
    let mut expected = Vec::new();
    for _ in 0..4 {
        expected.extend(written(&world, &topic, &[]).await);
    }
    world.sluice_mut().interrupt().await;
    let directory = world.folder().join(format!("data/broker/topics/{topic}-0"));
    let segments = dump_log::of_kinds(&directory, &["log"]);
    assert!(segments.len() > 1, "{segments:?}");
    let (mut read, mut batches) = (Vec::new(), 0);
    for segment in &segments {
        let ours = dumped(&world, segment).await;
        read.extend(records(&ours));
        let segment = std::slice::from_ref(segment);
        let theirs = dump_log::files(segment, &["--deep-iteration", "--print-data-log"]).await;
        batches += assert_batches_agree(&ours, &theirs);
    }
    assert_eq!(read, expected);
    assert!(batches >= 20, "{batches}");
    let indexes = dump_log::of_kinds(&directory, &["index", "timeindex"]);
    dump_log::files(&indexes, &["--index-sanity-check"]).await;
    dump_log::files(&indexes, &["--verify-index-only"]).await;
    let mut entries = 0;
    for index in &indexes {
        let ours = dumped(&world, index).await;
        let theirs = dump_log::files(std::slice::from_ref(index), &[]).await;
        let theirs: Vec<_> = theirs
            .lines()
            .filter(|line| line.starts_with("offset: ") || line.starts_with("timestamp: "))
            .map(|line| line.trim_end().to_owned())
            .collect();
        let ours: Vec<_> = ours
            .iter()
            .filter_map(|line| match line["kind"].as_str() {
                Some("offset") => Some(format!(
                    "offset: {} position: {}",
                    line["offset"], line["batch_position"]
                )),
                Some("time") => Some(format!(
                    "timestamp: {} offset: {}",
                    line["timestamp"], line["offset"]
                )),
                _ => None,
            })
            .collect();
        assert_eq!(ours, theirs, "{}", index.display());
        entries += ours.len();
    }
    assert!(entries >= 20, "{entries}");
    let snapshots = dump_log::of_kinds(&directory, &["snapshot"]);
    let snapshot = snapshots.last().expect("a snapshot");
    let theirs = dump_log::files(std::slice::from_ref(snapshot), &[]).await;
    let ours = dumped(&world, snapshot).await;
    let producers = of_kind(&ours, "producer");
    // Ours has up to five batches of a producer, of which Kafka takes the last.
    assert!(producers.len() >= 20, "{producers:?}");
    for producer in producers {
        let expected = format!(
            "producerId: {} producerEpoch: {} ",
            producer["producer_id"], producer["producer_epoch"]
        );
        let line = theirs.lines().find(|line| line.contains(&expected));
        let line = line.unwrap_or_else(|| panic!("{expected} in {theirs}"));
        assert!(line.contains("coordinatorEpoch: -1"), "{line}");
    }
}

/// Fails where the tool does not know that a log was compacted: what compaction took is missing then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_compacted_and_is_no_longer_is_sound_kcat_console_tools() {
    let mut world = compaction::world(Target::Bundled).await;
    let console = world.console();
    let args = format!("--create --topic prices {EAGER}");
    console.run(Tool::Topics, &args, "").await.ok();
    for n in 0..50 {
        let update = format!("k{}:v{n}\n", n % 5);
        world.kcat().produce("prices", "-K:", &update).await;
    }
    let is_done = |records: &BTreeMap<String, Vec<_>>| records.values().flatten().count() < 20;
    until_compacted(&world, "prices", is_done).await;
    let args =
        "--alter --entity-type topics --entity-name prices --add-config cleanup.policy=delete";
    console.run(Tool::Configs, args, "").await.ok();
    world.sluice_mut().interrupt().await;
    let verified = log(&world, &["verify", "data"]).await.ok();
    assert!(verified.contains("summary sound=true"), "{verified}");
    let repaired = log(&world, &["repair", "data"]).await.ok();
    assert!(!repaired.contains("mended"), "{repaired}");
}

/// Mutation: a repair that leaves out `Piece::Fill`: what is lost is missing then, and its last offset given out again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_named_then_mended_and_the_rest_is_read_kcat_console_tools() {
    let mut world = World::start(Target::Bundled).await;
    for number in 0..50 {
        let line = format!("value {number}\n");
        world.kcat().produce("orders", "", &line).await;
    }
    let in_use = log(&world, &["verify", "data"]).await;
    assert_eq!(in_use.code, Some(2), "{in_use}");
    assert!(
        in_use.stderr.contains("stop it, then try again"),
        "{in_use}"
    );
    world.sluice_mut().interrupt().await;
    let sound = log(&world, &["verify", "--data-dir", "data"]).await;
    assert!(sound.ok().contains("summary sound=true"));

    let segment = "topics/orders-0/00000000000000000000.log";
    let segment = world.folder().join("data/broker").join(segment);
    let before = std::fs::read(&segment).expect("the segment");
    let mut bytes = before.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // The last batch, too: its offset must not be given out again.
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&segment, &bytes).expect("harm the segment");
    let found = log(&world, &["verify", "data"]).await;
    assert_eq!(found.code, Some(1), "{found}");
    let damage: Vec<_> = found
        .stdout
        .lines()
        .filter(|line| line.starts_with("damage partition=orders-0 "))
        .collect();
    assert_eq!(damage.len(), 2, "{found}");
    let field = |name: &str| {
        let words = damage[0].split(' ');
        let mut values = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.next().expect(name).parse::<usize>().expect(name)
    };
    let (lost, position) = (field("begin"), field("position"));
    assert_eq!(field("end"), lost + 1);
    assert!(
        (position..position + field("size")).contains(&middle),
        "{found}"
    );
    assert!(damage[1].contains(" begin=49 end=50 "), "{found}");

    let rehearsed = log(&world, &["repair", "data", "--dry-run"]).await;
    assert_eq!(rehearsed.code, Some(1), "{rehearsed}");
    assert_eq!(std::fs::read(&segment).expect("the segment"), bytes);
    let repaired = log(&world, &["repair", "data", "--partition", "orders-0"]).await;
    let said = repaired.ok();
    assert!(
        said.contains(&format!("lost partition=orders-0 begin={lost} end=")),
        "{said}"
    );
    log(&world, &["verify", "data"]).await.ok();
    let kept = segment.with_extension("log.damaged");
    assert_eq!(std::fs::read(kept).expect("the old segment"), bytes);
    let theirs = dump_log::sparse_files(&[segment], &["--deep-iteration"]).await;
    assert_eq!(theirs.matches("count: 0 ").count(), 2, "{theirs}");

    world.sluice_mut().start_again().await;
    world.kcat().produce("orders", "", "late\n").await;
    let mut expected: Vec<(usize, String)> = (0..49)
        .filter(|number| *number != lost)
        .map(|number| (number, format!("value {number}")))
        .collect();
    expected.push((50, "late".to_owned()));
    assert_read(&world, &expected).await;
}

/// Asserts that kcat and the Java consumer read these offsets and values from `orders`.
async fn assert_read(world: &World, expected: &[(usize, String)]) {
    let read = world.kcat().read_all("orders", "%o %s\n").await;
    let lines: Vec<String> = expected
        .iter()
        .map(|(offset, value)| format!("{offset} {value}"))
        .collect();
    assert_eq!(read.lines().collect::<Vec<_>>(), lines);
    let args = "--topic orders --from-beginning --max-messages 49 --timeout-ms 20000";
    let read = world.console().run(Tool::ConsoleConsumer, args, "").await;
    let values: Vec<_> = expected.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(read.ok().lines().collect::<Vec<_>>(), values);
}

/// Mutation: `is_enough` that is always false.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_has_seen_enough_ends_a_dump_quietly_kcat() {
    let mut world = World::start(Target::Bundled).await;
    let lines: String = (0..20_000).map(|n| format!("value {n}\n")).collect();
    world.kcat().produce("orders", "", &lines).await;
    world.sluice_mut().interrupt().await;
    let mut shell = std::process::Command::new("bash");
    let line = format!(
        "set -o pipefail; '{}' log dump --records data | head -n 5",
        sluice::binary().display()
    );
    shell.args(["-c", &line]).current_dir(world.folder());
    let output = tool::run(Command::from(shell), "").await;
    assert_eq!(output.stderr, "", "{output}");
    assert_eq!(output.stdout.lines().count(), 5);
    assert_eq!(output.code, Some(2), "nobody looked at the rest: {output}");
    // Without a path it shows what the configuration names.
    let all = log(&world, &["dump", "--data-dir", "data"]).await.ok();
    assert!(all.contains("orders-0/00000000000000000000.log"), "{all}");
    let missing = log(&world, &["dump", "nowhere"]).await;
    assert_eq!(missing.code, Some(2), "{missing}");
}
