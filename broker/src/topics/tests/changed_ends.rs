//! Somebody puts another segment in the place of the last one after a clean stop: nothing of it vanishes, and nothing of
//! that in silence.

use std::fs;

use super::damage::segment;
use super::*;
use crate::log::ChangedEnd;

const LEFT: i64 = 5;

/// A broker whose last segment of `orders` has become that of a topic with so many records of this value.
fn changed(value: &str, count: i64) -> World {
    let world = World::new();
    world.create("orders", 1, &[]);
    world.create("payments", 1, &[]);
    for _ in 0..LEFT {
        append(&world.partition("orders"), batch(&["own"])).unwrap();
    }
    for _ in 0..count {
        append(&world.partition("payments"), batch(&[value])).unwrap();
    }
    world.end(true);
    let own = segment(&world, 0);
    let strange = world.directory.path().join("data/topics/payments-0");
    fs::copy(strange.join(own.file_name().unwrap()), &own).unwrap();
    world.reopened()
}

/// Mutations: `is_as_left` that does not look at the place, or is always true.
#[test]
fn a_segment_that_does_not_end_as_a_clean_stop_left_it_is_told_and_kept() {
    for (value, found) in [("odd", 8), ("that is longer", 8), ("that is longer", LEFT)] {
        let world = changed(value, found);
        let end = ChangedEnd { left: LEFT, found };
        let told = world.topics.recovery().changed_logs.clone();
        let told: Vec<_> = told
            .iter()
            .map(|log| (log.directory.as_str(), log.end))
            .collect();
        assert_eq!(told, [("orders-0", end)], "{value}");
        let kept = values(&world.partition("orders"), LEFT);
        assert_eq!(
            i64::try_from(kept.len()).unwrap(),
            found - LEFT,
            "{value}: {kept:?}"
        );
        append(&world.partition("orders"), batch(&["own"])).unwrap();
        let world = world.restarted();
        assert_eq!(world.topics.recovery().changed_logs, [], "{value}");
        let last = values(&world.partition("orders"), found);
        assert_eq!(last, pairs(&[(found, "own")]), "{value}");
    }
}
