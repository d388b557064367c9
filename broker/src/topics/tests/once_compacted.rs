//! Logs that were compacted once and are not any more: offsets are missing there for good reason, and
//! nothing is taken for lost, whatever becomes of `cleaner-offset-checkpoint`.

use super::failure::FaultyWorld;
use super::*;
use crate::log::Faults;
use crate::offline::{Form, verify};

pub(super) const TOPIC: &str = "once-compacted";
/// Where it is remembered how far logs are compacted.
const CHECKPOINT: &str = "cleaner-offset-checkpoint";
/// What says that a log was ever compacted.
const MARK: &str = "topics/once-compacted-0/compacted";
/// Settings of a topic that is compacted at every chance.
pub(super) const TO_COMPACT: [(&str, &str); 2] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0"),
];

/// A topic compacted at every chance, in segments of two batches, every second of which is to go.
pub(super) fn filled(topic: &Topic, mut append: impl FnMut(ValidatedBatch)) {
    let partition = &topic.partitions()[0];
    let mut config = topic.config().log.clone();
    config.segment_bytes = 2000;
    partition.log.set_config(config);
    let filler = "x".repeat(900);
    for number in 0..12_u8 {
        let key = Bytes::copy_from_slice(&[number * (number % 2)]);
        let mut record = record(&filler, NOW);
        record.key = Some(key);
        append(batch_of(&[record]).build().unwrap().unwrap());
    }
}

fn compacted_topic() -> NewTopic {
    new_topic(TOPIC, 1, &TO_COMPACT)
}

fn to_delete() -> Alteration {
    Alteration::Change(vec![ConfigChange {
        key: "cleanup.policy".to_owned(),
        operation: ConfigOperation::Set,
        value: Some("delete".to_owned()),
    }])
}

/// Asserts that a reader comes from the first record to the last, over offsets that are missing.
fn assert_readable(partition: &Partition, what: &str) {
    let read = try_values(partition, 0).unwrap_or_else(|error| panic!("{what}: {error}"));
    let offsets: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
    assert!(
        offsets.len() < 12 && offsets.ends_with(&[11]),
        "{offsets:?}"
    );
    assert_eq!(partition.log.damaged(), [], "{what}");
}

/// A topic that was compacted and is no longer, in a data directory that nobody has.
fn altered() -> (tempfile::TempDir, Clock) {
    let world = World::new();
    let topic = wait(world.topics.create(compacted_topic(), Commit::Yes));
    let partition = world.partition(TOPIC);
    filled(&topic.unwrap().unwrap(), |batch| {
        append(&partition, batch).unwrap();
    });
    let look = world.topics.compact_dirtiest(1 << 20, &mut |_| true);
    look.unwrap().run.unwrap().outcome.unwrap();
    let name = TopicName::parse(TOPIC).unwrap();
    wait(world.topics.alter_configs(&name, to_delete(), Commit::Yes)).unwrap();
    world.topics.close().unwrap();
    let World {
        directory, clock, ..
    } = world;
    (directory, clock)
}

/// Asserts that neither the tool nor the broker misses anything.
fn assert_sound((directory, clock): &(tempfile::TempDir, Clock), what: &str) {
    let mut said = Vec::new();
    let data = directory.path().join("data");
    let tally = verify(&data, Form::Text, &mut said, &mut |_| ()).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(tally.damaged, 0, "{what}: {said}");
    let topics = open(directory.path(), clock).unwrap();
    assert_readable(&topics.partition(TOPIC, PartitionId(0)).unwrap(), what);
}

/// Fails where the tool reads the checkpoint by rules of its own, or where the broker asks the settings
/// of today alone (`Density::of` that looks at no mark, or `was_compacted` that is always false).
#[test]
fn a_log_that_is_compacted_no_longer_is_sound_by_its_mark_and_by_the_checkpoint_alone() {
    let losses: [&[&str]; 3] = [&[], &[MARK], &[CHECKPOINT]];
    for lost in losses {
        let world = altered();
        for file in lost {
            drop(std::fs::remove_file(world.0.path().join("data").join(file)));
        }
        assert_sound(&world, &format!("without {lost:?}"));
    }
}

/// Fails where a checkpoint that is not whole counts as one without a log.
#[test]
fn where_it_is_not_known_which_logs_were_compacted_none_has_lost_what_it_lacks() {
    let world = altered();
    let data = world.0.path().join("data");
    drop(std::fs::remove_file(data.join(MARK)));
    let checkpoint = data.join(CHECKPOINT);
    let bytes = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    assert_sound(&world, "half a checkpoint");
}

/// Fails where the file that is written by the first compaction after one that says nothing has an entry for
/// what that compacted alone (`PartitionPoints::nothing_of` is empty).
#[test]
fn where_it_was_not_known_which_logs_were_compacted_it_is_not_after_another_compaction() {
    let spoil: [fn(&str) -> String; 2] = [
        |text| text.replace("version 2", "version 1"),
        |text| text.chars().take(text.len() / 2).collect(),
    ];
    for spoil in spoil {
        let (directory, clock) = altered();
        let data = directory.path().join("data");
        drop(std::fs::remove_file(data.join(MARK)));
        let text = std::fs::read_to_string(data.join(CHECKPOINT)).unwrap();
        let spoilt = spoil(&text);
        std::fs::write(data.join(CHECKPOINT), &spoilt).unwrap();
        let world = World::at(directory, clock);
        let other = world.create("other", 1, &TO_COMPACT);
        let partition = world.partition("other");
        filled(&other, |batch| {
            append(&partition, batch).unwrap();
        });
        drop((other, partition));
        let look = world.topics.compact_dirtiest(1 << 20, &mut |_| true);
        look.unwrap().run.unwrap().outcome.unwrap();
        let written = std::fs::read_to_string(data.join(CHECKPOINT)).unwrap();
        assert_ne!(written, spoilt);
        assert_sound(&world.stopped(), &format!("after {spoilt}"));
    }
}

/// Fails where the mark is not durable before the first compacted segment takes its place: it is left
/// out, written after the rename to `.swap`, or by `swap_file`.
#[test]
fn a_power_cut_at_any_step_of_the_first_compaction_leaves_a_log_that_is_known_to_be_compacted() {
    for steps in 0.. {
        let mut world = FaultyWorld::new(u64::from(steps));
        world.storage.forget_order();
        let topic = world.topics.create(compacted_topic(), Commit::Yes);
        let topic = world.drive(topic).unwrap().unwrap();
        let partition = world.partition(TOPIC);
        filled(&topic, |batch| {
            let appended = partition.append(batch, Acks::All).unwrap();
            world.drive(appended.durable()).unwrap();
        });
        drop((partition, topic));
        world.storage.set_faults(Faults {
            changes_left: Some(steps),
            ..Faults::default()
        });
        let look = world.topics.compact_dirtiest(1 << 20, &mut |_| true);
        let is_compacted = look.is_ok_and(|look| look.run.is_some_and(|run| run.outcome.is_ok()));
        world.storage.cut_power();
        world.reopen();
        let name = TopicName::parse(TOPIC).unwrap();
        let altered = world.topics.alter_configs(&name, to_delete(), Commit::Yes);
        world.drive(altered).unwrap();
        world.storage.kill();
        world.storage.lose_files("/data", CHECKPOINT);
        world.reopen();
        let read = try_values(&world.partition(TOPIC), 0);
        read.unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
        if is_compacted {
            return;
        }
    }
}
