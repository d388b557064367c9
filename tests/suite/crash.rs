//! `kill -9` under load, again and again: every acknowledged record once, in order.
//!
//! `SLUICE_CRASH_ROUNDS` sets the number of kills (3), `SLUICE_SEED` the moments they come at.

use std::collections::BTreeMap;

use sluice_e2e::console::{self, Tool};
use sluice_e2e::process::Server;
use sluice_e2e::seed::{self, Random};
use sluice_e2e::{Target, World, wait};

const PARTITIONS: usize = 4;

/// What the producer calls its events.
const ACKNOWLEDGED: &str = "producer_send_success";

/// Where a record is: partition and offset.
type Place = (i64, i64);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn console_tools_idempotent_producer_and_kcat_find_every_record_once_after_kills() {
    let rounds: usize = seed::setting("SLUICE_CRASH_ROUNDS", 3);
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
    producer.signal(sluice_e2e::process::Signal::TERM);
    producer.ended(wait::PATIENCE).await;
    judge(
        &acknowledged(&producer),
        &world.kcat().read_all("orders", "%p %o %s\n").await,
    );
}

/// How many records have been acknowledged.
fn count(producer: &Server) -> usize {
    producer.stdout().matches(ACKNOWLEDGED).count()
}

/// What has been acknowledged: place and value.
fn acknowledged(producer: &Server) -> BTreeMap<Place, i64> {
    let events = console::events(producer).into_iter();
    events
        .filter(|event| event["name"] == ACKNOWLEDGED)
        .map(|event| {
            let place = (number(&event["partition"]), number(&event["offset"]));
            (place, number(&event["value"]))
        })
        .collect()
}

/// A number, or a string that holds one, as the producer tells values.
fn number(value: &serde_json::Value) -> i64 {
    let parsed = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    parsed.unwrap_or_else(|| panic!("{value} is no number"))
}

/// `log` has a line of partition, offset and value for each record, each partition in its order.
fn judge(acknowledged: &BTreeMap<Place, i64>, log: &str) {
    let mut kept = BTreeMap::new();
    for line in log.lines() {
        let numbers: Vec<i64> = line
            .split(' ')
            .map(|n| n.parse().expect("a number"))
            .collect();
        kept.insert((numbers[0], numbers[1]), numbers[2]);
    }
    for (place, value) in acknowledged {
        assert_eq!(
            kept.get(place),
            Some(value),
            "the acknowledged record at {place:?}"
        );
    }
    // The producer counts upwards, so each partition's values rise: a repeated or late one would not.
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for ((partition, offset), value) in kept {
        let before = last.insert(partition, value);
        assert!(
            before < Some(value),
            "{value} follows {before:?} at {offset} of {partition}"
        );
    }
}

#[test]
fn a_log_that_rises_and_has_every_acknowledged_record_is_right() {
    judge(&[((0, 0), 5), ((1, 0), 6)].into(), "0 0 5\n1 0 6\n0 1 7\n");
}

#[test]
#[should_panic(expected = "the acknowledged record at (0, 1)")]
fn a_lost_record_is_noticed() {
    judge(&[((0, 0), 5), ((0, 1), 6)].into(), "0 0 5\n");
}

#[test]
#[should_panic(expected = "5 follows Some(5)")]
fn a_repeated_record_is_noticed() {
    judge(&[((0, 0), 5)].into(), "0 0 5\n0 1 5\n");
}

#[test]
#[should_panic(expected = "5 follows Some(6)")]
fn a_late_record_is_noticed() {
    judge(&[((0, 0), 6)].into(), "0 0 6\n0 1 5\n");
}
