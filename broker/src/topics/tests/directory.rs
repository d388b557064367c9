//! The directory: what exists, what survives, what goes.

use super::super::metadata_event::MetadataEvent;
use super::super::topic_config::InvalidTopicConfig;
use super::*;
use crate::log::id_text;

#[test]
fn what_was_appended_is_read_now_and_after_a_restart_and_after_a_kill() {
    let world = World::new();
    let id = world.create("orders", 2, &[]).id();
    let partition = world.partition("orders");
    let appended = append(&partition, batch(&["a", "b"])).unwrap();
    assert_eq!(appended.base_offset, Offset(0));
    assert_eq!(appended.log_append_time, None);
    let appended = append(&partition, batch(&["c"])).unwrap();
    assert_eq!(appended.base_offset, Offset(2));
    let expected = pairs(&[(0, "a"), (1, "b"), (2, "c")]);
    assert_eq!(values(&partition, 0), expected);
    assert_eq!(values(&partition, 1), expected[1..]);

    let cluster_id = world.topics.cluster_id().to_owned();
    let world = world.restarted();
    assert_eq!(world.topics.recovery().last_stop, LastStop::Clean);
    assert_eq!(world.topics.cluster_id(), cluster_id);
    let partition = world.partition("orders");
    assert_eq!(partition.topic_id(), id);
    assert_eq!(partition.leader_epoch(), LeaderEpoch(0));
    assert_eq!(values(&partition, 0), expected);
    append(&partition, batch(&["d"])).unwrap();

    let world = world.killed();
    assert_eq!(world.topics.recovery().last_stop, LastStop::Unclean);
    assert_eq!(world.topics.recovery().partition_count, 2);
    let partition = world.partition("orders");
    assert_eq!(partition.leader_epoch(), LeaderEpoch(1));
    assert_eq!(values(&partition, 3), pairs(&[(3, "d")]));
    append(&partition, batch(&["e"])).unwrap();
    assert_eq!(values(&partition, 3), pairs(&[(3, "d"), (4, "e")]));
    let end = |epoch| partition.epoch_end_offset(LeaderEpoch(epoch)).unwrap();
    assert_eq!(end(0).end_offset, Offset(4));
    assert_eq!(end(1).end_offset, Offset(5));
    assert_eq!(partition.epoch_end_offset(LeaderEpoch(2)), None);
}

#[test]
fn a_directory_in_use_is_refused() {
    let world = World::new();
    let refusal = open(world.directory.path(), &world.clock).unwrap_err();
    assert!(matches!(refusal, OpenError::InUse { .. }));
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_batch_and_reported() {
    let world = World::new();
    world.create("orders", 1, &[]);
    let partition = world.partition("orders");
    append(&partition, batch(&["a"])).unwrap();
    append(&partition, batch(&["b"])).unwrap();
    drop(partition);
    // From here on the commit log has nothing of it.
    world.topics.0.checkpoint.run().unwrap();
    let log = "data/topics/orders-0/00000000000000000000.log";
    let path = world.directory.path().join(log);
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 4;
    bytes.extend_from_within(..half);
    std::fs::write(&path, &bytes).unwrap();
    let world = world.killed();
    let cut = &world.topics.recovery().cut;
    assert_eq!(cut.len(), 1);
    assert_eq!(cut[0].bytes, u64::try_from(half).unwrap());
    let partition = world.partition("orders");
    assert_eq!(values(&partition, 0), pairs(&[(0, "a"), (1, "b")]));
    append(&partition, batch(&["c"])).unwrap();
    assert_eq!(values(&partition, 1), pairs(&[(1, "b"), (2, "c")]));
}

#[test]
fn topics_are_created_deleted_and_created_again_with_another_id() {
    let world = World::new();
    let first = world.create("orders", 3, &[("retention.ms", "5")]);
    assert_eq!(first.partitions().len(), 3);
    append(&world.partition("orders"), batch(&["a"])).unwrap();
    let held = world.partition("orders");
    wait(world.topics.delete(first.name())).unwrap();
    assert!(world.topics.topic("orders").is_none());
    assert!(world.topics.topic_by_id(first.id()).is_none());
    assert!(matches!(
        append(&held, batch(&["b"])),
        Err(AppendError::Deleted)
    ));
    assert!(matches!(
        held.read(read_request(0)),
        Err(ReadError::Deleted)
    ));
    let second = world.create("orders", 1, &[]);
    assert_ne!(first.id(), second.id());
    assert_eq!(values(&world.partition("orders"), 0), []);
    append(&world.partition("orders"), batch(&["new"])).unwrap();
    let world = world.killed();
    let topic = world.topics.topic("orders").unwrap();
    assert_eq!(topic.id(), second.id());
    assert_eq!(values(&world.partition("orders"), 0), pairs(&[(0, "new")]));
    assert!(world.topics.recovery().quarantined.is_empty());
    world.topics.retention_check().unwrap();
    let deleted = world.directory.path().join("data/deleted");
    assert_eq!(std::fs::read_dir(deleted).unwrap().count(), 0);
}

#[test]
fn a_topic_that_may_not_be_is_refused_by_name() {
    let world = World::new();
    world.create("my.orders", 90, &[]);
    let refusal = |new: NewTopic| wait(world.topics.create(new, Commit::ValidateOnly)).unwrap_err();
    assert!(matches!(
        refusal(new_topic("my.orders", 1, &[])),
        CreateTopicError::AlreadyExists { .. }
    ));
    assert!(matches!(
        refusal(new_topic("my_orders", 1, &[])),
        CreateTopicError::Collides { .. }
    ));
    assert!(matches!(
        refusal(new_topic("other", 0, &[])),
        CreateTopicError::InvalidPartitions { .. }
    ));
    assert!(matches!(
        refusal(new_topic("other", 11, &[])),
        CreateTopicError::TooManyPartitions { left: 10, .. }
    ));
    assert!(matches!(
        refusal(new_topic("other", 1, &[("nope", "1")])),
        CreateTopicError::InvalidConfig(_)
    ));
    let valid = world
        .topics
        .create(new_topic("other", 10, &[]), Commit::ValidateOnly);
    assert!(wait(valid).unwrap().is_none());
    assert!(world.topics.topic("other").is_none());
    for index in 1..10 {
        world.create(&format!("topic-{index}"), 1, &[]);
    }
    assert!(matches!(
        refusal(new_topic("other", 1, &[])),
        CreateTopicError::TooManyTopics { limit: 10 }
    ));
    let name = TopicName::parse("nobody").unwrap();
    assert!(matches!(
        wait(world.topics.delete(&name)),
        Err(DeleteTopicError::NotFound { .. })
    ));
}

#[test]
fn partitions_and_settings_change_durably() {
    let world = World::new();
    let topic = world.create("orders", 2, &[("retention.ms", "5")]);
    let name = topic.name().clone();
    let add = |count, commit| wait(world.topics.add_partitions(&name, count, commit));
    assert!(matches!(
        add(2, Commit::Yes),
        Err(AddPartitionsError::NotMore { current: 2, .. })
    ));
    add(4, Commit::ValidateOnly).unwrap();
    assert_eq!(topic.partitions().len(), 2);
    add(4, Commit::Yes).unwrap();
    assert!(matches!(
        add(101, Commit::Yes),
        Err(AddPartitionsError::TooManyPartitions { left: 96, .. })
    ));
    let alteration = Alteration::Change(vec![ConfigChange {
        key: "max.message.bytes".to_owned(),
        operation: ConfigOperation::Set,
        value: Some("100".to_owned()),
    }]);
    wait(world.topics.alter_configs(&name, alteration, Commit::Yes)).unwrap();
    let too_large = "x".repeat(100);
    let world = world.killed();
    let topic = world.topics.topic("orders").unwrap();
    assert_eq!(topic.partitions().len(), 4);
    assert_eq!(topic.config().own().len(), 2);
    let partition = world.partition("orders");
    assert!(matches!(
        append(&partition, batch(&[&too_large])),
        Err(AppendError::TooLarge { limit: 100, .. })
    ));
}

/// Mutations: `create` or `alter_configs` without `check_configs`; `check_sizes` without a look at all of them.
#[test]
fn the_configs_of_a_topic_and_of_all_topics_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(TimestampMs(NOW));
    let config = TopicsConfig {
        topics_max: 2000,
        partitions_max: 2000,
        ..config(&directory.path().join("data"))
    };
    let topics = Topics::open(config, clock, |_| ()).unwrap();
    // Zeroes before a number are as good as anything that is long.
    let long = format!("{}1048576", "0".repeat(32_000));
    let [one, two, three] = ["retention.bytes", "segment.bytes", "max.message.bytes"];
    let too_many = [one, two, three].map(|key| (key, long.as_str()));
    let refused = wait(topics.create(new_topic("big", 1, &too_many), Commit::Yes)).unwrap_err();
    assert!(refused.to_string().contains("65536 at most"), "{refused}");
    let make = |number: usize| {
        let name = format!("t{number}");
        wait(topics.create(new_topic(&name, 1, &too_many[..2]), Commit::Yes))
    };
    let full = (0..1100).find_map(|number| make(number).err()).unwrap();
    assert!(
        matches!(full, CreateTopicError::TooManyConfigs(_)),
        "{full}"
    );
    wait(topics.create(new_topic("plain", 1, &[]), Commit::Yes)).unwrap();
    let alter = |topic: &str, key: &str, operation| {
        let alteration = Alteration::Change(vec![ConfigChange {
            key: key.to_owned(),
            operation,
            value: Some(long.clone()),
        }]);
        let topic = TopicName::parse(topic).unwrap();
        wait(topics.alter_configs(&topic, alteration, Commit::Yes))
    };
    let set = || {
        alter("plain", one, ConfigOperation::Set)?;
        alter("plain", two, ConfigOperation::Set)
    };
    let full = set().unwrap_err();
    assert!(
        matches!(full, AlterConfigError::TooManyConfigs(_)),
        "{full}"
    );
    alter("t0", one, ConfigOperation::Delete).unwrap();
    alter("t0", two, ConfigOperation::Delete).unwrap();
    set().unwrap();
}

/// Mutations: `resolve` and `altered` without `check_sizes`; a change that lists items before it checks their
/// size.
#[test]
fn a_value_longer_than_any_of_kafkas_is_refused_and_one_of_before_stays() {
    let key = "follower.replication.throttled.replicas";
    let long = |count: usize| vec!["0:1"; count].join(",");
    let (largest, too_long) = (long(8192), long(8193));
    assert_eq!(largest.len(), 32_767);
    let world = World::new();
    let topic = world.create("orders", 1, &[(key, &largest)]);
    let created = new_topic("other", 1, &[(key, &too_long)]);
    let refused = wait(world.topics.create(created, Commit::Yes)).unwrap_err();
    assert!(refused.to_string().contains("32771 bytes"), "{refused}");
    let event = MetadataEvent::ConfigsReplaced {
        id: id_text(topic.id()),
        configs: new_topic("orders", 1, &[(key, &too_long)]).configs,
    };
    wait(world.topics.0.metadata.commit(&event)).unwrap();
    let world = world.killed();
    let topic = world.topics.topic("orders").unwrap();
    assert_eq!(topic.config().own()[key], too_long);
    let alter = |key: &str, operation, value: &str| {
        let alteration = Alteration::Change(vec![ConfigChange {
            key: key.to_owned(),
            operation,
            value: Some(value.to_owned()),
        }]);
        wait(
            world
                .topics
                .alter_configs(topic.name(), alteration, Commit::Yes),
        )
    };
    alter("retention.ms", ConfigOperation::Set, "5").unwrap();
    alter(key, ConfigOperation::Append, "1:1").unwrap_err();
    alter(key, ConfigOperation::Subtract, &too_long).unwrap_err();
    alter(key, ConfigOperation::Set, &format!("{too_long},1:1")).unwrap_err();
    alter(key, ConfigOperation::Set, &largest).unwrap();
    alter(key, ConfigOperation::Append, "1:1").unwrap_err();
    alter(key, ConfigOperation::Subtract, "0:1").unwrap();
    assert_eq!(topic.config().own()[key], "");
}

/// Mutation: `is_index_full` that is false.
#[test]
fn a_segment_ends_where_its_indexes_are_as_large_as_they_may_be() {
    let world = World::new();
    let configs = [("segment.index.bytes", "80"), ("index.interval.bytes", "0")];
    world.create("orders", 1, &configs);
    let partition = world.partition("orders");
    for number in 0..1200 {
        append(&partition, batch(&[&number.to_string()])).unwrap();
    }
    let files = world.files("orders-0");
    let segments = files.iter().filter(|name| name.ends_with(".log")).count();
    // 512 entries of the offset index, and a batch before the first.
    assert_eq!(segments, 3, "{files:?}");
    let world = world.restarted().killed();
    assert_eq!(values(&world.partition("orders"), 0).len(), 1200);
}

#[test]
fn old_segments_go_by_size_and_time_and_the_end_stays() {
    let world = World::new();
    let configs = [
        ("segment.bytes", "1048576"),
        ("retention.bytes", "2097152"),
        ("retention.ms", "1000"),
        ("file.delete.delay.ms", "500"),
    ];
    world.create("orders", 1, &configs);
    let partition = world.partition("orders");
    let large = "x".repeat(400_000);
    for _ in 0..10 {
        append(&partition, batch(&[&large])).unwrap();
    }
    assert_eq!(partition.offsets().log_start, Offset(0));
    world.topics.retention_check().unwrap();
    let start = partition.offsets().log_start.0;
    assert_eq!(start, 4, "five segments of two records, two of them over");
    assert_eq!(values(&partition, start).len(), 6);
    let deleted = |world: &World| {
        let files = world.files("orders-0");
        files
            .iter()
            .filter(|name| name.contains(".log.") && name.ends_with(".deleted"))
            .count()
    };
    assert_eq!(deleted(&world), 2);
    world.clock.advance(Duration::from_secs(2));
    assert!(world.topics.is_removal_due());
    world.topics.remove_due();
    assert_eq!(deleted(&world), 0);
    world.topics.retention_check().unwrap();
    assert_eq!(deleted(&world), 3, "those that came meanwhile");
    assert!(!world.topics.is_removal_due());
    let offsets = partition.offsets();
    assert_eq!(offsets.log_start, Offset(10));
    assert_eq!(offsets.high_watermark, Offset(10));
    assert_eq!(partition.size(), 0);
    drop(partition);
    let world = world.killed();
    assert_eq!(deleted(&world), 0);
    let partition = world.partition("orders");
    let appended = append(&partition, batch(&["next"])).unwrap();
    assert_eq!(appended.base_offset, Offset(10));
    assert_eq!(values(&partition, 10), pairs(&[(10, "next")]));
}

#[test]
fn a_directory_of_nobody_is_put_aside_and_not_removed() {
    let world = World::new();
    world.create("orders", 1, &[]);
    append(&world.partition("orders"), batch(&["a"])).unwrap();
    let topics = world.directory.path().join("data/topics");
    std::fs::create_dir(topics.join("stranger-0")).unwrap();
    std::fs::write(topics.join("stranger-0/00000000000000000000.log"), "x").unwrap();
    std::fs::write(topics.join("notes"), "a file").unwrap();
    let world = world.killed();
    let mut quarantined = world.topics.recovery().quarantined.clone();
    quarantined.sort_unstable();
    assert_eq!(quarantined, ["notes", "stranger-0"]);
    let quarantine = world.directory.path().join("data/quarantine");
    assert_eq!(std::fs::read_dir(quarantine).unwrap().count(), 2);
    assert_eq!(values(&world.partition("orders"), 0), pairs(&[(0, "a")]));
}

/// Mutation: `sort_out` that takes a file for a directory without a label.
#[test]
fn a_file_in_the_place_of_a_partition_is_put_aside_and_what_was_durable_there_is_told_as_lost() {
    for is_clean in [true, false] {
        let world = World::new();
        world.create("orders", 1, &[]);
        append(&world.partition("orders"), batch(&["a", "b"])).unwrap();
        world.end(is_clean);
        let home = world.directory.path().join("data/topics/orders-0");
        std::fs::remove_dir_all(&home).unwrap();
        std::fs::write(&home, "a file").unwrap();
        let world = world.reopened();
        assert_eq!(world.topics.recovery().quarantined, ["orders-0"]);
        let logs = world.topics.recovery().damaged_logs.iter();
        let lost: Vec<_> = logs.map(|log| log.directory.as_str()).collect();
        assert_eq!(lost, ["orders-0"], "clean: {is_clean}");
        let appended = append(&world.partition("orders"), batch(&["c"])).unwrap();
        assert_eq!(appended.base_offset, Offset(2), "clean: {is_clean}");
        let quarantine = world.directory.path().join("data/quarantine");
        let kept = std::fs::read_dir(quarantine).unwrap().next().unwrap();
        assert_eq!(std::fs::read(kept.unwrap().path()).unwrap(), b"a file");
    }
}

/// Mutation: the whole name in `sort_out`'s `unique`.
#[test]
fn a_kill_before_the_directory_of_a_deleted_topic_is_moved_is_made_up_for_however_long_its_name() {
    let world = World::new();
    let name = "n".repeat(249);
    let topic = world.create(&name, 1, &[]);
    append(&world.partition(&name), batch(&["a"])).unwrap();
    wait(world.topics.delete(topic.name())).unwrap();
    let data = world.directory.path().join("data");
    let grave = format!("deleted/{}-0", id_text(topic.id()));
    let home = data.join(format!("topics/{name}-0"));
    std::fs::rename(data.join(grave), &home).unwrap();
    let world = world.killed();
    assert!(!home.exists());
    assert!(world.topics.recovery().quarantined.is_empty());
    let deleted = std::fs::read_dir(data.join("deleted")).unwrap();
    assert_eq!(deleted.count(), 1);
    world.topics.retention_check().unwrap();
    let deleted = std::fs::read_dir(data.join("deleted")).unwrap();
    assert_eq!(deleted.count(), 0);
}

/// Mutations: the whole name in `sort_out`'s `unique`, or in `Disk::put_aside`; `end_of_name` that cuts characters.
#[test]
fn what_is_put_aside_may_have_a_name_of_any_length() {
    let world = World::new();
    world.create("orders", 1, &[]);
    append(&world.partition("orders"), batch(&["a"])).unwrap();
    let topics = world.directory.path().join("data/topics");
    // They differ in the beginning alone.
    let strangers = ["1", "2"].map(|first| format!("{first}{}-7", "\u{fc}".repeat(126)));
    for name in &strangers {
        assert_eq!(name.len(), 255);
        std::fs::create_dir(topics.join(name)).unwrap();
    }
    let draft = format!("{}.tmp", "n".repeat(251));
    std::fs::create_dir(topics.join("orders-0").join(draft)).unwrap();
    let world = world.killed();
    let mut quarantined = world.topics.recovery().quarantined.clone();
    quarantined.sort_unstable();
    assert_eq!(quarantined, strangers);
    let quarantine = world.directory.path().join("data/quarantine");
    let kept = std::fs::read_dir(quarantine).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept.len(), 2);
    for name in kept {
        assert!(name.to_str().unwrap().ends_with("\u{fc}-7"), "{name:?}");
    }
    let files = world.files("orders-0");
    assert!(files.iter().any(|name| name.ends_with(".stray")));
    assert_eq!(values(&world.partition("orders"), 0), pairs(&[(0, "a")]));
}

#[test]
fn a_snapshot_of_the_metadata_replaces_what_led_to_it() {
    let world = World::new();
    world.create("gone", 1, &[]);
    let orders = world.create("orders", 2, &[("retention.ms", "5000000")]);
    for value in ["a", "b"] {
        append(&world.partition("orders"), batch(&[value])).unwrap();
    }
    wait(world.partition("orders").delete_records(Some(Offset(1)))).unwrap();
    let gone = TopicName::parse("gone").unwrap();
    wait(world.topics.delete(&gone)).unwrap();
    let metadata = &world.topics.0.metadata;
    let (start, durable) = metadata.begin_snapshot().unwrap();
    wait(durable).unwrap().unwrap();
    metadata
        .end_snapshot(start, &world.topics.0.checkpoint)
        .unwrap();
    let after = world.create("after", 1, &[]);

    let world = world.killed();
    let names: Vec<_> = world
        .topics
        .list()
        .iter()
        .map(|topic| topic.name().to_string())
        .collect();
    assert_eq!(names, ["after", "orders"]);
    assert_eq!(world.topics.topic("after").unwrap().id(), after.id());
    let found = world.topics.topic("orders").unwrap();
    assert_eq!(found.id(), orders.id());
    assert_eq!(found.partitions().len(), 2);
    assert_eq!(found.config().log.retention.ms, Some(5_000_000));
    assert_eq!(world.partition("orders").offsets().log_start, Offset(1));
    assert_eq!(world.partition("orders").leader_epoch(), LeaderEpoch(1));
    let files = std::fs::read_dir(world.directory.path().join("data/metadata")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let segments: Vec<_> = names.filter(|name| name.ends_with(".log")).collect();
    assert_eq!(segments, [format!("{start:020}.log")]);
}

fn graves(world: &World) -> usize {
    let deleted = world.directory.path().join("data/deleted");
    std::fs::read_dir(deleted).unwrap().count()
}

/// Mutation: where `bury` does not keep them, they go at the first check.
#[test]
fn the_files_of_a_deleted_topic_stay_for_a_while_and_not_beyond_a_start() {
    let world = World::new();
    let configs = [("file.delete.delay.ms", "500")];
    for topic in ["first", "second"] {
        world.create(topic, 2, &configs);
        append(&world.partition(topic), batch(&["a"])).unwrap();
        wait(world.topics.delete(&TopicName::parse(topic).unwrap())).unwrap();
        world.topics.retention_check().unwrap();
        assert_eq!(graves(&world), 1);
        world.clock.advance(Duration::from_millis(499));
        world.topics.retention_check().unwrap();
        assert_eq!(graves(&world), 1);
        assert!(!world.topics.is_removal_due());
        if topic == "first" {
            world.clock.advance(Duration::from_millis(1));
            assert!(world.topics.is_removal_due());
            world.topics.remove_due();
            assert_eq!(graves(&world), 0);
            assert!(!world.topics.is_removal_due());
        }
    }
    let world = world.restarted();
    assert!(world.topics.is_removal_due(), "at the first look");
    world.topics.remove_due();
    assert_eq!(graves(&world), 0);
    assert!(!world.topics.is_removal_due());
}

/// Mutation: where an undated segment is as old as now (`segment_facts`), nothing ever goes.
#[test]
fn a_segment_without_timestamps_is_as_old_as_its_file_and_holds_nobody_back() {
    let world = failure::FaultyWorld::new(1);
    let configs = [("segment.bytes", "1048576"), ("retention.ms", "5000")];
    let created = world
        .topics
        .create(new_topic("orders", 1, &configs), Commit::Yes);
    world.drive(created).unwrap().unwrap();
    let partition = world.partition("orders");
    let large = "x".repeat(700_000);
    let append = |timestamp| {
        let batch = batch_of(&[record(&large, timestamp)]).build().unwrap();
        let appending = partition.append(batch.unwrap(), Acks::All).unwrap();
        world.drive(appending.durable()).unwrap();
    };
    append(-1);
    append(NOW - 1_000_000);
    world.clock.advance(Duration::from_secs(5));
    append(-1);
    world.topics.retention_check().unwrap();
    assert_eq!(partition.offsets().log_start, Offset(0), "not older yet");
    world.clock.advance(Duration::from_millis(1));
    world.topics.retention_check().unwrap();
    assert_eq!(partition.offsets().log_start, Offset(2));
    world.clock.advance(Duration::from_secs(5));
    world.topics.retention_check().unwrap();
    assert_eq!(
        partition.offsets().log_start,
        Offset(3),
        "the active one too"
    );
}

#[test]
fn what_fails_in_one_partition_keeps_no_other_from_its_upkeep() {
    let world = World::new();
    let configs = [("retention.ms", "1000"), ("file.delete.delay.ms", "0")];
    for topic in ["broken", "orders"] {
        world.create(topic, 1, &configs);
        append(&world.partition(topic), batch(&["old"])).unwrap();
    }
    world.create("gone", 1, &[]);
    append(&world.partition("gone"), batch(&["old"])).unwrap();
    wait(world.topics.delete(&TopicName::parse("gone").unwrap())).unwrap();
    world.clock.advance(Duration::from_mins(1));
    let data = world.directory.path().join("data");
    std::fs::remove_dir_all(data.join("topics/broken-0")).unwrap();
    world.clock.advance(Duration::from_secs(2));

    let failures = world.topics.retention_check().unwrap_err();
    let broken = data.join("topics/broken-0");
    assert!(
        failures
            .iter()
            .all(|failure| failure.path.starts_with(&broken))
    );
    assert_eq!(world.partition("orders").offsets().log_start, Offset(1));
    let files = world.files("orders-0");
    assert!(
        !files.iter().any(|name| name.ends_with(".deleted")),
        "{files:?}"
    );
    assert!(data.join("recovery-points").exists());
    assert_eq!(std::fs::read_dir(data.join("deleted")).unwrap().count(), 0);
}

#[test]
fn a_file_that_cannot_be_removed_is_tried_again_and_holds_back_no_other() {
    let world = World::new();
    let configs = [("retention.ms", "1000"), ("file.delete.delay.ms", "500")];
    world.create("orders", 1, &configs);
    append(&world.partition("orders"), batch(&["old"])).unwrap();
    // Who runs as root is refused by nothing less than a file in the place of the directory.
    let blocked = world.directory.path().join("blocked");
    std::fs::write(&blocked, "").unwrap();
    let path = blocked.join("first");
    let due = world.clock.now();
    world.topics.0.graveyard.lock().add(due, vec![path.clone()]);
    world.clock.advance(Duration::from_secs(2));
    let failures = world.topics.retention_check().unwrap_err();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].path, path);
    let dropped = || {
        let files = world.files("orders-0").into_iter();
        files.filter(|name| name.ends_with(".deleted")).count()
    };
    assert!(dropped() > 0);
    world.clock.advance(Duration::from_secs(1));
    let failures = world.topics.retention_check().unwrap_err();
    assert_eq!(failures.len(), 1);
    assert_eq!(dropped(), 0, "the others are gone");

    std::fs::remove_file(&blocked).unwrap();
    std::fs::create_dir(&blocked).unwrap();
    std::fs::write(&path, "").unwrap();
    world.topics.retention_check().unwrap();
    assert!(!path.exists());
}

/// The defaults of a broker are its operator's to change; what contradicts them then is told, and mended by the
/// next alteration.
///
/// Mutation: with `TopicConfig::of` in the place of `TopicConfig::found` the start fails, and blames the metadata.
#[test]
fn a_topic_that_contradicts_changed_defaults_is_served_and_told() {
    let world = World::new();
    let configs = [
        ("min.compaction.lag.ms", "5000"),
        ("cleanup.policy", "compact"),
    ];
    world.create("orders", 1, &configs);
    append(&world.partition("orders"), batch(&["a"])).unwrap();
    let (directory, clock) = world.stopped();
    let largest = ("max.compaction.lag.ms".to_owned(), "1000".to_owned());
    let changed = TopicsConfig {
        defaults: [largest].into(),
        ..config(directory.path())
    };
    let topics = Topics::open(changed.clone(), clock.clone(), |_| ()).unwrap();
    let orders = topics.topic("orders").unwrap();
    let told = &topics.recovery().contradictions;
    let contradiction = InvalidTopicConfig::CompactionLags {
        min: 5000,
        max: 1000,
    };
    assert_eq!(*told, [(orders.name().clone(), contradiction)]);
    let partition = topics.partition("orders", PartitionId(0)).unwrap();
    append(&partition, batch(&["b"])).unwrap();
    assert_eq!(values(&partition, 0), pairs(&[(0, "a"), (1, "b")]));

    let alter = |key: &str, value: &str| {
        let change = ConfigChange {
            key: key.to_owned(),
            operation: ConfigOperation::Set,
            value: Some(value.to_owned()),
        };
        let alteration = Alteration::Change(vec![change]);
        wait(topics.alter_configs(orders.name(), alteration, Commit::Yes))
    };
    let refusal = alter("retention.ms", "5").unwrap_err().to_string();
    assert!(
        refusal.contains("min.compaction.lag.ms (5000)"),
        "{refusal}"
    );
    let new = new_topic("refunds", 1, &configs);
    wait(topics.create(new, Commit::Yes)).unwrap_err();
    alter("min.compaction.lag.ms", "500").unwrap();
    topics.close().unwrap();
    drop((partition, topics));
    let topics = Topics::open(changed, clock, |_| ()).unwrap();
    assert_eq!(topics.recovery().contradictions, []);
}

/// Mutation: `retention_check` that does not ask whether the queue is closed.
#[test]
fn behind_the_mark_of_a_clean_stop_no_upkeep_changes_anything() {
    let world = World::new();
    world.create("orders", 1, &[("retention.ms", "1000")]);
    append(&world.partition("orders"), batch(&["kept"])).unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.topics.close().unwrap();
    let left = world.files("orders-0");
    world.topics.retention_check().unwrap();
    assert_eq!(world.files("orders-0"), left);
    assert_eq!(world.partition("orders").offsets().log_start, Offset(0));
}
