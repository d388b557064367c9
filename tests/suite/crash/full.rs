//! The disk is full: records are refused, all else is served, and records are taken again by themselves when there is room.
//!
//! It was seen to fail with a gate that never shuts (the process ends or hangs), with one that never opens again, with a segment
//! whose failed write is passed over (a hole that readers fall into), and with a reserve that is never given back.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use sluice_client::admin::NewTopic;
use sluice_client::offsets::{CommitRequest, Committer, OffsetAndMetadata};
use sluice_client::{ErrorCode, TopicPartition};
use sluice_e2e::console::Tool;
use sluice_e2e::disk::Faults;
use sluice_e2e::http::send;
use sluice_e2e::seed::Random;
use sluice_e2e::{World, wait};

use super::load::{Load, Topic, client};
use super::{metric, rounds};

const PARTITIONS: i32 = 4;
const MIB: u64 = 1 << 20;

/// Small enough for a small disk. The gateway does not try for long.
const SETTINGS: [&str; 14] = [
    "--broker-disk-free-min",
    "8MiB",
    "--broker-disk-reserve",
    "8MiB",
    "--broker-commit-log-extent-size",
    "1MiB",
    "--broker-checkpoint-size",
    "2MiB",
    "--broker-commit-log-size-max",
    "8MiB",
    "--kafka-connect-timeout",
    "2s",
    "--kafka-operation-timeout",
    "3s",
];

/// Of this the load takes but some in the seconds that the story lasts.
const TMPFS: u64 = 1024 * MIB;
/// What others leave of it for what the producers send: more than they write between two looks of the broker, a second apart. Who
/// takes all within less takes the reserve with it, by which all else is to be served.
const LEFT: u64 = 128 * MIB;
/// What a Java producer sends, of which not all fits.
const JAVA: &str = "--topic java --num-records 200000 --record-size 1000 --throughput -1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_tmpfs_under_console_tools_and_kcat_refuses_records_and_goes_on_by_itself() {
    let mut random = Random::announced();
    let mut world = World::on_tmpfs(TMPFS, &SETTINGS).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let mut load = Load::start(orders, &mut random);
    load.reach(300).await;
    for topic in ["doomed", "old"] {
        world.kcat().produce(topic, "", "one\ntwo\n").await;
    }
    world.tmpfs().take(world.tmpfs().free() - LEFT);
    has_seen(&world, LEFT).await;
    let mut java = world
        .console()
        .start("java", Tool::ProducerPerfTest, JAVA, world.folder());
    is_full(&world).await;
    // Not even what is refused to records is left: now the broker lives on its reserve.
    world.tmpfs().fill();
    serves_all_else(&world).await;
    load.look().await;

    world.tmpfs().take(0);
    has_room(&world).await;
    let status = java.ended(wait::PATIENCE).await;
    assert!(status.success(), "{status}: {}", java.stderr());
    let kept = world.kcat().read_all("java", "%o\n").await;
    assert_eq!(kept.lines().count(), 200_000, "each once");
    load.reach(300).await;

    // A topic that takes much of what there is, and goes.
    let lines = "x".repeat(1000) + "\n";
    world
        .kcat()
        .produce("filler", "", &lines.repeat(30_000))
        .await;
    world.tmpfs().take(world.tmpfs().free() - 4 * MIB);
    is_full(&world).await;
    let admin = client(world.bootstrap()).admin();
    let deleted = admin.delete_topics(vec!["filler".to_owned()]).await;
    assert!(deleted[0].1.is_ok(), "{deleted:?}");
    has_room(&world).await;
    load.reach(300).await;
    world.tmpfs().take(0);

    // The process ends while the disk is full.
    world.tmpfs().take(world.tmpfs().free() - 4 * MIB);
    is_full(&world).await;
    world.sluice_mut().kill();
    world.sluice_mut().start_again().await;
    load.look().await;
    is_full(&world).await;
    world.tmpfs().take(0);
    has_room(&world).await;
    load.reach(300).await;
    println!("full: {:?}", load.finish(&world).await);
}

/// What a full disk answers to everything but records and topics, and to those.
async fn serves_all_else(world: &World) {
    let http = world.http().await;
    let health = http.get("/health/ready").await;
    let reason = health["reasons"][0].as_str().unwrap_or_default().to_owned();
    assert!(
        reason.starts_with("disk full, produces refused"),
        "{health}"
    );
    let record = json!({"records": [{"value": {"a": 1}}]});
    let json = "application/vnd.kafka.json.v2+json";
    let told = http.post("/topics/old", json, &record).await;
    let told = told["offsets"][0]["error"].as_str().unwrap_or_default();
    assert!(told.contains("the disk is full"), "{told}");
    let unheard_of = http.request(Method::POST, "/topics/unheard-of");
    let unheard_of = unheard_of
        .header("content-type", json)
        .body(record.to_string());
    let (status, told) = send(unheard_of).await;
    assert_eq!(status, 500, "{told}");
    assert!(told.contains("the disk is full"), "{told}");

    let clients = client(world.bootstrap());
    let admin = clients.admin();
    let old = TopicPartition::new("old", 0);
    let commit = CommitRequest {
        group: "reports".to_owned(),
        committer: Committer::Outside,
        offsets: vec![(old.clone(), OffsetAndMetadata::new(1))],
    };
    let committed = clients.offsets().commit(commit).await;
    assert!(
        committed.expect("commit").iter().all(|it| it.1.is_ok()),
        "an offset is committed"
    );
    let moved = admin.delete_records(vec![(old, Some(1))]).await;
    assert_eq!(moved[0].1.clone().expect("delete records"), 1);
    let deleted = admin.delete_topics(vec!["doomed".to_owned()]).await;
    assert!(deleted[0].1.is_ok(), "{deleted:?}");
    let new = NewTopic {
        name: "new".to_owned(),
        ..NewTopic::default()
    };
    let refused = admin.create_topics(vec![new], false).await.remove(0).1;
    let refused = refused.expect_err("there is no room");
    assert_eq!(refused.code(), Some(ErrorCode::KafkaStorageError));
    assert!(
        refused.to_string().contains("the disk is full"),
        "{refused}"
    );
    let rest = world.kcat().read_all("old", "%s\n").await;
    assert_eq!(rest, "two\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_fuse_disk_and_kills_under_load_lose_and_repeat_nothing() {
    let mut random = Random::announced();
    let mut world = World::on_disk(random.split(), &SETTINGS).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let mut load = Load::start(orders, &mut random);
    let fillings = (rounds() / 4).max(3);
    for _ in 0..fillings {
        load.reach(300).await;
        let spare = u64::try_from(random.below(1 << 20)).expect("small");
        let used = used(world.disk().path());
        world.disk().set_faults(Faults {
            capacity: Some(used + spare),
            ..Faults::default()
        });
        is_full(&world).await;
        match random.below(2) {
            0 => world.sluice_mut().kill(),
            _ => drop(world.cut_power()),
        }
        world.sluice_mut().start_again().await;
        load.look().await;
        world.disk().set_faults(Faults::default());
        has_room(&world).await;
    }
    load.reach(300).await;
    println!("{fillings} fillings: {:?}", load.finish(&world).await);
}

/// Bytes of the files below a folder.
fn used(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => used(&entry.path()),
            Ok(found) => found.len(),
            // It went meanwhile.
            Err(_) => 0,
        })
        .sum()
}

/// Waits until the broker has looked how little others left of the disk.
async fn has_seen(world: &World, free_max: u64) {
    wait::until("a look at the disk", Duration::from_secs(30), || async {
        // Nothing is told before the first look.
        let free = metric(world, "sluice_broker_disk_free_bytes").await;
        match (1..=free_max).contains(&free) {
            true => Ok(()),
            false => Err(format!("sluice_broker_disk_free_bytes is {free}")),
        }
    })
    .await;
}

/// Waits until records are refused.
async fn is_full(world: &World) {
    told(world, "a full disk", |full| full > 0).await;
}

/// Waits until records are taken.
async fn has_room(world: &World) {
    told(world, "room on the disk", |full| full == 0).await;
}

async fn told(world: &World, what: &str, is_it: fn(u64) -> bool) {
    wait::until(what, Duration::from_secs(120), || async {
        let full = metric(world, "sluice_broker_disk_full").await;
        match is_it(full) {
            true => Ok(()),
            false => Err(format!("sluice_broker_disk_full is {full}")),
        }
    })
    .await;
}
