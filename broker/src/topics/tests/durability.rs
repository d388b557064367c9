//! What each durability promises: of the death of the process, and of a power cut.

use super::failure::{FaultyWorld, SMALL};
use super::*;
use crate::log::{Disk, Faults, FaultyStorage, ProducerStates};

/// Each file is synced for itself: where the whole disk is, nobody sees which one was left out.
const SINGLY: CommitLogConfig = CommitLogConfig {
    synced_singly_max: usize::MAX,
    ..SMALL
};

/// A world with the topics `kept` (group) and `risked`, of this durability.
fn world(seed: u64, durability: &str) -> FaultyWorld {
    let storage = FaultyStorage::new(seed);
    let disk = Disk::new(storage.clone());
    let world = FaultyWorld::on(storage, disk, SINGLY);
    world.create("kept");
    let risked = new_topic("risked", 1, &[("sluice.durability", durability)]);
    let created = world.topics.create(risked, Commit::Yes);
    world.drive(created).unwrap().unwrap();
    world
}

fn append_to(world: &FaultyWorld, topic: &str, value: &str) {
    let appending = world.partition(topic).append(batch(&[value]), Acks::All);
    world.drive(appending.unwrap().durable()).unwrap();
}

fn texts(world: &FaultyWorld, topic: &str) -> Vec<String> {
    let read = values(&world.partition(topic), 0);
    read.into_iter().map(|(_, value)| value).collect()
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Mutation: `Recovery::in_doubt` that has nothing synced.
#[test]
fn what_the_system_has_survives_the_death_of_the_process() {
    for durability in ["os", "interval"] {
        let mut world = world(1, durability);
        // So few that no checkpoint has synced any.
        for number in numbers(0..5) {
            append_to(&world, "risked", &number);
            append_to(&world, "kept", &number);
        }
        for _ in 0..2 {
            world.storage.kill();
            world.reopen();
            assert_eq!(texts(&world, "risked"), numbers(0..5), "{durability}");
            assert_eq!(texts(&world, "kept"), numbers(0..5));
        }
        // What was read after the kill is on the disk.
        world.storage.cut_power_and_forget();
        world.reopen();
        assert_eq!(texts(&world, "risked"), numbers(0..5));
    }
}

/// Mutation: `is_committed` that begins as true.
#[test]
fn the_first_record_after_a_start_waits_for_no_sync() {
    for durability in ["os", "interval"] {
        let mut world = world(1, durability);
        append_to(&world, "risked", "before");
        world.storage.kill();
        world.reopen();
        world.storage.set_faults(Faults {
            syncs_left: Some(1),
            ..Faults::default()
        });
        append_to(&world, "risked", "after");
        assert!(!world.storage.has_struck(), "{durability}");
        assert_eq!(texts(&world, "risked"), ["before", "after"]);
    }
}

/// Mutations: `Round::is_committed` that is always true, or never; `scan_promised` by headers alone, or that goes on behind
/// a hole.
#[test]
fn a_power_cut_takes_the_end_of_what_the_system_had_and_nothing_else() {
    let mut lost = 0;
    for seed in 0..60 {
        let mut world = world(seed, "os");
        for number in numbers(0..20) {
            append_to(&world, "risked", &number);
            append_to(&world, "kept", &number);
        }
        world.storage.cut_power();
        world.reopen();
        assert_eq!(texts(&world, "kept"), numbers(0..20), "seed {seed}");
        let left = texts(&world, "risked");
        let all = numbers(0..20);
        assert!(all.starts_with(&left), "seed {seed}: {left:?}");
        lost += all.len() - left.len();
        append_to(&world, "risked", "next");
        assert_eq!(texts(&world, "risked").len(), left.len() + 1);
    }
    assert!(lost > 0, "or `os` would promise as much as `group`");
}

/// Mutations: `PartitionLog::write_run` that notes no file; `Checkpoint::sync` that does nothing.
#[test]
fn a_checkpoint_brings_what_the_system_has_to_the_disk() {
    for seed in 0..30 {
        let mut world = world(seed, "interval");
        for number in numbers(0..20) {
            append_to(&world, "risked", &number);
        }
        world.topics.0.checkpoint.run().unwrap();
        append_to(&world, "risked", "20");
        world.storage.cut_power();
        world.reopen();
        let left = texts(&world, "risked");
        assert!(left.starts_with(&numbers(0..20)), "seed {seed}: {left:?}");
    }
}

/// Mutation: `flush_once` without the checkpoint before another durability.
#[test]
fn a_change_of_durability_loses_nothing_of_either_kind() {
    for seed in 0..40 {
        let mut world = world(seed, "os");
        let log = |world: &FaultyWorld, durability| {
            let partition = world.partition("risked");
            let topic = world.topics.topic("risked").unwrap();
            let mut config = topic.config().log.clone();
            config.durability = durability;
            partition.log.set_config(config);
        };
        append_to(&world, "risked", "0");
        log(&world, Durability::Group);
        append_to(&world, "risked", "1");
        log(&world, Durability::Os);
        append_to(&world, "risked", "2");
        log(&world, Durability::Group);
        append_to(&world, "risked", "3");
        world.storage.cut_power();
        world.reopen();
        assert_eq!(texts(&world, "risked"), numbers(0..4), "seed {seed}");
        log(&world, Durability::Group);
        append_to(&world, "risked", "4");
        log(&world, Durability::Os);
        append_to(&world, "risked", "5");
        world.storage.kill();
        world.reopen();
        assert_eq!(texts(&world, "risked"), numbers(0..6), "seed {seed}");
    }
}

/// Mutation: `cut_at` whatever lies between the batches.
#[test]
fn where_recovery_points_are_lost_nothing_is_cut_that_the_commit_log_never_had() {
    let mut world = world(1, "group");
    for (durability, range) in [
        (Durability::Group, 0..5),
        (Durability::Os, 5..10),
        (Durability::Group, 10..15),
    ] {
        let topic = world.topics.topic("risked").unwrap();
        let mut config = topic.config().log.clone();
        config.durability = durability;
        world.partition("risked").log.set_config(config);
        for number in numbers(range) {
            append_to(&world, "risked", &number);
        }
    }
    world.topics.0.checkpoint.run().unwrap();
    world.storage.kill();
    world.storage.lose_files("/data", "recovery-points");
    world.reopen();
    assert_eq!(texts(&world, "risked"), numbers(0..15));
    assert_eq!(world.topics.recovery().damaged_logs, []);
}

/// Has an idempotent producer send a batch of which it may have sent any before. Whatever is answered is there.
fn send(world: &FaultyWorld, sequence: i32, what: &str) {
    let partition = world.partition("risked");
    let text = sequence.to_string();
    let Ok(appending) = partition.append(sequenced(&[&text], 0, sequence), Acks::All) else {
        return;
    };
    let appended = world.drive(appending.durable()).unwrap();
    let there = values(&partition, appended.base_offset.0);
    let answered = (appended.base_offset.0, text);
    assert_eq!(there.first(), Some(&answered), "{what}");
}

/// Mutation: `true_snapshots` that leaves what is behind the end.
#[test]
fn what_is_answered_as_a_duplicate_is_there_whatever_a_power_cut_took() {
    for seed in 0..100 {
        let mut world = world(seed, "os");
        let mut rng = fastrand::Rng::with_seed(seed);
        // The last sequence that is there, as far as its producer knows.
        let mut last: Option<i32> = None;
        for step in 0..80 {
            let what = format!("seed {seed}, step {step}");
            match rng.u8(..20) {
                0..9 => {
                    let next = last.map_or(0, |last| last + 1);
                    send(&world, next, &what);
                    last = Some(next);
                }
                9..11 => {
                    if let Some(last) = last {
                        send(&world, rng.i32((last - 4).max(0)..=last), &what);
                    }
                }
                11..15 => append_to(&world, "risked", "other"),
                15..18 => {
                    let risked = world.partition("risked");
                    risked.save_producers(&risked.log.tend(), false).unwrap();
                }
                18 => world.topics.0.checkpoint.run().unwrap(),
                _ => {
                    match rng.bool() {
                        true => world.storage.kill(),
                        false => world.storage.cut_power(),
                    }
                    world.reopen();
                    let sent = texts(&world, "risked");
                    last = sent.iter().flat_map(|text| text.parse()).max();
                }
            }
        }
    }
}

/// Mutation: `true_snapshots` that does not sync the directory.
#[test]
fn no_power_cut_brings_back_a_snapshot_that_the_log_has_grown_past() {
    let mut world = world(1, "os");
    append_to(&world, "risked", "0");
    let log = &world.partition("risked").log;
    log.write_snapshot(&log.tend(), &ProducerStates::default(), 5, true)
        .unwrap();
    world.topics.close().unwrap();
    world.storage.kill();
    world.reopen();
    for number in numbers(1..6) {
        append_to(&world, "risked", &number);
    }
    world.topics.0.checkpoint.run().unwrap();
    world.storage.cut_power_and_forget();
    world.reopen();
    assert_eq!(texts(&world, "risked"), numbers(0..6));
    let names = world.disk().list("/data/topics/risked-0".as_ref()).unwrap();
    let snapshot = "00000000000000000005.snapshot".to_owned();
    assert!(!names.contains(&snapshot), "{names:?}");
}

/// Mutation: `Checkpoint::note` that does not look at `is_interval`.
#[test]
fn the_thread_that_syncs_does_so_within_the_interval() {
    let world = World::new();
    world.create("risked", 1, &[("sluice.durability", "interval")]);
    append(&world.partition("risked"), batch(&["a"])).unwrap();
    let points = world.directory.path().join("data/recovery-points");
    let id = world.topics.topic("risked").unwrap().id();
    let line = format!("{} 0 1", crate::log::id_text(id));
    let started = std::time::Instant::now();
    while !std::fs::read_to_string(&points).is_ok_and(|text| text.contains(&line)) {
        assert!(started.elapsed() < Duration::from_secs(4), "far too late");
        std::thread::yield_now();
    }
}

/// The broker's defaults are less durable than an internal topic may be.
fn risky(directory: &Path) -> TopicsConfig {
    let durability = ("sluice.durability".to_owned(), "os".to_owned());
    TopicsConfig {
        defaults: [durability].into(),
        ..config(directory)
    }
}

fn durability_of(topics: &Topics, topic: &str) -> (Durability, String) {
    let config = topics.topic(topic).unwrap().config();
    let described = config.describe();
    let entry = |name| described.iter().find(|entry| entry.key.name == name);
    let told = entry("sluice.durability").unwrap().value.clone();
    (config.log.durability, told)
}

/// Mutation: with the broker's default for internal topics too (`TopicConfig::of`), commits are
/// acknowledged before the disk has them.
#[test]
fn committed_offsets_are_on_the_disk_in_a_directory_of_format_1_whatever_the_default_is() {
    let World {
        directory,
        clock,
        topics,
    } = formats::world_of("format-1/closed");
    topics.close().unwrap();
    drop(topics);
    let topics = Topics::open(risky(directory.path()), clock, |_| ()).unwrap();
    let group = (Durability::Group, "group".to_owned());
    assert_eq!(durability_of(&topics, "__consumer_offsets"), group);
    assert_eq!(durability_of(&topics, "lines").0, Durability::Os);
}

/// Mutation: without the refusal in `TopicConfig::altered` it is accepted, and not obeyed.
#[test]
fn nobody_makes_committed_offsets_less_durable() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(TimestampMs(NOW));
    let topics = Topics::open(risky(directory.path()), clock, |_| ()).unwrap();
    let name = "__consumer_offsets";
    wait(topics.create(new_topic(name, 1, &[]), Commit::Yes)).unwrap();
    let name = TopicName::parse(name).unwrap();
    let alter = |alteration| wait(topics.alter_configs(&name, alteration, Commit::Yes));
    let change = |operation, value: Option<&str>| {
        Alteration::Change(vec![ConfigChange {
            key: "sluice.durability".to_owned(),
            operation,
            value: value.map(str::to_owned),
        }])
    };
    let refusal = alter(change(ConfigOperation::Set, Some("os"))).unwrap_err();
    assert!(refusal.to_string().contains("always `group`"), "{refusal}");
    let replaced = new_topic("t", 1, &[("sluice.durability", "interval")]).configs;
    alter(Alteration::Replace(replaced)).unwrap_err();
    for accepted in [
        change(ConfigOperation::Set, Some("group")),
        change(ConfigOperation::Delete, None),
        Alteration::Replace(new_topic("t", 1, &[("segment.bytes", "1048576")]).configs),
    ] {
        alter(accepted).unwrap();
        let group = (Durability::Group, "group".to_owned());
        assert_eq!(durability_of(&topics, name.as_str()), group);
    }
}
