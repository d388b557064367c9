//! Every target on seeded mutations of its samples.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::{TARGETS, Target, mutation};

/// Inputs for each target, unless `SLUICE_FUZZ_COUNT` says otherwise.
const COUNT: u64 = 20_000;
/// What a process that reads inputs of kilobytes may at most hold. The largest is what the codecs
/// set aside, and the corpus.
const RESIDENT_KIB_MAX: u64 = 256 * 1024;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a seed or a count is a number"))
}

fn properties_hold(name: &str) {
    let seed =
        setting("SLUICE_FUZZ_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let count = setting("SLUICE_FUZZ_COUNT").unwrap_or(COUNT);
    println!("SLUICE_FUZZ_SEED={seed} SLUICE_FUZZ_COUNT={count}");
    let target = Target::named(name).unwrap();
    assert_eq!(
        mutation::run(target, seed, count),
        Ok(()),
        "SLUICE_FUZZ_SEED={seed}"
    );
    let resident = resident_kib_max();
    assert!(
        resident < RESIDENT_KIB_MAX,
        "{resident} KiB were held, SLUICE_FUZZ_SEED={seed}"
    );
}

/// The most this process ever held in memory.
fn resident_kib_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

#[test]
fn frames_keep_their_properties_when_mutated() {
    properties_hold("frames");
}

#[test]
fn requests_keep_their_properties_when_mutated() {
    properties_hold("requests");
}

#[test]
fn responses_keep_their_properties_when_mutated() {
    properties_hold("responses");
}

#[test]
fn schemas_keep_their_properties_when_mutated() {
    properties_hold("schemas");
}

#[test]
fn batches_keep_their_properties_when_mutated() {
    properties_hold("batches");
}

#[test]
fn records_keep_their_properties_when_mutated() {
    properties_hold("records");
}

#[test]
fn every_target_has_a_test_above_and_samples() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let tested = [
        "frames",
        "requests",
        "responses",
        "schemas",
        "batches",
        "records",
    ];
    assert_eq!(names, tested);
    for target in TARGETS {
        assert!(!(target.samples)().is_empty(), "{}", target.name);
    }
}

#[test]
fn a_failing_property_is_reported_with_its_input() {
    let picky = Target {
        name: "picky",
        run: |input| assert!(input.len() < 3),
        samples: || vec![vec![1, 2], vec![3, 4, 5]],
    };
    let failure = mutation::run(picky, 1, 0).unwrap_err();
    assert_eq!((failure.index, failure.input), (1, vec![3, 4, 5]));
}
