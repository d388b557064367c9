//! `kill -9` under load: every acknowledged record once, in order, where it was said to be; every commit kept.
//!
//! It was seen to fail with producers that are forgotten at a restart: what they repeat is there twice then.

use serde_json::Value;
use sluice_e2e::console::{self, Tool};
use sluice_e2e::history::{Event, History, Kept, Mark, Outcome};
use sluice_e2e::process::{Server, Signal};
use sluice_e2e::seed::Random;
use sluice_e2e::{Target, World, dump_log, wait};

use super::churn::{self, Churn};
use super::load::{Load, Topic};
use super::rounds;

const PARTITIONS: i32 = 4;

/// What Kafka's verifiable producer, which does not try again, calls its events.
const ACKNOWLEDGED: &str = "producer_send_success";
const UNKNOWN: &str = "producer_send_error";

/// Compaction, retention and the deletion of topics go on meanwhile: in the first life, and in three of four behind it, the end
/// comes only when the broker has compacted something, by its own account. In the end Kafka's own tool reads what was compacted
/// again and again.
///
/// It was seen to fail with a compaction whose result gets its name before all it replaces is gone, and with one that forgets the
/// last sequences of producers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_compacting_lose_and_repeat_nothing_and_java_reads_what_is_left() {
    let mut random = Random::announced();
    let mut world = World::with(Target::Bundled, &churn::FLAGS).await;
    let orders = Topic::create(world.bootstrap(), "orders", PARTITIONS).await;
    let prices = Topic::compacted(world.bootstrap(), "prices", 1).await;
    let mut loads = [
        Load::start(orders, &mut random),
        Load::start(prices, &mut random),
    ];
    let mut churn = Churn::start(world.bootstrap()).await;
    for round in 0..rounds() {
        loads[0].reach(random.below(2000)).await;
        // Where chance alone decided, one run of a thousand would compact nothing.
        if round == 0 || random.below(4) > 0 {
            churn.compacts(&world).await;
        }
        world.sluice_mut().kill();
        world.sluice_mut().start_again().await;
        for load in &mut loads {
            load.look().await;
        }
    }
    for load in loads {
        let summary = load.finish(&world).await;
        println!("{} kills: {summary:?}", rounds());
        assert_eq!(summary.unacknowledged, 0, "a retry is always answered");
    }
    churn.finish(&world).await;
    world.sluice_mut().interrupt().await;
    dump_log::directory(&world.folder().join("data/broker/topics/prices-0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn console_tools_idempotent_producer_and_kcat_find_every_record_once_after_kills() {
    let mut random = Random::announced();
    let mut world = World::start(Target::Bundled).await;
    let create = format!("--create --topic orders --partitions {PARTITIONS}");
    world.console().run(Tool::Topics, &create, "").await.ok();
    let load = "--topic orders --throughput 2000 --repeating-keys 100";
    let mut producer =
        world
            .console()
            .start("producer", Tool::VerifiableProducer, load, world.folder());

    for round in 1..=rounds() {
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
    let history = History::default();
    history.note(0, history.now(), told(&producer));
    let log = world.kcat().read_all("orders", "%p %o %s\n").await;
    history.note(1, history.now(), read(&log));
    let summary = history.judge(Kept::Everything);
    println!("{} kills: {summary:?}", rounds());
}

/// How many records have been acknowledged.
fn count(producer: &Server) -> usize {
    producer.stdout().matches(ACKNOWLEDGED).count()
}

/// What the one producer knows, which counts upwards over all partitions.
fn told(producer: &Server) -> Vec<Event> {
    let produce = |partition, event: &Value, outcome| Event::Produce {
        partition,
        mark: mark(number(&event["value"])),
        outcome,
    };
    let mut told = Vec::new();
    for event in console::events(producer) {
        if event["name"] == ACKNOWLEDGED {
            let partition = i32::try_from(number(&event["partition"])).expect("few partitions");
            let offset = number(&event["offset"]);
            told.push(produce(partition, &event, Outcome::Ok(Some(offset))));
        } else if event["name"] == UNKNOWN {
            // It does not say where the record would be.
            told.extend((0..PARTITIONS).map(|any| produce(any, &event, Outcome::Info)));
        }
    }
    told
}

const fn mark(number: i64) -> Mark {
    Mark {
        producer: 0,
        number,
    }
}

/// A number, or a string that holds one, as the producer tells values.
fn number(value: &Value) -> i64 {
    let parsed = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    parsed.unwrap_or_else(|| panic!("{value} is no number"))
}

/// A read of each partition, from lines of partition, offset and value.
fn read(lines: &str) -> Vec<Event> {
    let mut partitions = vec![Vec::new(); usize::try_from(PARTITIONS).expect("few")];
    for line in lines.lines() {
        let numbers = line.split(' ').map(|n| n.parse().expect("a number"));
        let numbers: Vec<i64> = numbers.collect();
        let partition = usize::try_from(numbers[0]).expect("few partitions");
        partitions[partition].push((numbers[1], mark(numbers[2])));
    }
    let reads = (0..)
        .zip(partitions)
        .map(|(partition, records)| Event::Poll {
            partition,
            from: 0,
            end: records.last().map_or(0, |(offset, _)| offset + 1),
            records,
        });
    reads.collect()
}
