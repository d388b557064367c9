//! The disk loses or changes what was durable: every client gets what is sound, and is told of the rest.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use sluice_e2e::console::Tool;
use sluice_e2e::{Target, World, wait};

const PATIENCE: Duration = Duration::from_secs(60);
/// Records of 100 KB, each a batch of its own, ten a segment.
const RECORDS: usize = 35;
const RECORD_BYTES: usize = 100_000;
/// The scrub is done with a pass before anybody looks.
const ARGUMENTS: &[&str] = &["--broker-scrub-rate-max", "1GiB"];

/// A broker with all segments but for what `harm` does to them while it is down.
async fn harmed(is_clean: bool, harm: impl FnOnce(&World)) -> World {
    let mut world = World::with(Target::Bundled, ARGUMENTS).await;
    let create = "--create --topic orders --partitions 1 --config segment.bytes=1048576";
    world.console().run(Tool::Topics, create, "").await.ok();
    let lines: String = (0..RECORDS)
        .map(|number| format!("\"{number:05}{}\"\n", "x".repeat(RECORD_BYTES)))
        .collect();
    let one_by_one = "-X batch.num.messages=1 -X enable.idempotence=true";
    world.kcat().produce("orders", one_by_one, &lines).await;
    if is_clean {
        assert!(world.sluice_mut().interrupt().await.success());
    } else {
        // What is not in the segments yet is in the commit log, and no loss; so wait until it is.
        let points = world.folder().join("data/broker/recovery-points");
        wait::until_true("a checkpoint of all", PATIENCE, || async {
            let text = fs::read_to_string(&points).unwrap_or_default();
            text.lines()
                .any(|line| line.contains(&format!(" 0 {RECORDS}")))
        })
        .await;
        world.sluice_mut().kill();
    }
    harm(&world);
    world.sluice_mut().start_again().await;
    world
}

/// The segment of this number.
fn segment(world: &World, number: usize) -> PathBuf {
    let directory = world.folder().join("data/broker/topics/orders-0");
    let mut segments: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    segments.sort();
    segments.swap_remove(number)
}

fn flip(path: &PathBuf, position: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[position] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Offsets that kcat gets of `count` records from `offset` on.
async fn kcat_offsets(world: &World, offset: usize, count: usize) -> Vec<usize> {
    let args = format!("-C -t orders -p 0 -o {offset} -c {count} -q -f %o\\n");
    let read = world.kcat().run(&args, "").await.ok();
    read.lines().map(|line| line.parse().unwrap()).collect()
}

async fn damaged_ranges(world: &World) -> String {
    let metrics = world.http().await.text("/metrics").await;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("sluice_broker_damaged_ranges"));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.unwrap_or_default().to_owned()
}

/// Mutation: `true_batches` without the check of the checksum gives the record to kcat.
#[tokio::test]
async fn a_flipped_bit_is_told_to_kcat_and_the_console_tools_and_over_http() {
    let world = harmed(true, |world| {
        flip(&segment(world, 0), 2 * RECORD_BYTES + 5000)
    })
    .await;
    wait::until_true("the scrub to find it", PATIENCE, || async {
        damaged_ranges(&world).await == "1"
    })
    .await;
    let log = world.sluice().await.server().stderr();
    let told = log
        .lines()
        .find(|line| line.contains("lost or changed records"));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    assert!(
        told.contains("orders-0") && told.contains("begin=2") && told.contains("end=3"),
        "{told}"
    );

    assert_eq!(kcat_offsets(&world, 0, 2).await, [0, 1]);
    let behind: Vec<usize> = (3..RECORDS).collect();
    assert_eq!(kcat_offsets(&world, 3, RECORDS - 3).await, behind);
    let args = "-C -t orders -p 0 -o beginning -e -f %o\\n";
    let kcat = world.kcat().run(args, "").await;
    assert_eq!((kcat.code, kcat.stdout.as_str()), (Some(1), "0\n1\n"));
    assert!(kcat.stderr.contains("Broker: Invalid message"), "{kcat}");

    let read = "--topic orders --partition 0 --offset 2 --max-messages 1 --timeout-ms 20000";
    let java = world.console().run(Tool::ConsoleConsumer, read, "").await;
    let said = "corrupt message when fetching offset 2 for topic-partition orders-0";
    assert!(java.stderr.contains(said), "{java}");

    let http = world.http().await;
    let reader = http.instance("billing", "one").await;
    reader.subscribe("orders").await;
    assert_eq!(reader.values(2).await.len(), 2);
    let (status, answer) = reader.call(Method::GET, "/records", None).await;
    assert_eq!((status, &answer["error_code"]), (408, &json!(40801)));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("orders-0 at offset 2"), "{message}");
    assert!(message.contains("seek past it"), "{message}");
    let to = json!({"offsets": [{"topic": "orders", "partition": 0, "offset": 3}]});
    reader.done(Method::POST, "/positions", Some(&to)).await;
    assert!(!reader.values(1).await.is_empty());
}

/// Mutation: `end_at` that does nothing gives offset 34 out again.
#[tokio::test]
async fn what_the_disk_lost_of_what_kcat_wrote_is_a_gap_to_console_tools_and_never_filled() {
    type Harm = (&'static str, fn(&World), std::ops::Range<usize>);
    let harms: [Harm; 3] = [
        (
            "the last segment is cut short",
            |world| {
                let path = segment(world, 3);
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_len(4 * 100_000 + 50_000).unwrap();
            },
            34..35,
        ),
        (
            "the last segment is gone",
            |world| fs::remove_file(segment(world, 3)).unwrap(),
            30..35,
        ),
        (
            "a segment in the middle is gone",
            |world| fs::remove_file(segment(world, 1)).unwrap(),
            10..20,
        ),
    ];
    for (what, harm, lost) in harms {
        for is_clean in [true, false] {
            let world = harmed(is_clean, harm).await;
            world.kcat().produce("orders", "", "late\n").await;
            let sound: Vec<usize> = (0..lost.start).collect();
            assert_eq!(kcat_offsets(&world, 0, lost.start).await, sound, "{what}");
            let behind: Vec<usize> = (lost.end..=RECORDS).collect();
            assert_eq!(
                kcat_offsets(&world, lost.end, behind.len()).await,
                behind,
                "{what}"
            );
            wait::until_true("the damage to be counted", PATIENCE, || async {
                damaged_ranges(&world).await == "1"
            })
            .await;
        }
    }
}
