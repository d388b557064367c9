//! `kill -9` under load, again and again: every acknowledged record once, in order, where it was said to be.
//!
//! `SLUICE_CRASH_ROUNDS` sets the number of kills (5), `SLUICE_SEED` the moments they come at and what is written.

mod history;
mod load;

use sluice_client::TopicPartition;
use sluice_client::admin::NewTopic;
use sluice_client::offsets::{CommitRequest, Committer, GroupQuery, OffsetAndMetadata};
use sluice_e2e::console::{self, Tool};
use sluice_e2e::process::{Server, Signal};
use sluice_e2e::seed::{self, Random};
use sluice_e2e::{Target, World, wait};

use history::{Acknowledged, Log, Mark, judge, judge_growth};
use load::Load;

const PARTITIONS: usize = 4;
const PRODUCERS: usize = 4;

/// What Kafka's verifiable producer calls its events.
const ACKNOWLEDGED: &str = "producer_send_success";

/// Kills, unless the environment says how many.
const ROUNDS: i64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_and_repeat_nothing() {
    let mut random = Random::announced();
    let mut world = World::start(Target::Bundled).await;
    create_orders(&world).await;
    let randoms = (0..PRODUCERS).map(|_| random.split()).collect();
    let load = Load::start(world.bootstrap(), "orders", PARTITIONS, randoms);
    let mut seen = Log::new();
    for round in 1..=seed::setting("SLUICE_CRASH_ROUNDS", ROUNDS) {
        reach(&load, random.below(2000), round).await;
        // Consumers see durable records alone: a kill takes back nothing that was read.
        let now = read_orders(&world).await;
        judge_growth(&seen, &now);
        seen = now;
        commit_for_billing(&world, round).await;
        reach(&load, random.below(500), round).await;
        world.sluice_mut().kill();
        world.sluice_mut().start_again().await;
        assert_eq!(committed_by_billing(&world).await, Some(round));
    }
    let acknowledged = load.finish().await;
    let log = read_orders(&world).await;
    judge_growth(&seen, &log);
    judge(&acknowledged, &log);
}

async fn create_orders(world: &World) {
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions: Some(i32::try_from(PARTITIONS).expect("few partitions")),
        ..NewTopic::default()
    };
    let admin = load::client(world.bootstrap()).admin();
    let created = admin.create_topics(vec![topic], false).await;
    assert!(created[0].1.is_ok(), "{created:?}");
}

async fn read_orders(world: &World) -> Log {
    load::read(&load::client(world.bootstrap()), "orders", PARTITIONS).await
}

/// Waits for so many more acknowledgements.
async fn reach(load: &Load, more: usize, round: i64) {
    let goal = load.count() + more;
    let what = format!("{goal} acknowledgements in round {round}");
    wait::until_true(&what, wait::PATIENCE, || {
        std::future::ready(load.count() >= goal)
    })
    .await;
}

async fn commit_for_billing(world: &World, offset: i64) {
    let request = CommitRequest {
        group: "billing".to_owned(),
        committer: Committer::Outside,
        offsets: vec![(
            TopicPartition::new("orders", 0),
            OffsetAndMetadata::new(offset),
        )],
    };
    let offsets = load::client(world.bootstrap()).offsets();
    let committed = offsets.commit(request).await.expect("an answer");
    assert_eq!(committed[0].1, Ok(()));
}

async fn committed_by_billing(world: &World) -> Option<i64> {
    let offsets = load::client(world.bootstrap()).offsets();
    let mut committed = offsets.committed(vec![GroupQuery::all("billing")]).await;
    let partitions = committed.remove(0).1.expect("billing's offsets");
    let committed = partitions.into_iter().next()?.committed;
    committed.expect("an offset").map(|it| it.offset)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn console_tools_idempotent_producer_and_kcat_find_every_record_once_after_kills() {
    let rounds: i64 = seed::setting("SLUICE_CRASH_ROUNDS", ROUNDS);
    let mut random = Random::announced();
    let mut world = World::start(Target::Bundled).await;
    let create = format!("--create --topic orders --partitions {PARTITIONS}");
    world.console().run(Tool::Topics, &create, "").await.ok();
    let load = "--topic orders --throughput 2000 --repeating-keys 100";
    let mut producer =
        world
            .console()
            .start("producer", Tool::VerifiableProducer, load, world.folder());

    for round in 1..=rounds {
        let goal = count(&producer) + 200 + random.below(2000);
        let what = format!("{goal} acknowledgements in round {round}");
        wait::until_true(&what, wait::PATIENCE, || {
            std::future::ready(count(&producer) >= goal)
        })
        .await;
        world.sluice_mut().kill();
        world.sluice_mut().start_again().await;
    }
    producer.signal(Signal::TERM);
    producer.ended(wait::PATIENCE).await;
    let log = world.kcat().read_all("orders", "%p %o %s\n").await;
    judge(&acknowledged(&producer), &parse(&log));
}

/// How many records have been acknowledged.
fn count(producer: &Server) -> usize {
    producer.stdout().matches(ACKNOWLEDGED).count()
}

/// What has been acknowledged to the one producer, which counts upwards over all partitions.
fn acknowledged(producer: &Server) -> Vec<Acknowledged> {
    let events = console::events(producer).into_iter();
    let events = events.filter(|event| event["name"] == ACKNOWLEDGED);
    let told = events.map(|event| Acknowledged {
        partition: i32::try_from(number(&event["partition"])).expect("few partitions"),
        offset: Some(number(&event["offset"])),
        mark: Mark {
            producer: 0,
            number: number(&event["value"]),
        },
    });
    told.collect()
}

/// A number, or a string that holds one, as the producer tells values.
fn number(value: &serde_json::Value) -> i64 {
    let parsed = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    parsed.unwrap_or_else(|| panic!("{value} is no number"))
}

/// A log from lines of partition, offset and value.
fn parse(lines: &str) -> Log {
    let record = |line: &str| {
        let numbers = line.split(' ').map(|n| n.parse().expect("a number"));
        let numbers: Vec<i64> = numbers.collect();
        let partition = i32::try_from(numbers[0]).expect("few partitions");
        let mark = Mark {
            producer: 0,
            number: numbers[2],
        };
        ((partition, numbers[1]), mark)
    };
    lines.lines().map(record).collect()
}
